//! A training step as a MapReduce: shards of a batch are mapped to gradients, and these are reduced to their sum.

use kernlet::{
    mapreduce::GradientSum,
    nn::{Batching, Gradients, HeapMemory, Metrics, Model, Network, SoftmaxCrossEntropy, Trainer},
    optim::{Optimizer, Sgd},
    parallel,
    simd::Level,
};

use crate::network::IMAGE_LEN;

/// Images whose gradients are added up before any tree: what a sum depends on, instead of the number of shards.
pub const LEAF: usize = 16;

/// It only computes gradients, so its optimizer is one without state.
type Mapper<'a, N> = Trainer<'a, N, Sgd>;

/// The workers of a MapReduce. Each has all that it needs, as if it were a machine of its own.
pub struct Shards<N: Network> {
    shards: Vec<Shard<N>>,
    level: Level,
    threads: usize,
    seed: u64,
}

struct Shard<N: Network> {
    model: Box<Model<N>>,
    memory: HeapMemory,
    sum: GradientSum,
    /// Of each leaf, in order.
    metrics: Vec<Metrics>,
}

impl<N: Network<Parameters: Send + Sync>> Shards<N> {
    /// `count` shards that are mapped on `threads` threads.
    pub fn new(count: usize, level: Level, threads: usize, seed: u64) -> Self {
        let shard = || Shard {
            model: Model::zeroed_box(),
            memory: HeapMemory::zeroed(Mapper::<N>::memory_len(Batching::of(LEAF), Gradients::Kept)),
            sum: GradientSum::default(),
            metrics: Vec::new(),
        };
        Self { shards: (0..count).map(|_| shard()).collect(), level, threads, seed }
    }

    /// The bytes that the shards of a run take, besides their sums.
    pub fn bytes(count: usize) -> usize {
        count * Mapper::<N>::training_bytes(Batching::of(LEAF), Gradients::Kept)
    }

    /// One step on a batch: map, reduce, update.
    pub fn step<O: Optimizer>(
        &mut self,
        trainer: &mut Trainer<'_, N, O>,
        images: &[f32],
        labels: &[u8],
    ) -> Result<Metrics, String> {
        let (level, seed, step) = (self.level, self.seed, trainer.step_count());
        let (count, leaves) = (self.shards.len(), labels.len().div_ceil(LEAF));
        let parameters = trainer.model().parameters();
        parallel::for_rows(self.threads, count, &mut self.shards, &|rows, shards: &mut [Shard<N>]| {
            for (index, shard) in rows.zip(shards) {
                let leaves = leaves * index / count..leaves * (index + 1) / count;
                shard.model.parameters_mut().copy_from_slice(parameters);
                shard.metrics.clear();
                let mut mapper = Mapper::<N>::new(
                    level,
                    &mut shard.model,
                    &mut shard.memory,
                    Sgd::new(0.0),
                    SoftmaxCrossEntropy,
                    Batching::of(LEAF),
                    Gradients::Kept,
                    seed,
                )?;
                mapper.set_step_count(step);
                for leaf in leaves {
                    let first = leaf * LEAF;
                    let end = labels.len().min(first + LEAF);
                    let (images, part) = (&images[first * IMAGE_LEN..end * IMAGE_LEN], &labels[first..end]);
                    shard.metrics.push(mapper.backward(images, part, first, labels.len())?);
                    shard.sum.add_leaf(leaf, mapper.gradients());
                }
            }
            Ok(())
        })
        .map_err(|error: kernlet::nn::Error| error.to_string())?;

        let (mut metrics, mut sum) = (Metrics::default(), GradientSum::default());
        for shard in &mut self.shards {
            shard.metrics.iter().for_each(|leaf| metrics.add(leaf));
            sum.merge(std::mem::take(&mut shard.sum));
        }
        let total = sum.into_total().ok_or("a batch without images")?;
        trainer.gradients_mut().copy_from_slice(&total);
        trainer.update().map_err(|error| error.to_string())?;
        Ok(metrics)
    }
}
