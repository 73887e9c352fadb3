//! A sample through a network, layer by layer, with every value kept.

use alloc::{vec, vec::Vec};

use super::call::parameters;
use crate::{
    nn::{
        Error, Model, Network,
        declare::MAX_OPERANDS,
        frozen::Nothing,
        pass::{ForwardPass, Indices},
        plan::{Planned, Step},
    },
    shape::Shape,
    simd::Level,
};

/// Runs one sample at a time and keeps what each layer makes of it, for whoever looks inside: ranges of values,
/// a layer's features. [`infer`](super::infer) is faster and needs less memory.
///
/// ```
/// use kernlet::{nn::{Model, Trace}, simd::Level};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), relu, out: dense(3), softmax } }
/// let mut model = Model::<Tiny>::zeroed();
/// model.initialize(1);
/// let mut trace = Trace::new(Level::detect(), &model);
/// trace.run(&[0.5, -1.0])?;
/// assert_eq!((trace.value(0), trace.value(2).len()), (&[0.5, -1.0][..], 8)); // the input; behind `relu`
/// assert!(trace.value(2).iter().all(|&x| x >= 0.0));
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
///
/// # Numerics
/// No layer is fused with another. A network without fused layers has the bits of [`infer`](super::infer); so has
/// one whose activations are fused, since a fused activation is the same function of the same number.
pub struct Trace<'m, N: Network> {
    level: Level,
    model: &'m Model<N>,
    /// The input, then each layer's output.
    values: Vec<Vec<f32>>,
    scratch: Vec<f32>,
}

impl<N: Network> core::fmt::Debug for Trace<'_, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Trace<{}>({} values)", N::NAME, self.values.len())
    }
}

impl<'m, N: Network<Input: Shape<Scalar = f32>>> Trace<'m, N> {
    /// Memory for all values of one sample, zeros.
    pub fn new(level: Level, model: &'m Model<N>) -> Self {
        let lens = [N::Input::LEN].into_iter().chain(N::LAYERS.iter().map(|layer| layer.output.len()));
        let values = lens.map(|len| vec![0.0; len]).collect();
        Self { level, model, values, scratch: vec![0.0; <N::Plan<Nothing, 0> as Planned>::SIZES.scratch] }
    }

    /// Runs a sample through all layers.
    ///
    /// # Errors
    /// If the sample has another length than the network's input.
    pub fn run(&mut self, sample: &[f32]) -> Result<(), Error> {
        if sample.len() != N::Input::LEN {
            return Err(Error::Inputs { input: N::Input::LEN, found: sample.len() });
        }
        for (value, x) in self.values.iter_mut().flatten().zip(sample) {
            *value = *x;
        }
        for (index, (layer, node)) in N::LAYERS.iter().zip(N::NODES).enumerate() {
            let (before, behind) = self.values.split_at_mut_checked(index + 1).ok_or(Error::Plan)?;
            let y = behind.first_mut().ok_or(Error::Plan)?;
            let mut operands = [&[][..]; MAX_OPERANDS];
            for (operand, &value) in operands.iter_mut().zip(layer.operands()) {
                *operand = before.get(value).ok_or(Error::Plan)?;
            }
            let [x, others @ ..] = operands;
            if layer.same_numbers || layer.only_trains {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = *x;
                }
                continue;
            }
            let pass = ForwardPass {
                node,
                step: &Step::ALONE,
                level: self.level,
                threads: 1,
                samples: 1,
                parameters: parameters(self.model.parameters(), node)?,
                x,
                others,
                indices: Indices::None,
                lengths: &[],
                y,
                auxiliary: &mut [],
                carried: &mut [],
                scratch: &mut self.scratch,
                noise: None,
            };
            N::forward_layer(index, pass)?;
        }
        Ok(())
    }

    /// A value of the last sample: 0 is the network's input, `i + 1` the output of layer `i`, as in
    /// [`Layer::operands`](crate::nn::Layer::operands). Empty if there is no such value.
    pub fn value(&self, index: usize) -> &[f32] {
        self.values.get(index).map_or(&[], |value| value)
    }
}
