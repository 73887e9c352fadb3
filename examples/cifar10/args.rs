//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::Parser;
use kernlet::simd::{InstructionSet, Rounding};

use crate::course::{self, Course, positive, rate, switch, threads};

/// Trains ResNet-8 on the pictures of CIFAR-10.
///
/// Batches of 128, Adam whose rate falls by a cosine to 0, pictures shifted by up to 4 pixels and mirrored.
#[derive(Parser, Debug)]
#[command(name = "cifar10", max_term_width = 100, allow_negative_numbers = true)]
pub struct Args {
    /// Folder with CIFAR-10's binary files: data_batch_1.bin to data_batch_5.bin and test_batch.bin
    ///
    /// They are in cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,

    /// How often all training images are shown; the rate falls over all of them
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub epochs: u32,

    /// Images that one step learns from
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = positive)]
    pub batch: usize,

    /// Learning rate of the first step
    #[arg(long, value_name = "RATE", default_value_t = 0.001, value_parser = rate)]
    pub lr: f32,

    /// Seed of initial parameters, order and augmentation [default: 1, or the resumed file's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Threads; the result has the same bits for any number [default: one for each core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,

    /// How a·b + c is rounded: once (fused), or after each operation (strict: same bits on every machine)
    /// [default: fused where the processor can]
    #[arg(long, value_name = "strict|fused")]
    pub rounding: Option<Rounding>,

    /// Instruction set; the result has the same bits for each that can do the rounding [default: the widest]
    #[arg(long, value_name = "portable|avx2|avx512")]
    pub level: Option<InstructionSet>,

    /// Shift and mirror each image, differently in each epoch
    #[arg(long, value_name = "on|off", default_value = "on", value_parser = switch, action = clap::ArgAction::Set)]
    pub augment: bool,

    /// Stop after this many steps, counted from the very first one, those of a resumed file included
    #[arg(long, value_name = "N")]
    pub steps: Option<u32>,

    /// Write the parameters and the state of training to this file, after each epoch and at the end
    ///
    /// The file is replaced as a whole or not at all. A name that ends in .safetensors gets the parameters alone.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Go on from a file that --save wrote; the end is the same, to the bit, as without the interruption
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,

    /// Quantise the network to eight bits at the end and write it to this file, for any TensorFlow Lite
    #[arg(long, value_name = "FILE.tflite")]
    pub quantize: Option<PathBuf>,

    /// Learn for eight bits in the last N epochs
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub quantize_aware: u32,

    /// Write what the quantised network computes with each test image to this file, which tests/tflm.py compares with
    /// TensorFlow Lite Micro
    #[arg(long, value_name = "FILE.safetensors", requires = "quantize")]
    pub quantize_check: Option<PathBuf>,

    /// Write all figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write a page to this file: curves, confusion matrix, worst mistakes, filters, what the network looks at
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl Args {
    /// What training is told.
    pub fn course(&self) -> Course {
        Course {
            batch: self.batch,
            epochs: Some(self.epochs),
            steps: self.steps,
            seed: self.seed,
            threads: course::threads_of(self.threads),
            augment: self.augment,
            target_loss: None,
            map_reduce: None,
            quantize_aware: self.quantize_aware,
            quantize: self.quantize.is_some(),
            save: self.save.clone(),
            resume: self.resume.clone(),
            optimizer: "adam",
            network: "resnet8",
            rate: self.lr,
            title: "CIFAR-10",
        }
    }
}
