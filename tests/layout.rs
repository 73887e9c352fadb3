//! What copies: permutations, concatenations and paddings against their twins.
#![cfg(feature = "alloc")]

use kernlet::kernels::{
    concat::*,
    layout::*,
    pad2d::{self, Fill, Pad2d},
    reference::layout as twin,
};
use kernlet::random::Stream;
use kernlet::shape::Padding;
use kernlet::simd::Level;

/// All orders of `rank` axes.
fn orders(rank: usize) -> Vec<Vec<usize>> {
    if rank == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(rank - 1);
    let longer = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, rank - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..rank).map(move |at| longer(order, at))).collect()
}

#[test]
fn every_order_of_every_rank() {
    for sizes in [
        &[][..],
        &[5],
        &[3, 4],
        &[1, 7],
        &[4, 1, 3],
        &[2, 3, 4],
        &[2, 3, 1, 5],
        &[2, 2, 3, 1, 2],
        &[2, 1, 3, 2, 2, 2],
        &[3, 0, 2],
    ] {
        let len: usize = sizes.iter().product();
        let x: Vec<usize> = (0..len).collect();
        for order in orders(sizes.len()) {
            let permutation = Permutation::new(sizes, &order);
            let mut y = vec![usize::MAX; len];
            permute_into(&permutation, &x, &mut y).unwrap();
            assert_eq!(y, twin::permuted(sizes, &order, |i| i), "{sizes:?} in the order {order:?}");
            let mut back = vec![usize::MAX; len];
            permute_into(&permutation.inverse(), &y, &mut back).unwrap();
            assert_eq!(back, x, "{sizes:?} in the order {order:?} and back");
            assert_eq!(permutation.inverse().inverse(), permutation);
        }
    }
}

/// The names do what they say: a convolution of PyTorch's weights and images is the same sum.
#[test]
fn other_libraries_layouts() {
    let sizes = [2, 3, 4, 5];
    let x: Vec<usize> = (0..120).collect();
    let at = |[a, b, c, d]: [usize; 4], [_, nb, nc, nd]: [usize; 4]| ((a * nb + b) * nc + c) * nd + d;
    let moved = |permutation: Permutation| {
        let mut y = vec![0; 120];
        permute_into(&permutation, &x, &mut y).unwrap();
        y
    };
    let (nhwc, hwio) = (moved(Permutation::nchw_to_nhwc(sizes)), moved(Permutation::oihw_to_hwio(sizes)));
    for i in 0..120 {
        let [a, b, c, d] = [i / 60, i / 20 % 3, i / 5 % 4, i % 5];
        assert_eq!(nhwc[at([a, c, d, b], [2, 4, 5, 3])], i);
        assert_eq!(hwio[at([c, d, b, a], [4, 5, 3, 2])], i);
    }
    assert_eq!(Permutation::nchw_to_nhwc(sizes).inverse(), Permutation::nhwc_to_nchw([2, 4, 5, 3]));
    assert_eq!(Permutation::oihw_to_hwio(sizes).inverse(), Permutation::hwio_to_oihw([4, 5, 3, 2]));
}

#[test]
fn what_is_no_permutation_is_refused() {
    let mut y = [7; 6];
    for (sizes, order) in [
        (&[2, 3][..], &[0, 0][..]),
        (&[2, 3], &[0, 2]),
        (&[2, 3], &[0]),
        (&[2, 3], &[0, usize::MAX]),
        (&[1; 7], &[0, 1, 2, 3, 4, 5, 6]),
        (&[usize::MAX, 2], &[1, 0]),
        (&[2, 2], &[1, 0]),
    ] {
        permute_into(&Permutation::new(sizes, order), &[1; 6], &mut y).unwrap_err();
    }
    permute_into(&Permutation::matrix(2, 3), &[1; 6], &mut y[..5]).unwrap_err();
    assert_eq!(y, [7; 6]);
}

