//! The loss of a network, without training it.

use super::{
    super::{
        Batching, Error, Loss, Metrics, Model, Network, Nothing, Takes,
        inputs::Element,
        lengths::{self, Lengths},
        plan::{Ends, Planned, Sizes, Step, mode},
        run::{Call, Part, Regions, parts, read_checked, sample_count},
    },
    sizing::Sizing,
    steps::ended,
};
use crate::{kernels::loss::Outputs, shape::Shape, simd::Level};

/// What a network's loss is on some samples: in the memory of inference, without gradients and without a trainer.
///
/// ```
/// use kernlet::nn::{Batching, Evaluation, Model, SoftmaxCrossEntropy, inference_len};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
/// const EVALUATION: Evaluation<Tiny> = Evaluation::new(SoftmaxCrossEntropy::new()).batching(Batching::of(2));
/// const { assert!(EVALUATION.memory_len() <= inference_len::<Tiny>(Batching::of(2))) };
///
/// let mut memory = [0.0; EVALUATION.memory_len()];
/// let (inputs, labels) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0], [0, 1, 2]);
/// let mut values = [0.0; 3];
/// let model = Model::<Tiny>::zeroed();
/// let metrics = EVALUATION.values(&model, &inputs, &labels, &mut memory, &mut values)?;
/// assert_eq!(metrics, EVALUATION.run(&model, &inputs, &labels, &mut memory)?);
/// assert!(values.iter().all(|loss| (loss - 3_f32.ln()).abs() < 1e-6));
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub struct Evaluation<N, L = super::super::SoftmaxCrossEntropy> {
    loss: L,
    batching: Batching,
    level: Option<Level>,
    network: core::marker::PhantomData<fn() -> N>,
}

impl<N, L: Copy> Clone for Evaluation<N, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N, L: Copy> Copy for Evaluation<N, L> {}

impl<N: Network, L: Loss> Evaluation<N, L> {
    const MODE: u8 = match L::TAKES {
        Takes::SoftmaxLogits => mode::LOGITS,
        Takes::SigmoidLogits => mode::SIGMOID_LOGITS,
        _ => 0,
    };
    const SIZES: Sizes = {
        L::TAKES.check(N::NAME, N::LAYERS);
        match Self::MODE {
            mode::LOGITS => <N::Plan<Nothing, { mode::LOGITS }> as Planned>::SIZES,
            mode::SIGMOID_LOGITS => <N::Plan<Nothing, { mode::SIGMOID_LOGITS }> as Planned>::SIZES,
            _ => <N::Plan<Nothing, 0> as Planned>::SIZES,
        }
    };
    const ENDS: Ends = match Self::MODE {
        mode::LOGITS => <N::Plan<Nothing, { mode::LOGITS }> as Planned>::ENDS,
        mode::SIGMOID_LOGITS => <N::Plan<Nothing, { mode::SIGMOID_LOGITS }> as Planned>::ENDS,
        _ => <N::Plan<Nothing, 0> as Planned>::ENDS,
    };
    /// Losses of a sample where they are not reduced.
    const VALUES: usize = L::TARGETS.values(&Sizing::<N, L, Nothing>::OUTPUT);

