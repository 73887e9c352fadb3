//! One page that shows what the network learnt and where it fails.

use std::path::Path;

use kernlet::{
    data::metrics::{Confusion, argmax},
    nn::{Batching, HeapMemory, Network, infer, inference_len, saliency, saliency_len},
    simd::Level,
    snapshot::{fingerprint, replace_file},
};

use crate::{
    args::Args,
    digits::Digits,
    network::{CLASSES, IMAGE_LEN, SIDE},
    picture::{self, Curve},
    summary,
    terminal::{count, grouped},
    train::Outcome,
};

/// How many mistakes are shown.
const MISTAKES: usize = 24;

/// Images that pass through the network at a time.
const BATCH: usize = 100;

/// What the network said of one test image.
struct Guess {
    index: usize,
    label: usize,
    digit: usize,
    /// Its probability for each digit.
    probabilities: [f32; CLASSES],
}

/// Writes the page.
pub fn write<N: Network>(
    path: &Path,
    args: &Args,
    level: Level,
    outcome: &Outcome<N>,
    training: &Digits,
    test: &Digits,
) -> Result<(), String> {
    let page = page(args, level, outcome, training, test)?;
    replace_file(path, |file| file.write_all(page.as_bytes())).map_err(|error| format!("{}: {error}", path.display()))
}

fn page<N: Network>(
    args: &Args,
    level: Level,
    outcome: &Outcome<N>,
    training: &Digits,
    test: &Digits,
) -> Result<String, String> {
    let guesses = guess_all(args, level, outcome, test)?;
    let sections = [
        Ok(figures(args, level, outcome, training, test)),
        curves(outcome).map_err(|error| error.to_string()),
        confusion(&guesses),
        mistakes(&guesses, test),
        filters(outcome),
        attention(level, outcome, &guesses, test),
    ];
    let mut page = String::from(HEAD);
    for section in sections {
        page.push_str(&section?);
    }
    page.push_str("</main></body></html>\n");
    Ok(page)
}

fn pixels(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let mut image = vec![0.0; bytes.len()];
    kernlet::data::normalise::unit_into(bytes, &mut image).map_err(|error| error.to_string())?;
    Ok(image)
}

fn guess_all<N: Network>(args: &Args, level: Level, outcome: &Outcome<N>, test: &Digits) -> Result<Vec<Guess>, String> {
    let batching = Batching::of(BATCH).threads(args.threads());
    let mut memory = HeapMemory::zeroed(inference_len::<N>(batching));
    let mut guesses = Vec::with_capacity(test.len());
    for bytes in test.pixels.chunks(BATCH * IMAGE_LEN) {
        let images = pixels(bytes)?;
        let mut outputs = vec![0.0; images.len() / IMAGE_LEN * CLASSES];
        infer(level, batching, &outcome.model, &images, &mut memory, &mut outputs)
            .map_err(|error| error.to_string())?;
        for probabilities in outputs.as_chunks::<CLASSES>().0 {
            let index = guesses.len();
            let (label, digit) = (usize::from(test.labels[index]), argmax(probabilities));
            guesses.push(Guess { index, label, digit, probabilities: *probabilities });
        }
    }
    Ok(guesses)
}

