//! The example that a newcomer reads first: numbers, a saved model, a prediction by another process, and the same
//! network without a heap.
#![cfg(feature = "std")]
#![allow(missing_docs)]

#[allow(dead_code)]
#[path = "../examples/iris/main.rs"]
mod example;

use kernlet::{
    data::standardize::Standardizer,
    nn::{Model, Pairs, Training},
    optim::Adam,
    snapshot::{Described, STANDARDIZER, Section, Snapshot, SnapshotError},
};

#[test]
fn iris_is_learnt_saved_and_asked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("iris.knl");
    let said = example::learn(&path).unwrap();
    let accuracy: f32 = said.strip_prefix("accuracy ").unwrap().split(',').next().unwrap().parse().unwrap();
    assert!(accuracy > 0.95, "{said}");
    // The first flower of each species in Fisher's table.
    for (numbers, species) in
        [([5.1, 3.5, 1.4, 0.2], "setosa"), ([7.0, 3.2, 4.7, 1.4], "versicolor"), ([6.3, 3.3, 6.0, 2.5], "virginica")]
    {
        assert_eq!(example::predict(&path, numbers.to_vec()).unwrap(), species);
    }
    // Who does not standardise must not use the model.
    let bytes = std::fs::read(&path).unwrap();
    let refused = Snapshot::open(&bytes, &example::Iris::INFO).unwrap_err();
    assert!(matches!(refused, SnapshotError::Section { .. }));
    let lines = include_str!("../examples/iris/main.rs").lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 45, "{lines} lines");
}

kernlet::network! { struct Flower([4]) { hidden: dense(8), tanh, out: dense(3), softmax } }

const TRAINING: Training<Flower, Adam> = Training::new(Adam::new(0.05)).batch(8).epochs(30).seed(2);
const _: () = assert!(TRAINING.training_bytes() <= 4096);

/// On arrays alone: what a microcontroller does, to the bits of the program above it.
#[test]
fn the_same_without_a_heap() {
    let mut inputs = [0.0; 4 * 24];
    let labels: [u8; 24] = std::array::from_fn(|i| (i % 3) as u8);
    for (i, x) in inputs.iter_mut().enumerate() {
        *x = 10.0 * (i / 4 % 3) as f32 + (i % 7) as f32;
    }
    let standardizer = Standardizer::<4>::fit(&inputs).unwrap();
    standardizer.apply(&mut inputs).unwrap();
    let (mut model, mut memory) = (Model::<Flower>::zeroed(), [0.0; TRAINING.memory_len()]);
    model.initialize(2);
    let mut trainer = TRAINING.start(&mut model, &mut memory).unwrap();
    let fitted = trainer.fit(&Pairs(&inputs, &labels), |_, _| true).unwrap();
    assert!(fitted.training.accuracy() > 0.9, "{fitted:?}");
    let mut flash = [0; 4096];
    let mut at = 0;
    let sections = [Section::standardizer(&standardizer)];
    trainer
        .save_to(&sections, &mut |bytes: &[u8]| {
            flash.get_mut(at..at + bytes.len()).ok_or("full")?.copy_from_slice(bytes);
            at += bytes.len();
            Ok::<(), &str>(())
        })
        .unwrap();
    let snapshot = Snapshot::open_with(&flash[..at], &Flower::INFO, &[STANDARDIZER]).unwrap();
    assert_eq!(snapshot.standardizer::<4>().unwrap(), standardizer);
    assert!(snapshot.standardizer::<5>().is_err());
    let mut owned = TRAINING.build().unwrap();
    owned.fit(&Pairs(&inputs, &labels), |_, _| true).unwrap();
    assert_eq!(owned.model().parameters(), model.parameters());
}

#[test]
fn features_are_standardised_by_their_own_numbers() {
    assert!(Standardizer::<3>::fit(&[]).is_err());
    assert!(Standardizer::<3>::fit(&[1.0; 4]).is_err());
    let standardizer = Standardizer::<2>::fit(&[1.0, 1e15, 3.0, 1e15, 5.0, 1e15]).unwrap();
    assert_eq!(standardizer.numbers(), [3.0, 1e15, (8.0_f32 / 3.0).sqrt(), 1.0]);
    let mut wrong = [1.0; 3];
    assert!(standardizer.apply(&mut wrong).is_err());
    assert_eq!(wrong, [1.0; 3]);
}
