//! The steps that a window over time holds, one step at a time.
//!
//! A state is two counters (as bits), then the latest steps, oldest first: how many of them there are, and how many more
//! steps pass before an output is due.

use super::{ShapeError, Streaming};

/// The state of a window of `span` steps; of a single one it holds nothing.
pub(super) const fn state(span: usize, channels: usize) -> Streaming {
    Streaming::State(if span > 1 { 2 + span * channels } else { 2 })
}

/// Takes a step. Returns the steps that the window holds if an output is due: all of its span, or those since the
/// beginning. The first output is due after `span - before` steps, the next ones every `stride`.
pub(super) fn advance<'a>(
    state: &'a mut [f32],
    x: &'a [f32],
    span: usize,
    before: usize,
    stride: usize,
) -> Result<Option<&'a [f32]>, ShapeError> {
    let wrong = ShapeError::new("window", "state", 2 + span * x.len(), state.len());
    let ([held, wait], steps) = state.split_first_chunk_mut::<2>().ok_or(wrong)?;
    if held.to_bits() == 0 {
        *wait = f32::from_bits(span.saturating_sub(before).saturating_sub(1) as u32);
    }
    *held = f32::from_bits((held.to_bits() + 1).min(span as u32));
    let (len, kept) = (steps.len(), x.len());
    if span > 1 {
        if kept == 0 || kept > len {
            return Err(wrong);
        }
        steps.copy_within(kept.., 0);
        steps.get_mut(len - kept..).ok_or(wrong)?.copy_from_slice(x);
    }
    if wait.to_bits() > 0 {
        *wait = f32::from_bits(wait.to_bits() - 1);
        return Ok(None);
    }
    *wait = f32::from_bits(stride.saturating_sub(1) as u32);
    if span <= 1 {
        return Ok(Some(x));
    }
    let first = len.saturating_sub(held.to_bits() as usize * kept);
    Ok(steps.get(first..))
}
