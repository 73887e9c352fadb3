//! Gradients of leaves that are worked on at once are those of each leaf by itself, added up in the same tree.
#![cfg(all(feature = "alloc", feature = "counting"))]

use kernlet::{
    mapreduce::GradientSum,
    nn::{
        CrossEntropy, Element, Error, First, Freeze, Gradients, Leaves, Loss, MeanSquaredError, Metrics, Network,
        Training,
    },
    optim::Sgd,
    random::Stream,
};
use proptest::prelude::*;

kernlet::network! {
    /// Every layer works on a sample by itself; some run piece by piece.
    struct Pictures([7, 6, 2]) {
        first: conv2d(5, 3x3), begun: prelu, dropout(0.25), body: conv2d(5, 3x3, padding: same), relu, add(begun),
        max_pool2d(2x2), flatten, hidden: dense(33), relu, dropout(0.5), out: dense(4), softmax
    }
}
kernlet::network! {
    /// A convolution stands behind a dense layer, so that it is in no piece.
    struct Reshaped([6]) { wide: dense(32), tanh, reshape([4, 4, 2]), conv: conv2d(3, 3x3), relu, flatten, out: dense(3) }
}
kernlet::network! {
    /// One layer looks at the whole batch.
    struct Normal([5, 4, 1]) { conv: conv2d(4, 3x3, bias: no), norm: batch_norm, relu, flatten, out: dense(3), softmax }
}
kernlet::network! {
    /// Sums over sequences, rows of a table, and of a normalisation.
    struct Words([u8; 6]) { words: embedding(11, 5), gru(7), norm: layer_norm, out: dense(3), softmax }
}

/// Which samples, and how they are cut.
#[derive(Clone, Copy, Debug)]
struct Case {
    first: usize,
    count: usize,
    of: usize,
    leaf: usize,
    piece: usize,
    threads: usize,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    (0_usize..20, 1_usize..40, 0_usize..9, 1_usize..9, 1_usize..5, 1_usize..3, any::<u64>()).prop_map(
        |(first, count, more, leaf, piece, threads, seed)| Case {
            first,
            count,
            of: first + count + more,
            leaf,
            piece,
            threads,
            seed,
        },
    )
}

fn check<N: Network, L: Loss + Copy, F: Freeze>(
    training: Training<N, Sgd, L, F>,
    case: Case,
    inputs: &[impl Element],
    targets: &[L::Target],
) -> Result<(), TestCaseError> {
    let Case { first, count, of, leaf, piece, threads, seed } = case;
    let training = training.batch(40).pieces_of(piece).threads(threads).seed(seed);
    let (input, target) = (inputs.len() / count, targets.len() / count);
    let leaves = count.div_ceil(leaf);
    let leaf_by_leaf = || {
        let mut trainer = training.build()?;
        let (mut sum, mut metrics) = (GradientSum::default(), Vec::new());
        for (i, (inputs, targets)) in inputs.chunks(leaf * input).zip(targets.chunks(leaf * target)).enumerate() {
            metrics.push(trainer.backward(inputs, targets, first + i * leaf, of)?);
            sum.add_leaf(i, trainer.gradients());
        }
        Ok((metrics, bits(&sum.into_total().unwrap())))
    };
    let at_once = || {
        let mut trainer = training.build()?;
        trainer.gradients_mut().fill(f32::NAN);
        let (mut sums, mut metrics) = (vec![f32::NAN; training.leaves_len(leaf)], vec![Metrics::default(); leaves]);
        let leaves = Leaves { samples: leaf, sums: &mut sums, metrics: &mut metrics };
        trainer.backward_leaves(inputs, targets, first, of, leaves)?;
        Ok((metrics, bits(trainer.gradients())))
    };
    let (found, expected): (Result<_, Error>, Result<_, Error>) = (at_once(), leaf_by_leaf());
    // A batch normalisation refuses one sample either way.
    prop_assert!(found == expected, "{:?} {:?}", found.map(|of| of.0), expected.map(|of| of.0));
    Ok(())
}

fn bits(gradients: &[f32]) -> Vec<u32> {
    gradients.iter().map(|g| g.to_bits()).collect()
}

fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 1);
    (0..len).map(|i| stream.f32_at(i as u64) * 2.0 - 1.0).collect()
}

fn below(bound: u32, seed: u64, len: usize) -> Vec<u8> {
    let stream = Stream::new(seed, 2);
    (0..len).map(|i| stream.below_at(i as u64, bound) as u8).collect()
}

const fn training<N: Network>() -> Training<N, Sgd> {
    Training::new(Sgd::new(0.1))
}

proptest! {
    #[test]
    fn every_layer_by_itself(case in cases()) {
        let (inputs, labels) = (numbers(case.seed, case.count * 84), below(4, case.seed, case.count));
        check(training::<Pictures>(), case, &inputs, &labels)?;
        check(training::<Pictures>().freeze::<First<2>>(), case, &inputs, &labels)?;
        let loss = CrossEntropy::new().with_class_weights(&[1.0, 0.5, 3.0, 0.0]).with_ignored(2);
        check(training::<Pictures>().loss(loss), case, &inputs, &labels)?;
    }

    #[test]
    fn layers_behind_pieces(case in cases()) {
        let (inputs, targets) = (numbers(case.seed, case.count * 6), numbers(!case.seed, case.count * 3));
        check(training::<Reshaped>().loss(MeanSquaredError), case, &inputs, &targets)?;
    }

    #[test]
    fn a_layer_that_looks_at_the_whole_batch(case in cases()) {
        let (inputs, labels) = (numbers(case.seed, case.count * 20), below(3, case.seed, case.count));
        check(training::<Normal>(), case, &inputs, &labels)?;
    }

    #[test]
    fn sequences(case in cases()) {
        let (words, labels) = (below(11, case.seed, case.count * 6), below(3, case.seed, case.count));
        check(training::<Words>(), case, &words, &labels)?;
    }
}

#[test]
fn what_is_refused() {
    let (inputs, labels) = (numbers(1, 6 * 4), [0; 4]);
    let refused = |training: Training<Reshaped, Sgd>, sums: usize, metrics: usize, samples: usize, of: usize| {
        let (mut sums, mut metrics) = (vec![0.0; sums], vec![Metrics::default(); metrics]);
        let leaves = Leaves { samples, sums: &mut sums, metrics: &mut metrics };
        training.build().unwrap().backward_leaves(&inputs, &labels, 0, of, leaves).unwrap_err().to_string()
    };
    let training = training::<Reshaped>().batch(4).pieces_of(4);
    let need = training.leaves_len(2);
    assert_eq!(refused(training, need, 3, 2, 4), "leaves: expected room for 2 metrics, found 3");
    assert_eq!(refused(training, need, 3, 0, 4), "leaves: expected room for 4 metrics, found 3");
    assert_eq!(
        refused(training, need - 1, 2, 2, 4),
        format!("memory: expected {need} floats or more, found {}", need - 1)
    );
    assert_eq!(refused(training, need, 2, 2, 3), "batch: expected 1 to 3 samples, found 4");
    assert_eq!(
        refused(training.gradients(Gradients::Applied), need, 2, 2, 4),
        "gradients applied as they appear need a batch of one piece and no clipping, found 4 samples in pieces of 4"
    );
    assert_eq!(
        refused(training.stateful(), need, 2, 2, 4),
        "stateful: states are those of a whole batch, and leaves are parts of it"
    );
}
