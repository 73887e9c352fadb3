//! The tables.

use std::{fmt::Write, time::Duration};

use kernlet::tflite::{Any, Error, Model, Runner, Type};

use crate::facts;

/// Columns of the widest bar.
const BAR: usize = 24;

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Inputs and outputs: types, shapes, scales.
pub fn ports(runner: &Runner<'_, Any>) -> Result<String, Error> {
    let mut text = String::new();
    let inputs = (0..runner.inputs()).map(|index| (format!("input {index}"), runner.input_port(index)));
    let outputs = (0..runner.outputs()).map(|index| (format!("output {index}"), runner.output_port(index)));
    for (name, port) in inputs.chain(outputs) {
        let port = port?;
        write!(text, "{name}: {} of {}", port.dims, port.kind).expect("a string grows");
        if port.scale != 0.0 {
            write!(text, ", a step is {}, zero is {}", port.scale, port.zero_point).expect("a string grows");
        }
        text.push('\n');
    }
    Ok(text)
}

/// A bar of blocks, to an eighth of a column.
fn bar(part: usize, whole: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (part * BAR * 8).div_ceil(whole.max(1));
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A line for each operator.
pub fn operators(model: &Model<'_>, times: &[Duration]) -> Result<String, Error> {
    let (facts, bytes) = facts::rows(model)?;
    let live: Vec<usize> = facts.iter().map(|row| row.live_bytes).collect();
    let most = live.iter().copied().max().unwrap_or(0);
    let head =
        ["operator", "reads", "writes", "parameters", "multiply-adds", "bytes", "µs", "in use"].map(String::from);
    let mut rows = vec![head];
    let mut total = [0; 3];
    for (index, row) in facts.iter().enumerate() {
        let (parameters, bytes) = (row.parameters as u64, row.constant_bytes as u64);
        total = [total[0] + parameters, total[1] + row.macs, total[2] + bytes];
        rows.push([
            format!("{index:>2} {}", row.operator),
            row.reads.map(|dims| dims.to_string()).unwrap_or_default(),
            row.writes.map(|dims| dims.to_string()).unwrap_or_default(),
            grouped(parameters),
            grouped(row.macs),
            grouped(bytes),
            format!("{:.1}", times[index].as_secs_f64() * 1e6),
            grouped(row.live_bytes as u64),
        ]);
    }
    let time: Duration = times.iter().sum();
    let [parameters, macs, constants] = total.map(grouped);
    let time = format!("{:.1}", time.as_secs_f64() * 1e6);
    rows.push([
        "   all".into(),
        String::new(),
        String::new(),
        parameters,
        macs,
        constants,
        time,
        grouped(bytes as u64),
    ]);
    Ok(aligned(&rows, &live, most))
}

/// Columns as wide as their widest cells: the first three to the left, the others to the right.
fn aligned(rows: &[[String; 8]], live: &[usize], most: usize) -> String {
    let widths: Vec<usize> =
        (0..8).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            if column < 3 {
                write!(text, "{cell}{pad}  ").expect("a string grows");
            } else {
                write!(text, "{pad}{cell}  ").expect("a string grows");
            }
        }
        if let Some(live) = index.checked_sub(1).and_then(|index| live.get(index)) {
            text.push_str(&bar(*live, most));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// What a microcontroller would need.
pub fn needs(model: &Model<'_>, arena_bytes: usize) -> Result<String, Error> {
    let (macs, values) = (model.macs()?, model.value_bytes()?);
    let program = 4 * kernlet::tflite::Sizes::of(model.file()).words;
    let mut text = String::new();
    writeln!(
        text,
        "RAM: {} bytes compiled in (tflite!), {} read at run time",
        grouped(values as u64),
        grouped(arena_bytes as u64)
    )
    .expect("a string grows");
    writeln!(
        text,
        "flash: {} bytes of file, {} of steps and multipliers, beside the kernels",
        grouped(model.file().len() as u64),
        grouped(program as u64)
    )
    .expect("a string grows");
    // Instructions per multiply-accumulate over whole models under an emulator (`tests/portable.sh models`): MLPerf Tiny's four took
    // 1.5 to 2.0 on a Cortex-M4 and 4.2 to 6.3 on a Cortex-M0+; a small model of few channels takes more. Floats were not measured.
    let mut of_integers = macs > 0;
    for index in 0..model.operators() {
        let is_float = model.operator(index)?.input(0).is_ok_and(|x| x.kind() == Type::FLOAT32);
        of_integers &= !(is_float && model.operator_macs(index)? > 0);
    }
    for (chip, per_mac, clock) in [("Cortex-M4 of 80 MHz", 1.8, 80e6), ("Cortex-M0+ of 48 MHz", 5.5, 48e6)] {
        if of_integers {
            let instructions = macs as f64 * per_mac;
            writeln!(
                text,
                "{chip}: about {} instructions ({per_mac} for a multiply-add), {:.1} ms at one a cycle",
                grouped(instructions as u64),
                instructions / clock * 1e3
            )
            .expect("a string grows");
        }
    }
    Ok(text)
}
