//! Instructions per multiply-accumulate of a 3×3 convolution and of recurrent layers, forward and backward.
//!
//! Ends in failure where one is above the bound: 4 forward, 6 in either gradient.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use kernlet::{
    kernels::{
        ShapeError,
        conv2d::{self, Conv2d, Epilogue},
        recurrent::{
            self, Backward, Cell, Forward, Gru, GruResetBefore, Lstm, Recurrent, SequenceError, Sequences, Weights,
        },
    },
    shape::Padding,
    simd::Level,
};
use kernlet_firmware::{Counter, exit};

/// Square images of this size, `(input, output)` channels.
const SIZE: usize = 14;
const CHANNELS: [(usize, usize); 5] = [(8, 8), (8, 12), (8, 16), (16, 16), (16, 24)];
const MOST: (usize, usize) = (16, 24);

#[entry]
fn main() -> ! {
    static mut X: [f32; SIZE * SIZE * MOST.0] = [0.0; SIZE * SIZE * MOST.0];
    static mut DX: [f32; SIZE * SIZE * MOST.0] = [0.0; SIZE * SIZE * MOST.0];
    static mut Y: [f32; SIZE * SIZE * MOST.1] = [0.0; SIZE * SIZE * MOST.1];
    static mut W: [f32; 9 * MOST.0 * MOST.1] = [0.0; 9 * MOST.0 * MOST.1];
    static mut SCRATCH: [f32; 9 * MOST.0 * MOST.1] = [0.0; 9 * MOST.0 * MOST.1];
    static mut ROOM: Room = Room::new();

    let Some(peripherals) = cortex_m::Peripherals::take() else { exit(false) };
    let counter = Counter::start(peripherals.SYST);
    let mut within = true;
    for (ci, co) in CHANNELS {
        for padding in [Padding::Valid, Padding::Same] {
            let conv = black_box(Conv2d::new(SIZE, SIZE, ci, co, [3, 3]).with_padding(padding));
            match measure(&counter, &conv, X, DX, Y, W, SCRATCH) {
                Ok(counts) => {
                    // Taps that fall into the padding cost nothing and are not counted.
                    let positions = conv.out_height() * conv.out_width();
                    let outside = if padding == Padding::Same { 4 * SIZE * 3 - 4 } else { 0 };
                    let macs = ((9 * positions - outside) * ci * co) as f32;
                    let [forward, input, weight] = counts.map(|count| count as f32 / macs);
                    defmt::println!(
                        "3x3, {} -> {} channels, {}: forward {}, input gradient {}, weight gradient {}",
                        ci,
                        co,
                        padding,
                        forward,
                        input,
                        weight
                    );
                    within &= forward <= 4.0 && input <= 6.0 && weight <= 6.0;
                }
                Err(error) => {
                    defmt::println!("{}", error);
                    within = false;
                }
            }
        }
    }
    within &= recurrent::<Gru>(&counter, ROOM);
    within &= recurrent::<GruResetBefore>(&counter, ROOM);
    within &= recurrent::<Lstm>(&counter, ROOM);
    exit(within)
}

/// The instructions of forward, input gradient and weight gradient.
fn measure(
    counter: &Counter,
    conv: &Conv2d,
    x: &mut [f32],
    dx: &mut [f32],
    y: &mut [f32],
    w: &mut [f32],
    scratch: &mut [f32],
) -> Result<[u64; 3], ShapeError> {
    let level = black_box(Level::PORTABLE);
    let (x, dx) = (&mut x[..conv.x_len()], &mut dx[..conv.x_len()]);
    let (y, w) = (&mut y[..conv.y_len()], &mut w[..conv.w_len()]);
    let scratch = &mut scratch[..conv2d::backward_input_scratch_len(conv)];
    x.fill(1.0);
    w.fill(0.5);
    let (forward, result) = counter
        .count(|| conv2d::forward_into(level, conv, 1, conv2d::Forward { x, w, b: None, epilogue: Epilogue::None }, y));
    result?;
    let (input, result) = counter.count(|| conv2d::backward_input_into(level, conv, 1, w, y, dx, scratch));
    result?;
    let (weight, result) = counter.count(|| conv2d::backward_weight_acc(level, conv, 1, x, y, 0..conv.w_rows(), w));
    result?;
    Ok([forward, input, weight])
}

/// Units, inputs, and steps of a sequence.
const UNITS: usize = 32;
const STEPS: usize = 8;

