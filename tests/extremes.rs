//! Numbers that no network has: a descriptor is refused, or computed as the twin computes it; a counter
//! stays at its end. The arithmetic of this build panics where it overflows.

use kernlet::{
    kernels::{
        conv2d::{self, Conv2d, Epilogue},
        conv2d_transpose::{self, Conv2dTranspose},
        pool2d::{self, Pool2d},
        reference,
    },
    nn::{Model, Training},
    optim::Adam,
    random::Stream,
    simd::Level,
    snapshot::Progress,
};

/// Sizes up to 3, or now and then one near the end of what some product of sizes can hold.
struct Sizes {
    stream: Stream,
    at: u64,
}

impl Sizes {
    fn below(&mut self, n: u32) -> usize {
        self.at += 1;
        self.stream.below_at(self.at, n) as usize
    }

    fn size(&mut self) -> usize {
        if self.below(4) > 0 {
            return self.below(4);
        }
        let near = 1_usize.rotate_right(self.below(usize::BITS) as u32);
        near.wrapping_add(self.below(3)).wrapping_sub(1)
    }

    fn pair(&mut self) -> [usize; 2] {
        [self.size(), self.size()]
    }

    fn small(&mut self) -> usize {
        1 + self.below(3)
    }

    fn channels(&mut self) -> usize {
        [1, 2, 3, 8, 16, 32, 64][self.below(7)]
    }

    fn padding(&mut self) -> [usize; 4] {
        [self.size(), self.size(), self.size(), self.size()]
    }
}

/// Longer than this no operand is made.
const MOST: usize = 1 << 12;

fn values(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 1);
    // Mostly zeros: those have kernels of their own.
    (0..len as u64).map(|i| if i % 4 == 0 { stream.below_at(i, 9) as f32 - 4.0 } else { 0.0 }).collect()
}

#[test]
fn convolutions() {
    let (mut refused, mut computed) = (0, 0);
    for seed in 0..30_000 {
        let mut sizes = Sizes { stream: Stream::new(seed, 0), at: 0 };
        let (height, width) = (sizes.small(), sizes.small());
        let (ci, co) = (sizes.channels(), sizes.channels());
        let mut conv = Conv2d::new(height, width, ci, co, [sizes.small(), sizes.small()])
            .with_stride(sizes.pair())
            .with_dilation(sizes.pair());
        conv.padding = sizes.padding();
        if sizes.below(4) == 0 {
            conv = conv.with_groups([0, 2, ci, usize::MAX][sizes.below(4)]);
        }
        if conv.validate().is_err() {
            refused += 1;
            continue;
        }
        if conv.y_len() > MOST || conv.w_len() > MOST {
            continue;
        }
        computed += 1;
        let (x, w, dy) = (values(seed, conv.x_len()), values(seed + 1, conv.w_len()), values(seed + 2, conv.y_len()));
        for level in Level::all() {
            let (mut y, mut expected) = (vec![f32::NAN; dy.len()], vec![f32::NAN; dy.len()]);
            conv2d::forward_into(
                level,
                &conv,
                1,
                conv2d::Forward { x: &x, w: &w, b: None, epilogue: Epilogue::None },
                &mut y,
            )
            .unwrap();
            reference::conv2d::forward(
                level.rounding(),
                &conv,
                1,
                conv2d::Forward { x: &x, w: &w, b: None, epilogue: Epilogue::None },
                &mut expected,
            );
            assert_eq!(y, expected, "y of {conv:?} on {level}");

            let (mut dx, mut expected) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
            let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(&conv)];
            conv2d::backward_input_into(level, &conv, 1, &w, &dy, &mut dx, &mut scratch).unwrap();
            reference::conv2d::backward_input(level.rounding(), &conv, 1, &w, &dy, &mut expected);
            assert_eq!(dx, expected, "dx of {conv:?} on {level}");

            let (mut dw, mut expected) = (vec![1.0; w.len()], vec![1.0; w.len()]);
            conv2d::backward_weight_acc(level, &conv, 1, &x, &dy, 0..conv.w_rows(), &mut dw).unwrap();
            reference::conv2d::backward_weight(level.rounding(), &conv, 1, &x, &dy, &mut expected);
            assert_eq!(dw, expected, "dw of {conv:?} on {level}");
        }
    }
    assert!(refused > 1000 && computed > 1000);
}

