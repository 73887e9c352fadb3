//! Map, group by key, reduce, in a fixed budget of bytes.

mod combiner;
mod key;
mod mapper;
mod reducer;
mod value;

pub use combiner::{Combiner, Count, Max, Min, Sum};
pub use key::{Desc, Escaped, Key, KeyPart};
pub use mapper::{Emitter, MapFn, Mapper, map_fn};
pub use reducer::Reducer;
pub use value::{Plain, Value};