/// Room for the largest cell.
struct Room {
    x: [f32; STEPS * UNITS],
    y: [f32; STEPS * UNITS],
    dx: [f32; STEPS * UNITS],
    state: [f32; 2 * UNITS],
    kernels: [[f32; 4 * UNITS * UNITS]; 2],
    gradients: [[f32; 4 * UNITS * UNITS]; 2],
    bias: [f32; 6 * UNITS],
    kept: [f32; STEPS * 6 * UNITS],
    scratch: [f32; 4 * UNITS],
}

impl Room {
    const fn new() -> Self {
        Self {
            x: [0.5; STEPS * UNITS],
            y: [0.0; STEPS * UNITS],
            dx: [0.0; STEPS * UNITS],
            state: [0.0; 2 * UNITS],
            // So large that a hyperbolic tangent is computed the longer way.
            kernels: [[0.06; 4 * UNITS * UNITS]; 2],
            gradients: [[0.0; 4 * UNITS * UNITS]; 2],
            bias: [0.0; 6 * UNITS],
            kept: [0.0; STEPS * 6 * UNITS],
            scratch: [0.0; 4 * UNITS],
        }
    }
}

/// Measures a cell; whether all is within the bounds.
fn recurrent<C: Cell>(counter: &Counter, room: &mut Room) -> bool {
    match measure_recurrent::<C>(counter, room) {
        Ok([step, forward, backward]) => {
            defmt::println!(
                "{}, 32 units of 32 inputs: a step {}, a step in training {}, its gradients {}",
                C::NAME,
                step,
                forward,
                backward
            );
            step <= 4.0 && forward <= 4.0 && backward <= 6.0
        }
        Err(error) => {
            defmt::println!("{}", error);
            false
        }
    }
}

/// The instructions per multiply-accumulate of a step in a stream, a step of a training's forward pass, and of all gradients.
fn measure_recurrent<C: Cell>(counter: &Counter, room: &mut Room) -> Result<[f32; 3], SequenceError> {
    let level = black_box(Level::PORTABLE);
    let shape = &black_box(Recurrent::<C>::new(STEPS, UNITS, UNITS).with_sequences());
    let macs = (shape.kernel_len() + shape.recurrent_len()) as f32;
    let (one, x, y) = (Sequences::new(1), &room.x, &mut room.y);
    let [kernel, recurrent] = &room.kernels;
    let (kernel, recurrent) = (&kernel[..shape.kernel_len()], &recurrent[..shape.recurrent_len()]);
    let weights = Weights { kernel, recurrent, bias: Some(&room.bias[..shape.bias_len()]) };
    let state = &mut room.state[..shape.state_len()];
    state.fill(0.0);
    let scratch = &mut room.scratch[..recurrent::step_scratch_len(shape)];
    let (step, result) =
        counter.count(|| recurrent::step_in_place(level, shape, Forward { x: &x[..UNITS], weights }, state, scratch));
    result?;
    state.fill(0.0);
    let kept = &mut room.kept[..shape.kept_len()];
    let of = Forward { x, weights };
    let (forward, result) = counter.count(|| recurrent::forward_into(level, shape, one, of, y, state, kept));
    result?;
    let [dkernel, drecurrent] = &mut room.gradients;
    let (dkernel, drecurrent) = (&mut dkernel[..shape.kernel_len()], &mut drecurrent[..shape.recurrent_len()]);
    let (dbias, dx) = (&mut room.bias[..shape.bias_len()], &mut room.dx);
    let scratch = &mut room.scratch[..recurrent::backward_scratch_len(shape, 1)];
    let (backward, result) = counter.count(|| {
        recurrent::backward_in_place(level, shape, one, Backward { recurrent, dy: y }, state, kept, scratch)?;
        recurrent::backward_input_into(level, shape, one, kernel, kept, dx, scratch)?;
        recurrent::backward_kernel_acc(level, shape, one, x, kept, 0..UNITS, dkernel)?;
        recurrent::backward_recurrent_acc(level, shape, one, kept, 0..UNITS, drecurrent)?;
        recurrent::backward_bias_acc(level, shape, one, kept, 0..C::BIASES, dbias)
    });
    result?;
    let steps = macs * STEPS as f32;
    // A gradient of a product has two: with respect to what it reads, and to its weights.
    Ok([step as f32 / macs, forward as f32 / steps, backward as f32 / (2.0 * steps)])
}
