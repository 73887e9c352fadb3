//! Blocks of memory with the times between which they are used, and where each is put.

use super::{Place, Region};

/// Regions start at multiples of a cache line where vectors are that wide.
const ALIGN: usize = if cfg!(any(target_arch = "x86", target_arch = "x86_64")) {
    16
} else if cfg!(any(target_arch = "aarch64", target_arch = "wasm32")) {
    4
} else {
    1
};

pub(crate) const fn align(len: usize) -> usize {
    match len.checked_next_multiple_of(ALIGN) {
        Some(len) => len,
        None => usize::MAX,
    }
}

/// A block of memory with the times between which it is used.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) region: Region,
    pub(super) len: usize,
    pub(super) birth: usize,
    pub(super) death: usize,
    offset: usize,
}

impl Block {
    const EMPTY: Self = Self { region: Region::None, len: 0, birth: 0, death: 0, offset: 0 };
}

/// Which of a layer's blocks.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// The output.
    Value = 0,
    /// The gradient of the output.
    Gradient = 1,
    /// The gradient of an operand before it is added to what other readers gave.
    Temporary = 2,
    /// What forward keeps for backward.
    Auxiliary = 3,
}

/// No block at all.
pub(super) const NO_BLOCK: usize = usize::MAX;
/// The network's input, which is not in the memory of a pass.
pub(super) const INPUT_BLOCK: usize = usize::MAX - 1;

/// Four blocks for each layer, and the gradient of the network's input.
pub(super) struct Blocks<const N: usize> {
    of_layers: [[Block; N]; 4],
    input_gradient: Block,
}

impl<const N: usize> Blocks<N> {
    /// The number of blocks that there may be.
    const COUNT: usize = 4 * N + 1;
    /// The gradient of the network's input.
    pub(super) const INPUT_GRADIENT: usize = 4 * N;

    pub(super) const fn new() -> Self {
        Self { of_layers: [[Block::EMPTY; N]; 4], input_gradient: Block::EMPTY }
    }

    /// The number of a layer's block.
    pub(super) const fn id(role: Role, layer: usize) -> usize {
        role as usize * N + layer
    }

    pub(super) const fn get(&self, id: usize) -> &Block {
        if id == Self::INPUT_GRADIENT { &self.input_gradient } else { &self.of_layers[id / N][id % N] }
    }

    pub(super) const fn get_mut(&mut self, id: usize) -> &mut Block {
        if id == Self::INPUT_GRADIENT { &mut self.input_gradient } else { &mut self.of_layers[id / N][id % N] }
    }

    /// A block of `len` floats that is used at one time; a second call makes it as long as the longer one.
    pub(super) const fn add(&mut self, id: usize, len: usize, time: usize) {
        let block = self.get_mut(id);
        if matches!(block.region, Region::None) {
            *block = Block { region: Region::Piece, len: align(len), birth: time, death: time, offset: 0 };
        } else if block.len < align(len) {
            block.len = align(len);
        }
    }

    /// The block is used at that time, too.
    pub(super) const fn extend(&mut self, id: usize, time: usize) {
        if id == NO_BLOCK || id == INPUT_BLOCK {
            return;
        }
        let block = self.get_mut(id);
        if block.death < time {
            block.death = time;
        }
        if block.birth > time {
            block.birth = time;
        }
    }

    /// What lives beyond the pieces is kept for the batch. Forward of layer `i` is at time `i`, the loss at
    /// `count`, backward of layer `i` at `2 · count − i`; the first `by_piece` layers run piece by piece.
    pub(super) const fn choose_regions(&mut self, by_piece: usize, count: usize) {
        let mut id = 0;
        while id < Self::COUNT {
            let block = self.get_mut(id);
            let forward_only = block.death < by_piece;
            let backward_only = block.birth > 2 * count - by_piece && block.death <= 2 * count;
            let is_placed = !matches!(block.region, Region::None);
            if is_placed && !forward_only && !backward_only {
                block.region = Region::Batch;
                // Pieces pass these times again and again: such a block lives through them all.
                if block.birth < by_piece {
                    block.birth = 0;
                }
                if block.death > 2 * count - by_piece {
                    block.death = 2 * count + 1;
                }
            }
            id += 1;
        }
    }

    /// First fit in order of birth, region by region.
    pub(super) const fn place(&mut self, region: Region, last: usize) {
        // Blocks that are placed, in the order of their offsets: `next` is a list that begins at `head`.
        let mut next = [[NO_BLOCK; N]; 4];
        let mut next_of_input = NO_BLOCK;
        let mut head = NO_BLOCK;
        let mut time = 0;
        while time <= last {
            let mut id = 0;
            while id < Self::COUNT {
                let block = *self.get(id);
                if block.birth != time || block.region as u8 != region as u8 {
                    id += 1;
                    continue;
                }
                let (mut offset, mut before, mut at) = (0, NO_BLOCK, head);
                while at != NO_BLOCK {
                    let other = *self.get(at);
                    if other.offset >= offset + block.len {
                        break;
                    }
                    let meets = other.birth <= block.death && block.birth <= other.death;
                    if meets && offset < other.offset + other.len {
                        offset = other.offset + other.len;
                    }
                    before = at;
                    at = if at == Self::INPUT_GRADIENT { next_of_input } else { next[at / N][at % N] };
                }
                self.get_mut(id).offset = offset;
                // Into the list, behind the last one that begins no later.
                let (mut after, mut behind) = (head, NO_BLOCK);
                if before != NO_BLOCK && self.get(before).offset <= offset {
                    behind = before;
                    after = at;
                } else {
                    while after != NO_BLOCK && self.get(after).offset <= offset {
                        behind = after;
                        after = if after == Self::INPUT_GRADIENT { next_of_input } else { next[after / N][after % N] };
                    }
                }
                if id == Self::INPUT_GRADIENT {
                    next_of_input = after;
                } else {
                    next[id / N][id % N] = after;
                }
                if behind == NO_BLOCK {
                    head = id;
                } else if behind == Self::INPUT_GRADIENT {
                    next_of_input = id;
                } else {
                    next[behind / N][behind % N] = id;
                }
                id += 1;
            }
            time += 1;
        }
    }

    /// How many floats a region needs for a sample.
    pub(super) const fn size(&self, region: Region) -> usize {
        let (mut size, mut id) = (0, 0);
        while id < Self::COUNT {
            let block = self.get(id);
            if block.region as u8 == region as u8 && block.offset + block.len > size {
                size = block.offset + block.len;
            }
            id += 1;
        }
        size
    }

    pub(super) const fn at(&self, id: usize) -> Place {
        match id {
            NO_BLOCK => Place::NONE,
            INPUT_BLOCK => Place::INPUT,
            _ => Place::new(self.get(id).region, self.get(id).offset),
        }
    }
}
