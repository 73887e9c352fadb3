//! Weights of eight bits with a scale for each channel, and their biases of 32.

use alloc::{vec, vec::Vec};

use super::lower::Filter;

/// Weights and biases as integers.
#[derive(Debug)]
pub(super) struct Integers {
    pub(super) weights: Vec<i8>,
    pub(super) scales: Vec<f32>,
    pub(super) bias: Vec<i32>,
}

/// The most that a bias may be: it leaves room for products of as much again.
const MOST_BIAS: f64 = (1 << 30) as f64;

/// Steps of a bias whose weights are all 0, and give no scale.
const LONE_BIAS: f64 = (1 << 24) as f64;

/// The integers of weights between an input and an output of these scales; `None` if a number is not finite.
pub(super) fn quantize(filter: &Filter, input: f32, output: f32) -> Option<Integers> {
    let mut largest = vec![0.0_f32; filter.bias.len()];
    for (at, weight) in filter.weights.iter().enumerate() {
        let most = largest.get_mut(filter.channel(at)).filter(|_| weight.is_finite())?;
        *most = most.max(weight.abs());
    }
    let mut scales = Vec::new();
    let mut bias = Vec::new();
    for (&largest, &of_channel) in largest.iter().zip(&filter.bias) {
        if !of_channel.is_finite() {
            return None;
        }
        let (input, of_channel) = (f64::from(input), f64::from(of_channel));
        let scale = match f64::from(largest) / 127.0 {
            0.0 if of_channel == 0.0 => f64::from(output) / input,
            0.0 => of_channel.abs() / (input * LONE_BIAS),
            scale => scale.max(of_channel.abs() / (input * MOST_BIAS)),
        };
        let scale = (scale as f32).max(f32::MIN_POSITIVE);
        let of_channel = libm::round(of_channel / (input * f64::from(scale)));
        scales.push(scale);
        bias.push(of_channel.clamp(-MOST_BIAS, MOST_BIAS) as i32);
    }
    let integer = |(at, &weight): (usize, &f32)| {
        let scale = scales.get(filter.channel(at)).copied().unwrap_or(1.0);
        libm::round(f64::from(weight) / f64::from(scale)).clamp(-127.0, 127.0) as i8
    };
    let weights = filter.weights.iter().enumerate().map(integer).collect();
    Some(Integers { weights, scales, bias })
}

#[cfg(test)]
mod tests {
    use super::super::lower::Filter;
    use std::vec;

    #[test]
    fn each_channel_has_its_scale() {
        let filter =
            Filter { weights: vec![127.0, -1.0, 0.5, 0.25], shape: vec![2, 2], axis: 0, bias: vec![10.0, -0.125] };
        let integers = super::quantize(&filter, 0.5, 1.0).unwrap();
        assert_eq!(integers.weights, [127, -1, 127, 64]);
        assert_eq!(integers.scales, [1.0, 0.5 / 127.0]);
        assert_eq!(integers.bias, [20, -64]);
    }

    #[test]
    fn a_bias_without_weights_keeps_its_digits() {
        let filter = Filter { weights: vec![0.0, 0.0], shape: vec![2, 1], axis: 0, bias: vec![3.0, 0.0] };
        let integers = super::quantize(&filter, 0.5, 0.25).unwrap();
        assert_eq!(integers.bias, [1 << 24, 0]);
        assert_eq!(integers.scales[1], 0.5);
        let filter = Filter { weights: vec![1e-30], shape: vec![1, 1], axis: 0, bias: vec![1.0] };
        assert_eq!(super::quantize(&filter, 1.0, 1.0).unwrap().bias, [1 << 30]);
        assert!(super::quantize(&Filter { weights: vec![f32::NAN], ..filter }, 1.0, 1.0).is_none());
    }
}
