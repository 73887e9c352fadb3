//! From numbers to a saved model (without arguments), and to a prediction in another process (with four numbers).

use std::{error::Error, fs, path::Path};

use kernlet::{
    data::{metrics::argmax, standardize::Standardizer},
    nn::{Batching, Model, Pairs, Training, infer, inference_len},
    optim::Adam,
    simd::Level,
    snapshot::{Described, STANDARDIZER, Section, Snapshot},
};

kernlet::network! { pub(crate) struct Iris([4]) { hidden: dense(16), relu, out: dense(3), softmax } }

const TRAINING: Training<Iris, Adam> =
    Training::new(Adam::new(0.02)).batch(16).epochs(200).hold_out(0.2).patience(20).seed(1);
const SPECIES: [&str; 3] = ["setosa", "versicolor", "virginica"];

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join("iris.knl");
    let numbers = std::env::args().skip(1).map(|text| text.parse().ok().filter(|number: &f32| number.is_finite()));
    let numbers = numbers.collect::<Option<Vec<_>>>().filter(|numbers| matches!(numbers.len(), 0 | 4));
    let numbers = numbers.ok_or("expected nothing, or four numbers: lengths and widths of sepal and petal, in cm")?;
    let said = if numbers.is_empty() { learn(&path)? } else { predict(&path, numbers)?.to_owned() };
    println!("{said}");
    Ok(())
}

pub(crate) fn learn(path: &Path) -> Result<String, Box<dyn Error>> {
    let rows = include_str!("iris.csv").lines().skip(1).flat_map(|line| line.split(','));
    let numbers = rows.map(str::parse).collect::<Result<Vec<f32>, _>>()?;
    let mut inputs: Vec<f32> = numbers.chunks(5).flat_map(|row| &row[..4]).copied().collect();
    let labels: Vec<u8> = numbers.chunks(5).map(|row| row[4] as u8).collect();
    let standardizer = Standardizer::<4>::fit(&inputs)?;
    standardizer.apply(&mut inputs)?;
    let mut trainer = TRAINING.build()?;
    trainer.fit(&Pairs(&inputs, &labels), |_, _| true)?;
    trainer.save_with(path, &[Section::standardizer(&standardizer)])?;
    Ok(format!("accuracy {:.3}, saved as {}", trainer.evaluate(&inputs, &labels)?.accuracy(), path.display()))
}

pub(crate) fn predict(path: &Path, mut numbers: Vec<f32>) -> Result<&'static str, Box<dyn Error>> {
    let (bytes, mut model, mut outputs) = (fs::read(path)?, Model::<Iris>::zeroed(), [0.0; 3]);
    let snapshot = Snapshot::open_with(&bytes, &Iris::INFO, &[STANDARDIZER])?;
    snapshot.parameters().copy_into(model.parameters_mut())?;
    snapshot.standardizer::<4>()?.apply(&mut numbers)?;
    let mut memory = [0.0; inference_len::<Iris>(Batching::of(1))];
    infer(Level::detect(), Batching::of(1), &model, &numbers, &mut memory, &mut outputs)?;
    Ok(SPECIES[argmax(&outputs)])
}
