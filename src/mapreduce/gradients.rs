//! Gradients as a MapReduce: shards of a batch are mapped to gradients, and these are summed in a
//! tree that depends on the batch alone.
//!
//! Adding floats is not associative, so a sum of shards would depend on how many there are and
//! which comes first. Here a batch is cut into *leaves* of a fixed number of images, whatever the
//! shards; leaf `i`'s neighbour is leaf `i ^ 1`, and the sum of two neighbours is a leaf of a tree
//! half as long. A shard hands over what it could add up inside itself; neighbours from two shards
//! meet in [`GradientSum::merge`]. The bits of the sum depend on the leaves only: not on the number
//! of shards or workers, nor on their order.

use alloc::vec::Vec;
use core::ops::Range;

/// The sum of some leaves' gradients: complete subtrees of the tree over all leaves.
///
/// `merge` is associative and commutative to the bit, so gradients can be combined wherever and
/// whenever they arrive. All must have one length, and each leaf must come once: neither is checked, and the sum means
/// nothing otherwise.
///
/// ```
/// use kernlet::mapreduce::GradientSum;
/// let leaves = [0.1_f32, 0.2, 0.3, 0.4, 0.5].map(|g| vec![g]);
/// let sum = |order: [usize; 5]| {
///     let mut sum = GradientSum::default();
///     for i in order {
///         sum.merge(GradientSum::leaf(i, leaves[i].clone()));
///     }
///     sum.into_total().unwrap()
/// };
/// assert_eq!(sum([0, 1, 2, 3, 4]), sum([4, 2, 0, 3, 1]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct GradientSum {
    nodes: Vec<Node>,
    /// Buffers of nodes that were added to others, to be used again.
    spare: Vec<Vec<f32>>,
    /// The neighbours of an arriving subtree on its way up the tree; empty in between.
    path: Vec<Vec<f32>>,
}

/// The complete, aligned subtrees of at most `height` that a range of leaves consists of, from left to right: the
/// height and index of each, as [`GradientSum::add_subtree`] takes them.
///
/// ```
/// use kernlet::mapreduce::complete_subtrees;
/// // Leaves 3, 4 to 7, 8 to 9.
/// assert!(complete_subtrees(3..10, 3).eq([(0, 3), (2, 1), (1, 4)]));
/// assert!(complete_subtrees(0..8, 2).eq([(2, 0), (2, 1)]));
/// ```
pub fn complete_subtrees(leaves: Range<usize>, height: u32) -> impl Iterator<Item = (u32, usize)> {
    let mut at = leaves.start;
    core::iter::from_fn(move || {
        let left = leaves.end.checked_sub(at).filter(|&left| left > 0)?;
        let height = height.min(left.ilog2()).min(if at == 0 { u32::MAX } else { at.trailing_zeros() });
        let index = at >> height;
        at += 1 << height;
        Some((height, index))
    })
}

/// Elements of each neighbour added up before the next: they stay in the first-level cache.
const BLOCK: usize = 1024;

fn add(sum: &mut [f32], gradient: &[f32]) {
    for (sum, g) in sum.iter_mut().zip(gradient) {
        *sum += g;
    }
}

#[derive(Clone, Debug)]
struct Node {
    /// 0 for a leaf; a node of height h covers 2ʰ leaves.
    height: u32,
    /// The position among the nodes of its height.
    index: usize,
    gradient: Vec<f32>,
}

impl GradientSum {
    /// The gradient of leaf `index`.
    pub fn leaf(index: usize, gradient: Vec<f32>) -> Self {
        Self { nodes: alloc::vec![Node { height: 0, index, gradient }], ..Self::default() }
    }

    /// Adds the gradient of leaf `index` to its neighbour's, or copies it if that is not here yet.
    ///
    /// ```
    /// use kernlet::mapreduce::GradientSum;
    /// let mut sum = GradientSum::default();
    /// sum.add_leaf(1, &[2.0]);
    /// sum.add_leaf(0, &[1.0]);
    /// assert_eq!(sum.into_total(), Some(vec![3.0]));
    /// ```
    pub fn add_leaf(&mut self, index: usize, gradient: &[f32]) {
        self.add_subtree(0, index, gradient);
    }

    /// Adds the sum over a complete subtree: 2ʰ leaves, from leaf `index` · 2ʰ on, where h is `height`.
    ///
    /// ```
    /// use kernlet::mapreduce::GradientSum;
    /// let mut part = GradientSum::default();
    /// (4..8).for_each(|leaf| part.add_leaf(leaf, &[leaf as f32]));
    /// let subtrees: Vec<_> = part.subtrees().collect();
    /// assert_eq!(subtrees, [(2, 1, &[22.0][..])]);
    ///
    /// let mut sum = GradientSum::default();
    /// (0..4).for_each(|leaf| sum.add_leaf(leaf, &[leaf as f32]));
    /// for (height, index, gradient) in subtrees {
    ///     sum.add_subtree(height, index, gradient);
    /// }
    /// let mut total = [0.0];
    /// sum.total_into(&mut total);
    /// assert_eq!(total, [28.0]);
    /// ```
    pub fn add_subtree(&mut self, height: u32, index: usize, gradient: &[f32]) {
        if !self.meet(height, index, gradient) {
            let mut buffer = self.spare.pop().unwrap_or_default();
            buffer.clear();
            buffer.extend_from_slice(gradient);
            self.nodes.push(Node { height, index, gradient: buffer });
        }
    }

