//! Layer and RMS normalisation against their naive twins, to the bit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{layer_norm, reference::layer_norm as twin, rms_norm},
    simd::{Level, Rounding},
};
use kernlet_fuzz::{Numbers, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    rows: usize,
    channels: usize,
    epsilon: f32,
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let most = if u.ratio(1, 8)? { 150 } else { 40 };
        let epsilon = *u.choose(&[1e-3, 1e-6, 0.5, 0.0])?;
        Ok(Self { rows: size(u, 0, 6)?, channels: size(u, 1, most)?, epsilon, numbers: u.arbitrary()? })
    }
}

/// y, statistics, dx, dγ, dβ, which is empty without a mean.
type Results = [Vec<f32>; 5];

impl Case {
    fn start(&self, centred: bool) -> Results {
        let (len, each) = (self.rows * self.channels, if centred { 2 } else { 1 });
        let nan = |len| vec![f32::NAN; len];
        let dbeta = if centred { self.numbers.take(6, self.channels) } else { Vec::new() };
        [nan(len), nan(self.rows * each), nan(len), self.numbers.take(5, self.channels), dbeta]
    }
}

fuzz_target!(|case: Case| {
    let Case { rows, channels, epsilon, numbers } = case;
    let [x, dy] = [0, 1].map(|stream| numbers.take(stream, rows * channels));
    let [gamma, beta] = [2, 3].map(|stream| numbers.take(stream, channels));
    for centred in [true, false] {
        let twins = [Rounding::Strict, Rounding::Fused].map(|rounding| {
            let [mut y, mut statistics, mut dx, mut dgamma, mut dbeta] = case.start(centred);
            for (row, x) in x.chunks(channels).enumerate() {
                let at = row * channels..(row + 1) * channels;
                let of = if centred { twin::statistics(epsilon, x) } else { twin::root_mean_square(epsilon, x) };
                if centred {
                    statistics[2 * row..2 * row + 2].copy_from_slice(&[of.0, of.1]);
                } else {
                    statistics[row] = of.1;
                }
                twin::forward(rounding, x, of, &gamma, if centred { &beta } else { &[] }, &mut y[at.clone()]);
                twin::backward(rounding, x, of, &gamma, &dy[at.clone()], (&mut dx[at], &mut dgamma, &mut dbeta));
            }
            [y, statistics, dx, dgamma, dbeta]
        });
        for level in Level::all() {
            let [mut y, mut statistics, mut dx, mut dgamma, mut dbeta] = case.start(centred);
            if centred {
                let of = layer_norm::Forward { x: &x, gamma: &gamma, beta: &beta };
                layer_norm::forward_into(level, channels, epsilon, of, &mut y, &mut statistics).unwrap();
                let of = layer_norm::Backward { x: &x, statistics: &statistics, gamma: &gamma, dy: &dy };
                layer_norm::backward_input_into(level, channels, of, &mut dx).unwrap();
                layer_norm::backward_weight_acc(level, channels, of, &mut dgamma, &mut dbeta).unwrap();
            } else {
                rms_norm::forward_into(level, epsilon, &x, &gamma, &mut y, &mut statistics).unwrap();
                let of = rms_norm::Backward { x: &x, statistics: &statistics, gamma: &gamma, dy: &dy };
                rms_norm::backward_input_into(level, of, &mut dx).unwrap();
                rms_norm::backward_weight_acc(level, of, &mut dgamma).unwrap();
            }
            let twin = &twins[usize::from(level.rounding() == Rounding::Fused)];
            let found = [y, statistics, dx, dgamma, dbeta];
            for (name, (found, expected)) in
                ["y", "statistics", "dx", "dgamma", "dbeta"].iter().zip(found.iter().zip(twin))
            {
                same(name, level, found, expected);
            }
        }
    }
});
