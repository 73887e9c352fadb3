//! Where each value and gradient of a pass lies in memory, decided at compile time.
//!
//! A pass works on three kinds of numbers:
//!
//! - **batch**: kept for every image of the batch, since a later segment or the
//!   backward pass reads them;
//! - **piece**: needed only while a piece of the batch is worked on. The leading
//!   layers without large parameters (convolutions, pooling, activations) run
//!   piece by piece, so that these stay in cache;
//! - **fixed**: one for the layer, whatever the batch.
//!
//! Numbers whose lifetimes do not overlap share memory (first fit in order of
//! birth). A layer that can work in place does.

use super::{
    frozen::Frozen,
    layer::{Kind, Layer, Op},
};

/// The most layers of a network.
///
/// ```
/// assert_eq!(kernlet::nn::MAX_LAYERS, 64);
/// ```
pub const MAX_LAYERS: usize = 64;

/// What a pass is for: bits that [`Network::steps`](super::Network::steps) takes.
pub(crate) mod mode {
    /// Backward follows; without it only the output matters.
    pub(crate) const TRAINING: u8 = 1;
    /// The loss takes logits: a final softmax is left out.
    pub(crate) const LOGITS: u8 = 2;
    /// The gradient of the input is wanted too.
    pub(crate) const INPUT_GRADIENT: u8 = 4;
    /// The loss takes the logits of a sigmoid: a final sigmoid is left out.
    pub(crate) const SIGMOID_LOGITS: u8 = 8;
}

/// Which kind of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Region {
    None,
    Input,
    Batch,
    Piece,
    Fixed,
}

/// A place: `offset` is in floats per image (for `Fixed`: in floats).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) region: Region,
    pub(crate) offset: u32,
}

impl Place {
    pub(crate) const NONE: Self = Self { region: Region::None, offset: 0 };
}

/// Where one layer's numbers lie, and which shortcuts it takes.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The output.
    pub(crate) value: Place,
    /// The gradient of the output; `NONE` if no layer below it is trained.
    pub(crate) gradient: Place,
    /// What skip connections add to that gradient.
    pub(crate) skip_gradient: Place,
    /// What forward keeps for backward: indices of maxima (per image), batch statistics (fixed).
    pub(crate) aux: Place,
    /// The output is written over the input.
    pub(crate) in_place: bool,
    /// The next layer is a ReLU that this one applies.
    pub(crate) fused_relu: bool,
    /// This is a ReLU that the layer before applies.
    pub(crate) is_fused: bool,
    /// The ReLU before this max pooling is undone here: the maximum's sign says all.
    pub(crate) relu_in_pool: bool,
    /// This ReLU is undone by the max pooling after it.
    pub(crate) undone_in_pool: bool,
    /// The layer's parameters are trained.
    pub(crate) trained: bool,
    /// The layer runs piece by piece.
    pub(crate) by_piece: bool,
    /// The layer takes part (a final softmax may not).
    pub(crate) active: bool,
}

impl Step {
    pub(crate) const EMPTY: Self = Self {
        value: Place::NONE,
        gradient: Place::NONE,
        skip_gradient: Place::NONE,
        aux: Place::NONE,
        in_place: false,
        fused_relu: false,
        is_fused: false,
        relu_in_pool: false,
        undone_in_pool: false,
        trained: false,
        by_piece: false,
        active: false,
    };
}

/// How many floats each region needs, and the largest scratch.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Per image of the batch.
    pub batch: usize,
    /// Per image of a piece.
    pub piece: usize,
    /// Whatever the batch.
    pub fixed: usize,
    /// Per thread.
    pub scratch: usize,
    /// The first parameter that is trained.
    pub first_trained: usize,
    /// The longest row of parameters that is trained.
    pub longest_row: usize,
    /// How many layers run piece by piece.
    pub by_piece: usize,
}

