//! What copies, permutations and paddings of any shape, and products of matrices, against their naive twins.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        concat,
        layout::{Permutation, permute_into},
        matmul::{Factors, Matmul, Transposed, matmul_into},
        pad2d::{self, Fill, Pad2d},
        reference,
    },
    simd::Level,
};
use kernlet_fuzz::{Numbers, padding, pair, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    sizes: Vec<usize>,
    order: Vec<usize>,
    pad: Pad2d,
    product: Matmul,
    scales: [f32; 2],
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let rank = size(u, 0, 7)?;
        let sizes = (0..rank).map(|_| size(u, 0, 4)).collect::<Result<_>>()?;
        let order = (0..rank).map(|_| size(u, 0, rank)).collect::<Result<_>>()?;
        let [height, width] = pair(u, 0, 6)?;
        let fill = [Fill::Constant(3.0), Fill::Edge, Fill::Reflect, Fill::Wrap][size(u, 0, 3)?];
        let transposed = [Transposed::Neither, Transposed::A, Transposed::B][size(u, 0, 2)?];
        let [rows, columns] = pair(u, 0, 80)?;
        Ok(Self {
            sizes,
            order,
            pad: Pad2d::new(height, width, size(u, 0, 18)?, padding(u)?).with_fill(fill),
            product: Matmul::new(rows, size(u, 0, 40)?, columns).with_transposed(transposed),
            scales: [[0.0, 1.0, 0.5][size(u, 0, 2)?], [0.0, 1.0, -0.25][size(u, 0, 2)?]],
            numbers: u.arbitrary()?,
        })
    }
}

/// A permutation and back, or an order that is none and is refused.
fn permuted(sizes: &[usize], order: &[usize]) {
    let permutation = Permutation::new(sizes, order);
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    let valid = sizes.len() <= 6 && sorted.iter().enumerate().all(|(i, axis)| i == *axis);
    assert_eq!(permutation.validate().is_ok(), valid, "{sizes:?} in the order {order:?}");
    if !valid {
        return;
    }
    let x: Vec<usize> = (0..permutation.len()).collect();
    let (mut y, mut back) = (vec![usize::MAX; x.len()], vec![usize::MAX; x.len()]);
    permute_into(&permutation, &x, &mut y).unwrap();
    assert_eq!(y, reference::layout::permuted(sizes, order, |i| i));
    permute_into(&permutation.inverse(), &y, &mut back).unwrap();
    assert_eq!(back, x);
}

fuzz_target!(|case: Case| {
    let Case { sizes, order, pad, product, scales: [alpha, beta], numbers } = case;
    permuted(&sizes, &order);

    // The sizes as widths of rows that are put side by side and taken apart.
    let rows = 3;
    let inputs: Vec<Vec<usize>> = sizes.iter().enumerate().map(|(i, width)| vec![i; rows * width]).collect();
    let slices: Vec<&[usize]> = inputs.iter().map(|x| &x[..]).collect();
    let mut y = vec![usize::MAX; rows * sizes.iter().sum::<usize>()];
    concat::concat_into(rows, &slices, &mut y).unwrap();
    let mut outputs: Vec<Vec<usize>> = inputs.iter().map(|x| vec![usize::MAX; x.len()]).collect();
    let mut slices: Vec<&mut [usize]> = outputs.iter_mut().map(|x| &mut x[..]).collect();
    concat::split_into(rows, &y, &mut slices).unwrap();
    assert_eq!(outputs, inputs);

    if pad.validate().is_ok() {
        let (x, dy) = (numbers.take(0, 2 * pad.x_len()), numbers.take(1, 2 * pad.y_len()));
        let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
        reference::layout::each_padded(&pad, 2, |to, from| {
            y[to] = from.map_or(3.0, |from| x[from]);
            if let Some(from) = from {
                dx[from] += dy[to];
            }
        });
        for level in Level::all() {
            let (mut found, mut back) = (vec![f32::NAN; y.len()], vec![f32::NAN; x.len()]);
            pad2d::forward_into(&pad, 2, &x, &mut found).unwrap();
            same("padded", level, &found, &y);
            pad2d::backward_into(level, &pad, 2, &dy, &mut back).unwrap();
            same("gradient of a padding", level, &back, &dx);
        }
    }

    let (a, b) = (numbers.take(2, product.a_len()), numbers.take(3, product.b_len()));
    let factors = Factors { alpha, a: &a, b: &b, beta };
    for level in Level::all() {
        let mut c = numbers.take(4, product.c_len());
        let mut expected = c.clone();
        let mut scratch = vec![f32::NAN; product.scratch_len()];
        matmul_into(level, &product, factors, &mut c, &mut scratch).unwrap();
        reference::matmul::matmul(level.rounding(), &product, factors, &mut expected);
        same("product", level, &c, &expected);
    }
});
