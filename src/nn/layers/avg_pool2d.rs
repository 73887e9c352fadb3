//! Average pooling: padding counts where it is asked for.

use super::{
    BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, forward_samples,
    max_pool2d::{declare, shape},
    rows,
};
use crate::{kernels::pool2d, nn::declare::Value, parallel};

/// The mean of each window.
#[derive(Debug)]
pub struct AvgPool2d;

const USAGE: &str = "avg_pool2d(2x2, stride: 2, padding: same, dilation: 2, count_include_pad: yes)";

impl AvgPool2d {
    /// The window by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let (declared, pool) = declare(context, USAGE, &["stride", "padding", "dilation", "count_include_pad"]);
        if pool.padding_counted { declared.attribute("count_include_pad", Value::Word("yes")) } else { declared }
    }
}

impl Kind for AvgPool2d {
    fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let (level, pool) = (pass.level, shape(&pass.node.settings));
        forward_samples(&mut pass, &|samples, x, y| pool2d::average_forward(level, &pool, samples.len(), x, y))
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let (level, pool) = (pass.level, shape(&pass.node.settings));
        let dy = &*pass.dy;
        parallel::for_rows(pass.threads, pass.samples, pass.dx, &|samples, dx: &mut [f32]| {
            let dy = rows(dy, samples.clone(), pool.y_len())?;
            pool2d::average_backward(level, &pool, samples.len(), dy, dx)
        })
    }
}
