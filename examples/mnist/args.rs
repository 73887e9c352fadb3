//! What can be asked for on the command line.

use std::path::PathBuf;

use crate::course::{self, Course, positive, rate, switch, threads};
use clap::{Parser, ValueEnum};
use kernlet::simd::{InstructionSet, Level, Rounding};

/// Trains the network of the Keras MNIST example on handwritten digits.
///
/// With no option at all it learns the 8,000 digits that come with the repository, in about a minute.
#[derive(Parser, Debug)]
#[command(name = "mnist", max_term_width = 100, allow_negative_numbers = true)]
pub struct Args {
    /// Folder with the four IDX files of MNIST, gzipped or not
    ///
    /// train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each
    /// with or without .gz. Without this option: the 8,000 + 2,000 digits in examples/data.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// The network to train
    #[arg(long, value_enum, default_value_t = NetworkName::Keras)]
    pub network: NetworkName,

    /// How often all training images are shown [default: 10, or no limit if --steps is given]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,

    /// Images that one step learns from [default: 128 with --data, 32 without]
    ///
    /// The digits in examples/data are few: smaller batches take more steps over them in the same time.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub batch: Option<usize>,

    /// The rule that changes the parameters, as in Keras
    #[arg(long, value_enum, default_value_t = OptimizerName::Adadelta)]
    pub optimizer: OptimizerName,

    /// Learning rate [default: 1.0 for adadelta, Keras' default for the others]
    ///
    /// Adadelta's own paper has no learning rate, which is 1.0 here, and reaches more than 99 % in ten epochs over all
    /// of MNIST. Keras 3's default of 0.001 makes every step a thousand times shorter: it reaches only about 80 % in
    /// the same ten epochs, and is still on its way.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub lr: Option<f32>,

    /// Seed of initial parameters, order, dropout and augmentation [default: 1, or the resumed file's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Threads; the result has the same bits for any number [default: one for each core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,

    /// Compute gradients as a MapReduce of this many shards, each with a part of every batch
    ///
    /// Shards are mapped on the threads, and their gradients summed in a tree over groups of 16 images, so that the
    /// result has the same bits for any number of shards and threads. It is a different sum, hence other bits, than
    /// without this option.
    #[arg(long, value_name = "SHARDS", value_parser = threads)]
    pub map_reduce: Option<usize>,

    /// How a·b + c is rounded: once (fused), or after each operation (strict: same bits on every machine)
    /// [default: fused where the processor can]
    #[arg(long, value_name = "strict|fused")]
    pub rounding: Option<Rounding>,

    /// Instruction set; the result has the same bits for each that can do the rounding [default: the widest]
    #[arg(long, value_name = "portable|avx2|avx512")]
    pub level: Option<InstructionSet>,

    /// Show each image shifted, turned and scaled a little, differently in each epoch [default: off with --data, on
    /// without]
    ///
    /// The digits in examples/data are few: shown as they are, the network learns them by heart.
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on", value_parser = switch)]
    pub augment: Option<bool>,

    /// Stop after the first epoch whose mean training loss is at most this
    #[arg(long, value_name = "LOSS", value_parser = loss)]
    pub target_loss: Option<f32>,

    /// Stop after this many steps, counted from the very first one, those of a resumed file included
    #[arg(long, value_name = "N")]
    pub steps: Option<u32>,

    /// Write the parameters and the state of training to this file, after each epoch and at the end
    ///
    /// The file is replaced as a whole or not at all. A name that ends in .safetensors gets the parameters alone, with
    /// Keras' names (needs the feature `safetensors`).
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Go on from a file that --save wrote; the end is the same, to the bit, as without the interruption
    ///
    /// Other options are not in the file and should be as before. A file that ends in .safetensors gives the
    /// parameters to begin with.
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,

    /// Write the parameters alone to this file, at the end, rounded to 8 bits so that it packs to half its length
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,

    /// Write all figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Quantise the network to eight bits at the end and write it to this file, for any TensorFlow Lite
    ///
    /// Ranges are taken from 500 training images. Both accuracies over all test images are said, and each layer's error.
    #[arg(long, value_name = "FILE.tflite")]
    pub quantize: Option<PathBuf>,

