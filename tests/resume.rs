//! Training that is stopped anywhere and goes on in another trainer: the same bits as without an interruption.
#![cfg(feature = "alloc")]

use kernlet::{
    nn::{Decay, Event, Gradients, Kernels, Model, Pairs, Stopped, Training},
    optim::{Adam, CosineDecay, Optimizer, RmsProp, Scheduled, Sgd, StepDecay},
    random::Stream,
    snapshot::{AttributeValue, Data, Described, Section, Snapshot, SnapshotError, WriteError},
};

kernlet::network! {
    /// Noise, averages, and state: all that must come back.
    struct Net([3]) { hidden: dense(8), norm: batch_norm, relu, dropout(0.25), out: dense(3), softmax }
}

const TRAINING: Training<Net, Scheduled<Adam, CosineDecay>> = Training::new(Adam::new(0.02))
    .schedule(CosineDecay::new(40).with_warmup(5, 0.1))
    .batch(8)
    .seed(9)
    .epochs(6)
    .hold_out(0.2)
    .patience(2)
    .gradients(Gradients::Clipped(0.5));

fn samples() -> (Vec<f32>, Vec<u8>) {
    let stream = Stream::new(4, 4);
    let inputs: Vec<f32> = (0..150).map(|i| stream.f32_at(i)).collect();
    let labels = inputs.chunks(3).map(|x| (3.0 * x[0] * x[1] + x[2]).min(2.9) as u8).collect();
    (inputs, labels)
}

#[test]
fn it_goes_on_from_anywhere_to_the_same_bits() {
    let (inputs, labels) = samples();
    let samples = Pairs(&inputs, &labels);
    let mut whole = TRAINING.build().unwrap();
    let mut events = 0;
    let outcome = whole
        .fit(&samples, |_, _| {
            events += 1;
            true
        })
        .unwrap();
    let mut end = vec![0; whole.save_len()];
    whole.save_into(&mut end).unwrap();
    assert!(events > 15, "{events}");
    for stop in 1..=events {
        let (mut bytes, mut seen) = (Vec::new(), 0);
        let fitted = TRAINING.build().unwrap().fit(&samples, |trainer, _| {
            seen += 1;
            if seen == stop {
                trainer.save_to(&[], &mut |piece| Ok::<(), ()>(bytes.extend_from_slice(piece))).unwrap();
            }
            seen < stop
        });
        assert_eq!(fitted.unwrap().stopped, Stopped::Callback);
        // Another seed and rubbish in the model: all of it comes from the file.
        let mut other = TRAINING.seed(77).build().unwrap();
        other.model_mut().parameters_mut().fill(f32::NAN);
        other.resume(&bytes).unwrap();
        let fitted = other.fit(&samples, |_, _| true).unwrap();
        assert_eq!((fitted.epochs, fitted.best_epoch), (outcome.epochs, outcome.best_epoch), "stopped at {stop}");
        let mut again = vec![0; other.save_len()];
        other.save_into(&mut again).unwrap();
        assert!(again == end, "stopped at event {stop}");
    }
}

