//! Which partition has which leaves of a batch, and which subtrees these make.

use core::ops::Range;

/// The leaves of partition `index` of `count`, of a batch of `leaves`.
///
/// Parts end where large subtrees do, if they stay within an eighth of an equal share: a part is sent as its complete
/// aligned subtrees, and each of those is as long as all parameters.
pub(super) fn part(leaves: usize, index: usize, count: usize) -> Range<usize> {
    let unit = prev_power_of_two(leaves / (4 * count.max(1)));
    let end = |index: usize| {
        let exact = (leaves as u128 * index as u128 / count.max(1) as u128) as usize;
        if index >= count { leaves } else { ((exact + unit / 2) / unit * unit).min(leaves) }
    };
    end(index)..end(index + 1)
}

/// The largest power of two that is at most `n`, and 1 for 0.
fn prev_power_of_two(n: usize) -> usize {
    if n == 0 { 1 } else { 1 << n.ilog2() }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::mapreduce::complete_subtrees;

    #[test]
    fn parts_cover_all_leaves_and_are_about_equal() {
        for leaves in 0..200 {
            for count in 1..=leaves.max(1) {
                let mut at = 0;
                for index in 0..count {
                    let part = part(leaves, index, count);
                    assert_eq!(part.start, at);
                    let equal = leaves / count;
                    assert!(
                        part.len() + equal / 4 + 1 >= equal && part.len() <= equal + equal / 4 + 2,
                        "{leaves} {count}"
                    );
                    at = part.end;
                }
                assert_eq!(at, leaves);
            }
        }
        let parts: Vec<_> = (0..3).map(|index| part(64, index, 3)).collect();
        assert_eq!(parts, [0..20, 20..44, 44..64]);
        assert_eq!((0..8).map(|index| complete_subtrees(part(64, index, 8), u32::MAX).count()).sum::<usize>(), 8);
    }
}
