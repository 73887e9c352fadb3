//! Instructions per multiply-accumulate of a 3×3 convolution, forward and backward.
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
    let (forward, result) = counter.count(|| conv2d::forward_into(level, conv, 1, conv2d::Forward { x, w, b: None, epilogue: Epilogue::None }, y));
    result?;
    let (input, result) = counter.count(|| conv2d::backward_input_into(level, conv, 1, w, y, dx, scratch));
    result?;
    let (weight, result) = counter.count(|| conv2d::backward_weight_acc(level, conv, 1, x, y, 0..conv.w_rows(), w));
    result?;
    Ok([forward, input, weight])
}
