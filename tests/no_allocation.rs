//! Nothing allocates inside a training step or an inference, counted by the allocator itself.
#![cfg(feature = "alloc")]
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

use kernlet::{
    nn::{Batching, Event, Gradients, HeapMemory, MeanSquaredError, Model, Pairs, Training, infer, inference_len},
    optim::{Adadelta, Adam},
    simd::Level,
};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread's allocations count: the test harness has one that says what takes over a minute.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(COUNTED.get().into(), Ordering::SeqCst);
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's block.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

kernlet::network! {
    /// The Keras MNIST network.
    pub struct MnistCnn([28, 28, 1]) {
        conv1: conv2d(32, 3x3), relu,
        conv2: conv2d(64, 3x3), relu,
        pool: max_pool2d(2x2), dropout(0.25),
        fc1: dense(128), relu, dropout(0.5),
        fc2: dense(10), softmax,
    }
}

kernlet::network! {
    /// Layers over sequences of floats.
    pub struct Sequence([12, 6]) {
        a: conv1d(8, 3, padding: causal), relu, first: gru(9, sequences), norm: layer_norm,
        second: lstm(7, bidirectional), out: dense(4), softmax,
    }
}

kernlet::network! {
    /// One that goes on from batch to batch.
    pub struct Pieces([12, 6]) { first: gru(9, sequences), second: simple_rnn(5, sequences), out: conv1d(3, 1) }
}

kernlet::network! {
    /// Words.
    pub struct Words([u16; 12]) { words: embedding(50, 8), global_avg_pool1d, out: dense(4), softmax }
}

/// Alone in this file: another test on another thread would be counted too.
#[test]
fn a_step_allocates_nothing() {
    // From inside the pool: work handed in from outside passes through a queue, which grows.
    #[cfg(feature = "rayon")]
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).start_handler(|_| COUNTED.set(true));
    #[cfg(feature = "rayon")]
    pool.build().unwrap().install(|| {
        // A thread allocates its record of what it reads when it first steals, which may be in any step.
        rayon::broadcast(|_| drop(crossbeam_epoch::pin()));
        steps();
    });
    #[cfg(not(feature = "rayon"))]
    {
        COUNTED.set(true);
        steps();
    }
}

/// Three steps on sequences of unequal length, three that go on from each other, and an epoch of `fit`, whose first has been.
fn sequences(threads: usize) {
    let (inputs, targets): (Vec<f32>, _) = ((0..8 * 72).map(|i| (i % 37) as f32 / 37.0).collect(), [0.5; 8 * 36]);
    let ids: Vec<u16> = (0..8 * 12).map(|i| i % 50).collect();
    let (labels, lengths) = ([0, 1, 2, 3, 0, 1, 2, 3], [12, 1, 5, 7, 12, 3, 2, 9]);
    for level in Level::all() {
        let adam = Adam::new(0.01);
        let mut unequal = Training::<Sequence, Adam>::new(adam).batch(8).threads(threads).level(level).build().unwrap();
        let pieces = Training::<Pieces, Adam>::new(adam).loss(MeanSquaredError).batch(8).threads(threads).stateful();
        let mut pieces = pieces.level(level).build().unwrap();
        let words = Training::<Words, Adam>::new(adam).batch(3).threads(threads).epochs(2);
        let mut words = words.level(level).build().unwrap();
        unequal.step_with_lengths(&inputs, &lengths, &labels).unwrap();
        let mut first = true;
        words
            .fit(&Pairs(&ids, &labels), |_, event| std::mem::take(&mut first) || matches!(event, Event::Step { .. }))
            .unwrap();
        let before = ALLOCATIONS.load(Ordering::SeqCst);
        for _ in 0..3 {
            unequal.step_with_lengths(&inputs, &lengths, &labels).unwrap();
            unequal.evaluate_with_lengths(&inputs, &lengths, &labels).unwrap();
            pieces.step(&inputs, &targets).unwrap();
        }
        words.fit(&Pairs(&ids, &labels), |_, _| true).unwrap();
        assert_eq!(ALLOCATIONS.load(Ordering::SeqCst) - before, 0, "{level}, {threads} threads");
    }
}

fn steps() {
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    drop(std::hint::black_box(Box::new(before)));
    assert_eq!(ALLOCATIONS.load(Ordering::SeqCst) - before, 1, "what is counted");
    let images: Vec<f32> = (0..8 * 784).map(|i| (i % 251) as f32 / 250.0).collect();
    let labels = [0, 1, 2, 3, 4, 5, 6, 7];
    const TRAINING: Training<MnistCnn, Adadelta> =
        Training::new(Adadelta::new(1.0)).gradients(Gradients::Clipped(1.0)).seed(1);
    for threads in [1, 2, 3] {
        sequences(threads);
        let batching = Batching::of(8).pieces_of(4).threads(threads);
        let (mut outputs, mut inference) = ([0.0; 80], vec![0.0; inference_len::<MnistCnn>(batching)]);
        let training = TRAINING.batching(batching);
        let mut memory = HeapMemory::zeroed(training.memory_len());
        let mut model = Model::<MnistCnn>::zeroed_box();
        model.initialize(1);
        for level in Level::all() {
            let mut trainer = training.level(level).start(&mut model, &mut memory).unwrap();
            // The first step may start a thread pool.
            trainer.step(&images, &labels).unwrap();
            let before = ALLOCATIONS.load(Ordering::SeqCst);
            for _ in 0..3 {
                trainer.step(&images, &labels).unwrap();
            }
            infer(level, batching, trainer.model(), &images, &mut inference, &mut outputs).unwrap();
            assert_eq!(ALLOCATIONS.load(Ordering::SeqCst) - before, 0, "{level}, {threads} threads");
        }
    }
}
