//! What is told before training, and told and written after it.

use kernlet::{
    nn::Network,
    shape::Shape,
    simd::Level,
    snapshot::{Described, fingerprint},
};

use crate::{
    course::Course,
    pictures::Pictures,
    report, summary,
    terminal::{count, grouped, say},
    train::Outcome,
};

/// Says what there is to learn, and on what.
pub fn announce(course: &Course, level: Level, training: &Pictures, test: &Pictures) {
    let (images, of_test) = (grouped(training.len()), grouped(test.len()));
    say!("{images} training images, {of_test} test images; {level}, {}", count(course.threads(), "thread"));
    if course.options.could_have_more_threads() {
        say!("This build has one thread; with --features rayon it uses all cores, for the same result.");
    }
}

/// Says how good the network is, and writes the files that were asked for.
pub fn write<N: Network<Input: Shape<Scalar = f32>, Parameters: Send + Sync> + Described>(
    course: &Course,
    level: Level,
    outcome: &Outcome<N>,
    training: &Pictures,
    test: &Pictures,
) -> Result<(), String> {
    say!("Test loss: {:.4}", outcome.test.loss);
    say!("Test accuracy: {:.4}", outcome.test.accuracy());
    say!("Parameters fingerprint: {:016x}", fingerprint(outcome.model.parameters()));
    let options = &course.options;
    #[cfg(feature = "int8")]
    let cost = match &options.quantize {
        Some(path) => {
            let check = options.quantize_check.as_deref();
            Some(crate::quantized::write(path, check, level, course.threads(), &outcome.model, training, test)?)
        }
        None => None,
    };
    #[cfg(not(feature = "int8"))]
    let cost = None;
    if let Some(path) = &options.json {
        summary::write(path, course, level, outcome)?;
    }
    if let Some(path) = &options.report {
        report::write(path, course, level, outcome, cost.as_ref(), training, test)?;
    }
    Ok(())
}
