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

/// Words of a post that the network with an embedding reads.
pub const LONGEST: usize = 256;

kernlet::network! {
    /// The mean of what the words of a post stand for (Joulin et al.: *Bag of tricks for efficient text classification*,
    /// 2017). A post without a known word is one word that is none.
    pub struct Embedded([u16; 256]) {
        words: embedding(8193, 32), dropout(0.5), global_avg_pool1d,
        hidden: dense(64), relu, dropout(0.5), out: dense(32), softmax,
    }
}

const _: () = assert!(Embedded::PARAMETERS == (VOCABULARY + 1) * 32 + (32 + 1) * 64 + (64 + 1) * MOST_GROUPS);
