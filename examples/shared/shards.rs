//! A training step as a MapReduce: shards of a batch are mapped to gradients, and these are reduced to their sum.

use kernlet::{
    mapreduce::{GradientSum, complete_subtrees},
    nn::{Leaves, Metrics, Network, OwnedTrainer, Training},
    optim::{Optimizer, Sgd},
    parallel,
    shape::Shape,
    simd::Level,
};

/// Images whose gradients are added up before any tree: what a sum depends on, instead of the number of shards.
pub const LEAF: usize = 16;

/// Leaves that are worked on at once, a power of two.
const AT_ONCE: usize = 8;

/// It only computes gradients, so its optimizer is one without state.
type Mapper<N> = OwnedTrainer<N, Sgd>;

const fn mapping<N: Network>() -> Training<N, Sgd> {
    Training::new(Sgd::new(0.0)).batch(AT_ONCE * LEAF)
}

/// The workers of a MapReduce. Each has all that it needs, as if it were a machine of its own.
pub struct Shards<N: Network> {
    shards: Vec<Shard<N>>,
    threads: usize,
}

struct Shard<N: Network> {
    mapper: Mapper<N>,
    /// Of leaves that are worked on at once, and of all.
    sums: Vec<f32>,
    sum: GradientSum,
    /// Of each leaf, in order.
    metrics: Vec<Metrics>,
}

impl<N: Network<Parameters: Send + Sync>> Shards<N> {
    /// `count` shards that are mapped on `threads` threads.
    pub fn new(count: usize, level: Level, threads: usize, seed: u64) -> Result<Self, String> {
        let shard = |_| {
            let mapper = mapping().level(level).seed(seed).build().map_err(|error| error.to_string())?;
            let sums = vec![0.0; mapping::<N>().leaves_len(LEAF)];
            Ok(Shard { mapper, sums, sum: GradientSum::default(), metrics: Vec::new() })
        };
        Ok(Self { shards: (0..count).map(shard).collect::<Result<_, String>>()?, threads })
    }

    /// The bytes that the shards of a run take, besides their sums.
    pub fn bytes(count: usize) -> usize {
        count * (mapping::<N>().training_bytes() + size_of::<f32>() * mapping::<N>().leaves_len(LEAF))
    }

    /// One step on a batch: map, reduce, update.
    pub fn step<O: Optimizer>(
        &mut self,
        trainer: &mut OwnedTrainer<N, O>,
        images: &[f32],
        labels: &[u8],
    ) -> Result<Metrics, String> {
        let input = <N::Input as Shape>::LEN;
        let progress = trainer.progress();
        let (count, leaves) = (self.shards.len(), labels.len().div_ceil(LEAF));
        let parameters = trainer.model().parameters();
        parallel::for_rows(self.threads, count, &mut self.shards, &|rows, shards: &mut [Shard<N>]| {
            for (index, shard) in rows.zip(shards) {
                let leaves = leaves * index / count..leaves * (index + 1) / count;
                let mapper = &mut shard.mapper;
                mapper.model_mut().parameters_mut().copy_from_slice(parameters);
                mapper.set_progress(progress);
                shard.metrics.clear();
                for (height, index) in complete_subtrees(leaves, AT_ONCE.ilog2()) {
                    let (leaf, count) = (index << height, 1 << height);
                    let (first, end) = (leaf * LEAF, labels.len().min((leaf + count) * LEAF));
                    let (images, part) = (&images[first * input..end * input], &labels[first..end]);
                    let mut metrics = [Metrics::default(); AT_ONCE];
                    let leaves = Leaves { samples: LEAF, sums: &mut shard.sums, metrics: &mut metrics[..count] };
                    mapper.backward_leaves(images, part, first, labels.len(), leaves)?;
                    shard.metrics.extend_from_slice(&metrics[..count]);
                    shard.sum.add_subtree(height, index, mapper.gradients());
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
