//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::Parser;

use crate::{
    course::{BATCHES, Course, Options, switch},
    numbers::{above_zero, at_least, whole},
};

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

    /// How often all training images are shown, 0 to 4294967295; the rate falls over all of them
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = at_least::<u32>(0))]
    pub epochs: u32,

    /// Images that one step learns from, 1 to 65536
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = whole::<usize>(BATCHES))]
    pub batch: usize,

    /// Learning rate of the first step, 1.5e-45 to 3.4e38
    #[arg(long, value_name = "RATE", default_value_t = 0.001, value_parser = above_zero)]
    pub lr: f32,

    /// Shift and mirror each image, differently in each epoch
    #[arg(long, value_name = "on|off", default_value = "on", value_parser = switch, action = clap::ArgAction::Set)]
    pub augment: bool,

    #[command(flatten)]
    pub options: Options,
}

impl Args {
    /// What training is told.
    pub fn course(&self) -> Course {
        Course {
            options: self.options.clone(),
            batch: self.batch,
            epochs: Some(self.epochs),
            augment: self.augment,
            target_loss: None,
            map_reduce: None,
            optimizer: "adam",
            network: "resnet8",
            rate: self.lr,
            title: "CIFAR-10",
        }
    }
}
