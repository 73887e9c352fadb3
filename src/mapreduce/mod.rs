//! Map, group by key, reduce, in a fixed budget of bytes.
