//! The table: how a sample is taken, what it is compared with, and how a row is written.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use cpu_time::ThreadTime;
use kernlet::simd::{InstructionSet, Level, Rounding};
use serde_json::json;

use crate::peak;

#[derive(Parser)]
pub struct Options {
    /// Write the table as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Only rows whose name and level contain this.
    #[arg(long, default_value = "")]
    pub only: String,
    /// Seconds to spend on each row.
    #[arg(long, default_value_t = 0.4)]
    pub seconds: f64,
    /// A shell command that times peers and prints lines of a peer, a name and milliseconds: benches/peers.py. It is run in
    /// turn with the network.
    #[arg(long, value_name = "COMMAND")]
    pub peers: Option<String>,
    #[arg(long, hide = true)]
    bench: bool,
}

/// How long this thread ran: another process on its core does not count.
pub fn seconds(mut f: impl FnMut()) -> f64 {
    let start = ThreadTime::now();
    f();
    start.elapsed().as_secs_f64()
}

/// How long it took on the wall, for what runs on several threads.
#[cfg(feature = "rayon")]
pub fn wall_seconds(mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_secs_f64()
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times of one call, of the kernel and of what it is compared with, sample by sample.
pub struct Samples {
    kernel: Vec<f64>,
    /// Time of the other ÷ time of the kernel.
    ratio: Vec<f64>,
}

/// Calls per sample, so that a sample is long beside the clock's step.
fn calls(f: &mut impl FnMut()) -> u32 {
    let mut calls = 1_u32;
    while calls < 1 << 20 && seconds(|| (0..calls).for_each(|_| f())) < 1e-3 {
        calls *= 2;
    }
    calls
}

/// Samples of `kernel`, each between two samples of `other`; both as seconds per call.
pub fn paired(limit: f64, mut kernel: impl FnMut() -> f64, mut other: impl FnMut() -> f64) -> Samples {
    let mut samples = Samples { kernel: Vec::new(), ratio: Vec::new() };
    let start = Instant::now();
    let mut before = other();
    while samples.kernel.len() < 7 || start.elapsed() < Duration::from_secs_f64(limit) {
        let time = kernel();
        let after = other();
        samples.kernel.push(time);
        samples.ratio.push((before + after) / 2.0 / time);
        before = after;
    }
    samples
}

pub struct Figures {
    pub ms: f64,
    pub gflops: Option<f64>,
    pub percent_of_peak: Option<f64>,
    pub ratio: Option<(String, f64)>,
}

pub struct Summary {
    pub options: Options,
    pub rows: Vec<serde_json::Value>,
}

impl Summary {
    pub fn new() -> Self {
        let options = Options::parse();
        for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
            println!("FMA peak, {isa}: {:.1} GFLOP/s", (0..20).map(|_| peak::gflops(isa)).fold(0.0, f64::max));
        }
        println!(
            "{:<48} {:<9} {:<7} {:>5} {:>10} {:>8} {:>7}   ratio (above 1: kernlet is faster)",
            "kernel", "level", "round", "batch", "ms", "GFLOP/s", "% peak"
        );
        Self { options, rows: Vec::new() }
    }

    pub fn wants(&self, name: &str, level: Level) -> bool {
        format!("{name} {level}").contains(&self.options.only)
    }

    pub fn row(&mut self, name: &str, level: Level, batch: usize, figures: Figures) {
        let (isa, rounding) = (level.instruction_set().name(), level.rounding().name());
        let Figures { ms, gflops, percent_of_peak, ratio } = figures;
        let cell = |value: Option<f64>| value.map_or(String::from("–"), |value| format!("{value:.1}"));
        let peer = ratio.as_ref().map_or(String::new(), |(to, ratio)| format!("{ratio:.2} × {to}"));
        println!(
            "{name:<48} {isa:<9} {rounding:<7} {batch:>5} {ms:>10.4} {:>8} {:>7}   {peer}",
            cell(gflops),
            cell(percent_of_peak)
        );
        self.rows.push(json!({
            "name": name, "level": isa, "rounding": rounding, "batch": batch, "ms": ms, "gflops": gflops,
            "percent_of_peak": percent_of_peak,
            "ratio_to": ratio.as_ref().map(|(to, _)| to), "ratio": ratio.as_ref().map(|(_, ratio)| ratio),
        }));
    }

    /// A kernel beside the peak of its instruction set.
    pub fn against_peak(&mut self, name: &str, level: Level, batch: usize, flop: f64, mut kernel: impl FnMut()) {
        let isa = level.instruction_set();
        let calls = calls(&mut kernel);
        // The "other" time is that of one GFLOP at the peak.
        let samples = paired(
            self.options.seconds,
            || seconds(|| (0..calls).for_each(|_| kernel())) / f64::from(calls),
            || 1.0 / peak::gflops(isa),
        );
        let percent = 100.0 * median(samples.ratio) * flop / 1e9;
        let time = median(samples.kernel);
        let figures =
            Figures { ms: time * 1e3, gflops: Some(flop / time / 1e9), percent_of_peak: Some(percent), ratio: None };
        self.row(name, level, batch, figures);
    }

    /// A kernel beside another way to the same result; above 1 the kernel is faster.
    pub fn against(
        &mut self,
        name: &str,
        level: Level,
        batch: usize,
        flop: f64,
        mut kernel: impl FnMut(),
        (to, mut other): (&str, impl FnMut()),
    ) {
        let (mine, its) = (calls(&mut kernel), calls(&mut other));
        let samples = paired(
            self.options.seconds,
            || seconds(|| (0..mine).for_each(|_| kernel())) / f64::from(mine),
            || seconds(|| (0..its).for_each(|_| other())) / f64::from(its),
        );
        self.compared(name, level, batch, flop, to, samples);
    }

    /// A row of times alone.
    pub fn timed(&mut self, name: &str, level: Level, batch: usize, samples: Samples) {
        let ms = 1e3 * median(samples.kernel);
        self.row(name, level, batch, Figures { ms, gflops: None, percent_of_peak: None, ratio: None });
    }

    /// A row of samples that were taken beside others.
    pub fn compared(&mut self, name: &str, level: Level, batch: usize, flop: f64, to: &str, samples: Samples) {
        let time = median(samples.kernel);
        let figures = Figures {
            ms: time * 1e3,
            gflops: (flop > 0.0).then_some(flop / time / 1e9),
            percent_of_peak: None,
            ratio: Some((to.into(), median(samples.ratio))),
        };
        self.row(name, level, batch, figures);
    }
}

/// The same level with every operation rounded.
pub fn strict(level: Level) -> Level {
    level.with_rounding(Rounding::Strict).unwrap_or(level)
}
