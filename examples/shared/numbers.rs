//! Numbers on a command line: what is wrong with one is said with what is expected.
#![allow(dead_code, reason = "each program uses a part of it")]

use std::ops::RangeInclusive;

/// A parser of whole numbers in `range`.
pub fn whole<T: TryFrom<u64>>(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let found = text.parse().ok().filter(|number| range.contains(number));
        let number = found.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("expected a whole number from {} to {}", range.start(), range.end()))
    }
}

/// A parser of whole numbers from `least` to the largest that fits.
pub fn at_least<T: TryFrom<u64>>(least: u64) -> impl Fn(&str) -> Result<T, String> + Clone {
    let most = match size_of::<T>() {
        4 => u32::MAX.into(),
        _ => u64::MAX,
    };
    whole(least..=most)
}

/// A number above 0.
pub fn above_zero(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|&number: &f32| number.is_finite() && number > 0.0);
    number.ok_or_else(|| "expected a number above 0, from 1.5e-45 to 3.4e38".to_owned())
}

/// A number that is not negative.
pub fn not_negative(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|&number: &f32| number.is_finite() && number >= 0.0);
    number.ok_or_else(|| "expected a number from 0 to 3.4e38".to_owned())
}
