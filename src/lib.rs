//! kernlet: numerical kernels that run wherever `core` runs.
//!
//! Two halves meet here. **Learning**: fixed-size tensors, convolution and dense
//! layers forward and backward, losses and optimizers, without an allocator.
//! **Counting**: a streaming MapReduce whose memory is a number the caller chose.
//!
//! # Modules
//!
//! Listed top-down: a module imports only from those above it.
//!
//! | module | what is in it |
//! |---|---|
//! | [`shape`] | nested arrays as shapes, and output sizes of windows |
//! | [`tensor`] | `Tensor<[[f32; 10]; 128]>`: flat views, zero-copy from bytes |
//! | [`parallel`] | dividing outputs among threads |
//! | [`simd`] | the only door to vectors: levels, tokens, fixed-order sums |
//! | [`random`] | the counter-based generator that seeds, shuffles and drops out |
//! | [`math`] | exp, ln, tanh, erf … over vectors |
//! | [`pairs`] | keys, values, emitters, mappers: what MapReduce and the sketches stand on |
//! | [`kernels`] | operations over slices, forward and backward, with reference twins |
//! | [`optim`] | SGD, Adadelta, Adam, RMSprop, Adagrad, schedules, clipping |
//! | [`data`] | IDX and CIFAR-10 read where they lie, epochs, augmentation, metrics |
//! | [`snapshot`] | a model as plain bytes with a header, used in place or saved atomically |
//! | [`nn`] | networks: declared once, checked at compile time, trained without an allocation |
//! | [`mapreduce`] | map, group by key, reduce, in a fixed budget of bytes; jobs need `alloc` |
//! | [`sketch`] | heavy hitters, distinct counts, quantiles … in summaries of fixed size that can be merged |
//!
// A name that is documented where it is compiled, and a feature where it is not.
#![cfg_attr(feature = "counting", doc = "[`mapreduce`]: mapreduce")]
#![cfg_attr(feature = "counting", doc = "[`pairs`]: pairs")]
#![cfg_attr(feature = "counting", doc = "[`sketch`]: sketch")]
#![cfg_attr(not(feature = "counting"), doc = "[`mapreduce`]: crate#features")]
#![cfg_attr(not(feature = "counting"), doc = "[`pairs`]: crate#features")]
#![cfg_attr(not(feature = "counting"), doc = "[`sketch`]: crate#features")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

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
pub mod random;
pub mod shape;
pub mod simd;
#[cfg(feature = "counting")]
pub mod sketch;
pub mod snapshot;
pub mod tensor;

/// The programs in the README, compiled and run.
#[cfg(all(doctest, feature = "std", feature = "counting"))]
#[doc = include_str!("../README.md")]
struct Readme;
