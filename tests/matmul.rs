//! Products of matrices against their twin, to the bit.

use kernlet::kernels::{matmul::*, reference::matmul as twin};
use kernlet::random::Stream;
use kernlet::simd::Level;

fn samples(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn as_the_twin_to_the_bit() {
    for level in Level::all() {
        for (rows, terms, columns) in [
            (0, 3, 4),
            (1, 1, 1),
            (3, 0, 2),
            (2, 5, 0),
            (5, 7, 3),
            (4, 16, 17),
            (31, 33, 65),
            (33, 9, 64),
            (65, 2, 130),
            (2, 1100, 70),
            (1, 600, 200),
        ] {
            for transposed in [Transposed::Neither, Transposed::A, Transposed::B] {
                let product = Matmul::new(rows, terms, columns).with_transposed(transposed);
                let (a, b) = (samples(1, product.a_len()), samples(2, product.b_len()));
                for (alpha, beta) in [(1.0, 0.0), (0.3, 0.0), (1.0, 1.0), (-0.7, 0.6), (0.0, 0.0), (0.0, 0.5)] {
                    let factors = Factors { alpha, a: &a, b: &b, beta };
                    // Where it is not added to, what was there does not matter.
                    let mut c = if beta == 0.0 { vec![f32::NAN; product.c_len()] } else { samples(3, product.c_len()) };
                    let mut expected = c.clone();
                    let mut scratch = vec![f32::NAN; product.scratch_len()];
                    matmul_into(level, &product, factors, &mut c, &mut scratch).unwrap();
                    twin::matmul(level.rounding(), &product, factors, &mut expected);
                    assert_eq!(bits(&c), bits(&expected), "{level}, {product:?}, α {alpha}, β {beta}");
                }
            }
        }
    }
}

/// The documented products are the gradients: `⟨A · B, dC⟩ = ⟨A, dA⟩ = ⟨B, dB⟩`, exactly in small integers.
#[test]
fn gradients_are_products() {
    let (rows, terms, columns) = (5, 7, 9);
    let integers = |seed, len| samples(seed, len).iter().map(|x| (3.0 * x).round()).collect::<Vec<f32>>();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    for level in Level::all() {
        let run = |product: Matmul, a: &[f32], b: &[f32]| {
            let (mut c, mut scratch) = (vec![f32::NAN; product.c_len()], vec![f32::NAN; product.scratch_len()]);
            matmul_into(level, &product, Factors { alpha: 1.0, a, b, beta: 0.0 }, &mut c, &mut scratch).unwrap();
            c
        };
        let (a, b, dc) = (integers(1, rows * terms), integers(2, terms * columns), integers(3, rows * columns));
        let c = run(Matmul::new(rows, terms, columns), &a, &b);
        let da = run(Matmul::new(rows, columns, terms).with_transposed(Transposed::B), &dc, &b);
        let db = run(Matmul::new(terms, rows, columns).with_transposed(Transposed::A), &a, &dc);
        assert_eq!(dot(&c, &dc), dot(&a, &da));
        assert_eq!(dot(&c, &dc), dot(&b, &db));
        // A · Bᵀ, with B as [columns][terms].
        let c = run(Matmul::new(rows, terms, columns).with_transposed(Transposed::B), &a, &b);
        let da = run(Matmul::new(rows, columns, terms), &dc, &b);
        let db = run(Matmul::new(columns, rows, terms).with_transposed(Transposed::A), &dc, &a);
        assert_eq!(dot(&c, &dc), dot(&a, &da));
        assert_eq!(dot(&c, &dc), dot(&b, &db));
        // Aᵀ · B, with A as [terms][rows].
        let c = run(Matmul::new(rows, terms, columns).with_transposed(Transposed::A), &a, &b);
        let da = run(Matmul::new(terms, columns, rows).with_transposed(Transposed::B), &b, &dc);
        let db = run(Matmul::new(terms, rows, columns), &a, &dc);
        assert_eq!(dot(&c, &dc), dot(&a, &da));
        assert_eq!(dot(&c, &dc), dot(&b, &db));
    }
}

/// An α of 0 leaves NaN what it is; a β of 0 does not look at C.
#[test]
fn nan_stays_where_it_is_read() {
    for level in Level::all() {
        for transposed in [Transposed::Neither, Transposed::A, Transposed::B] {
            let product = Matmul::new(3, 2, 17).with_transposed(transposed);
            let (mut a, b) = (samples(1, product.a_len()), samples(2, product.b_len()));
            // Row 1, whatever is transposed.
            a[if transposed == Transposed::A { 1 } else { 2 }] = f32::NAN;
            for beta in [0.0, 1.0] {
                let mut c = if beta == 0.0 { vec![f32::NAN; 51] } else { samples(3, 51) };
                let mut scratch = vec![f32::NAN; product.scratch_len()];
                matmul_into(level, &product, Factors { alpha: 0.0, a: &a, b: &b, beta }, &mut c, &mut scratch).unwrap();
                for (row, c) in c.chunks(17).enumerate() {
                    assert!(c.iter().all(|c| c.is_nan() == (row == 1)), "{level}, {transposed:?}, β {beta}: {c:?}");
                }
            }
        }
    }
}

#[test]
fn wrong_lengths_are_errors_and_nothing_is_written() {
    let (level, product, mut c) = (Level::detect(), Matmul::new(2, 3, 4), [7.0; 8]);
    let mut scratch = vec![0.0; product.scratch_len()];
    let factors = Factors { alpha: 1.0, a: &[0.0; 6], b: &[0.0; 12], beta: 0.0 };
    let error = matmul_into(level, &product, Factors { a: &[0.0; 5], ..factors }, &mut c, &mut scratch).unwrap_err();
    assert_eq!(error.to_string(), "matmul: a: expected 6, found 5");
    matmul_into(level, &product, Factors { b: &[0.0; 11], ..factors }, &mut c, &mut scratch).unwrap_err();
    matmul_into(level, &product, factors, &mut c[..7], &mut scratch).unwrap_err();
    matmul_into(level, &product, factors, &mut c, &mut scratch[..1]).unwrap_err();
    for [rows, terms, columns] in [[usize::MAX, 2, 2], [2, usize::MAX, 2], [2, 2, usize::MAX], [0, usize::MAX, 0]] {
        matmul_into(level, &Matmul::new(rows, terms, columns), factors, &mut c, &mut scratch).unwrap_err();
    }
    assert_eq!(c, [7.0; 8]);
}
