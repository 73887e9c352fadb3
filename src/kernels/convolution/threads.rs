//! The gradients of weights and bias on several threads: each has output channels of its own.
//!
//! It lists the terms of these that are not zero; with rows of weights of its own, as where channels
//! are few, it would list those of all.
#![allow(unsafe_code)]

use super::{
    Gradient,
    weight_gradient::{Block, columns_of, weight_gradient},
};
use crate::{
    kernels::tile::{sum_columns, sum_rows},
    parallel,
    simd::Level,
};

/// Threads divide output channels at multiples of this: a vector, and what the passing over zeros takes at a time.
const CHANNELS: usize = 16;

/// The gradients of all weights and of the bias, which continue.
pub(in crate::kernels) fn parameter_gradients(
    level: Level,
    threads: usize,
    of: Gradient<'_>,
    dw: &mut [f32],
    db: &mut [f32],
) {
    let conv = of.conv;
    let w_rows = conv.kernel[0] * conv.kernel[1] * conv.group_channels().0;
    if threads < 2 || conv.groups > 1 || conv.out_channels < 2 * CHANNELS {
        let each = |rows, dw: &mut [f32]| {
            weight_gradient(level, of, rows, dw);
            Ok::<(), core::convert::Infallible>(())
        };
        match parallel::for_rows(threads, w_rows, dw, &each) {
            Ok(()) => return sum_rows(level, of.dy, db),
        }
    }
    /// A gradient whose columns threads divide.
    struct Shared(*mut f32);
    // SAFETY: below, each thread has columns of its own.
    unsafe impl Sync for Shared {}
    let (dw, db) = (&Shared(dw.as_mut_ptr()), &Shared(db.as_mut_ptr()));
    parallel::for_ranges(threads, conv.out_channels, CHANNELS, &|columns| {
        // SAFETY: these columns of what was checked and is borrowed here.
        unsafe {
            columns_of(level, of, Block { rows: 0..w_rows, columns: columns.clone(), dw: dw.0 });
            sum_columns(level, of.dy, conv.out_channels, columns, db.0);
        }
    });
}
