//! What a model has, costs and says. With `alloc` alone, so that the page in the browser has this file too.

use alloc::{vec, vec::Vec};

use kernlet::{
    random::Stream,
    shape::Dims,
    tflite::{Any, Error, Model, Operator, Runner, Type, plan_len},
};

/// An operator's line of the table.
pub struct Row {
    pub operator: Operator,
    /// The shape of its first input that is not a constant, and of its first output, if it has them.
    pub reads: Option<Dims>,
    pub writes: Option<Dims>,
    pub parameters: usize,
    pub macs: u64,
    /// Bytes of its constants in the file.
    pub constant_bytes: usize,
    /// Bytes of memory in use while it works.
    pub live_bytes: usize,
}

/// A line for each operator, and the bytes of all values in the arena.
pub fn rows(model: &Model<'_>) -> Result<(Vec<Row>, usize), Error> {
    let mut words = vec![0; plan_len(model)];
    let plan = model.plan(&mut words)?;
    let rows = (0..model.operators()).map(|index| {
        let node = model.operator(index)?;
        let (mut reads, mut constant_bytes) = (None, 0);
        for input in 0..node.inputs() {
            match node.optional(input)? {
                Some(tensor) if tensor.is_constant() => constant_bytes += tensor.bytes(),
                Some(tensor) => reads = reads.or(Some(tensor.dims())),
                None => {}
            }
        }
        Ok(Row {
            operator: node.operator(),
            reads,
            writes: if node.outputs() > 0 { Some(node.output(0)?.dims()) } else { None },
            parameters: model.operator_parameters(index)?,
            macs: model.operator_macs(index)?,
            constant_bytes,
            live_bytes: plan.live_bytes(index),
        })
    });
    Ok((rows.collect::<Result<_, Error>>()?, plan.bytes()))
}

/// Fills input `index` with noise: any bytes, or floats from 0 to 1.
pub fn noise(runner: &mut Runner<'_, Any>, index: usize, seed: u64) -> Result<(), Error> {
    let (port, noise) = (runner.input_port(index)?, Stream::new(seed, index as u64));
    // Any bytes are integers, but not floats that one would have.
    if port.kind == Type::FLOAT32 {
        let numbers: Vec<f32> = (0..port.dims.len() as u64).map(|i| noise.f32_at(i)).collect();
        return runner.quantize_input(index, &numbers);
    }
    for (i, byte) in (0..).zip(runner.input_bytes(index)?) {
        *byte = noise.u32_at(i) as u8;
    }
    Ok(())
}

/// The bytes of all inputs, to run the model on again: its other values take their places.
pub fn inputs(runner: &mut Runner<'_, Any>) -> Result<Vec<Vec<u8>>, Error> {
    (0..runner.inputs()).map(|index| Ok(runner.input_bytes(index)?.to_vec())).collect()
}

/// Runs the model from its first state on inputs that were kept; `after` is called after each operator.
pub fn run(runner: &mut Runner<'_, Any>, inputs: &[Vec<u8>], after: impl FnMut(usize)) -> Result<(), Error> {
    runner.reset()?;
    for (index, input) in inputs.iter().enumerate() {
        for (to, &from) in runner.input_bytes(index)?.iter_mut().zip(input) {
            *to = from;
        }
    }
    runner.invoke_with(after)
}

/// Output `index` in real numbers; integers that are not quantised as they are. Nothing for types without a number.
pub fn output(runner: &Runner<'_, Any>, index: usize) -> Result<Vec<f32>, Error> {
    let port = runner.output_port(index)?;
    if port.kind == Type::INT8 || port.kind == Type::FLOAT32 {
        let mut numbers = vec![0.0; port.dims.len()];
        runner.dequantize_output(index, &mut numbers)?;
        return Ok(numbers);
    }
    let bytes = runner.output_bytes(index)?;
    Ok(match port.kind {
        Type::BOOL | Type::UINT8 => bytes.iter().map(|&byte| f32::from(byte)).collect(),
        Type::INT16 => bytes.as_chunks().0.iter().map(|&of| f32::from(i16::from_le_bytes(of))).collect(),
        Type::INT32 => bytes.as_chunks().0.iter().map(|&of| i32::from_le_bytes(of) as f32).collect(),
        Type::INT64 => bytes.as_chunks().0.iter().map(|&of| i64::from_le_bytes(of) as f32).collect(),
        _ => Vec::new(),
    })
}