    fn steps() -> &'static [Step] {
        match Self::MODE {
            mode::LOGITS => <N::Plan<Nothing, { mode::LOGITS }>>::STEPS,
            mode::SIGMOID_LOGITS => <N::Plan<Nothing, { mode::SIGMOID_LOGITS }>>::STEPS,
            _ => <N::Plan<Nothing, 0>>::STEPS,
        }
    }

    /// With that loss, 32 samples at a time, on the best level of this machine.
    pub const fn new(loss: L) -> Self {
        Self { loss, batching: Batching::of(32), level: None, network: core::marker::PhantomData }
    }

    /// With so many samples at a time, and threads.
    pub const fn batching(self, batching: Batching) -> Self {
        Self { batching, ..self }
    }

    /// With that instruction set and rounding.
    pub const fn level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    /// The floats of memory that it needs.
    pub const fn memory_len(&self) -> usize {
        Regions::of(&Self::SIZES, self.batching).end()
    }

    /// The metrics of the model on any number of samples.
    ///
    /// # Errors
    /// If lengths do not fit, a target is refused, or `memory` is shorter than [`memory_len`](Self::memory_len).
    pub fn run(
        &self,
        model: &Model<N>,
        inputs: &[impl Element],
        targets: &[L::Target],
        memory: &mut [f32],
    ) -> Result<Metrics, Error> {
        self.evaluate(model, inputs, &[], targets, memory, None)
    }

    /// The same, and the loss of each target by itself, not reduced: of each label, or of each output.
    ///
    /// # Errors
    /// As for [`run`](Self::run), and [`Error::Outputs`] if `values` has another length.
    pub fn values(
        &self,
        model: &Model<N>,
        inputs: &[impl Element],
        targets: &[L::Target],
        memory: &mut [f32],
        values: &mut [f32],
    ) -> Result<Metrics, Error> {
        self.evaluate(model, inputs, &[], targets, memory, Some(values))
    }

    /// The metrics of the model on sequences of which each has so many steps, from 1 to all: what
    /// [`step_with_lengths`](super::HeldTrainer::step_with_lengths) learns from, and what
    /// [`evaluate_with_lengths`](super::HeldTrainer::evaluate_with_lengths) finds. Whatever the batches, the loss is the mean
    /// over all steps that there are.
    ///
    /// # Errors
    /// As for [`run`](Self::run), [`Error::Lengths`] if there is not one for each sample, and [`Error::Length`] for the
    /// first that is 0 or above the number of steps.
    ///
    /// ```
    /// use kernlet::nn::{Batching, Evaluation, HalfSquaredError, Model};
    /// kernlet::network! { struct Mean([4, 1]) { global_avg_pool1d } }
    /// const EVALUATION: Evaluation<Mean, HalfSquaredError> = Evaluation::new(HalfSquaredError).batching(Batching::of(2));
    /// let (model, mut memory) = (Model::<Mean>::zeroed(), [0.0; EVALUATION.memory_len()]);
    /// let inputs = [1.0, 3.0, 0.0, 0.0, 1.0, 2.0, 3.0, 6.0];
    /// let metrics = EVALUATION.run_with_lengths(&model, &inputs, &[2, 4], &[2.0, 3.0], &mut memory)?;
    /// assert_eq!(metrics.loss, 0.0);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn run_with_lengths(
        &self,
        model: &Model<N>,
        inputs: &[impl Element],
        lengths: &[u32],
        targets: &[L::Target],
        memory: &mut [f32],
    ) -> Result<Metrics, Error> {
        Self::check_lengths(inputs, lengths)?;
        self.evaluate(model, inputs, lengths, targets, memory, None)
    }

    /// [`run_with_lengths`](Self::run_with_lengths), and the loss of each target by itself; those of steps that there are not are 0.
    ///
    /// # Errors
    /// As for [`run_with_lengths`](Self::run_with_lengths), and [`Error::Outputs`] if `values` has another length.
    pub fn values_with_lengths(
        &self,
        model: &Model<N>,
        inputs: &[impl Element],
        lengths: &[u32],
        targets: &[L::Target],
        memory: &mut [f32],
        values: &mut [f32],
    ) -> Result<Metrics, Error> {
        Self::check_lengths(inputs, lengths)?;
        self.evaluate(model, inputs, lengths, targets, memory, Some(values))
    }

    fn check_lengths(inputs: &[impl Element], lengths: &[u32]) -> Result<(), Error> {
        const { Lengths::<N>::CHECKED };
        lengths::check::<N>(lengths, inputs.len() / N::Input::LEN.max(1))
    }

    fn evaluate(
        &self,
        model: &Model<N>,
        inputs: &[impl Element],
        lengths: &[u32],
        targets: &[L::Target],
        memory: &mut [f32],
        mut values: Option<&mut [f32]>,
    ) -> Result<Metrics, Error> {
        let count = sample_count::<N>(inputs, usize::MAX)?;
        let of_sample = const { Sizing::<N, L, Nothing>::TARGETS };
        let expected = count * of_sample;
        if targets.len() != expected {
            return Err(Error::Targets { expected, found: targets.len() });
        }
        if let Some(values) = &values
            && values.len() != count * Self::VALUES
        {
            return Err(Error::Outputs { expected: count * Self::VALUES, found: values.len() });
        }
        let (expected, found) = (self.memory_len(), memory.len());
        if found < expected {
            return Err(Error::Memory { expected, found });
        }
        let batch = self.batching.batch.max(1);
        let mut total = Metrics::default();
        let batches = inputs.chunks(batch * N::Input::LEN).zip(targets.chunks(batch * of_sample));
        for (index, (inputs, targets)) in batches.enumerate() {
            let samples = inputs.len() / N::Input::LEN;
            let lengths = lengths.get(index * batch..index * batch + samples).unwrap_or(&[]);
            let of_batch = match values.take() {
                Some(rest) => {
                    let (taken, rest) = rest.split_at_mut_checked(samples * Self::VALUES).ok_or(Error::Plan)?;
                    values = Some(rest);
                    Some(taken)
                }
                None => None,
            };
            let outputs = Outputs { gradient: None, values: of_batch };
            total.add(&self.batch(model, inputs, lengths, targets, memory, outputs)?);
        }
        Ok(total)
    }

    fn batch(
        &self,
        model: &Model<N>,
        inputs: &[impl Element],
        lengths: &[u32],
        targets: &[L::Target],
        memory: &mut [f32],
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        let samples = inputs.len() / N::Input::LEN;
        let (sizes, level) = (const { &Self::SIZES }, self.level.unwrap_or_default());
        let regions = Regions::of(sizes, self.batching);
        let read = read_checked::<N, _>(inputs)?;
        let call = Call {
            steps: Self::steps(),
            back: &[],
            level,
            threads: self.batching.threads,
            regions,
            inputs: read,
            lengths,
            carried: None,
            noise: None,
            share: 1.0,
            begin: 0,
            #[cfg(feature = "alloc")]
            grids: &[],
        };
        call.forward::<N>(model.parameters(), memory, samples, sizes)?;
        let (place, whole) = (const { Self::ENDS }.output, Part { first: 0, count: samples });
        let output = const { &Sizing::<N, L, Nothing>::OUTPUT };
        let y = if place.is_input() {
            read.floats(0..samples * N::Output::LEN)?
        } else {
            let [y] = parts(memory, [regions.range(place, N::Output::LEN, whole)])?;
            y
        };
        if lengths.is_empty() || !const { Lengths::<N>::EACH_STEP } {
            return self.loss.evaluate(level, y, output, targets, outputs);
        }
        ended::<N, L>(level, &self.loss, y, lengths, targets, outputs, None)
    }
}

impl<N: Network, L: core::fmt::Debug> core::fmt::Debug for Evaluation<N, L> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Evaluation")
            .field("network", &N::NAME)
            .field("loss", &self.loss)
            .field("batching", &self.batching)
            .finish_non_exhaustive()
    }
}
