//! One page that shows what the network learnt and where it fails.

use std::path::Path;

use kernlet::{
    data::metrics::{Confusion, argmax},
    nn::{Batching, HeapMemory, Network, infer, inference_len, saliency, saliency_len},
    simd::Level,
    snapshot::{fingerprint, replace_file},
};

#[cfg(feature = "int8")]
use crate::quantized::Cost;
use crate::{
    course::Course,
    page, picture,
    pictures::{CLASSES, Pictures},
    summary,
    terminal::{count, grouped},
    train::Outcome,
};

/// Nothing is quantised in a build without integers.
#[cfg(not(feature = "int8"))]
pub type Cost = ();

/// How many mistakes are shown.
const MISTAKES: usize = 24;

/// Images that pass through the network at a time.
const BATCH: usize = 100;

/// What the network said of one test image.
struct Guess {
    index: usize,
    label: usize,
    digit: usize,
    /// Its probability for each class.
    probabilities: [f32; CLASSES],
}

/// Writes the page.
pub fn write<N: Network>(
    path: &Path,
    course: &Course,
    level: Level,
    outcome: &Outcome<N>,
    cost: Option<&Cost>,
    training: &Pictures,
    test: &Pictures,
) -> Result<(), String> {
    let page = whole(course, level, outcome, cost, training, test)?;
    replace_file(path, |file| file.write_all(page.as_bytes())).map_err(|error| format!("{}: {error}", path.display()))
}

