//! The index of tables whose capacity is part of their type: chains of places, by hash.
//!
//! Chaining, because such a table is used when it is full: with as many chains as
//! entries, a look-up meets one and a half entries, and any capacity will do.

/// No place.
const NONE: u16 = u16::MAX;

/// For each of `N` places the chain that it is in and the place after it.
#[derive(Clone)]
pub(crate) struct Chains<const N: usize> {
    heads: [u16; N],
    next: [u16; N],
    /// The chain of a place that is in one.
    chain: [u16; N],
}

impl<const N: usize> Chains<N> {
    pub(crate) const fn new() -> Self {
        const { assert!(N > 0 && N < NONE as usize, "a table of fixed capacity has 1 to 65534 entries") };
        Self { heads: [NONE; N], next: [NONE; N], chain: [NONE; N] }
    }

    #[inline]
    fn chain_of(hash: u64) -> usize {
        (((hash >> 32) * N as u64) >> 32) as usize
    }

    /// The place that `same` accepts, of those whose hash may be `hash`.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut same: impl FnMut(usize) -> bool) -> Option<usize> {
        let mut place = self.heads[Self::chain_of(hash)];
        while place != NONE {
            if same(place as usize) {
                return Some(place as usize);
            }
            place = self.next[place as usize];
        }
        None
    }

    /// Puts a place that is in no chain into that of `hash`.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, place: usize) {
        let chain = Self::chain_of(hash);
        self.chain[place] = chain as u16;
        self.next[place] = self.heads[chain];
        self.heads[chain] = place as u16;
    }

    /// Takes a place out of its chain.
    #[inline]
    pub(crate) fn remove(&mut self, place: usize) {
        let behind = self.next[place];
        let head = &mut self.heads[self.chain[place] as usize];
        if *head as usize == place {
            *head = behind;
            return;
        }
        let mut at = *head as usize;
        while self.next[at] as usize != place {
            at = self.next[at] as usize;
        }
        self.next[at] = behind;
    }

    pub(crate) fn clear(&mut self) {
        self.heads = [NONE; N];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_until_they_are_removed() {
        // Three chains for three places: hashes that share one, and that do not.
        for hashes in [[0u64; 3], [0, u64::MAX, u64::MAX], [0, 1 << 63, u64::MAX]] {
            for removed in 0..3 {
                let mut chains = Chains::<3>::new();
                for (place, hash) in hashes.into_iter().enumerate() {
                    chains.insert(hash, place);
                }
                chains.remove(removed);
                for (place, hash) in hashes.into_iter().enumerate() {
                    let found = chains.find(hash, |at| at == place);
                    assert_eq!(found, (place != removed).then_some(place));
                }
                chains.insert(hashes[removed], removed);
                assert_eq!(chains.find(hashes[removed], |at| at == removed), Some(removed));
                chains.clear();
                assert_eq!(chains.find(hashes[0], |_| true), None);
            }
        }
    }
}
