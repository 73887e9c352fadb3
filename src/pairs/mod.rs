//! Keys, values, and what emits and takes them: what [`mapreduce`](crate::mapreduce) and
//! [`sketch`](crate::sketch) are both built on.
//!
//! | wanted | use |
//! |---|---|
//! | a type to group by | [`Key`]: integers, floats, strings, tuples of them, each descending by [`Desc`] |
//! | something to keep beside a key | [`Value`]: plain data ([`Plain`]), bytes, strings |
//! | to turn items into pairs | [`Mapper`], or a closure by [`map_fn`] |
//! | to take pairs | [`Emitter`] |
//! | text that is not UTF-8 as Java and Hadoop read it | [`java_chunks`], `JavaText` |
//!
//! ```
//! use kernlet::mapreduce::{FixedTable, Sum};
//! use kernlet::pairs::{Emitter, Mapper};
//! use kernlet::sketch::HyperLogLog;
//!
//! struct Words;
//! impl Mapper<str> for Words {
//!     type Key = str;
//!     type Value = u64;
//!     fn map<E: Emitter<str, u64>>(&mut self, line: &str, out: &mut E) -> Result<(), E::Error> {
//!         line.split_whitespace().try_for_each(|word| out.emit(word, 1))
//!     }
//! }
//!
//! // One mapper, and whatever takes its pairs.
//! let mut counts = FixedTable::<str, Sum<u64>, 8, 8>::new(Sum::new());
//! let mut distinct = HyperLogLog::<str, 64>::new(0);
//! Words.map("to be or not to be", &mut counts).unwrap();
//! Words.map("to be or not to be", &mut distinct).unwrap();
//! assert_eq!(counts.get("be"), Some(&2));
//! assert_eq!(distinct.estimate().round(), 4.0);
//! ```

pub(crate) mod chains;
pub(crate) mod debug;
pub(crate) mod hash;
mod java;
pub(crate) mod key;
mod mapper;
mod value;

#[cfg(feature = "alloc")]
pub use java::JavaText;
pub use java::{JavaChunks, java_chunks};
pub use key::{Desc, Escaped, Key, KeyPart, Leading, Reversible};
pub use mapper::{Emitter, MapFn, Mapper, map_fn};
pub use value::{Plain, Value};
