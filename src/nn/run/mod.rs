//! One pass over a batch, in one slice of memory: forward, backward, and what is made of them.

mod call;
#[cfg(feature = "alloc")]
mod grid;
#[cfg(feature = "rayon")]
mod halves;
mod infer;
mod memory;
mod saliency;
mod stream;
#[cfg(feature = "alloc")]
mod trace;

pub(super) use call::{Call, Seed, read, read_checked};
#[cfg(feature = "alloc")]
pub use grid::Grid;
pub(super) use infer::sample_count;
pub use infer::{Batching, infer, infer_in_place, infer_with_lengths, inference_bytes, inference_len};
#[cfg(feature = "alloc")]
pub use memory::HeapMemory;
pub(super) use memory::{Part, Regions, parts, pieces};
pub use saliency::{saliency, saliency_len};
pub use stream::{Stream, stream_len};
#[cfg(feature = "alloc")]
pub use trace::Trace;