fn figures<N: Network>(args: &Args, level: Level, outcome: &Outcome<N>, training: &Digits, test: &Digits) -> String {
    let median = summary::median_ms(&outcome.step_times).map_or("–".to_owned(), |ms| format!("{ms:.1} ms"));
    let augmented = if args.augment() { ", augmented" } else { "" };
    let big = [
        ("test accuracy", format!("{:.2} %", 100.0 * outcome.test.accuracy())),
        ("test loss", format!("{:.4}", outcome.test.loss)),
        ("images per second", grouped(summary::images_per_second(outcome).round() as usize)),
        ("a step, median", median),
    ];
    let mut html = String::from(r#"<section class="figures">"#);
    for (name, value) in big {
        html += &format!(r#"<div><strong>{value}</strong><span>{name}</span></div>"#);
    }
    html += &format!(
        "</section><p>{} training images{augmented}, {} test images. {} parameters, trained with {} at a learning rate of {} \
         on batches of {}, seed {}; {level}, {}. Parameters fingerprint <code>{:016x}</code>.</p>",
        grouped(training.len()),
        grouped(test.len()),
        grouped(N::PARAMETERS),
        args.optimizer.name(),
        args.rate(),
        args.batch(),
        outcome.seed,
        count(args.threads(), "thread"),
        fingerprint(outcome.model.parameters()),
    );
    html
}

fn curves<N: Network>(outcome: &Outcome<N>) -> Result<String, std::fmt::Error> {
    let first = outcome.epochs.first().map_or(1, |epoch| epoch.number);
    let curve = |name, class, value: &dyn Fn(&crate::train::Epoch) -> f32| Curve {
        name,
        class,
        values: outcome.epochs.iter().map(|epoch| f64::from(value(epoch))).collect(),
    };
    let loss = [
        curve("training, with dropout", "a", &|epoch| epoch.training.loss),
        curve("test", "b", &|epoch| epoch.validation.loss),
    ];
    let accuracy = [
        curve("training, with dropout", "a", &|epoch| epoch.training.accuracy()),
        curve("test", "b", &|epoch| epoch.validation.accuracy()),
    ];
    let (loss, accuracy) = (picture::chart("Loss", first, &loss)?, picture::chart("Accuracy", first, &accuracy)?);
    Ok(format!(r#"<h2>Learning</h2><div class="charts">{loss}{accuracy}</div>"#))
}

fn confusion(guesses: &[Guess]) -> Result<String, String> {
    let mut confusion = Confusion::<CLASSES>::default();
    for guess in guesses {
        confusion.add(guess.label, guess.digit);
    }
    let mut html = String::from(
        r#"<h2>What was taken for what</h2><table class="confusion"><caption>A row for each digit, a column for what the network said</caption><tr><th></th>"#,
    );
    (0..CLASSES).for_each(|digit| html += &format!("<th>{digit}</th>"));
    html += "<th>found</th></tr>";
    let wrong = |row: usize, column: usize| row != column;
    let counts = confusion.counts();
    let most = (0..CLASSES * CLASSES)
        .map(|at| if wrong(at / CLASSES, at % CLASSES) { counts[at / CLASSES][at % CLASSES] } else { 0 })
        .max()
        .unwrap_or(0)
        .max(1);
    for (label, row) in counts.iter().enumerate() {
        html += &format!("<tr><th>{label}</th>");
        for (digit, &count) in row.iter().enumerate() {
            if !wrong(label, digit) {
                html += &format!(r#"<td class="right">{count}</td>"#);
            } else if count == 0 {
                html += r#"<td class="none">·</td>"#;
            } else {
                let strength = 15.0 + 70.0 * f64::from(count) / f64::from(most);
                html += &format!(
                    r#"<td style="background:color-mix(in srgb, var(--b) {strength:.0}%, transparent)">{count}</td>"#
                );
            }
        }
        html += &format!("<td>{:.1} %</td></tr>", 100.0 * confusion.recall(label));
    }
    Ok(html + "</table>")
}

fn mistakes(guesses: &[Guess], test: &Digits) -> Result<String, String> {
    let mut wrong: Vec<&Guess> = guesses.iter().filter(|guess| guess.digit != guess.label).collect();
    wrong.sort_by(|a, b| a.probabilities[a.label].total_cmp(&b.probabilities[b.label]).then(a.index.cmp(&b.index)));
    let mut html = format!(
        r#"<h2>Most wrong</h2><p>{} of {} were wrong; first those whose true digit it thought least likely.</p><div class="cards">"#,
        grouped(wrong.len()),
        grouped(guesses.len()),
    );
    for guess in wrong.into_iter().take(MISTAKES) {
        let (index, label, digit) = (guess.index, guess.label, guess.digit);
        let ink: Vec<_> = test.image(index).iter().map(|&byte| picture::grey(f32::from(byte) / 255.0)).collect();
        let alt = format!("test image {index}, a {label}");
        let img = picture::image(&ink, SIDE, SIDE, "digit", &alt).map_err(|error| error.to_string())?;
        let sure = 100.0 * guess.probabilities[digit];
        html += &format!(
            r#"<div class="card">{img}<span>a <b>{label}</b>, taken for <b>{digit}</b><br>{sure:.1} % sure</span></div>"#
        );
    }
    Ok(html + "</div>")
}

fn filters<N: Network>(outcome: &Outcome<N>) -> Result<String, String> {
    let Some(layer) = N::LAYERS.iter().find(|layer| layer.kind == "conv2d") else { return Ok(String::new()) };
    let Some(kernel) = layer.tensor("kernel") else { return Ok(String::new()) };
    let [rows, columns, channels, count] = [0, 1, 2, 3].map(|axis| kernel.dims.axis(axis));
    let kernel = &outcome.model.parameters()[layer.offset..][..rows * columns * channels * count];
    let most = kernel.iter().fold(f32::MIN_POSITIVE, |most, w| most.max(w.abs()));
    let mut html = format!(
        r#"<h2>First-layer filters</h2><p>The {rows} × {columns} weights of the {count} filters of {}: red adds, blue subtracts.</p><div class="filters">"#,
        layer.name,
    );
    for filter in 0..count {
        let weights: Vec<_> =
            kernel.chunks(channels * count).map(|taps| picture::diverging(taps[filter] / most)).collect();
        html += &picture::image(&weights, columns, rows, "filter", &format!("filter {filter}"))
            .map_err(|error| error.to_string())?;
    }
    Ok(html + "</div>")
}

/// For one image of each digit, and the worst mistakes, where a brighter pixel would change the score.
fn attention<N: Network>(
    level: Level,
    outcome: &Outcome<N>,
    guesses: &[Guess],
    test: &Digits,
) -> Result<String, String> {
    let mut html = String::from(
        r#"<h2>What it looks at</h2><p>The gradient of the score of the digit it said by each pixel: more ink where it is red makes it surer, where it is blue less sure.</p><div class="cards">"#,
    );
    let mut memory = HeapMemory::zeroed(saliency_len::<N>());
    let mut gradient = vec![0.0; IMAGE_LEN];
    for digit in 0..CLASSES {
        let Some(guess) = guesses.iter().find(|guess| guess.digit == digit && guess.label == digit) else { continue };
        let image = pixels(test.image(guess.index))?;
        saliency(level, &outcome.model, &image, digit, &mut memory, &mut gradient)
            .map_err(|error| error.to_string())?;
        let most = gradient.iter().fold(f32::MIN_POSITIVE, |most, g| most.max(g.abs()));
        let heat: Vec<_> = gradient.iter().map(|g| picture::diverging(g / most)).collect();
        let ink: Vec<_> = image.iter().map(|&x| picture::grey(x)).collect();
        let pair = [(ink, "image"), (heat, "saliency")]
            .map(|(colours, what)| picture::image(&colours, SIDE, SIDE, "digit", &format!("{what} of a {digit}")));
        let [ink, heat] = pair.map(|img| img.map_err(|error| error.to_string()));
        html += &format!(r#"<div class="card">{}{}<span>a <b>{digit}</b></span></div>"#, ink?, heat?);
    }
    Ok(html + "</div>")
}

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>kernlet: handwritten digits</title>
<style>
:root { color-scheme: light dark; --fg: #1c2024; --bg: #fff; --faint: #667; --line: #d8dce2; --card: #f5f6f8; --a: #6b7a90; --b: #d1495b; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6e8eb; --bg: #14171a; --faint: #99a3ad; --line: #333a42; --card: #1e2328; --a: #8fa1b8; --b: #f0707f; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 1.5rem 0 .5rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p { color: var(--faint); max-width: 46rem; margin: .5rem 0 1rem; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; }
.figures div { background: var(--card); border-radius: .5rem; padding: .75rem 1.25rem; flex: 1 1 9rem; }
.figures strong { display: block; font-size: 1.5rem; } .figures span { color: var(--faint); font-size: .85rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; } figure { flex: 1 1 24rem; margin: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; } .grid { stroke: var(--line); } .tick { font-size: 11px; fill: var(--faint); }
.curve { fill: none; stroke-width: 2; } .curve.a { stroke: var(--a); } .curve.b { stroke: var(--b); }
.dot.a { fill: var(--a); } .dot.b { fill: var(--b); }
.legend { margin: 0; font-size: .85rem; } .key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .35em 0 .6em; }
.key.a { background: var(--a); } .key.b { background: var(--b); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } caption { text-align: left; color: var(--faint); padding-bottom: .5rem; }
.confusion { display: block; overflow-x: auto; } .confusion td, .confusion th { text-align: right; padding: .25rem .6rem; min-width: 1.6rem; }
.confusion .right { font-weight: 600; background: var(--card); } .confusion .none { color: var(--line); }
.cards { display: flex; flex-wrap: wrap; gap: .75rem; } .card { background: var(--card); border-radius: .5rem; padding: .6rem; font-size: .85rem; text-align: center; }
.card span { display: block; margin-top: .35rem; }
.digit { width: 84px; height: 84px; image-rendering: pixelated; border-radius: .25rem; margin: 0 2px; }
.filters { display: grid; grid-template-columns: repeat(auto-fill, 48px); gap: .6rem; } .filter { width: 48px; height: 48px; image-rendering: pixelated; border: 1px solid var(--line); }
</style></head><body><main><h1>Handwritten digits, learnt by kernlet</h1>
"#;
