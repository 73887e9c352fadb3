//! Numerical kernels that run wherever `core` runs: train a network without an allocator, and count
//! anything in a memory that you chose, to the same bits everywhere.
//!
//! # Learning
//!
//! A network is a type. Its shapes are checked while it compiles, and the memory for training it is a
//! constant:
//!
//! ```
//! use kernlet::{nn::{Model, Training}, optim::Adam};
//!
//! kernlet::network! {
//!     /// Exclusive or, 42 parameters.
//!     pub struct Xor([2]) {
//!         hidden: dense(8), relu,
//!         out: dense(2), softmax,
//!     }
//! }
//!
//! const TRAINING: Training<Xor, Adam> = Training::new(Adam::new(0.05)).batch(4).seed(1);
//! const _: () = assert!(TRAINING.training_bytes() <= 2048);
//!
//! let mut model = Model::<Xor>::zeroed();
//! model.initialize(1);
//! let mut memory = [0.0; TRAINING.memory_len()];
//! let mut trainer = TRAINING.start(&mut model, &mut memory)?;
//! let (inputs, classes) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
//! for _ in 0..200 {
//!     trainer.step(&inputs, &classes)?;
//! }
//! assert_eq!(trainer.evaluate(&inputs, &classes)?.accuracy(), 1.0);
//! # Ok::<(), kernlet::nn::Error>(())
//! ```
//!
//! [`network!`] lists the layers, [`nn::Training`] what can be chosen, [`optim`] the optimizers.
//! [`snapshot`] saves a model, and uses one where it lies in flash.
//!
//! # Counting
//!
//! A MapReduce job whose whole memory is a number of bytes. What does not fit is sorted, set aside, and
//! merged at the end:
//!
//! ```
//! # #[cfg(all(feature = "std", feature = "counting"))] {
//! use kernlet::mapreduce::{Emitter, Job, Sum, TempFiles};
//!
//! let mut words = Job::new(64 << 10).store(TempFiles::new()).combine::<str, Sum<u64>>(Sum::new())?;
//! for word in "to be or not to be".split(' ') {
//!     words.emit(word, 1)?;
//! }
//! let mut counts = words.finish()?;
//! assert_eq!(counts.next()?, Some(("be", 2)));
//! # }
//! # #[cfg(all(feature = "std", feature = "counting"))]
//! # Ok::<(), kernlet::mapreduce::Error<std::io::Error>>(())
//! ```
//!
//! [`mapreduce`] says what else jobs can do, and [`sketch`] has summaries of fixed size.
//!
//! # The same bits
//!
//! Every kernel has one order of operations, for any vector width, number of threads and target.
//! [`Rounding::Strict`](simd::Rounding) gives the same bits everywhere, `Fused` wherever there is a
//! fused multiply-add.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | instruction sets found at run time, files, spilling to temporary files; implies `alloc` |
//! | `counting` | yes | [`mapreduce`], [`sketch`] and [`pairs`]; with `std` also [`cluster`] |
//! | `int8` | yes | networks in integers of eight bits, and files of TensorFlow Lite: `tflite` |
//! | `audio` | yes | sound: frames, spectra, mel bands |
//! | `alloc` | | MapReduce jobs, networks on the heap |
//! | `rayon` | | threads; results have the same bits for any number of them |
//! | `safetensors` | | models as safetensors, with Keras' names |
//! | `defmt` | | `defmt::Format` for errors, shapes and metrics |
//! | `embedded-storage` | | MapReduce spills to NOR flash |
//!
//! On a microcontroller `default-features = false`: nothing allocates then.
//!
//! The minimum Rust version is 1.89. Development builds should optimise kernlet, or a step takes 66
//! times as long: `[profile.dev.package.kernlet]` with `opt-level = 3`.
//!
//! # Modules
//!
//! From the user down: a module imports only from those below it.
//!
//! | module | what is in it |
//! |---|---|
//! | [`quantize`] | a trained network in eight bits, as a file of TensorFlow Lite |
//! | [`tflite`] | TensorFlow Lite's files: read, planned and run, to TensorFlow Lite Micro's bits |
//! | [`cluster`] | training on the workers of Spark, Flink or another engine, to the bits of one machine |
//! | [`sketch`] | heavy hitters, distinct counts, quantiles … in summaries of fixed size that can be merged |
//! | [`mapreduce`] | map, group by key, reduce, in a fixed budget of bytes; jobs need `alloc` |
//! | [`nn`] | networks: declared once, checked at compile time, trained without an allocation |
//! | [`snapshot`] | a model as plain bytes with a header, used in place or saved atomically |
//! | [`audio`] | frames, spectra, mel bands, MFCC, streamed too; WAV read where it lies |
//! | [`data`] | IDX and CIFAR-10 read where they lie, epochs, augmentation, metrics |
//! | [`optim`] | SGD, Adadelta, Adam, RMSprop, Adagrad, schedules, clipping |
//! | [`kernels`] | operations over slices, forward and backward, with reference twins |
//! | [`pairs`] | keys, values, emitters, mappers: what MapReduce and the sketches stand on |
//! | [`math`] | exp, ln, tanh, erf … over vectors |
//! | [`random`] | the counter-based generator that seeds, shuffles and drops out |
//! | [`simd`] | the only door to vectors: levels, tokens, fixed-order sums |
//! | [`parallel`] | dividing outputs among threads |
//! | [`tensor`] | `Tensor<[[f32; 10]; 128]>`: flat views, zero-copy from bytes |
//! | [`shape`] | nested arrays as shapes, and output sizes of windows |
//!
// A name that is documented where it is compiled, and a feature where it is not.
#![cfg_attr(feature = "audio", doc = "[`audio`]: audio")]
#![cfg_attr(not(feature = "audio"), doc = "[`audio`]: crate#features")]
#![cfg_attr(all(feature = "counting", feature = "std"), doc = "[`cluster`]: cluster")]
#![cfg_attr(not(all(feature = "counting", feature = "std")), doc = "[`cluster`]: crate#features")]
#![cfg_attr(feature = "counting", doc = "[`mapreduce`]: mapreduce")]
#![cfg_attr(feature = "counting", doc = "[`pairs`]: pairs")]
#![cfg_attr(feature = "counting", doc = "[`sketch`]: sketch")]
#![cfg_attr(all(feature = "alloc", feature = "int8"), doc = "[`quantize`]: quantize")]
#![cfg_attr(feature = "int8", doc = "[`tflite`]: mod@tflite")]
#![cfg_attr(not(feature = "counting"), doc = "[`mapreduce`]: crate#features")]
#![cfg_attr(not(feature = "counting"), doc = "[`pairs`]: crate#features")]
#![cfg_attr(not(feature = "counting"), doc = "[`sketch`]: crate#features")]
#![cfg_attr(not(all(feature = "alloc", feature = "int8")), doc = "[`quantize`]: crate#features")]
#![cfg_attr(not(feature = "int8"), doc = "[`tflite`]: crate#features")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "audio")]
pub mod audio;
#[cfg(all(feature = "counting", feature = "std"))]
pub mod cluster;
pub mod data;
pub mod kernels;
#[cfg(feature = "counting")]
pub mod mapreduce;
pub mod math;
pub mod nn;
pub mod optim;
#[cfg(feature = "counting")]
pub mod pairs;
pub mod parallel;
#[cfg(all(feature = "alloc", feature = "int8"))]
pub mod quantize;
pub mod random;
pub mod shape;
pub mod simd;
#[cfg(feature = "counting")]
pub mod sketch;
pub mod snapshot;
pub mod tensor;
#[cfg(feature = "int8")]
pub mod tflite;

/// The programs in the README, compiled and run.
#[cfg(all(doctest, feature = "std", feature = "counting"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Those for people who come from Python.
#[cfg(all(doctest, feature = "std", feature = "int8", feature = "safetensors"))]
#[doc = include_str!("../docs/from-python.md")]
struct FromPython;
