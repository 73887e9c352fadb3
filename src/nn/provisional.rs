//! Naive stand-ins until the kernels of these names land; replaced as they do.
#![allow(missing_docs)]

pub mod activation {
    use crate::kernels::ShapeError;
    use crate::simd::Level;
    /// s
    pub fn relu_in_place(_l: Level, y: &mut [f32]) {
        for y in y {
            if !(*y > 0.0) {
                *y = 0.0
            }
        }
    }
    /// s
    pub fn relu_backward_in_place(_l: Level, y: &[f32], dy: &mut [f32]) -> Result<(), ShapeError> {
        for (y, d) in y.iter().zip(dy) {
            if !(*y > 0.0) {
                *d = 0.0
            }
        }
        Ok(())
    }
}
pub mod dropout {
    use crate::random::Stream;
    use crate::simd::Level;
    /// s
    pub fn in_place(_l: Level, rate: f32, s: Stream, first: u64, y: &mut [f32]) {
        let k = 1.0 / (1.0 - rate);
        for (i, y) in y.iter_mut().enumerate() {
            *y = if s.f32_at(first + i as u64) < rate { 0.0 } else { *y * k };
        }
    }
}
pub mod elementwise {
    use crate::kernels::ShapeError;
    use crate::simd::Level;
    /// s
    pub fn add_acc(_l: Level, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
        for (y, x) in y.iter_mut().zip(x) {
            *y += x;
        }
        Ok(())
    }
    /// s
    pub fn scale(_l: Level, a: f32, y: &mut [f32]) {
        for y in y {
            *y *= a;
        }
    }
}
pub mod loss {
    use crate::kernels::ShapeError;
    use crate::simd::Level;
    /// s
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[non_exhaustive]
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum LossError {
        /// s
        Shape(ShapeError),
        /// s
        Label {
            /// s
            row: usize,
            /// s
            label: usize,
        },
    }
    impl core::fmt::Display for LossError {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            write!(f, "label {:?}", self)
        }
    }
    /// s
    pub fn softmax_cross_entropy(
        _l: Level,
        classes: usize,
        x: &[f32],
        labels: &[u8],
        dx: &mut [f32],
    ) -> Result<f32, LossError> {
        let mut sum = 0.0;
        let n = labels.len() as f32;
        for ((x, &l), dx) in x.chunks(classes).zip(labels).zip(dx.chunks_mut(classes)) {
            if usize::from(l) >= classes {
                return Err(LossError::Label { row: 0, label: usize::from(l) });
            }
            let m = x.iter().fold(f32::MIN, |a, &b| a.max(b));
            let s: f32 = x.iter().map(|x| libm::expf(x - m)).sum();
            sum += libm::logf(s) + m - x[usize::from(l)];
            for (i, (x, dx)) in x.iter().zip(dx).enumerate() {
                *dx = (libm::expf(x - m) / s - if i == usize::from(l) { 1.0 } else { 0.0 }) / n;
            }
        }
        Ok(sum / n)
    }
}
pub mod pool2d {
    /// s
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Pool2d {
        height: usize,
        width: usize,
        channels: usize,
        pub kernel: [usize; 2],
        pub stride: [usize; 2],
        pub padding: [usize; 4],
    }
    impl Pool2d {
        /// s
        pub const fn new(height: usize, width: usize, channels: usize, kernel: [usize; 2]) -> Self {
            Self { height, width, channels, kernel, stride: kernel, padding: [0; 4] }
        }
        /// s
        pub const fn with_stride(self, stride: [usize; 2]) -> Self {
            Self { stride, ..self }
        }
        /// s
        pub const fn with_padding(self, p: crate::shape::Padding) -> Self {
            Self { padding: p.resolve([self.height, self.width], self.kernel, self.stride, [1, 1]), ..self }
        }
        /// s
        pub const fn out_height(&self) -> usize {
            crate::shape::window_count(
                self.height,
                self.padding[0] + self.padding[1],
                self.kernel[0],
                self.stride[0],
                1,
            )
        }
        /// s
        pub const fn out_width(&self) -> usize {
            crate::shape::window_count(self.width, self.padding[2] + self.padding[3], self.kernel[1], self.stride[1], 1)
        }
    }
    use crate::kernels::ShapeError;
    use crate::simd::Level;
    impl Pool2d {
        /// s
        pub const fn x_len(&self) -> usize {
            self.height * self.width * self.channels
        }
        /// s
        pub const fn y_len(&self) -> usize {
            self.out_height() * self.out_width() * self.channels
        }
    }
    /// s
    pub fn max_forward_into(
        _l: Level,
        p: &Pool2d,
        n: usize,
        x: &[f32],
        y: &mut [f32],
        mut arg: Option<&mut [u8]>,
    ) -> Result<(), ShapeError> {
        let (oh, ow, c) = (p.out_height(), p.out_width(), p.channels);
        for b in 0..n {
            for i in 0..oh {
                for j in 0..ow {
                    for k in 0..c {
                        let mut best = f32::NEG_INFINITY;
                        let mut at = 0u8;
                        for di in 0..p.kernel[0] {
                            for dj in 0..p.kernel[1] {
                                let (r, q) = (i * p.stride[0] + di, j * p.stride[1] + dj);
                                if r < p.padding[0] || q < p.padding[2] {
                                    continue;
                                }
                                let (r, q) = (r - p.padding[0], q - p.padding[2]);
                                if r >= p.height || q >= p.width {
                                    continue;
                                }
                                let v = x[b * p.x_len() + (r * p.width + q) * c + k];
                                if v > best {
                                    best = v;
                                    at = (di * p.kernel[1] + dj) as u8;
                                }
                            }
                        }
                        let o = b * p.y_len() + (i * ow + j) * c + k;
                        y[o] = best;
                        if let Some(a) = arg.as_deref_mut() {
                            a[o] = at;
                        }
                    }
                }
            }
        }
        Ok(())
    }
    /// s
    pub fn max_backward_into(
        _l: Level,
        p: &Pool2d,
        n: usize,
        arg: &[u8],
        dy: &[f32],
        y: Option<&[f32]>,
        dx: &mut [f32],
    ) -> Result<(), ShapeError> {
        dx.fill(0.0);
        let (oh, ow, c) = (p.out_height(), p.out_width(), p.channels);
        for b in 0..n {
            for i in 0..oh {
                for j in 0..ow {
                    for k in 0..c {
                        let o = b * p.y_len() + (i * ow + j) * c + k;
                        let a = arg[o] as usize;
                        if let Some(y) = y {
                            if !(y[o] > 0.0) {
                                continue;
                            }
                        }
                        let (r, q) = (
                            i * p.stride[0] + a / p.kernel[1] - p.padding[0],
                            j * p.stride[1] + a % p.kernel[1] - p.padding[2],
                        );
                        dx[b * p.x_len() + (r * p.width + q) * c + k] += dy[o];
                    }
                }
            }
        }
        Ok(())
    }
}
