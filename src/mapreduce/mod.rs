//! Map, group by key, reduce, in a fixed budget of bytes.

#[cfg(feature = "alloc")]
mod budget;
mod combiner;
mod counters;
mod error;
#[cfg(feature = "alloc")]
mod gradients;
mod hash;
#[cfg(feature = "alloc")]
mod job;
mod key;
mod mapper;
#[cfg(feature = "alloc")]
mod merge;
mod partition;
mod reducer;
#[cfg(feature = "alloc")]
mod run;
#[cfg(feature = "rayon")]
mod shards;
#[cfg(feature = "alloc")]
mod spill;
mod store;
#[cfg(feature = "std")]
mod streaming;
#[cfg(feature = "alloc")]
mod table;
mod top_k;
mod value;
#[cfg(feature = "alloc")]
mod window;

#[cfg(feature = "alloc")]
pub use budget::Budget;
pub use combiner::{Combiner, Count, Max, Min, Sum};
pub use counters::Counters;
pub use error::{Error, Rejected};
#[cfg(feature = "alloc")]
pub use gradients::GradientSum;
#[cfg(feature = "alloc")]
pub use job::{Combined, Combining, Grouped, Grouping, Job};
pub use key::{Desc, Escaped, Key, KeyPart, Leading};
pub use mapper::{Emitter, MapFn, Mapper, map_fn};
pub use partition::{HashPartitioner, Partitioned, Partitioner, RangePartitioner};
pub use reducer::{ReduceError, Reducer};
#[cfg(feature = "rayon")]
pub use shards::{Shards, ShardsCombined, ShardsGrouped};
#[cfg(feature = "embedded-storage")]
pub use store::NorFlashStore;
#[cfg(feature = "std")]
pub use store::TempFiles;
pub use store::{MemoryStore, NoStore, OutOfStore, Space, Stack, Store};
#[cfg(feature = "std")]
pub use streaming::{ReadField, Reporter, StreamError, StreamMapper, Streaming, WriteField};
pub use top_k::{Top, TopK, TopKFull};
pub use value::{Plain, Value};
#[cfg(feature = "alloc")]
pub use window::{Window, Windowing, Windows};
