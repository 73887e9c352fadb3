//! Elementary functions, written once over [`Simd`](crate::simd::Simd), with stated error bounds.
