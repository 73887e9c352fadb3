//! Pooling against its naive twin, to the bit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        pool2d::{self, Pool2d},
        reference,
    },
    simd::Level,
};
use kernlet_fuzz::{Numbers, padding, pair, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    pool: Pool2d,
    batch: usize,
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [height, width] = pair(u, 0, 8)?;
        let channels = size(u, 0, 20)?;
        let mut pool = Pool2d::new(height, width, channels, pair(u, 0, 5)?).with_stride(pair(u, 0, 6)?);
        if u.ratio(1, 3)? {
            pool = pool.with_dilation(pair(u, 0, 3)?);
        }
        if u.ratio(1, 16)? {
            // Windows of more taps than a byte tells apart.
            pool.kernel = pair(u, 15, 18)?;
            [pool.height, pool.width] = pair(u, 16, 20)?;
        }
        pool = pool.with_padding(padding(u)?);
        if u.arbitrary()? {
            pool = pool.with_padding_counted();
        }
        Ok(Self { pool, batch: size(u, 0, 2)?, numbers: u.arbitrary()? })
    }
}

/// The taps that bytes stand for.
fn taps(pool: &Pool2d, argmax: &[u8]) -> Vec<usize> {
    let tap = |bytes: &[u8]| bytes.iter().rev().fold(0, |tap, &byte| tap << 8 | usize::from(byte));
    argmax.chunks(pool.index_bytes()).map(tap).collect()
}

fuzz_target!(|case: Case| {
    let Case { pool, batch, numbers } = case;
    if pool.validate().is_err() {
        return;
    }
    let (x_len, y_len) = (batch * pool.x_len(), batch * pool.y_len());
    let (x, dy) = (numbers.take(0, x_len), numbers.take(1, y_len));
    let rectified: Vec<f32> = x.iter().map(|x| x.max(0.0)).collect();
    for level in Level::all() {
        let (mut y, mut argmax) = (vec![f32::NAN; y_len], vec![u8::MAX; batch * pool.argmax_len()]);
        let (mut expected, mut chosen) = (y.clone(), vec![0; y_len]);
        pool2d::max_forward_into(level, &pool, batch, &x, &mut y, Some(&mut argmax)).unwrap();
        reference::pool2d::max_forward(&pool, batch, &x, &mut expected, &mut chosen);
        same("maximum", level, &y, &expected);
        let taps = taps(&pool, &argmax);
        assert!(taps.iter().zip(&chosen).all(|(a, c)| a == c || *c == usize::MAX), "argmax on {level}");
        pool2d::max_forward_into(level, &pool, batch, &x, &mut y, None).unwrap();
        same("maximum alone", level, &y, &expected);

        let mut dx = vec![f32::NAN; x_len];
        let mut expected = dx.clone();
        pool2d::max_backward_into(level, &pool, batch, &argmax, &dy, None, &mut dx).unwrap();
        reference::pool2d::max_backward(&pool, batch, &chosen, &dy, &mut expected);
        same("gradient of the maximum", level, &dx, &expected);

        // With a ReLU before it that backward undoes: the gradient of a zero is zero.
        pool2d::max_forward_into(level, &pool, batch, &rectified, &mut y, Some(&mut argmax)).unwrap();
        let stopped: Vec<f32> = dy.iter().zip(&y).map(|(dy, y)| if *y > 0.0 { *dy } else { 0.0 }).collect();
        let chosen = self::taps(&pool, &argmax);
        pool2d::max_backward_into(level, &pool, batch, &argmax, &dy, Some(&y), &mut dx).unwrap();
        reference::pool2d::max_backward(&pool, batch, &chosen, &stopped, &mut expected);
        same("gradient through a ReLU", level, &dx, &expected);

        let mut expected = y.clone();
        pool2d::average_forward_into(level, &pool, batch, &x, &mut y).unwrap();
        reference::pool2d::average_forward(&pool, batch, &x, &mut expected);
        same("average", level, &y, &expected);
        let mut expected = dx.clone();
        pool2d::average_backward_into(level, &pool, batch, &dy, &mut dx).unwrap();
        reference::pool2d::average_backward(&pool, batch, &dy, &mut expected);
        same("gradient of the average", level, &dx, &expected);
    }
});
