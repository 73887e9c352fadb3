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
    page, picture, summary,
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
    let page = whole(args, level, outcome, training, test)?;
    replace_file(path, |file| file.write_all(page.as_bytes())).map_err(|error| format!("{}: {error}", path.display()))
}

fn whole<N: Network>(
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
        Ok(confusion(&guesses)),
        mistakes(&guesses, test),
        filters(outcome),
        attention(level, outcome, &guesses, test),
    ];
    let mut html = page::head("handwritten digits", "Handwritten digits, learnt by kernlet");
    for section in sections {
        html.push_str(&section?);
    }
    html.push_str(page::END);
    Ok(html)
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
    let mut html = page::figures(&big);
    html += &format!(
        "<p>{} training images{augmented}, {} test images. {} parameters, trained with {} at a learning rate of {} \
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
    let epochs: Vec<_> = outcome.epochs.iter().map(|epoch| [epoch.training, epoch.validation]).collect();
    page::curves(outcome.epochs.first().map_or(1, |epoch| epoch.number), &epochs)
}

fn confusion(guesses: &[Guess]) -> String {
    let mut confusion = Confusion::<CLASSES>::default();
    for guess in guesses {
        confusion.add(guess.label, guess.digit);
    }
    page::confusion(&confusion, "digit")
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
        let ink: Vec<_> = test.image(index).iter().map(|&byte| grey(f32::from(byte) / 255.0)).collect();
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
        let ink: Vec<_> = image.iter().map(|&x| grey(x)).collect();
        let pair = [(ink, "image"), (heat, "saliency")]
            .map(|(colours, what)| picture::image(&colours, SIDE, SIDE, "digit", &format!("{what} of a {digit}")));
        let [ink, heat] = pair.map(|img| img.map_err(|error| error.to_string()));
        html += &format!(r#"<div class="card">{}{}<span>a <b>{digit}</b></span></div>"#, ink?, heat?);
    }
    Ok(html + "</div>")
}

/// Dark on light, as ink.
fn grey(value: f32) -> [u8; 3] {
    [(255.0 * (1.0 - value.clamp(0.0, 1.0))) as u8; 3]
}