    /// The complete subtrees that the leaves so far form, each as height, index and sum, for another sum's
    /// [`add_subtree`](Self::add_subtree).
    pub fn subtrees(&self) -> impl Iterator<Item = (u32, usize, &[f32])> {
        self.nodes.iter().map(|node| (node.height, node.index, &node.gradient[..]))
    }

    /// Removes all leaves and keeps their memory for others.
    pub fn clear(&mut self) {
        self.spare.extend(self.nodes.drain(..).map(|node| node.gradient));
    }

    /// Adds the leaves of another sum. No leaf may be in both.
    pub fn merge(&mut self, other: Self) {
        for node in other.nodes {
            self.insert(node);
        }
        self.spare.extend(other.spare);
    }

    fn insert(&mut self, node: Node) {
        if self.meet(node.height, node.index, &node.gradient) {
            self.spare.push(node.gradient);
        } else {
            self.nodes.push(node);
        }
    }

    /// Adds a subtree to its neighbour, their sum to its own, and so on up the tree: for each element in one pass, since
    /// gradients are longer than caches. Whether there was a neighbour.
    fn meet(&mut self, mut height: u32, mut index: usize, gradient: &[f32]) -> bool {
        while let Some(at) = self.nodes.iter().position(|n| n.height == height && n.index == index ^ 1) {
            self.path.push(self.nodes.swap_remove(at).gradient);
            (height, index) = (height + 1, index / 2);
        }
        let mut neighbours = self.path.drain(..);
        let Some(mut first) = neighbours.next() else { return false };
        let others = neighbours.as_slice();
        // Left plus right: addition commutes, so which one holds the sum does not matter.
        for (block, (sum, gradient)) in first.chunks_mut(BLOCK).zip(gradient.chunks(BLOCK)).enumerate() {
            add(sum, gradient);
            for other in others {
                add(sum, other.get(block * BLOCK..).unwrap_or_default());
            }
        }
        self.spare.extend(neighbours);
        self.nodes.push(Node { height, index, gradient: first });
        true
    }

    /// The sum over all leaves; `None` if there was none.
    ///
    /// Subtrees without a neighbour (the number of leaves is not a power of two) are added from the
    /// last leaf to the first.
    pub fn into_total(mut self) -> Option<Vec<f32>> {
        self.add_up();
        Some(self.nodes.pop()?.gradient)
    }

    /// As [`into_total`](Self::into_total), into the caller's memory; returns whether there was a leaf. The sum is then
    /// empty, and its memory is kept for others.
    pub fn total_into(&mut self, total: &mut [f32]) -> bool {
        self.add_up();
        let Some(node) = self.nodes.pop() else { return false };
        total.iter_mut().zip(&node.gradient).for_each(|(sum, g)| *sum = *g);
        self.spare.push(node.gradient);
        true
    }

    /// Adds up all subtrees, from the last leaf to the first, into one.
    fn add_up(&mut self) {
        self.nodes.sort_by_key(|node| core::cmp::Reverse(node.index.checked_shl(node.height).unwrap_or(usize::MAX)));
        let mut nodes = self.nodes.drain(..);
        let Some(mut total) = nodes.next() else { return };
        for node in nodes {
            add(&mut total.gradient, &node.gradient);
            self.spare.push(node.gradient);
        }
        self.nodes.push(total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_does_not_depend_on_shards_or_order() {
        for leaves in 1..24_usize {
            let leaf = |i: usize| alloc::vec![0.1 + i as f32 * 0.37, 1.0 / (i + 1) as f32];
            let whole = {
                let mut sum = GradientSum::default();
                for i in 0..leaves {
                    sum.add_leaf(i, &leaf(i));
                }
                sum.into_total().unwrap()
            };
            for shards in 1..=leaves {
                let mut parts: Vec<GradientSum> = (0..shards)
                    .map(|shard| {
                        let mut part = GradientSum::default();
                        for i in leaves * shard / shards..leaves * (shard + 1) / shards {
                            part.add_leaf(i, &leaf(i));
                        }
                        part
                    })
                    .collect();
                let mut sum = GradientSum::default();
                // The last shard first, then the first, and so on.
                while let Some(part) = parts.pop() {
                    sum.merge(part);
                    parts.reverse();
                }
                assert_eq!(sum.into_total().unwrap(), whole, "{leaves} leaves in {shards} shards");
            }
        }
    }

    #[test]
    fn neighbours_are_added_first() {
        // 2²⁴ + 1 is not a float: (2²⁴ + 1) + 1 and 2²⁴ + (1 + 1) differ.
        let big = 16_777_216.0;
        let mut sum = GradientSum::default();
        for (i, g) in [big, 0.0, 1.0, 1.0].into_iter().enumerate() {
            sum.add_leaf(i, &[g]);
        }
        assert_eq!(sum.into_total(), Some(alloc::vec![big + 2.0]));
    }

    #[test]
    fn subtrees_are_those_of_a_sum() {
        for start in 0..40 {
            for end in start..40 {
                let mut sum = GradientSum::default();
                (start..end).for_each(|leaf| sum.add_leaf(leaf, &[1.0]));
                let mut found: Vec<_> = sum.subtrees().map(|(height, index, _)| (height, index)).collect();
                found.sort_by_key(|(height, index)| index << height);
                assert!(complete_subtrees(start..end, u32::MAX).eq(found));
            }
        }
    }
}
