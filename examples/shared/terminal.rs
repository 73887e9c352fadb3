//! What is seen on the terminal.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    process,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kernlet::nn::Network;

use crate::train::Epoch;

/// Writes a line to standard output. Where that is not possible there is nobody to work for.
pub fn write_line(line: fmt::Arguments<'_>) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        // A reader that has seen enough, like `head`, is not a reason to complain.
        if error.kind() != io::ErrorKind::BrokenPipe {
            let _ = writeln!(io::stderr(), "error: standard output: {error}");
        }
        process::exit(1);
    }
}

/// [`println!`] that does not panic.
macro_rules! say {
    ($($part:tt)*) => { $crate::terminal::write_line(format_args!($($part)*)) };
}
pub(crate) use say;

/// A number with commas between thousands.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 thread`, `2 threads`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(number)) }
}

/// The network as a table, and the memory of training it.
pub fn print_network<N: Network>(optimizer: &str, batch: usize, training_bytes: usize) {
    say!("{:<20} {:>12} {:>12} {:>12}", "layer", "output", "parameters", "bytes");
    for layer in N::LAYERS {
        let kind = layer.kind;
        let name = if layer.name == kind { kind.to_owned() } else { format!("{} ({kind})", layer.name) };
        let (parameters, output) = (layer.parameters(), layer.output.to_string());
        say!("{name:<20} {output:>12} {:>12} {:>12}", grouped(parameters), grouped(size_of::<f32>() * parameters));
    }
    let parameters = N::PARAMETERS;
    say!("{:<33} {:>12} {:>12}", "total", grouped(parameters), grouped(size_of::<f32>() * parameters));
    say!("Training with {optimizer} on batches of {batch} takes {} bytes in all.", grouped(training_bytes));
    say!("");
}

/// A bar for one epoch; nothing where standard error is no terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for `images` images, `seen` of them done.
    pub fn new(epoch: u32, images: usize, seen: usize) -> Self {
        // Where standard output goes elsewhere, its reader would see a bar without the lines between.
        let visible = io::stderr().is_terminal() && io::stdout().is_terminal();
        let target = if visible { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(images as u64), target);
        let template = "epoch {prefix} {bar:30} {pos}/{len}  {per_sec}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let style = style.with_key("per_sec", |state: &indicatif::ProgressState, text: &mut dyn fmt::Write| {
                let _ = write!(text, "{:.0} images/s", state.per_sec());
            });
            bar.set_style(style);
        }
        bar.set_prefix(epoch.to_string());
        bar.set_position(seen as u64);
        Self(bar)
    }

    /// After a step: how many images it saw, and the mean loss so far.
    pub fn step(&self, images: usize, loss: f32) {
        self.0.set_message(format!("loss {loss:.4}"));
        self.0.inc(images as u64);
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.0.finish_and_clear();
    }
}

/// One line for a finished epoch.
pub fn print_epoch(epoch: &Epoch, of: Option<u32>) {
    let of = of.map(|of| format!("/{of}")).unwrap_or_default();
    say!(
        "epoch {:>2}{of}  loss {:.4}  accuracy {:.4}  validation loss {:.4}  accuracy {:.4}  {:.1} s  {:.0} images/s",
        epoch.number,
        epoch.training.loss,
        epoch.training.accuracy(),
        epoch.validation.loss,
        epoch.validation.accuracy(),
        epoch.time.as_secs_f64(),
        rate(epoch.training.samples, epoch.time),
    );
}

/// Images per second, 0 for no time.
pub fn rate(images: usize, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { images as f64 / time.as_secs_f64() }
}
