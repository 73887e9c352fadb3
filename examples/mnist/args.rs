//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::{
    course::{BATCHES, Course, Options, THREADS, switch},
    numbers::{above_zero, at_least, not_negative, whole},
};

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

    /// Compute the second convolution of the Keras network by Winograd's algorithm: fewer multiplications, other bits
    #[arg(long)]
    pub winograd: bool,

    /// How often all training images are shown, 0 to 4294967295 [default: 10, or no limit if --steps is given]
    #[arg(long, value_name = "N", value_parser = at_least::<u32>(0))]
    pub epochs: Option<u32>,

    /// Images that one step learns from, 1 to 65536 [default: 128 with --data, 32 without]
    ///
    /// The digits in examples/data are few: smaller batches take more steps over them in the same time.
    #[arg(long, value_name = "N", value_parser = whole::<usize>(BATCHES))]
    pub batch: Option<usize>,

    /// The rule that changes the parameters, as in Keras
    #[arg(long, value_enum, default_value_t = OptimizerName::Adadelta)]
    pub optimizer: OptimizerName,

    /// Learning rate, 1.5e-45 to 3.4e38 [default: 1.0 for adadelta, Keras' default for the others]
    ///
    /// Adadelta's own paper has no learning rate, which is 1.0 here, and reaches more than 99 % in ten epochs over all
    /// of MNIST. Keras 3's default of 0.001 makes every step a thousand times shorter: it reaches only about 80 % in
    /// the same ten epochs, and is still on its way.
    #[arg(long, value_name = "RATE", value_parser = above_zero)]
    pub lr: Option<f32>,

    /// Compute gradients as a MapReduce of this many shards, 1 to 256, each with a part of every batch
    ///
    /// Shards are mapped on the threads, and their gradients summed in a tree over groups of 16 images, so that the
    /// result has the same bits for any number of shards and threads. It is a different sum, hence other bits, than
    /// without this option.
    #[arg(long, value_name = "SHARDS", value_parser = whole::<usize>(THREADS), conflicts_with = "quantize_aware")]
    pub map_reduce: Option<usize>,

    /// Show each image shifted, turned and scaled a little, differently in each epoch [default: off with --data, on
    /// without]
    ///
    /// The digits in examples/data are few: shown as they are, the network learns them by heart.
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on", value_parser = switch)]
    pub augment: Option<bool>,

    /// Stop after the first epoch whose mean training loss is at most this, 0 to 3.4e38
    #[arg(long, value_name = "LOSS", value_parser = not_negative)]
    pub target_loss: Option<f32>,

    /// Write the parameters alone to this file, at the end, rounded to 8 bits so that it packs to half its length
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,

    /// Be a worker of an engine: compute gradients for the driver at standard input and output
    ///
    /// It takes the options of its driver, of which it uses --network, --winograd, --augment (on unless --data is given),
    /// --rounding and --level. See examples/spark.
    #[arg(long, group = "part", conflicts_with_all = ALONE)]
    pub worker: bool,

    /// Be the driver of an engine: train on the workers at standard input and output, in this many partitions,
    /// 1 to 65536
    ///
    /// The result has the bits of --map-reduce. It takes the options of its workers, too. See examples/spark.
    #[arg(long, value_name = "PARTITIONS", value_parser = whole::<usize>(BATCHES), group = "part", conflicts_with_all = ALONE)]
    pub driver: Option<usize>,

    /// Write the training images as records of 785 bytes, 784 pixels and a label, to this file, for the workers of an
    /// engine, and learn nothing
    #[arg(long, value_name = "FILE", group = "part", conflicts_with_all = ALONE, conflicts_with_all = LEARNT)]
    pub records: Option<PathBuf>,

    /// Bytes of images that a worker may hold, 0 to 18446744073709551615 [default: no limit]
    #[arg(long, value_name = "BYTES", requires = "part", value_parser = at_least::<usize>(0))]
    pub budget: Option<usize>,

    #[command(flatten)]
    pub options: Options,
}

/// What the processes of an engine do not take.
const ALONE: [&str; 8] =
    ["map_reduce", "target_loss", "weights", "quantize", "quantize_aware", "quantize_check", "json", "report"];

/// What is not for those who learn nothing.
const LEARNT: [&str; 15] = [
    "network",
    "winograd",
    "epochs",
    "batch",
    "optimizer",
    "lr",
    "augment",
    "budget",
    "seed",
    "threads",
    "rounding",
    "level",
    "steps",
    "save",
    "resume",
];

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

    /// What training is told.
    pub fn course(&self) -> Course {
        Course {
            options: self.options.clone(),
            batch: self.batch(),
            epochs: self.epochs,
            augment: self.augment(),
            target_loss: self.target_loss,
            map_reduce: self.map_reduce,
            optimizer: self.optimizer.name(),
            network: self.network.name(),
            rate: self.rate(),
            title: "Handwritten digits",
        }
    }
}
