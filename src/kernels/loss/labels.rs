//! Losses of rows with labels.

use super::{LossError, Outputs, Reduction};
use crate::kernels::{ShapeError, check, map, softmax::exponentials};
use crate::math;
use crate::simd::{Kernel, Level, Simd};

/// Rows of scores with a label for each, and how they count.
///
/// ```
/// use kernlet::{kernels::loss::{Labelled, Outputs, softmax_cross_entropy_with}, simd::Level};
/// let x = [2.0, 0.0, 0.0, 0.0, 2.0, 0.0];
/// // Keras' and PyTorch's label smoothing; the second row, say a padding, does not count.
/// let rows = Labelled { smoothing: 0.1, ignored: Some(255), ..Labelled::new(&x, &[0u8, 255]) };
/// let value = softmax_cross_entropy_with(Level::detect(), 3, rows, Outputs::default())?;
/// assert!((value - 0.373).abs() < 1e-3);
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a, L> {
    /// The scores, `[rows][classes]`: logits, or log-probabilities.
    pub x: &'a [f32],
    /// A label for each row.
    pub labels: &'a [L],
    /// How the rows become one number.
    pub reduction: Reduction,
    /// A weight for each class; 1 without.
    pub class_weights: Option<&'a [f32]>,
    /// A weight for each row; 1 without.
    pub row_weights: Option<&'a [f32]>,
    /// The label of rows that do not count; it need not be a class.
    pub ignored: Option<u32>,
    /// Which part of each label's weight is divided among all classes.
    pub smoothing: f32,
}

impl<'a, L> Labelled<'a, L> {
    /// Rows that all count alike, and the mean over them.
    pub const fn new(x: &'a [f32], labels: &'a [L]) -> Self {
        let reduction = Reduction::Mean;
        Self { x, labels, reduction, class_weights: None, row_weights: None, ignored: None, smoothing: 0.0 }
    }
}

map::functions! {
    Shared { sum, share }(s, e) = s.mul(s.div(e, sum), share);
    FirstExponential { largest }(s, x, _y) = math::exp(s, s.sub(x, largest));
    // What a class adds to a smoothed row: its distance from the logarithm of the sum.
    Distance { largest, ln }(s, x, _y) = s.add(s.sub(largest, x), ln);
    WeightedDistance { largest, ln }(s, x, weight) = s.mul(weight, s.add(s.sub(largest, x), ln));
    SmoothedSlope { sum, total, uniform, share }(s, e) = s.mul(s.sub(s.mul(s.div(e, sum), total), uniform), share);
    WeightedSlope { sum, total, uniform, share }(s, weight, e) =
        s.mul(s.sub(s.mul(s.div(e, sum), total), s.mul(uniform, weight)), share);
}

/// What is known of a row before its scores are read.
#[derive(Clone, Copy)]
struct Row {
    label: usize,
    /// The label's class weight.
    class_weight: f32,
    /// The row's own weight.
    weight: f32,
    /// What its weighted loss is multiplied by.
    share: f32,
}

/// A loss of rows. `LOGITS`: of logits, and not of log-probabilities; `PLAIN`: without smoothing, which
/// those who do not use it need not link.
struct Rows<'a, L, const LOGITS: bool, const PLAIN: bool> {
    classes: usize,
    operands: Labelled<'a, L>,
    outputs: Outputs<'a>,
    share: f32,
}

impl<L: Copy + Into<u32>, const LOGITS: bool, const PLAIN: bool> Kernel for Rows<'_, L, LOGITS, PLAIN> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let Self { classes, operands, outputs, share } = self;
        let classes = classes.max(1);
        let mut gradients = outputs.gradient.unwrap_or_default().chunks_exact_mut(classes);
        let mut values = outputs.values.unwrap_or_default().iter_mut();
        let all_weights = match operands.class_weights {
            _ if PLAIN => 0.0,
            Some(weights) => map::sum(s, weights),
            None => classes as f32,
        };
        let mut total = 0.0;
        for (index, (x, &label)) in operands.x.chunks_exact(classes).zip(operands.labels).enumerate() {
            let dx = gradients.next().unwrap_or_default();
            let label = label.into();
            let counts = operands.ignored != Some(label);
            let label = label as usize;
            // Labels were compared with the classes at the door.
            let mut value = 0.0;
            if counts && label < classes {
                let of = |weights: Option<&[f32]>, i| weights.and_then(|weights| weights.get(i)).map_or(1.0, |w| *w);
                let row = Row {
                    label,
                    class_weight: of(operands.class_weights, label),
                    weight: of(operands.row_weights, index),
                    share,
                };
                value = if PLAIN {
                    plain::<S, LOGITS>(s, x, row, dx)
                } else {
                    let smoothing = [operands.smoothing, all_weights];
                    smoothed::<S, LOGITS>(s, x, row, smoothing, operands.class_weights, dx)
                };
            } else {
                dx.fill(0.0);
            }
            total += value;
            if let Some(to) = values.next() {
                *to = value;
            }
        }
        total * share
    }
}