#[test]
fn concatenated_and_taken_apart() {
    for rows in [0, 1, 3, 8] {
        for widths in [&[][..], &[4], &[1, 2], &[3, 0, 5, 1]] {
            let total: usize = widths.iter().sum();
            let inputs: Vec<Vec<usize>> =
                widths.iter().enumerate().map(|(i, w)| (0..rows * w).map(|at| i * 1000 + at).collect()).collect();
            let slices: Vec<&[usize]> = inputs.iter().map(|x| &x[..]).collect();
            let mut y = vec![usize::MAX; rows * total];
            concat_into(rows, &slices, &mut y).unwrap();
            let mut expected = Vec::new();
            for row in 0..rows {
                for (x, w) in inputs.iter().zip(widths) {
                    expected.extend_from_slice(&x[row * w..][..*w]);
                }
            }
            assert_eq!(y, expected, "{rows} rows of {widths:?}");
            let mut outputs: Vec<Vec<usize>> = inputs.iter().map(|x| vec![usize::MAX; x.len()]).collect();
            let mut slices: Vec<&mut [usize]> = outputs.iter_mut().map(|x| &mut x[..]).collect();
            split_into(rows, &y, &mut slices).unwrap();
            assert_eq!(outputs, inputs);
            // One at a time.
            let (mut z, mut at) = (vec![usize::MAX; y.len()], 0);
            for (x, w) in inputs.iter().zip(widths) {
                let mut part = vec![usize::MAX; x.len()];
                if rows > 0 {
                    place_into(rows, x, at..at + w, &mut z).unwrap();
                    take_into(rows, &y, at..at + w, &mut part).unwrap();
                    assert_eq!(&part, x);
                }
                at += w;
            }
            assert_eq!(z, y);
        }
    }
    let mut y = [7; 6];
    assert_eq!(
        concat_into(2, &[&[1; 3], &[1; 2]], &mut y).unwrap_err().to_string(),
        "concat: input: expected a multiple of 2, found 3"
    );
    concat_into(2, &[&[1; 2], &[1; 2]], &mut y).unwrap_err();
    concat_into(0, &[&[1; 2]], &mut y).unwrap_err();
    place_into(2, &[1; 2], 3..4, &mut y).unwrap_err();
    place_into(2, &[1; 3], 0..1, &mut y).unwrap_err();
    take_into(2, &[1; 6], 3..4, &mut y[..2]).unwrap_err();
    split_into(2, &[1; 5], &mut [&mut y]).unwrap_err();
    assert_eq!(y, [7; 6]);
}

#[test]
fn padded_as_the_twin() {
    let sides = |[top, bottom, left, right]: [usize; 4]| Padding::Explicit { top, bottom, left, right };
    for channels in [1, 3, 8, 17] {
        for [height, width] in [[1, 1], [4, 3], [3, 5]] {
            for padding in [[0; 4], [1, 0, 0, 2], [0, 2, 2, 1], [3, 1, 0, 0], [5, 6, 7, 8]] {
                for fill in [Fill::Constant(2.5), Fill::Edge, Fill::Reflect, Fill::Wrap] {
                    let pad = Pad2d::new(height, width, channels, sides(padding)).with_fill(fill);
                    let fits = |side: usize, size: usize| match fill {
                        Fill::Reflect => side < size,
                        Fill::Wrap => side <= size,
                        _ => true,
                    };
                    let expected = (0..4).all(|side| fits(padding[side], [height, width][side / 2]));
                    assert_eq!(pad.validate().is_ok(), expected, "{pad:?}");
                    if !expected {
                        continue;
                    }
                    for batch in [0, 1, 2] {
                        let stream = Stream::new(1, 1);
                        let values = |len: usize| (0..len).map(|i| stream.f32_at(i as u64) - 0.5).collect::<Vec<_>>();
                        let (x, dy) = (values(batch * pad.x_len()), values(batch * pad.y_len()));
                        let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
                        twin::each_padded(&pad, batch, |to, from| {
                            y[to] = from.map_or(2.5, |from| x[from]);
                            if let Some(from) = from {
                                dx[from] += dy[to];
                            }
                        });
                        let mut found = vec![f32::NAN; y.len()];
                        pad2d::forward_into(&pad, batch, &x, &mut found).unwrap();
                        assert_eq!(found, y, "{pad:?}");
                        for level in Level::all() {
                            let mut found = vec![f32::NAN; x.len()];
                            pad2d::backward_into(level, &pad, batch, &dy, &mut found).unwrap();
                            assert_eq!(found, dx, "{pad:?}, {level}");
                        }
                    }
                }
            }
        }
    }
    let level = Level::detect();
    let pad = Pad2d::new(2, 2, 1, sides([1, 0, 0, 0]));
    let mut y = [7.0; 6];
    pad2d::forward_into(&pad, 1, &[0.0; 3], &mut y).unwrap_err();
    pad2d::forward_into(&pad, 1, &[0.0; 4], &mut y[..5]).unwrap_err();
    pad2d::backward_into(level, &pad, 1, &[0.0; 6], &mut y).unwrap_err();
    for huge in
        [sides([usize::MAX, 0, 0, 0]), sides([usize::MAX / 2, usize::MAX / 2, 0, 0]), sides([1 << 40, 0, 1 << 40, 0])]
    {
        pad2d::forward_into(&Pad2d::new(2, 2, 1, huge), 1, &[0.0; 4], &mut y).unwrap_err();
    }
    pad2d::forward_into(&Pad2d::new(0, 2, 1, sides([1, 0, 0, 0])), 1, &[], &mut y).unwrap_err();
    assert_eq!(y, [7.0; 6]);
}
