//! Where each value and gradient of a pass lies in memory, decided at compile time.
//!
//! A pass works on three kinds of numbers:
//!
//! - **batch**: kept for every sample of the batch, since a later segment or the
//!   backward pass reads them;
//! - **piece**: needed only while a piece of the batch is worked on. The leading
//!   layers without large parameters (convolutions, pooling, activations) run
//!   piece by piece, so that these stay in cache;
//! - **fixed**: one for the layer, whatever the batch.
//!
//! Numbers whose lifetimes do not overlap share memory (first fit in order of
//! birth). A layer that can work in place does.
//!
//! The plan reads what each kind says of itself and knows no kind:
//!
//! 1. [`values`]: which outputs are written over inputs, what is fused, and how long each value lives;
//! 2. [`gradients`]: where the gradient of each value is made, from the last reader to the first;
//! 3. [`blocks`]: where each is put.

mod blocks;
mod gradients;
mod stream;
mod values;

pub(crate) use blocks::align;
use blocks::{Blocks, INPUT_BLOCK, NO_BLOCK, Role};
pub use stream::{StreamPlan, stream};

use super::{
    declare::{Auxiliary, Declared, Layer, Link, MAX_OPERANDS},
    frozen::Frozen,
};
use crate::kernels::Epilogue;

/// What a pass is for: bits that [`Network::Plan`](super::Network::Plan) takes.
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

/// A place: a region, and an offset in floats per sample (for `Fixed`: in floats).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place(u32);

impl Place {
    pub(crate) const NONE: Self = Self::new(Region::None, 0);
    pub(crate) const INPUT: Self = Self::new(Region::Input, 0);
    const OFFSET_BITS: u32 = 29;

    const fn new(region: Region, offset: usize) -> Self {
        assert!(offset >> Self::OFFSET_BITS == 0, "a sample of a network has 2^29 floats or more");
        Self((region as u32) << Self::OFFSET_BITS | offset as u32)
    }

    #[inline]
    pub(crate) const fn region(self) -> Region {
        match self.0 >> Self::OFFSET_BITS {
            0 => Region::None,
            1 => Region::Input,
            2 => Region::Batch,
            3 => Region::Piece,
            _ => Region::Fixed,
        }
    }

    #[inline]
    pub(crate) const fn offset(self) -> usize {
        (self.0 & ((1 << Self::OFFSET_BITS) - 1)) as usize
    }

    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        self.0 >> Self::OFFSET_BITS == 0
    }

    #[inline]
    pub(crate) const fn is_input(self) -> bool {
        self.0 >> Self::OFFSET_BITS == Region::Input as u32
    }
}

/// Forward of one layer: where its numbers lie, and which shortcuts it takes.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The output.
    pub(crate) value: Place,
    /// What it reads.
    pub(crate) operands: [Place; MAX_OPERANDS],
    /// What forward keeps for backward, and its floats (of a sample, or of the layer).
    pub(crate) auxiliary: Place,
    pub(crate) auxiliary_len: u32,
    /// What this layer applies of the next one.
    pub(crate) epilogue: Epilogue,
    /// The output is written over the first operand.
    pub(crate) in_place: bool,
    /// The layer before applies this one.
    pub(crate) is_fused: bool,
    /// The layer's parameters are trained.
    pub(crate) trained: bool,
}

/// Backward of one layer.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct BackStep {
    /// The gradient of the output; `NONE` if nothing below it is trained.
    pub(crate) gradient: Place,
    /// Where the gradient of each operand goes; `NONE` if it is not wanted.
    pub(crate) targets: [Place; MAX_OPERANDS],
    /// Another reader of the operand was there before: add to what it left.
    pub(crate) adds: [bool; MAX_OPERANDS],
    /// Where a gradient is made that is then added.
    pub(crate) temporary: Place,
    /// Backward reads the operands.
    pub(crate) reads_operands: bool,
    /// Backward reads the output.
    pub(crate) reads_output: bool,
    /// The ReLU before this max pooling is undone here: the maximum's sign says all.
    pub(crate) undoes_relu: bool,
    /// This ReLU is undone by the layer after it.
    pub(crate) is_undone: bool,
    /// Backward runs even where no operand wants a gradient.
    pub(crate) always: bool,
    /// Backward can add to a target itself.
    pub(crate) accumulates: bool,
    /// Gradients of the parameters may be computed for some samples and go on with others.
    #[cfg_attr(not(feature = "rayon"), allow(dead_code, reason = "one thread has no halves"))]
    pub(crate) halves: bool,
}

impl Step {
    const NONE: Self = Self {
        value: Place::NONE,
        operands: [Place::NONE; MAX_OPERANDS],
        auxiliary: Place::NONE,
        auxiliary_len: 0,
        epilogue: Epilogue::None,
        in_place: false,
        is_fused: false,
        trained: false,
    };
}

impl BackStep {
    const NONE: Self = Self {
        gradient: Place::NONE,
        targets: [Place::NONE; MAX_OPERANDS],
        adds: [false; MAX_OPERANDS],
        temporary: Place::NONE,
        reads_operands: false,
        reads_output: false,
        undoes_relu: false,
        is_undone: false,
        always: false,
        accumulates: false,
        halves: false,
    };
}