/// The largest logit, `Σ e^(x − largest)` and its logarithm, the exponentials left in `dx` where there is one.
/// Of log-probabilities the first and the last are 0: they are their own distance.
#[inline(always)]
fn normaliser<S: Simd, const LOGITS: bool>(s: S, x: &[f32], dx: &mut [f32]) -> [f32; 3] {
    if !LOGITS {
        return [0.0, 1.0, 0.0];
    }
    let (largest, sum) = if dx.is_empty() {
        let largest = map::largest(s, x);
        (largest, map::sum2(s, x, x, FirstExponential { largest }))
    } else {
        // Not `copy_from_slice`: firmware links no panic.
        dx.iter_mut().zip(x).for_each(|(to, &from)| *to = from);
        (map::largest(s, x), exponentials(s, dx))
    };
    let mut ln = [0.0];
    s.store_first(math::ln(s, s.splat(sum)), &mut ln);
    [largest, sum, ln[0]]
}

/// A row's loss where the label is the whole target, and its gradient.
#[inline(always)]
fn plain<S: Simd, const LOGITS: bool>(s: S, x: &[f32], row: Row, dx: &mut [f32]) -> f32 {
    let [largest, sum, ln] = normaliser::<S, LOGITS>(s, x, dx);
    let Some(score) = x.get(row.label) else { return 0.0 };
    let weight = row.weight * row.class_weight;
    let share = weight * row.share;
    if let Some(&e) = dx.get(row.label) {
        let of_label = if LOGITS { (e / sum - 1.0) * share } else { -share };
        if LOGITS {
            map::in_place(s, dx, Shared { sum, share });
        } else {
            dx.fill(0.0);
        }
        if let Some(to) = dx.get_mut(row.label) {
            *to = of_label;
        }
    }
    (ln + (largest - score)) * weight
}

/// A row's loss where a part of the target is divided among all classes, and its gradient.
#[inline(always)]
fn smoothed<S: Simd, const LOGITS: bool>(
    s: S,
    x: &[f32],
    row: Row,
    [smoothing, all_weights]: [f32; 2],
    class_weights: Option<&[f32]>,
    dx: &mut [f32],
) -> f32 {
    let [largest, sum, ln] = normaliser::<S, LOGITS>(s, x, dx);
    let Some(score) = x.get(row.label) else { return 0.0 };
    let uniform = smoothing / x.len() as f32;
    let distances = match class_weights {
        Some(weights) => map::sum2(s, x, weights, WeightedDistance { largest, ln }),
        None => map::sum2(s, x, x, Distance { largest, ln }),
    };
    let rest = 1.0 - smoothing;
    let value = rest * row.class_weight * (ln + (largest - score)) + uniform * distances;
    if let Some(&e) = dx.get(row.label) {
        // Log-probabilities are independent of each other: nothing comes back through a sum.
        let total = if LOGITS { rest * row.class_weight + uniform * all_weights } else { 0.0 };
        let share = row.weight * row.share;
        if !LOGITS {
            dx.fill(0.0);
        }
        let e = if LOGITS { e } else { 0.0 };
        match class_weights {
            Some(weights) => map::acc(s, weights, dx, WeightedSlope { sum, total, uniform, share }),
            None => map::in_place(s, dx, SmoothedSlope { sum, total, uniform, share }),
        }
        if let Some(to) = dx.get_mut(row.label) {
            *to = (e / sum * total - (rest + uniform) * row.class_weight) * share;
        }
    }
    value * row.weight
}

/// The doors, and what each row's loss is multiplied by.
fn labelled<L: Copy + Into<u32>, const LOGITS: bool>(
    operation: &'static str,
    level: Level,
    classes: usize,
    operands: Labelled<'_, L>,
    outputs: Outputs<'_>,
) -> Result<f32, LossError> {
    let Labelled { x, labels, class_weights, row_weights, ignored, .. } = operands;
    let len = labels.len().checked_mul(classes);
    check(operation, "x", x, len.ok_or(ShapeError::at_most(operation, "x", x.len(), usize::MAX))?)?;
    outputs.check(operation, "gradient", x.len(), labels.len())?;
    let lens = [("class_weights", class_weights, classes), ("row_weights", row_weights, labels.len())];
    for (argument, slice, len) in lens {
        slice.map_or(Ok(()), |slice| check(operation, argument, slice, len))?;
    }
    let (mut count, mut weight) = (0, 0.0);
    for (row, &label) in labels.iter().enumerate() {
        let label = label.into();
        if ignored == Some(label) {
            continue;
        }
        if label as usize >= classes {
            return Err(LossError::Label { row, label, classes });
        }
        let of = |weights: Option<&[f32]>, i: usize| weights.and_then(|weights| weights.get(i)).map_or(1.0, |w| *w);
        count += 1;
        weight += of(row_weights, row) * of(class_weights, label as usize);
    }
    if classes == 0 {
        return Ok(0.0);
    }
    let share = operands.reduction.share(count, weight);
    Ok(if operands.smoothing == 0.0 {
        level.dispatch(Rows::<_, LOGITS, true> { classes, operands, outputs, share })
    } else {
        level.dispatch(Rows::<_, LOGITS, false> { classes, operands, outputs, share })
    })
}