/// The places of all steps. `N` may be more than the number of layers.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Plan<const N: usize> {
    pub(crate) steps: [Step; N],
    pub(crate) input_gradient: Place,
    pub(crate) sizes: Sizes,
}

impl<const N: usize> Plan<N> {
    /// The steps.
    pub const fn steps(&self) -> &[Step; N] {
        &self.steps
    }
}

/// Regions start at multiples of a cache line where vectors are that wide.
const ALIGN: usize = if cfg!(any(target_arch = "x86", target_arch = "x86_64")) {
    16
} else if cfg!(any(target_arch = "aarch64", target_arch = "wasm32")) {
    4
} else {
    1
};

pub(crate) const fn align(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}

/// A block of memory with the times between which it is used.
#[derive(Clone, Copy)]
struct Block {
    region: Region,
    len: usize,
    birth: usize,
    death: usize,
    offset: usize,
}

const EMPTY_BLOCK: Block = Block { region: Region::None, len: 0, birth: 0, death: 0, offset: 0 };

/// At most a value, a gradient, a skip gradient and an aux for each layer, and the input's gradients.
const MAX_BLOCKS: usize = 4 * MAX_LAYERS + 2;

struct Blocks {
    blocks: [Block; MAX_BLOCKS],
    count: usize,
}

impl Blocks {
    const fn new() -> Self {
        Self { blocks: [EMPTY_BLOCK; MAX_BLOCKS], count: 0 }
    }

    const fn add(&mut self, len: usize, birth: usize, death: usize) -> usize {
        self.blocks[self.count] = Block { region: Region::Piece, len: align(len), birth, death, offset: 0 };
        self.count += 1;
        self.count - 1
    }

    const fn extend(&mut self, block: usize, time: usize) {
        if self.blocks[block].death < time {
            self.blocks[block].death = time;
        }
        if self.blocks[block].birth > time {
            self.blocks[block].birth = time;
        }
    }

    /// First fit in order of birth, region by region.
    const fn place(&mut self) {
        let mut order = [0; MAX_BLOCKS];
        let mut i = 0;
        while i < self.count {
            let mut j = i;
            while j > 0 && self.blocks[order[j - 1]].birth > self.blocks[i].birth {
                order[j] = order[j - 1];
                j -= 1;
            }
            order[j] = i;
            i += 1;
        }
        let mut i = 0;
        while i < self.count {
            let block = self.blocks[order[i]];
            let mut offset = 0;
            let mut j = 0;
            while j < i {
                let other = self.blocks[order[j]];
                let meets = other.region as u8 == block.region as u8
                    && other.birth <= block.death
                    && block.birth <= other.death
                    && other.offset < offset + block.len
                    && offset < other.offset + other.len;
                if meets {
                    offset = other.offset + other.len;
                    j = 0;
                } else {
                    j += 1;
                }
            }
            self.blocks[order[i]].offset = offset;
            i += 1;
        }
    }

    const fn size(&self, region: Region) -> usize {
        let (mut size, mut i) = (0, 0);
        while i < self.count {
            let block = &self.blocks[i];
            if block.region as u8 == region as u8 && block.offset + block.len > size {
                size = block.offset + block.len;
            }
            i += 1;
        }
        size
    }

    const fn at(&self, block: usize) -> Place {
        if block == NO_BLOCK {
            return Place::NONE;
        }
        Place { region: self.blocks[block].region, offset: self.blocks[block].offset as u32 }
    }
}

const NO_BLOCK: usize = usize::MAX;
const INPUT_BLOCK: usize = usize::MAX - 1;

/// Whether some layer `add`s value `value`.
const fn is_skip_source(layers: &[Layer], count: usize, value: usize) -> bool {
    let mut i = 0;
    while i < count {
        if let Op::Skip(source) = layers[i].op
            && source == value
        {
            return true;
        }
        i += 1;
    }
    false
}