#[test]
fn transposed_convolutions() {
    let (mut refused, mut computed) = (0, 0);
    for seed in 0..30_000 {
        let mut sizes = Sizes { stream: Stream::new(seed, 0), at: 0 };
        let (height, width) = (sizes.small(), sizes.small());
        let (ci, co) = (sizes.channels(), sizes.channels());
        let mut conv = Conv2dTranspose::new(height, width, ci, co, [sizes.small(), sizes.small()])
            .with_stride(sizes.pair())
            .with_dilation(sizes.pair())
            .with_output_padding(if sizes.below(2) == 0 { [0; 2] } else { sizes.pair() });
        conv.padding = sizes.padding();
        // What a large stride spreads is cut off again, all but a little.
        for axis in 0..2 {
            if sizes.below(2) == 0 {
                let whole = conv.stride[axis].wrapping_mul(if axis == 0 { height } else { width } - 1);
                conv.padding[2 * axis] = whole.wrapping_sub(sizes.below(4)).wrapping_add(2);
                conv.padding[2 * axis + 1] = 0;
            }
        }
        if conv.validate().is_err() {
            refused += 1;
            continue;
        }
        if conv.y_len() > MOST || conv.w_len() > MOST {
            continue;
        }
        computed += 1;
        let (x, w, dy) = (values(seed, conv.x_len()), values(seed + 1, conv.w_len()), values(seed + 2, conv.y_len()));
        for level in Level::all() {
            let (mut y, mut expected) = (vec![f32::NAN; dy.len()], vec![f32::NAN; dy.len()]);
            let mut scratch = vec![f32::NAN; conv2d_transpose::forward_scratch_len(&conv)];
            conv2d_transpose::forward_into(
                level,
                &conv,
                1,
                conv2d_transpose::Forward { x: &x, w: &w, b: None, epilogue: Epilogue::None },
                &mut y,
                &mut scratch,
            )
            .unwrap();
            let twin = reference::conv2d_transpose::forward;
            let operands = conv2d_transpose::Forward { x: &x, w: &w, b: None, epilogue: Epilogue::None };
            twin(level.rounding(), &conv, 1, operands, &mut expected);
            assert_eq!(y, expected, "y of {conv:?} on {level}");

            let (mut dx, mut expected) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
            conv2d_transpose::backward_input_into(level, &conv, 1, &w, &dy, &mut dx).unwrap();
            reference::conv2d_transpose::backward_input(level.rounding(), &conv, 1, &w, &dy, &mut expected);
            assert_eq!(dx, expected, "dx of {conv:?} on {level}");

            let (mut dw, mut expected) = (vec![1.0; w.len()], vec![1.0; w.len()]);
            conv2d_transpose::backward_weight_acc(level, &conv, 1, &x, &dy, 0..conv.w_rows(), &mut dw).unwrap();
            reference::conv2d_transpose::backward_weight(level.rounding(), &conv, 1, &x, &dy, &mut expected);
            assert_eq!(dw, expected, "dw of {conv:?} on {level}");
        }
    }
    assert!(refused > 1000 && computed > 1000);
}

/// The twin goes over every tap of a window, so windows of many are compared at their one output.
#[test]
fn pooling() {
    let (mut refused, mut computed) = (0, 0);
    for seed in 0..30_000 {
        let mut sizes = Sizes { stream: Stream::new(seed, 0), at: 0 };
        let (height, width, channels) = (sizes.small(), sizes.small(), sizes.channels());
        let kernel = sizes.pair();
        let mut pool = Pool2d::new(height, width, channels, kernel).with_stride(sizes.pair());
        pool.padding = sizes.padding();
        // A large window fits a small image only with padding.
        for (axis, size) in kernel.iter().enumerate() {
            if sizes.below(2) == 0 {
                let most = size.wrapping_sub(1);
                pool.padding[2 * axis] = most.wrapping_sub(sizes.below(2));
                pool.padding[2 * axis + 1] = sizes.below(2);
            }
        }
        if pool.validate().is_err() {
            refused += 1;
            continue;
        }
        if pool.y_len() > MOST {
            continue;
        }
        computed += 1;
        let x: Vec<f32> = values(seed, pool.x_len()).iter().map(|x| x + 0.5).collect();
        let dy = values(seed + 1, pool.y_len());
        let is_small = pool.kernel.iter().all(|&k| k < 8);
        for level in Level::all() {
            let (mut y, mut mean) = (vec![f32::NAN; dy.len()], vec![f32::NAN; dy.len()]);
            let mut dx = vec![f32::NAN; x.len()];
            pool2d::max_forward_into(level, &pool, 1, &x, &mut y, None).unwrap();
            pool2d::average_forward_into(level, &pool, 1, &x, &mut mean).unwrap();
            pool2d::average_backward_into(level, &pool, 1, &dy, &mut dx).unwrap();
            assert!(y.iter().chain(&mean).all(|y| (-4.0..=4.5).contains(y)), "{pool:?} on {level}: {y:?} {mean:?}");
            assert!(dx.iter().all(|dx| dx.is_finite()), "{pool:?} on {level}: {dx:?}");
            let mut argmax = vec![0; pool.argmax_len()];
            pool2d::max_forward_into(level, &pool, 1, &x, &mut y, Some(&mut argmax)).unwrap();
            pool2d::max_backward_into(level, &pool, 1, &argmax, &dy, None, &mut dx).unwrap();
            if is_small {
                let (mut expected, mut taps) = (y.clone(), vec![0; y.len()]);
                reference::pool2d::max_forward(&pool, 1, &x, &mut expected, &mut taps);
                assert_eq!(y, expected, "{pool:?} on {level}");
                reference::pool2d::average_forward(&pool, 1, &x, &mut expected);
                assert_eq!(mean, expected, "{pool:?} on {level}");
                let mut expected = dx.clone();
                reference::pool2d::max_backward(&pool, 1, &taps, &dy, &mut expected);
                assert_eq!(dx, expected, "{pool:?} on {level}");
            }
        }
    }
    assert!(refused > 1000 && computed > 1000);
}

kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }

/// A snapshot may say any number of steps.
#[test]
fn the_last_step_there_is() {
    const TRAINING: Training<Tiny, Adam> = Training::new(Adam::new(0.01)).batch(1).level(Level::PORTABLE);
    let mut model = Model::<Tiny>::zeroed();
    model.initialize(42);
    let mut memory = [f32::NAN; TRAINING.memory_len()];
    let mut trainer = TRAINING.start(&mut model, &mut memory).unwrap();
    trainer.set_progress(Progress { step: u64::from(u32::MAX) - 1, ..Progress::default() });
    for _ in 0..3 {
        trainer.step(&[0.3, -0.7], &[1]).unwrap();
        assert_eq!(trainer.step_count(), u32::MAX);
    }
    assert!(model.parameters().iter().all(|p| p.is_finite()));
}
