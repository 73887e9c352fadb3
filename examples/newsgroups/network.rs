//! The network that reads posts.

/// Words that are looked at.
pub const VOCABULARY: usize = 8192;

/// The most groups; outputs that stand for none learn to stay small.
pub const MOST_GROUPS: usize = 32;

kernlet::network! {
    /// Forgets most words of a post each time, so that it cannot lean on few.
    pub struct Reader([8192]) {
        dropout(0.6), hidden: dense(64), relu, dropout(0.5),
        out: dense(32), softmax,
    }
}

const _: () = assert!(Reader::PARAMETERS == (VOCABULARY + 1) * 64 + (64 + 1) * MOST_GROUPS);