/// The mean cross-entropy of `softmax(x)` against sparse labels, and its gradient with respect to the logits.
///
/// `x` and `dx` are `[rows][classes]`; there is a label, below `classes`, for each row.
///
/// # Errors
/// [`LossError`] if lengths do not fit or a label is not a class; nothing is written then.
///
/// ```
/// use kernlet::{kernels::loss, simd::Level};
/// let mut dx = [f32::NAN; 2];
/// let value = loss::softmax_cross_entropy(Level::detect(), 2, &[1e30, 1e30], &[1u8], &mut dx)?;
/// assert_eq!((value, dx), (0.693_147_2, [0.5, -0.5]));
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub fn softmax_cross_entropy<L: Copy + Into<u32>>(
    level: Level,
    classes: usize,
    x: &[f32],
    labels: &[L],
    dx: &mut [f32],
) -> Result<f32, LossError> {
    plain_softmax_cross_entropy(level, classes, x, labels, Outputs { gradient: Some(dx), values: None })
}

/// [`softmax_cross_entropy`] with what is wanted of its outputs, and without the code of options.
pub(crate) fn plain_softmax_cross_entropy<L: Copy + Into<u32>>(
    level: Level,
    classes: usize,
    x: &[f32],
    labels: &[L],
    outputs: Outputs<'_>,
) -> Result<f32, LossError> {
    const NAME: &str = "softmax_cross_entropy";
    let len = labels.len().checked_mul(classes).ok_or(ShapeError::at_most(NAME, "x", x.len(), usize::MAX))?;
    check(NAME, "x", x, len)?;
    outputs.check(NAME, "dx", len, labels.len())?;
    for (row, &label) in labels.iter().enumerate() {
        let label = label.into();
        if label as usize >= classes {
            return Err(LossError::Label { row, label, classes });
        }
    }
    if labels.is_empty() {
        return Ok(0.0);
    }
    let share = 1.0 / labels.len() as f32;
    Ok(level.dispatch(Rows::<_, true, true> { classes, operands: Labelled::new(x, labels), outputs, share }))
}

/// The cross-entropy of `softmax(x)` against sparse labels, with weights, smoothing and ignored labels.
///
/// The [module](super) has the formula.
///
/// # Errors
/// [`LossError`] if lengths do not fit or a label is neither a class nor ignored; nothing is written then.
///
/// ```
/// use kernlet::{kernels::loss::{Labelled, Outputs, softmax_cross_entropy_with}, simd::Level};
/// let rows = Labelled { class_weights: Some(&[1.0, 2.0]), ..Labelled::new(&[0.0, 0.0], &[1u16]) };
/// let mut dx = [f32::NAN; 2];
/// let outputs = Outputs { gradient: Some(&mut dx), ..Outputs::default() };
/// let value = softmax_cross_entropy_with(Level::detect(), 2, rows, outputs)?;
/// assert_eq!((value, dx), (2.0 * 0.693_147_2, [1.0, -1.0]));
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub fn softmax_cross_entropy_with<L: Copy + Into<u32>>(
    level: Level,
    classes: usize,
    operands: Labelled<'_, L>,
    outputs: Outputs<'_>,
) -> Result<f32, LossError> {
    labelled::<L, true>("softmax_cross_entropy", level, classes, operands, outputs)
}

/// The negative log-likelihood of log-probabilities, as a log-softmax makes them, with the same options.
///
/// # Errors
/// [`LossError`] if lengths do not fit or a label is neither a class nor ignored; nothing is written then.
///
/// ```
/// use kernlet::{kernels::loss::{Labelled, Outputs, negative_log_likelihood}, simd::Level};
/// let mut dx = [f32::NAN; 2];
/// let outputs = Outputs { gradient: Some(&mut dx), ..Outputs::default() };
/// let value = negative_log_likelihood(Level::detect(), 2, Labelled::new(&[-3.0, -0.05], &[0u8]), outputs)?;
/// assert_eq!((value, dx), (3.0, [-1.0, 0.0]));
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub fn negative_log_likelihood<L: Copy + Into<u32>>(
    level: Level,
    classes: usize,
    operands: Labelled<'_, L>,
    outputs: Outputs<'_>,
) -> Result<f32, LossError> {
    labelled::<L, false>("negative_log_likelihood", level, classes, operands, outputs)
}
