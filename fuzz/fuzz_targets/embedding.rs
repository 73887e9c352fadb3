//! Embeddings of any numbers against their naive twins, to the bit; a number beyond the vocabulary is refused.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        embedding::{self, Embedding, Index},
        reference,
    },
    simd::Level,
};
use kernlet_fuzz::{Numbers, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    shape: Embedding,
    ids: Vec<u32>,
    kind: u8,
    rows: [usize; 2],
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (vocabulary, width) = (size(u, 0, 40)?, size(u, 0, 40)?);
        // One in 32 cases has a number that is too large.
        let most = vocabulary as u32 + if u.ratio(1, 32)? { 300 } else { 0 };
        let ids = (0..size(u, 0, 30)?).map(|_| u.int_in_range(0..=most.saturating_sub(1)));
        let ids = ids.collect::<Result<_>>()?;
        let rows = [size(u, 0, vocabulary)?, size(u, 0, vocabulary)?];
        Ok(Self { shape: Embedding::new(vocabulary, width), ids, kind: u.arbitrary()?, rows, numbers: u.arbitrary()? })
    }
}

fn check<I: Index>(case: &Case, narrow: impl Fn(u32) -> I) {
    let Case { shape, numbers, .. } = case;
    if shape.validate().is_err() {
        return;
    }
    let ids: Vec<I> = case.ids.iter().map(|&id| narrow(id)).collect();
    let wide: Vec<u32> = ids.iter().map(|&id| id.into()).collect();
    let width = shape.w_len() / case.shape.vocabulary;
    let (w, dy) = (numbers.take(0, shape.w_len()), numbers.take(1, ids.len() * width));
    let mut y = vec![f32::NAN; dy.len()];
    let done = embedding::forward_into(shape, &ids, &w, &mut y);
    if wide.iter().any(|&id| id as usize >= shape.vocabulary) {
        assert!(done.is_err() && y.iter().all(|y| y.is_nan()));
        let mut dw = numbers.take(2, w.len());
        let all = 0..shape.vocabulary;
        assert!(embedding::backward_acc(Level::detect(), shape, &ids, &dy, all, &mut dw).is_err());
        same("nothing is written", Level::detect(), &dw, &numbers.take(2, w.len()));
        return;
    }
    done.unwrap();
    let (mut expected, mut slopes) = (y.clone(), numbers.take(2, w.len()));
    reference::embedding::forward(width, &wide, &w, &mut expected);
    same("y", Level::detect(), &y, &expected);
    reference::embedding::backward(width, &wide, &dy, &mut slopes);
    let [a, b] = case.rows;
    let rows = a.min(b)..a.max(b);
    let part = rows.start * width..rows.end * width;
    for level in Level::all() {
        let mut dw = numbers.take(2, w.len());
        embedding::backward_acc(level, shape, &ids, &dy, 0..shape.vocabulary, &mut dw).unwrap();
        same("dw", level, &dw, &slopes);
        let mut dw = numbers.take(2, w.len())[part.clone()].to_vec();
        embedding::backward_acc(level, shape, &ids, &dy, rows.clone(), &mut dw).unwrap();
        same("rows of dw", level, &dw, &slopes[part.clone()]);
    }
    let mut dw = slopes;
    embedding::clear(shape, &ids, &mut dw).unwrap();
    let mut expected = numbers.take(2, w.len());
    wide.iter().for_each(|&id| expected[id as usize * width..(id as usize + 1) * width].fill(0.0));
    same("cleared", Level::detect(), &dw, &expected);
}

fuzz_target!(|case: Case| match case.kind % 3 {
    0 => check(&case, |id| id as u8),
    1 => check(&case, |id| id as u16),
    _ => check(&case, |id| id),
});
