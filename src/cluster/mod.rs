//! Training on the workers of an engine (Spark, Flink, any that runs processes), to the same bits as on one machine.
//!
//! A batch is cut into *leaves* of [`LEAF`] samples, and its gradient is a sum in a tree over their numbers
//! ([`GradientSum`](crate::mapreduce::GradientSum)). A [`Worker`] holds the samples of some partitions, is given
//! parameters and a range of leaves, and answers with the complete, aligned subtrees of that range. The [`Driver`]
//! joins subtrees by height and index and lets the optimizer take its step. So the parameters depend neither on how
//! many partitions and workers there are, nor on which came first, was retried, or ran twice.
//!
//! The sum is that of leaves: where a loss divides by weights or by labels that count, or a layer normalises over the
//! batch, each leaf does so by itself, as parts of a batch do ([`Loss`](crate::nn::Loss)), and the gradient is not that
//! of one process that takes the batch as a whole. It is still the same for every number of workers. Networks take
//! floats of one length: no whole numbers, and no sequence lengths.
//!
//! Driver and worker compare network, loss, rounding and sizes when they meet; how a worker reads a record is not
//! compared, so both must be the same program with the same options.
//!
//! Both are processes that speak [`Frames`] on their standard streams, and what lies between them is the engine's: a
//! program in its own language carries frames from one to the other, and never looks at a number.
//! `examples/spark` is one, and `docs/distributed.md` lists the frames.
//!
//! Your own network becomes a worker in a few lines:
//!
//! ```
//! use kernlet::{cluster::{Driver, Error, Frames, Kind, Worker}, nn::Training, optim::Sgd};
//!
//! kernlet::network! { struct Line([1]) { dense(4), tanh, out: dense(2), softmax } }
//!
//! /// A record is a number and its class, a byte each.
//! fn worker() -> Worker<Line> {
//!     Worker::new(2, |_draw, record, input, targets| {
//!         input[0] = f32::from(record[0]) / 255.0;
//!         targets[0] = record[1];
//!         Ok(())
//!     })
//! }
//!
//! # fn main() -> Result<(), Error> {
//! // In the worker's program: worker().serve(std::io::stdin(), std::io::stdout())
//! # worker().serve(&[][..], Vec::new())?;
//! const TRAINING: Training<Line, Sgd> = Training::new(Sgd::new(0.5)).batch(64).seed(1).epochs(3);
//! let _driver = Driver::new(TRAINING.build()?, 2, 1000, 4)?;
//! // In the driver's: driver.run(std::io::stdin(), std::io::stdout(), |_, _, _| Ok(true))
//! # Ok(())
//! # }
//! ```

mod driver;
mod error;
mod frame;
mod hello;
mod plan;
mod worker;

pub use driver::{Driver, Event};
pub use error::Error;
pub use frame::{Frames, Kind, serve};
pub use worker::Worker;

/// Samples of a leaf: the bits of a sum of gradients depend on it, instead of on the number of workers.
pub const LEAF: usize = 16;
