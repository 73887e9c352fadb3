//! `defmt::Format` for what firmware prints: every error, and shapes, levels and metrics.

use std::{fs, path::Path};

/// The errors of what firmware cannot have, processes, and where they are.
const HOSTED: [(&str, &str); 2] = [("mapreduce", "StreamError"), ("cluster", "Error")];

/// `(file, text)` of all sources.
fn sources(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Whether `text` derives or implements `Format` for a type that it defines.
fn formats(text: &str, name: &str) -> bool {
    let definition = [format!("pub enum {name}"), format!("pub struct {name}")]
        .iter()
        .find_map(|start| {
            text.match_indices(start).find(|(at, _)| !text[at + start.len()..].starts_with(char::is_alphanumeric))
        })
        .map(|(at, _)| &text[..at]);
    let derived = definition.is_some_and(|before| {
        let attributes = before.rsplit("\n\n").next().unwrap_or_default();
        attributes.contains("derive(defmt::Format)")
    });
    derived || text.lines().any(|line| line.contains("defmt::Format for") && line.contains(name))
}

#[test]
fn every_error_is_formatted() {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    let mut errors = 0;
    for (file, text) in &found {
        for (_, rest) in
            text.lines().filter(|line| line.starts_with("impl")).filter_map(|line| line.split_once("error::Error for "))
        {
            let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap();
            errors += 1;
            let hosted = HOSTED.iter().any(|&(room, of)| of == name && file.contains(room));
            assert!(hosted || formats(text, name), "{file}: {name} has no defmt::Format");
        }
    }
    assert!(errors >= 12, "only {errors} errors found");
}

#[cfg(feature = "defmt")]
#[test]
fn shapes_levels_and_metrics_are_formatted() {
    use kernlet::{kernels, nn, shape, simd, snapshot, tensor};
    fn format<T: defmt::Format>() {}
    format::<shape::Dims>();
    format::<shape::Padding>();
    format::<tensor::ViewError>();
    format::<simd::Level>();
    format::<simd::InstructionSet>();
    format::<simd::Rounding>();
    format::<kernels::conv2d::Conv2d>();
    format::<kernels::conv2d_transpose::Conv2dTranspose>();
    format::<kernels::dense::Dense>();
    format::<kernels::pool2d::Pool2d>();
    format::<nn::Batching>();
    format::<nn::Gradients>();
    format::<nn::Layer>();
    format::<nn::Metrics>();
    format::<snapshot::ModelInfo>();
    format::<kernlet::data::metrics::Confusion<10>>();
}