    /// Learn for eight bits in the last N epochs: weights and values are rounded as --quantize rounds them, while the
    /// parameters stay floats [default: 0]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, conflicts_with = "map_reduce")]
    pub quantize_aware: u32,

    /// Write what the quantised network computes with each test image to this file, which tests/tflm.py compares with
    /// TensorFlow Lite Micro
    #[arg(long, value_name = "FILE.safetensors", requires = "quantize")]
    pub quantize_check: Option<PathBuf>,

    /// Be a worker of an engine: compute gradients for the driver at standard input and output
    ///
    /// With --network, --augment (on unless --data is given), --rounding and --level. See examples/spark.
    #[arg(long, group = "part")]
    pub worker: bool,

    /// Be the driver of an engine: train on the workers at standard input and output, in this many partitions
    ///
    /// The result has the bits of --map-reduce. See examples/spark.
    #[arg(long, value_name = "PARTITIONS", value_parser = positive, group = "part")]
    pub driver: Option<usize>,

    /// Write the training images as records of 785 bytes, 784 pixels and a label, to this file, for the workers of an
    /// engine
    #[arg(long, value_name = "FILE", group = "part")]
    pub records: Option<PathBuf>,

    /// Bytes of images that a --worker may hold [default: no limit]
    #[arg(long, value_name = "BYTES", requires = "worker")]
    pub budget: Option<usize>,

    /// Write a page to this file: curves, confusion matrix, worst mistakes, filters, what the network looks at
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// The networks by name.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetworkName {
    /// That of the Keras MNIST example, 1,199,882 parameters
    Keras,
    /// That of the page in examples/web, 14,538 parameters
    Small,
}

impl NetworkName {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Small => "small",
        }
    }
}

/// The optimizers by name.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptimizerName {
    /// Adapts each parameter's rate by itself (Zeiler)
    Adadelta,
    /// Rates fall with the sum of squared gradients
    Adagrad,
    /// Moving averages of gradients and their squares
    Adam,
    /// Adam with decoupled weight decay
    Adamw,
    /// Moving average of squared gradients
    Rmsprop,
    /// Plain gradient descent
    Sgd,
    /// Gradient descent with momentum 0.9
    Momentum,
}

impl OptimizerName {
    /// As it is typed, and as snapshots call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adadelta => "adadelta",
            Self::Adagrad => "adagrad",
            Self::Adam => "adam",
            Self::Adamw => "adamw",
            Self::Rmsprop => "rmsprop",
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
        }
    }

    /// The learning rate if none is given.
    pub fn default_rate(self) -> f32 {
        match self {
            Self::Adadelta => 1.0,
            Self::Adam | Self::Adamw | Self::Rmsprop | Self::Adagrad => 0.001,
            Self::Sgd | Self::Momentum => 0.01,
        }
    }
}

impl Args {
    /// Images that one step learns from.
    pub fn batch(&self) -> usize {
        self.batch.unwrap_or(if self.data.is_some() { 128 } else { 32 })
    }

    /// Whether images are augmented.
    pub fn augment(&self) -> bool {
        self.augment.unwrap_or(self.data.is_none())
    }

    /// The learning rate.
    pub fn rate(&self) -> f32 {
        self.lr.unwrap_or(self.optimizer.default_rate())
    }

    /// The number of threads; without the feature `rayon` there is one.
    pub fn threads(&self) -> usize {
        course::threads_of(self.threads)
    }

    /// The instruction set and rounding.
    pub fn level(&self) -> Result<Level, String> {
        course::level(self.level, self.rounding)
    }

    /// What training is told.
    pub fn course(&self) -> Course {
        Course {
            batch: self.batch(),
            epochs: self.epochs,
            steps: self.steps,
            seed: self.seed,
            threads: self.threads(),
            augment: self.augment(),
            target_loss: self.target_loss,
            map_reduce: self.map_reduce,
            quantize_aware: self.quantize_aware,
            quantize: self.quantize.is_some(),
            save: self.save.clone(),
            resume: self.resume.clone(),
            optimizer: self.optimizer.name(),
            network: self.network.name(),
            rate: self.rate(),
            title: "Handwritten digits",
        }
    }
}

fn loss(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(loss) if loss.is_finite() && loss >= 0.0 => Ok(loss),
        _ => Err("expected a number that is not negative".to_owned()),
    }
}