/// Whether the memory of value `value` is also that of a value which a later layer `add`s.
const fn holds_skip_source(
    layers: &[Layer],
    value_block: &[usize; MAX_LAYERS + 1],
    count: usize,
    value: usize,
) -> bool {
    let mut i = 0;
    while i <= value {
        if value_block[i] == value_block[value] && is_skip_source(layers, count, i) {
            return true;
        }
        i += 1;
    }
    false
}

/// Lays out a pass over `layers`. Layers in `frozen` stay as they are.
pub(crate) const fn plan<const N: usize>(layers: &[Layer], frozen: Frozen, mode: u8) -> Plan<N> {
    assert!(layers.len() <= N && layers.len() <= MAX_LAYERS, "a network has at most 64 layers");
    let training = mode & mode::TRAINING != 0;
    let input_gradient = mode & mode::INPUT_GRADIENT != 0;
    let mut count = layers.len();
    if mode & mode::LOGITS != 0 && count > 0 && matches!(layers[count - 1].kind, Kind::Softmax) {
        count -= 1;
    }
    if mode & mode::SIGMOID_LOGITS != 0 && count > 0 && matches!(layers[count - 1].kind, Kind::Sigmoid) {
        count -= 1;
    }
    let mut steps = [Step::EMPTY; N];

    // Which layers are trained, and from where on backward must go.
    let (mut first_trained, mut first_parameter, mut longest_row) = (count, 0, 0);
    let mut i = count;
    while i > 0 {
        i -= 1;
        steps[i].active = true;
        steps[i].trained = training && layers[i].rows > 0 && !frozen.contains(layers, i);
        if steps[i].trained {
            first_trained = i;
            first_parameter = layers[i].offset;
            if layers[i].row_len > longest_row {
                longest_row = layers[i].row_len;
            }
        }
    }
    // The first layer whose output needs a gradient.
    let first_gradient = if input_gradient { 0 } else { first_trained };

    let mut by_piece = 0;
    while by_piece < count && layers[by_piece].kind.is_by_piece() {
        steps[by_piece].by_piece = true;
        by_piece += 1;
    }

    // Time: forward of layer i at i, the loss at `count`, backward of layer i at 2 · count − i.
    let loss = count;
    let mut blocks = Blocks::new();
    // The block of each value (0: the input), and what its present content must be kept for.
    let mut value_block = [NO_BLOCK; MAX_LAYERS + 1];
    value_block[0] = INPUT_BLOCK;
    let mut i = 0;
    while i < count {
        let layer = &layers[i];
        let before = value_block[i];
        let backward = training && i >= first_gradient;
        // Whether backward of the layer before needs its own output as it is now.
        let keeps = if i == 0 {
            true
        } else {
            let below = training && i > first_gradient;
            let drops_out = matches!(layer.kind, Kind::Dropout);
            below && (needs_output_through(layers, &steps, i) || (previous_sign(layers, &steps, i) && !drops_out))
        };
        let is_free = before != INPUT_BLOCK && !keeps && !holds_skip_source(layers, &value_block, count, i);
        steps[i].in_place = layer.kind.is_in_place() && (is_free || matches!(layer.kind, Kind::Flatten));
        if steps[i].in_place {
            value_block[i + 1] = before;
            if before != INPUT_BLOCK {
                blocks.extend(before, i);
            }
        } else {
            value_block[i + 1] = blocks.add(layer.output.len(), i, i);
            if before != INPUT_BLOCK {
                blocks.extend(before, i);
            }
        }
        let at = value_block[i + 1];
        let owned = at != INPUT_BLOCK;

        // A ReLU right after a convolution or dense layer is applied as the output is written.
        if i > 0
            && matches!(layer.kind, Kind::Relu)
            && steps[i].in_place
            && matches!(layers[i - 1].kind, Kind::Conv2d | Kind::DepthwiseConv2d | Kind::Dense)
        {
            steps[i].is_fused = true;
            steps[i - 1].fused_relu = true;
        }
        // Max pooling after a ReLU: the pooled value's sign is the ReLU's, so the large
        // activation is not needed again.
        if training
            && i > 0
            && matches!(layer.kind, Kind::MaxPool2d)
            && matches!(layers[i - 1].kind, Kind::Relu)
            && !is_skip_source(layers, count, i)
            && i >= first_gradient
        {
            steps[i].relu_in_pool = true;
            steps[i - 1].undone_in_pool = true;
        }
        if backward {
            let time = 2 * count - i;
            if layer.kind.needs_input() && before != INPUT_BLOCK {
                blocks.extend(before, time);
            }
            if owned && (layer.kind.needs_output() || layer.kind.needs_sign()) {
                blocks.extend(at, time);
            }
            if owned && steps[i].relu_in_pool {
                blocks.extend(at, time);
            }
        }
        if let Op::Skip(source) = layer.op
            && value_block[source] != INPUT_BLOCK
        {
            blocks.extend(value_block[source], i);
        }
        i += 1;
    }
    if count > 0 && value_block[count] != INPUT_BLOCK {
        blocks.extend(value_block[count], if training { loss } else { 2 * count + 1 });
    }
    // An activation that its pooling undoes need not be kept for its own backward.
    let mut i = 0;
    while i < count {
        if steps[i].undone_in_pool {
            blocks.blocks[value_block[i + 1]].death =
                last_use(layers, &steps, &value_block, count, first_gradient, training, i + 1);
        }
        i += 1;
    }

    // Gradients, from the last value to the first.
    let mut gradient_block = [NO_BLOCK; MAX_LAYERS + 1];
    let mut skip_block = [NO_BLOCK; MAX_LAYERS + 1];
    let mut aux_block = [NO_BLOCK; MAX_LAYERS];
    if training && first_gradient < count {
        gradient_block[count] = blocks.add(layers[count - 1].output.len(), loss, loss);
        let mut i = count;
        while i > 0 {
            i -= 1;
            let layer = &layers[i];
            let time = 2 * count - i;
            // Value i is the input of layer i, and the output of layer i − 1.
            let wanted = if i == 0 { input_gradient } else { i > first_gradient };
            if gradient_block[i + 1] == NO_BLOCK {
                continue;
            }
            blocks.extend(gradient_block[i + 1], time);
            if wanted {
                if matches!(layer.kind, Kind::MaxPool2d) {
                    // One byte for each output.
                    aux_block[i] = blocks.add(layer.output.len().div_ceil(4), i, time);
                }
                if layer.kind.is_gradient_in_place() {
                    gradient_block[i] = gradient_block[i + 1];
                } else {
                    gradient_block[i] = blocks.add(layer.input.len(), time, time);
                }
            }
            if let Op::Skip(source) = layer.op {
                let wanted = if source == 0 { input_gradient } else { source > first_gradient };
                if wanted {
                    if skip_block[source] == NO_BLOCK {
                        skip_block[source] = blocks.add(layer.input.len(), time, time);
                    }
                    // Added when the gradient of the value is complete: after its consumer's backward.
                    blocks.extend(skip_block[source], 2 * count - source);
                }
            }
        }
        if gradient_block[0] != NO_BLOCK {
            blocks.extend(gradient_block[0], 2 * count + 1);
        }
    } else if training {
        // Nothing is trained: the loss still writes a gradient.
        gradient_block[count] = blocks.add(layers[count - 1].output.len(), loss, loss);
    }

    // What lives beyond the pieces is kept for the batch.
    let mut i = 0;
    while i < blocks.count {
        let block = &mut blocks.blocks[i];
        let forward_only = block.death < by_piece;
        let backward_only = block.birth > 2 * count - by_piece && block.death <= 2 * count;
        if !(forward_only || backward_only) {
            block.region = Region::Batch;
            // Pieces pass these times again and again: such a block lives through them all.
            if block.birth < by_piece {
                block.birth = 0;
            }
            if block.death > 2 * count - by_piece {
                block.death = 2 * count + 1;
            }
        }
        i += 1;
    }
    blocks.place();

    let mut fixed = 0;
    let mut scratch = 0;
    let mut i = 0;
    while i < count {
        steps[i].value = if value_block[i + 1] == INPUT_BLOCK {
            Place { region: Region::Input, offset: 0 }
        } else {
            blocks.at(value_block[i + 1])
        };
        steps[i].gradient = blocks.at(gradient_block[i + 1]);
        steps[i].skip_gradient = blocks.at(skip_block[i + 1]);
        steps[i].aux = blocks.at(aux_block[i]);
        if training && matches!(layers[i].kind, Kind::BatchNorm) {
            steps[i].aux = Place { region: Region::Fixed, offset: fixed as u32 };
            fixed += align(layers[i].rows * layers[i].row_len);
        }
        if training && i >= first_gradient {
            let need = match layers[i].op {
                Op::Conv2d(shape) => crate::kernels::conv2d::backward_input_scratch_len(&shape),
                Op::Dense(shape) => crate::kernels::dense::backward_input_scratch_len(&shape),
                _ if matches!(layers[i].kind, Kind::BatchNorm) => {
                    crate::kernels::batch_norm::backward_scratch_len(layers[i].row_len)
                }
                _ => 0,
            };
            let wanted = i > first_gradient || input_gradient || matches!(layers[i].kind, Kind::BatchNorm);
            if wanted && need > scratch {
                scratch = need;
            }
        }
        i += 1;
    }
    Plan {
        steps,
        input_gradient: blocks.at(gradient_block[0]),
        sizes: Sizes {
            batch: blocks.size(Region::Batch),
            piece: blocks.size(Region::Piece),
            fixed,
            scratch: align(scratch),
            first_trained: first_parameter,
            longest_row,
            by_piece,
        },
    }
}

