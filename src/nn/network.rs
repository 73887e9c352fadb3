//! What [`network!`](crate::network) implements, and the model that holds a network's parameters.

use core::ops::Range;

use super::{
    declare::{Fill, Layer, Node, same},
    frozen::Freeze,
    inputs::Element,
    pass::{BackwardPass, DropOut, ForwardPass, StepPass, WeightPass},
    plan::{Planned, StreamPlan},
};
use crate::{
    kernels::ShapeError,
    shape::{Dims, Shape},
    snapshot::{AttributeInfo, TensorInfo},
    tensor::Tensor,
};

/// A network's definition: its layers, their shapes, and how to run each.
///
/// Implemented by [`network!`](crate::network), not by hand.
///
/// ```
/// kernlet::network! {
///     /// Two inputs, three classes.
///     pub struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax }
/// }
/// use kernlet::nn::Network;
/// assert_eq!(<Tiny as Network>::PARAMETERS, 2 * 8 + 8 + 8 * 3 + 3);
/// ```
pub trait Network: Sized + Send + Sync + 'static {
    /// One sample: a nested array of `f32`, or a list of whole numbers.
    type Input: Shape<Scalar: Element>;
    /// What the network says of one sample.
    type Output: Shape<Scalar = f32>;
    /// All parameters as one flat array.
    type Parameters: Shape<Scalar = f32>;

    /// The type's name.
    const NAME: &'static str;
    /// The layers, first to last.
    const LAYERS: &'static [Layer];
    /// The number of parameters, moving averages included.
    const PARAMETERS: usize;
    /// The tensors that the parameters consist of, with Keras' names.
    const TENSORS: &'static [TensorInfo<'static>];
    /// What beside the shapes changes what the layers compute: strides, ε, slopes.
    const ATTRIBUTES: &'static [AttributeInfo<'static>];
    #[doc(hidden)]
    const FLATTENED: &'static [(&'static str, Dims)];
    #[doc(hidden)]
    const DEPTHWISE: &'static [&'static str];
    #[doc(hidden)]
    const RESHAPED: &'static [(&'static str, Dims)];

    /// How each tensor begins.
    #[doc(hidden)]
    const FILLS: &'static [Fill];
    /// What a pass needs of each layer.
    #[doc(hidden)]
    const NODES: &'static [Node];
    /// The kernel of dropout, if a layer draws.
    #[doc(hidden)]
    const DROP_OUT: DropOut;
    /// What it needs to run one step at a time; a network that cannot does not compile where this is used.
    #[doc(hidden)]
    const STREAM: StreamPlan;
    /// The plan of a pass.
    #[doc(hidden)]
    type Plan<F: Freeze, const MODE: u8>: Planned;

    #[doc(hidden)]
    fn forward_layer(index: usize, pass: ForwardPass<'_>) -> Result<(), ShapeError>;

    #[doc(hidden)]
    fn backward_layer(index: usize, pass: BackwardPass<'_>) -> Result<(), ShapeError>;

    #[doc(hidden)]
    fn weights_layer(index: usize, pass: WeightPass<'_>) -> Result<(), ShapeError>;

    #[doc(hidden)]
    fn step_layer(index: usize, pass: StepPass<'_>) -> Result<bool, ShapeError>;
}

/// The layer of that name, for the macro.
#[doc(hidden)]
pub const fn find(layers: &'static [Layer], name: &str) -> &'static Layer {
    let mut i = 0;
    while i < layers.len() {
        if same(layers[i].name, name) {
            return &layers[i];
        }
        i += 1;
    }
    panic!("no layer has this name")
}

/// The size of an axis of a layer's kernel, for the macro.
#[doc(hidden)]
pub const fn axis(layers: &'static [Layer], name: &str, axis: usize) -> usize {
    match find(layers, name).tensor("kernel") {
        Some(kernel) => kernel.dims.axis(axis),
        None => 0,
    }
}

/// The length of a layer's bias, 0 if it has none, for the macro.
#[doc(hidden)]
pub const fn bias(layers: &'static [Layer], name: &str) -> usize {
    match find(layers, name).tensor("bias") {
        Some(bias) => bias.dims.len(),
        None => 0,
    }
}

/// A network's parameters: one flat array, in the order of the layers, each layer's
/// kernel before its bias.
///
/// A `static`, a box (`Model::zeroed_box`, feature `alloc`), or bytes in flash used where they lie ([`infer_in_place`](super::infer_in_place)).
///
/// ```
/// use kernlet::{nn::Model, random::Stream};
/// kernlet::network! { pub struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
/// let mut model = Model::<Tiny>::zeroed();
/// model.initialize(42);
/// assert_eq!(model.parameters().len(), 51);
/// assert_eq!(Tiny::hidden(&model).bias.0, [0.0; 8]);
/// ```
#[repr(C)]
pub struct Model<N: Network> {
    align: [Align; 0],
    parameters: Tensor<N::Parameters>,
}

/// Parameters begin at a cache line where vectors are that wide.
#[cfg_attr(any(target_arch = "x86", target_arch = "x86_64"), repr(align(64)))]
#[cfg_attr(any(target_arch = "aarch64", target_arch = "wasm32"), repr(align(16)))]
#[derive(Clone, Copy)]
struct Align;

// SAFETY: a model is an array of plain numbers behind a zero-sized alignment, for which zero bytes are a value.
#[allow(unsafe_code)]
unsafe impl<N: Network> bytemuck::Zeroable for Model<N> {}

impl<N: Network> Model<N> {
    /// The size of the parameters in bytes.
    ///
    /// ```
    /// kernlet::network! { struct Tiny([2]) { dense(3) } }
    /// assert_eq!(kernlet::nn::Model::<Tiny>::BYTES, 36);
    /// ```
    pub const BYTES: usize = N::PARAMETERS * size_of::<f32>();

    /// All parameters 0, for a `static`.
    ///
    /// ```
    /// use kernlet::nn::Model;
    /// kernlet::network! { struct Tiny([2]) { dense(3) } }
    /// static MODEL: Model<Tiny> = Model::zeroed();
    /// assert_eq!(MODEL.parameters(), [0.0; 9]);
    /// ```
    #[inline(always)]
    pub const fn zeroed() -> Self {
        Self { align: [], parameters: Tensor::zeroed() }
    }

    /// All parameters 0, on the heap without passing over the stack.
    ///
    /// ```
    /// use kernlet::nn::Model;
    /// kernlet::network! { struct Large([28, 28, 1]) { dense(4096) } }
    /// assert_eq!(Model::<Large>::zeroed_box().parameters().len(), 785 * 4096);
    /// ```
    #[cfg(feature = "alloc")]
    pub fn zeroed_box() -> alloc::boxed::Box<Self> {
        bytemuck::allocation::zeroed_box()
    }

    /// All parameters, in the order of the layers.
    ///
    /// ```
    /// use kernlet::nn::Model;
    /// kernlet::network! { struct Tiny([2]) { dense(3) } }
    /// assert_eq!(Model::<Tiny>::zeroed().parameters().len(), 9);
    /// ```
    #[inline(always)]
    pub fn parameters(&self) -> &[f32] {
        self.parameters.as_slice()
    }

    /// All parameters, to be changed.
    ///
    /// ```
    /// use kernlet::nn::Model;
    /// kernlet::network! { struct Tiny([2]) { dense(3) } }
    /// let mut model = Model::<Tiny>::zeroed();
    /// model.parameters_mut().fill(1.0);
    /// ```
    #[inline(always)]
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        self.parameters.as_mut_slice()
    }
}

impl<N: Network> core::fmt::Debug for Model<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Model<{}>({} parameters)", N::NAME, N::PARAMETERS)
    }
}

/// A layer's parameters, typed: `kernel.0[i][o]`, `bias.0[o]`.
///
/// ```
/// use kernlet::nn::Model;
/// kernlet::network! { pub struct Tiny([2]) { out: dense(3) } }
/// let model = Model::<Tiny>::zeroed();
/// let kernel: &kernlet::tensor::Tensor<[[f32; 3]; 2]> = Tiny::out(&model).kernel;
/// assert_eq!(kernel.0[1][2], 0.0);
/// ```
#[derive(Clone, Copy)]
pub struct Weights<'a, K: Shape, B: Shape> {
    /// The kernel.
    pub kernel: &'a Tensor<K>,
    /// The bias.
    pub bias: &'a Tensor<B>,
}

impl<'a, K: Shape<Scalar = f32>, B: Shape<Scalar = f32>> Weights<'a, K, B> {
    #[doc(hidden)]
    pub fn of<N: Network>(model: &'a Model<N>, layer: &Layer) -> Self {
        let parameters = model.parameters();
        let view = |range: Range<usize>| parameters.get(range).unwrap_or(&[]);
        let bias_at = layer.offset + K::LEN;
        match (Tensor::from_slice(view(layer.offset..bias_at)), Tensor::from_slice(view(bias_at..bias_at + B::LEN))) {
            (Ok(kernel), Ok(bias)) => Self { kernel, bias },
            _ => unreachable!("the macro takes K and B from the same layer"),
        }
    }
}

impl<K: Shape, B: Shape> core::fmt::Debug for Weights<'_, K, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Weights(kernel {}, bias {})", K::dims(), B::dims())
    }
}