/// How many floats each region needs, and the largest scratch.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Per sample of the batch.
    pub batch: usize,
    /// Per sample of a piece.
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
    /// Gradients of all trained parameters may be computed for some samples of a batch by themselves.
    pub by_leaf: bool,
    /// How many layers take part.
    pub active: usize,
}

/// The places of all steps.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Plan<const N: usize> {
    pub(crate) steps: [Step; N],
    pub(crate) back: [BackStep; N],
    pub(crate) input_gradient: Place,
    pub(crate) output: Place,
    pub(crate) sizes: Sizes,
}

impl Step {
    /// A layer by itself: nothing is fused, and what it reads lies elsewhere.
    pub(crate) const ALONE: Self = Self {
        value: Place::NONE,
        operands: [Place::NONE; MAX_OPERANDS],
        auxiliary: Place::NONE,
        auxiliary_len: 0,
        epilogue: Epilogue::None,
        in_place: false,
        is_fused: false,
        trained: false,
    };
}

impl<const N: usize> Plan<N> {
    /// The steps of forward.
    pub const fn steps(&self) -> &[Step; N] {
        &self.steps
    }

    /// The steps of backward.
    pub const fn back(&self) -> &[BackStep; N] {
        &self.back
    }
}

/// A plan as constants of a type, so that only the parts are linked that are used.
#[doc(hidden)]
pub trait Planned {
    const STEPS: &'static [Step];
    const BACK: &'static [BackStep];
    const ENDS: Ends;
    const SIZES: Sizes;
}

/// Where a pass begins and ends.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The network's output.
    pub(crate) output: Place,
    /// The gradient of the network's input.
    pub(crate) input_gradient: Place,
}

impl<const N: usize> Plan<N> {
    /// Where the pass begins and ends.
    pub const fn ends(&self) -> Ends {
        Ends { output: self.output, input_gradient: self.input_gradient }
    }

    /// How much memory it needs.
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }
}

/// A plan in the making.
struct Draft<'a, const N: usize> {
    declared: &'a [Declared; N],
    /// How many layers take part.
    count: usize,
    training: bool,
    input_gradient: bool,
    trained: [bool; N],
    /// Whether the gradient of a layer's output is needed.
    needed: [bool; N],
    by_piece: usize,
    in_place: [bool; N],
    is_fused: [bool; N],
    epilogue: [Epilogue; N],
    undoes_relu: [bool; N],
    is_undone: [bool; N],
    /// The block of each layer's output.
    value: [usize; N],
    /// The block of the gradient of each layer's output, and of the network's input.
    gradient: [usize; N],
    gradient_of_input: usize,
    adds: [[bool; MAX_OPERANDS]; N],
    blocks: Blocks<N>,
}

/// Lays out a pass over the layers, of which the frozen ones stay as they are.
pub const fn plan<const N: usize>(
    network: &str,
    declared: &[Declared; N],
    layers: &[Layer; N],
    frozen: Frozen,
    mode: u8,
) -> Plan<N> {
    frozen.check(network, layers);
    let mut draft = Draft::new(declared, layers, frozen, mode);
    draft.choose_places_of_values();
    draft.fuse();
    draft.keep_values();
    if draft.training {
        draft.make_gradients();
    }
    let (by_piece, count) = (draft.by_piece, draft.count);
    draft.blocks.choose_regions(by_piece, count);
    draft.blocks.place(Region::Batch, 2 * count + 1);
    draft.blocks.place(Region::Piece, 2 * count + 1);
    draft.finish()
}

impl<'a, const N: usize> Draft<'a, N> {
    const fn new(declared: &'a [Declared; N], layers: &[Layer; N], frozen: Frozen, mode: u8) -> Self {
        let training = mode & mode::TRAINING != 0;
        let mut count = N;
        if N > 1 {
            count -= match declared[N - 1].spec.link {
                Some(Link::Softmax) => (mode & mode::LOGITS != 0) as usize,
                Some(Link::Sigmoid) => (mode & mode::SIGMOID_LOGITS != 0) as usize,
                Some(Link::LogSoftmax) | None => 0,
            };
        }
        let mut draft = Self {
            declared,
            count,
            training,
            input_gradient: mode & mode::INPUT_GRADIENT != 0,
            trained: [false; N],
            needed: [false; N],
            by_piece: 0,
            in_place: [false; N],
            is_fused: [false; N],
            epilogue: [Epilogue::None; N],
            undoes_relu: [false; N],
            is_undone: [false; N],
            value: [NO_BLOCK; N],
            gradient: [NO_BLOCK; N],
            gradient_of_input: NO_BLOCK,
            adds: [[false; MAX_OPERANDS]; N],
            blocks: Blocks::new(),
        };
        let mut i = 0;
        while i < count {
            let layer = &declared[i].layer;
            draft.trained[i] = training && layer.rows > 0 && !frozen.contains(layers, i);
            let (mut needed, mut k) = (draft.trained[i], 0);
            while k < layer.operand_count {
                needed = needed || draft.wants(layer.operands[k]);
                k += 1;
            }
            draft.needed[i] = training && needed;
            i += 1;
        }
        while draft.by_piece < count && declared[draft.by_piece].spec.by_piece {
            draft.by_piece += 1;
        }
        draft
    }