fn saved<O: Optimizer>(training: Training<Net, O>) -> Vec<u8> {
    let mut trainer = training.build().unwrap();
    trainer.step(&[0.5; 6], &[0, 1]).unwrap();
    let mut bytes = vec![0; trainer.save_len()];
    trainer.save_into(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_contradicts_the_file_is_refused_and_nothing_changes() {
    let training: Training<Net, Adam> = Training::new(Adam::new(0.01)).batch(2);
    let bytes = saved(training);
    let mut trainer = training.build().unwrap();
    let before = trainer.model().parameters().to_vec();
    let mut slower = Training::<Net, _>::new(Adam::new(0.005)).batch(2).build().unwrap();
    let told = slower.resume(&bytes).unwrap_err().to_string();
    assert!(
        told.ends_with("of the optimizer: lr: expected 0.004999999888241291, found 0.009999999776482582"),
        "{told}"
    );
    slower.resume_changed(&Snapshot::open(&bytes, &Net::INFO).unwrap()).unwrap();
    assert_eq!(slower.step_count(), 1);
    let mut sgd = Training::<Net, _>::new(Sgd::new(0.01)).batch(2).build().unwrap();
    assert!(matches!(sgd.resume(&bytes), Err(SnapshotError::Optimizer { .. })));
    let mut plain = Training::<Net, _>::new(RmsProp::new(0.01)).batch(2).build().unwrap();
    let centred = saved(Training::<Net, _>::new(RmsProp::new(0.01).with_centred()).batch(2));
    assert!(matches!(plain.resume(&centred), Err(SnapshotError::Optimizer { .. })));
    // What decays belongs to the hyper-parameters, too.
    let kernels = training.decay::<Kernels>();
    let told = trainer.resume(&saved(kernels)).unwrap_err().to_string();
    assert!(told.ends_with("of the optimizer: decaying_parameters: expected 75, found 48"), "{told}");
    let told = kernels.build().unwrap().resume(&bytes).unwrap_err().to_string();
    assert!(told.contains("of the optimizer: decaying_parameters: expected 48"), "{told}");
    kernlet::decay! { struct Others = Decay::EVERYTHING.only(&["hidden/kernel", "hidden/bias", "out/kernel"]).but(&["hidden/bias"]); }
    kernels.build().unwrap().resume(&saved(training.decay::<Others>())).unwrap();
    kernlet::decay! { struct All = Decay::EVERYTHING; }
    trainer.resume(&saved(training.decay::<All>())).unwrap();
    trainer = training.build().unwrap();
    kernlet::frozen! { struct Hidden = ["hidden"]; }
    let mut frozen = training.freeze::<Hidden>().build().unwrap();
    assert!(matches!(frozen.resume(&bytes), Err(SnapshotError::Length { .. })));
    assert!(trainer.resume(&bytes[..bytes.len() - 1]).is_err());
    assert_eq!(trainer.model().parameters(), before);
    assert_eq!(frozen.model().parameters(), before);
    // A model alone has no training in it.
    let mut model = Vec::new();
    kernlet::snapshot::write(&Net::INFO, &before, None, &mut |piece: &[u8]| Ok::<(), ()>(model.extend(piece))).unwrap();
    assert_eq!(trainer.resume(&model), Err(SnapshotError::NoTraining));
}

#[test]
fn another_schedule_is_noticed() {
    let plain = Training::<Net, _>::new(Adam::new(0.01)).batch(4);
    let saved = |schedule: Option<CosineDecay>| {
        let mut bytes = Vec::new();
        let sink = &mut |piece: &[u8]| Ok::<(), ()>(bytes.extend_from_slice(piece));
        match schedule {
            Some(schedule) => scheduled(schedule).build().unwrap().save_to(&[], sink).unwrap(),
            None => plain.build().unwrap().save_to(&[], sink).unwrap(),
        }
        bytes
    };
    let resumed = |schedule, bytes: &[u8]| {
        let outcome = scheduled(schedule).build().unwrap().resume(bytes);
        outcome.map_or_else(|error| error.to_string(), |()| String::new())
    };
    let short = CosineDecay::new(100);
    assert_eq!(resumed(short, &saved(Some(short))), "");
    let message = resumed(short, &saved(Some(CosineDecay::new(200))));
    assert!(message.contains("cosine_steps: expected 100, found 200"), "{message}");
    let message = resumed(short, &saved(Some(short.with_floor(0.5))));
    assert!(message.contains("cosine_floor: expected 0, found 0.5"), "{message}");
    let message = resumed(short, &saved(None));
    assert!(message.contains("cosine_steps: expected 100, found none"), "{message}");
    let message = plain.build().unwrap().resume(&saved(Some(short))).unwrap_err().to_string();
    assert!(message.contains("@optimizer: cosine_steps: expected none, found 100"), "{message}");
    let steps = Training::<Net, _>::new(Scheduled::new(Adam::new(0.01), StepDecay::new(10, 0.5))).batch(4);
    let message = steps.build().unwrap().resume(&saved(Some(short))).unwrap_err().to_string();
    assert!(message.contains("cosine_steps: expected none"), "{message}");
    // Whoever wants another takes it.
    let bytes = saved(Some(short));
    plain.build().unwrap().resume_changed(&Snapshot::open(&bytes, &Net::INFO).unwrap()).unwrap();
}

fn scheduled(schedule: CosineDecay) -> Training<Net, Scheduled<Adam, CosineDecay>> {
    Training::new(Scheduled::new(Adam::new(0.01), schedule)).batch(4)
}

#[test]
fn a_caller_has_sections_of_its_own() {
    let trainer = TRAINING.build().unwrap();
    let words = Section { name: "words", required: true, data: Data::Bytes(b"yes no") };
    let mut bytes = Vec::new();
    trainer.save_to(&[words], &mut |piece| Ok::<(), ()>(bytes.extend_from_slice(piece))).unwrap();
    let mut other = TRAINING.build().unwrap();
    assert!(matches!(other.resume(&bytes), Err(SnapshotError::Section { .. })));
    let snapshot = Snapshot::open_with(&bytes, &Net::INFO, &["words"]).unwrap();
    other.resume_from(&snapshot).unwrap();
    assert_eq!(snapshot.section("words").unwrap().bytes, b"yes no");
    assert_eq!(snapshot.attribute("@optimizer", "beta2"), Some(AttributeValue::Number(0.999)));
    let refused = trainer.save_to(&[words; 8], &mut |_| Ok::<(), ()>(()));
    assert_eq!(refused, Err(WriteError::Sections { most: 7, found: 8 }));
}

#[test]
fn without_a_heap_it_is_saved_into_a_slice() {
    kernlet::network! { struct Small([2]) { out: dense(2), softmax } }
    const SMALL: Training<Small, Adam> = Training::new(Adam::new(0.01)).batch(1);
    let (mut model, mut memory) = (Model::<Small>::zeroed(), [0.0; SMALL.memory_len()]);
    let mut trainer = SMALL.start(&mut model, &mut memory).unwrap();
    trainer.step(&[1.0, 2.0], &[1]).unwrap();
    let mut bytes = [0; 2048];
    let len = trainer.save_into(&mut bytes).unwrap().len();
    assert!(trainer.save_into(&mut bytes[..len - 1]).is_err());
    trainer.step(&[1.0, 2.0], &[1]).unwrap();
    let after = trainer.model().parameters().to_vec();
    trainer.resume(&bytes[..len]).unwrap();
    trainer.step(&[1.0, 2.0], &[1]).unwrap();
    assert_eq!(trainer.model().parameters(), after);
}

#[cfg(feature = "std")]
#[test]
fn files_are_whole_or_old() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("training.knl");
    let (inputs, labels) = samples();
    let mut trainer = TRAINING.build().unwrap();
    trainer
        .fit(&Pairs(&inputs, &labels), |trainer, event| {
            matches!(event, Event::Step { .. }) || trainer.save(&path).is_ok()
        })
        .unwrap();
    let mut other = TRAINING.build().unwrap();
    other.resume(&std::fs::read(&path).unwrap()).unwrap();
    other.fit(&Pairs(&inputs, &labels), |_, _| true).unwrap();
    assert_eq!(other.model().parameters(), trainer.model().parameters());
    assert!(trainer.save(directory.path().join("no/such/place")).is_err());
}
