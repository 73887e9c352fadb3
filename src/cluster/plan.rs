//! Which leaves of a batch are whose, and which subtrees these make.

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

/// The complete, aligned subtrees that a range of leaves consists of, as (height, index), from left to right.
pub(super) fn subtrees(leaves: Range<usize>) -> impl Iterator<Item = (u32, usize)> {
    let mut at = leaves.start;
    core::iter::from_fn(move || {
        let left = leaves.end.checked_sub(at).filter(|&left| left > 0)?;
        let height = left.ilog2().min(if at == 0 { u32::MAX } else { at.trailing_zeros() });
        let index = at >> height;
        at += 1 << height;
        Some((height, index))
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::mapreduce::GradientSum;

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
        assert_eq!((0..8).map(|index| subtrees(part(64, index, 8)).count()).sum::<usize>(), 8);
    }

    #[test]
    fn subtrees_are_those_of_a_sum() {
        for start in 0..40 {
            for end in start..40 {
                let mut sum = GradientSum::default();
                (start..end).for_each(|leaf| sum.add_leaf(leaf, &[1.0]));
                let mut found: Vec<_> = sum.subtrees().map(|(height, index, _)| (height, index)).collect();
                found.sort_by_key(|(height, index)| index << height);
                assert!(subtrees(start..end).eq(found));
            }
        }
    }
}