    /// Whether the gradient of value `value` is wanted: 0 is the input, `i + 1` the output of layer `i`.
    const fn wants(&self, value: usize) -> bool {
        if value == 0 { self.input_gradient } else { self.needed[value - 1] }
    }

    const fn block_of(&self, value: usize) -> usize {
        if value == 0 { INPUT_BLOCK } else { self.value[value - 1] }
    }

    /// When backward of layer `i` runs.
    const fn backward_time(&self, i: usize) -> usize {
        2 * self.count - i
    }

    const fn finish(self) -> Plan<N> {
        let mut steps = [Step::NONE; N];
        let mut back = [BackStep::NONE; N];
        let mut sizes = Sizes {
            batch: self.blocks.size(Region::Batch),
            piece: self.blocks.size(Region::Piece),
            fixed: 0,
            scratch: 0,
            first_trained: 0,
            longest_row: 0,
            by_piece: self.by_piece,
            by_leaf: true,
            active: self.count,
        };
        let mut i = self.count;
        while i > 0 {
            i -= 1;
            let Declared { layer, spec } = &self.declared[i];
            steps[i] = self.step(i, &mut sizes);
            back[i] = self.back_step(i);
            // A frozen one may normalise over the batch in another way, so that none is taken for granted.
            sizes.by_leaf = sizes.by_leaf && (layer.rows == 0 || spec.by_piece || spec.by_leaf);
            if self.trained[i] {
                sizes.first_trained = layer.offset;
                sizes.longest_row = max(sizes.longest_row, layer.row_len);
                sizes.scratch = max(sizes.scratch, spec.scratch.weights);
            }
            sizes.scratch = max(sizes.scratch, spec.scratch.forward);
            if self.needed[i] {
                sizes.scratch = max(sizes.scratch, self.backward_scratch(i));
            }
        }
        sizes.scratch = align(sizes.scratch);
        Plan {
            steps,
            back,
            input_gradient: self.blocks.at(self.gradient_of_input),
            output: self.blocks.at(self.block_of(self.count)),
            sizes,
        }
    }

    const fn step(&self, i: usize, sizes: &mut Sizes) -> Step {
        let Declared { layer, spec } = &self.declared[i];
        let mut auxiliary = self.blocks.at(self.auxiliary_of(i));
        let mut auxiliary_len = 0;
        match spec.auxiliary {
            Auxiliary::PerSample(bytes) if !auxiliary.is_none() => auxiliary_len = bytes.div_ceil(4),
            Auxiliary::Fixed(len) if self.needed[i] => {
                auxiliary = Place::new(Region::Fixed, sizes.fixed);
                auxiliary_len = len;
                sizes.fixed += align(len);
            }
            _ => {}
        }
        let (mut operands, mut k) = ([Place::NONE; MAX_OPERANDS], 0);
        while k < layer.operand_count {
            operands[k] = self.blocks.at(self.block_of(layer.operands[k]));
            k += 1;
        }
        Step {
            value: self.blocks.at(self.value[i]),
            operands,
            auxiliary,
            auxiliary_len: auxiliary_len as u32,
            epilogue: self.epilogue[i],
            in_place: self.in_place[i],
            is_fused: self.is_fused[i],
            trained: self.trained[i],
        }
    }

    const fn back_step(&self, i: usize) -> BackStep {
        let Declared { layer, spec } = &self.declared[i];
        let (mut targets, mut k) = ([Place::NONE; MAX_OPERANDS], 0);
        while k < layer.operand_count {
            if self.needed[i] && self.wants(layer.operands[k]) {
                targets[k] = self.blocks.at(self.gradient_block(layer.operands[k]));
            }
            k += 1;
        }
        BackStep {
            gradient: self.blocks.at(self.gradient[i]),
            targets,
            adds: self.adds[i],
            temporary: self.blocks.at(self.temporary_of(i)),
            reads_operands: spec.reads_input || spec.reads_others,
            reads_output: spec.reads_output || spec.reads_sign || self.undoes_relu[i],
            undoes_relu: self.undoes_relu[i],
            is_undone: self.is_undone[i],
            always: spec.sums && self.trained[i],
            accumulates: spec.accumulates,
            halves: spec.halves,
        }
    }

    /// The scratch of backward to the operands, 0 where none wants a gradient.
    const fn backward_scratch(&self, i: usize) -> usize {
        let Declared { layer, spec } = &self.declared[i];
        let (mut any, mut k) = (spec.sums, 0);
        while k < layer.operand_count {
            any = any || self.wants(layer.operands[k]);
            k += 1;
        }
        if any { spec.scratch.backward } else { 0 }
    }

    const fn auxiliary_of(&self, i: usize) -> usize {
        Blocks::<N>::id(Role::Auxiliary, i)
    }

    const fn temporary_of(&self, i: usize) -> usize {
        Blocks::<N>::id(Role::Temporary, i)
    }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}