/// Whether the backward of a layer whose output shares value `value`'s memory reads it to the bit.
const fn needs_output_through(layers: &[Layer], steps: &[Step], value: usize) -> bool {
    let mut i = value;
    while i > 0 {
        i -= 1;
        if layers[i].kind.needs_output() {
            return true;
        }
        if !steps[i].in_place {
            return false;
        }
    }
    false
}

/// Whether the backward of a layer whose output shares value `value`'s memory reads its sign.
const fn previous_sign(layers: &[Layer], steps: &[Step], value: usize) -> bool {
    let mut i = value;
    while i > 0 {
        i -= 1;
        if layers[i].kind.needs_sign() || steps[i].relu_in_pool {
            return true;
        }
        if !steps[i].in_place {
            return false;
        }
    }
    false
}

/// When the memory of value `value` is read for the last time, leaving out the ReLU that
/// its pooling undoes.
const fn last_use(
    layers: &[Layer],
    steps: &[Step],
    value_block: &[usize; MAX_LAYERS + 1],
    count: usize,
    first_gradient: usize,
    training: bool,
    value: usize,
) -> usize {
    let block = value_block[value];
    let (mut last, mut i) = (0, 0);
    while i < count {
        let layer = &layers[i];
        let reads = value_block[i] == block || value_block[i + 1] == block;
        if reads && last < i {
            last = i;
        }
        if training && i >= first_gradient {
            let time = 2 * count - i;
            let input = value_block[i] == block && layer.kind.needs_input();
            let output = value_block[i + 1] == block
                && (layer.kind.needs_output()
                    || (layer.kind.needs_sign() && !steps[i].undone_in_pool)
                    || steps[i].relu_in_pool);
            if (input || output) && last < time {
                last = time;
            }
        }
        if let Op::Skip(source) = layer.op
            && value_block[source] == block
            && last < i
        {
            last = i;
        }
        i += 1;
    }
    last
}
