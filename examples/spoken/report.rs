//! One page that shows what the network learnt and where it fails.

use kernlet::{
    data::metrics::Confusion,
    nn::{HeapMemory, Network, saliency, saliency_len},
    simd::Level,
    snapshot::fingerprint,
};

use crate::{
    Speaker,
    args::Args,
    learn::{Guess, Outcome, guess},
    network::{CLASSES, COEFFICIENTS, Digits, ROWS},
    page,
    picture::{diverging, image},
    sounds::Set,
};

/// How many mistakes are shown.
const MISTAKES: usize = 12;

/// The page.
pub fn page(
    args: &Args,
    outcome: &Outcome,
    learnt: &Set<'_>,
    tested: &Set<'_>,
    left_out: &[Speaker],
) -> Result<String, String> {
    let inputs = tested.inputs(args.seed).map_err(|error| error.to_string())?;
    let guesses = guess(&outcome.model, tested, &inputs, args.threads()).map_err(|error| error.to_string())?;
    let mut confusion = Confusion::<CLASSES>::default();
    guesses.iter().for_each(|guess| _ = confusion.add(guess.label, guess.digit));
    let mut html = page::head("spoken digits", "Spoken digits, learnt by kernlet");
    html += &page::figures(&[
        ("test accuracy", format!("{:.2} %", 100.0 * outcome.test.accuracy())),
        ("test loss", format!("{:.4}", outcome.test.loss)),
        ("of training", format!("{:.1} s", outcome.time.as_secs_f64())),
    ]);
    html += &format!(
        "<p>{} recordings to learn from, {} to test with. {} parameters, seed {}; {}. Parameters fingerprint <code>{:016x}</code>.</p>",
        learnt.sounds.len(),
        tested.sounds.len(),
        Digits::PARAMETERS,
        args.seed,
        Level::detect(),
        fingerprint(outcome.model.parameters()),
    );
    html += &page::curves(1, &outcome.epochs).map_err(|error| error.to_string())?;
    html += &page::confusion(&confusion, "digit", &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    html += &speakers(left_out);
    html += &mistakes(&guesses, tested, &inputs).map_err(|error| error.to_string())?;
    html += &filters(outcome).map_err(|error| error.to_string())?;
    html += &attention(outcome, &guesses, &inputs)?;
    Ok(html + page::END)
}

/// A table of speakers that were not heard in training.
fn speakers(left_out: &[Speaker]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let rows = left_out.iter().map(|Speaker { name, test, .. }| {
        format!(
            "<tr><th>{name}</th><td>{} of {}</td><td>{:.1} %</td></tr>",
            test.correct,
            test.samples,
            100.0 * test.accuracy()
        )
    });
    format!(
        r#"<h2>Speakers that it has never heard</h2><table class="confusion"><tr><th>speaker</th><th>right</th><th>accuracy</th></tr>{}</table>"#,
        rows.collect::<String>()
    )
}

/// Numbers of rows over time as a picture: time to the right, the first coefficient at the top.
fn heat(numbers: &[f32], most: f32, class: &str, alt: &str) -> std::io::Result<String> {
    let rows = numbers.len() / COEFFICIENTS;
    let pixels: Vec<_> = (0..COEFFICIENTS)
        .flat_map(|c| (0..rows).map(move |row| diverging(numbers[row * COEFFICIENTS + c] / most)))
        .collect();
    image(&pixels, rows, COEFFICIENTS, class, alt)
}

fn input<'i>(inputs: &'i [f32], guess: &Guess) -> &'i [f32] {
    &inputs[guess.index * ROWS * COEFFICIENTS..][..ROWS * COEFFICIENTS]
}

fn mistakes(guesses: &[Guess], tested: &Set<'_>, inputs: &[f32]) -> std::io::Result<String> {
    let mut wrong: Vec<&Guess> = guesses.iter().filter(|guess| guess.digit != guess.label).collect();
    wrong.sort_by(|a, b| a.probabilities[a.label].total_cmp(&b.probabilities[b.label]).then(a.index.cmp(&b.index)));
    let mut html = format!(
        r#"<h2>Most wrong</h2><p>{} of {} were wrong; first those whose true digit it thought least likely. A second of sound: time to the right, the {COEFFICIENTS} coefficients from top to bottom.</p><div class="cards">"#,
        wrong.len(),
        guesses.len(),
    );
    for guess in wrong.into_iter().take(MISTAKES) {
        let name = &tested.sounds[guess.index].name;
        let picture = heat(input(inputs, guess), 3.0, "sound", &format!("coefficients of {name}"))?;
        let (label, digit, sure) = (guess.label, guess.digit, 100.0 * guess.probabilities[guess.digit]);
        html += &format!(
            r#"<div class="card">{picture}<span>{name}: {}, taken for <b>{digit}</b><br>{sure:.1} % sure</span></div>"#,
            page::one(label)
        );
    }
    Ok(html + "</div>")
}

fn filters(outcome: &Outcome) -> std::io::Result<String> {
    let layer = &Digits::LAYERS[0];
    let Some(kernel) = layer.tensor("kernel") else { return Ok(String::new()) };
    let [taps, channels, count] = [0, 1, 2].map(|axis| kernel.dims.axis(axis));
    let kernel = &outcome.model.parameters()[layer.offset..][..taps * channels * count];
    let most = kernel.iter().fold(f32::MIN_POSITIVE, |most, w| most.max(w.abs()));
    let mut html = format!(
        r#"<h2>First-layer filters</h2><p>The {taps} × {channels} weights of the {count} filters of {}: red adds, blue subtracts.</p><div class="filters">"#,
        layer.name,
    );
    for filter in 0..count {
        let weights: Vec<f32> = kernel.iter().skip(filter).step_by(count).copied().collect();
        html += &heat(&weights, most, "filter", &format!("filter {filter}"))?;
    }
    Ok(html + "</div>")
}

/// For one recording of each digit, which coefficients would change the score.
fn attention(outcome: &Outcome, guesses: &[Guess], inputs: &[f32]) -> Result<String, String> {
    let mut html = String::from(
        r#"<h2>What it listens to</h2><p>A recording of each digit, and below it the gradient of the score of the digit it said by each coefficient: more where it is red makes it surer, where it is blue less sure.</p><div class="cards">"#,
    );
    let mut memory = HeapMemory::zeroed(saliency_len::<Digits>());
    let mut gradient = vec![0.0; ROWS * COEFFICIENTS];
    for digit in 0..CLASSES {
        let Some(guess) = guesses.iter().find(|guess| guess.digit == digit && guess.label == digit) else { continue };
        let sound = input(inputs, guess);
        saliency(Level::detect(), &outcome.model, sound, digit, &mut memory, &mut gradient)
            .map_err(|error| error.to_string())?;
        let most = gradient.iter().fold(f32::MIN_POSITIVE, |most, g| most.max(g.abs()));
        let pictures = [(sound, 3.0, "coefficients"), (&gradient, most, "saliency")]
            .map(|(numbers, most, what)| heat(numbers, most, "sound", &format!("{what} of a {digit}")));
        let [sound, gradient] = pictures.map(|picture| picture.map_err(|error| error.to_string()));
        html += &format!(r#"<div class="card">{}<br>{}<span>{}</span></div>"#, sound?, gradient?, page::one(digit));
    }
    Ok(html + "</div>")
}