fn whole<N: Network>(
    course: &Course,
    level: Level,
    outcome: &Outcome<N>,
    cost: Option<&Cost>,
    training: &Pictures,
    test: &Pictures,
) -> Result<String, String> {
    let guesses = guess_all(course, level, outcome, test)?;
    let sections = [
        Ok(figures(course, level, outcome, training, test)),
        curves(outcome).map_err(|error| error.to_string()),
        Ok(confusion(&guesses, test)),
        mistakes(&guesses, test),
        eight_bits(cost, test),
        filters(outcome),
        attention(level, outcome, &guesses, test),
    ];
    let mut html = page::head(course.title, &format!("{}, learnt by kernlet", course.title));
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

/// A test picture as an element of the page.
fn shown(test: &Pictures, index: usize, alt: &str) -> Result<String, String> {
    picture::image(&test.colours(index), test.side, test.side, "digit", alt).map_err(|error| error.to_string())
}

fn guess_all<N: Network>(
    course: &Course,
    level: Level,
    outcome: &Outcome<N>,
    test: &Pictures,
) -> Result<Vec<Guess>, String> {
    let batching = Batching::of(BATCH).threads(course.threads());
    let mut memory = HeapMemory::zeroed(inference_len::<N>(batching));
    let mut guesses = Vec::with_capacity(test.len());
    for bytes in test.pixels.chunks(BATCH * test.image_len()) {
        let images = pixels(bytes)?;
        let mut outputs = vec![0.0; images.len() / test.image_len() * CLASSES];
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

fn figures<N: Network>(
    course: &Course,
    level: Level,
    outcome: &Outcome<N>,
    training: &Pictures,
    test: &Pictures,
) -> String {
    let median = summary::median_ms(&outcome.step_times).map_or("–".to_owned(), |ms| format!("{ms:.1} ms"));
    let augmented = if course.augment { ", augmented" } else { "" };
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
        course.optimizer,
        course.rate,
        course.batch,
        outcome.seed,
        count(course.threads(), "thread"),
        fingerprint(outcome.model.parameters()),
    );
    html
}

fn curves<N: Network>(outcome: &Outcome<N>) -> Result<String, std::fmt::Error> {
    let epochs: Vec<_> = outcome.epochs.iter().map(|epoch| [epoch.training, epoch.validation]).collect();
    page::curves(outcome.epochs.first().map_or(1, |epoch| epoch.number), &epochs)
}

fn confusion(guesses: &[Guess], test: &Pictures) -> String {
    let mut confusion = Confusion::<CLASSES>::default();
    for guess in guesses {
        confusion.add(guess.label, guess.digit);
    }
    page::confusion(&confusion, "class", &test.names)
}

fn mistakes(guesses: &[Guess], test: &Pictures) -> Result<String, String> {
    let mut wrong: Vec<&Guess> = guesses.iter().filter(|guess| guess.digit != guess.label).collect();
    wrong.sort_by(|a, b| a.probabilities[a.label].total_cmp(&b.probabilities[b.label]).then(a.index.cmp(&b.index)));
    let mut html = format!(
        r#"<h2>Most wrong</h2><p>{} of {} were wrong; first those whose true class it thought least likely.</p><div class="cards">"#,
        grouped(wrong.len()),
        grouped(guesses.len()),
    );
    for guess in wrong.into_iter().take(MISTAKES) {
        let (index, label, digit) = (guess.index, test.names[guess.label], test.names[guess.digit]);
        let img = shown(test, index, &format!("test image {index}: {label}"))?;
        let sure = 100.0 * guess.probabilities[guess.digit];
        html += &format!(
            r#"<div class="card">{img}<span>{}, taken for <b>{digit}</b><br>{sure:.1} % sure</span></div>"#,
            page::one(label)
        );
    }
    Ok(html + "</div>")
}

#[cfg(feature = "int8")]
fn eight_bits(cost: Option<&Cost>, test: &Pictures) -> Result<String, String> {
    let picture = |index: usize| shown(test, index, &format!("test image {index}"));
    cost.map_or(Ok(String::new()), |cost| cost.section(MISTAKES, &picture, &|class| test.names[class].to_owned()))
}

#[cfg(not(feature = "int8"))]
fn eight_bits(_cost: Option<&Cost>, _test: &Pictures) -> Result<String, String> {
    Ok(String::new())
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
            kernel.chunks(channels * count).map(|taps| picture::diverging(mean(taps, filter, count) / most)).collect();
        html += &picture::image(&weights, columns, rows, "filter", &format!("filter {filter}"))
            .map_err(|error| error.to_string())?;
    }
    Ok(html + "</div>")
}

/// Of a tap's channels, the mean weight of a filter.
fn mean(taps: &[f32], filter: usize, count: usize) -> f32 {
    let (mut sum, mut channels) = (0.0, 0.0);
    for weight in taps.iter().skip(filter).step_by(count) {
        sum += weight;
        channels += 1.0;
    }
    sum / channels
}

/// For one image of each class, and the worst mistakes, where a brighter pixel would change the score.
fn attention<N: Network>(
    level: Level,
    outcome: &Outcome<N>,
    guesses: &[Guess],
    test: &Pictures,
) -> Result<String, String> {
    let mut html = String::from(
        r#"<h2>What it looks at</h2><p>The gradient of the score of the class it said with respect to each pixel: a higher value where it is red makes it surer, where it is blue less sure.</p><div class="cards">"#,
    );
    let mut memory = HeapMemory::zeroed(saliency_len::<N>());
    let (mut gradient, channels) = (vec![0.0; test.image_len()], test.channels);
    for digit in 0..CLASSES {
        let Some(guess) = guesses.iter().find(|guess| guess.digit == digit && guess.label == digit) else { continue };
        let image = pixels(test.image(guess.index))?;
        saliency(level, &outcome.model, &image, digit, &mut memory, &mut gradient)
            .map_err(|error| error.to_string())?;
        // Of a pixel's channels together.
        let of_pixels: Vec<f32> = gradient.chunks(channels).map(|g| g.iter().sum()).collect();
        let most = of_pixels.iter().fold(f32::MIN_POSITIVE, |most, g| most.max(g.abs()));
        let heat: Vec<_> = of_pixels.iter().map(|g| picture::diverging(g / most)).collect();
        let name = test.names[digit];
        let seen = shown(test, guess.index, &format!("image: {name}"))?;
        let heat = picture::image(&heat, test.side, test.side, "digit", &format!("saliency: {name}"))
            .map_err(|error| error.to_string())?;
        html += &format!(r#"<div class="card">{seen}{heat}<span>{}</span></div>"#, page::one(name));
    }
    Ok(html + "</div>")
}
