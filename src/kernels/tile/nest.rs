//! Nests of affine axes: which places the rows and the terms of a contraction are.

use crate::kernels::{div, rem};

/// One axis of a nest: its length, and how far a step goes in two operands.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Axis {
    pub count: usize,
    /// In `A`.
    pub a: isize,
    /// In `C` for rows, in `B` for terms.
    pub other: isize,
}

impl Axis {
    pub(in crate::kernels) const ONE: Self = Self::new(1, 0, 0);

    pub(in crate::kernels) const fn new(count: usize, a: isize, other: isize) -> Self {
        Self { count, a, other }
    }

    /// Whether `self`, stepping around all of `inner`, goes on where `inner` ends.
    const fn continues(self, inner: Self) -> bool {
        let n = inner.count as isize;
        self.a == inner.a.wrapping_mul(n) && self.other == inner.other.wrapping_mul(n)
    }
}

/// A nest of axes, outermost first.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Nest(pub [Axis; 3]);

impl Nest {
    #[inline(always)]
    pub(in crate::kernels) const fn line(axis: Axis) -> Self {
        Self([Axis::ONE, Axis::ONE, axis])
    }

    #[inline(always)]
    pub(in crate::kernels) const fn len(&self) -> usize {
        self.0[0].count * self.0[1].count * self.0[2].count
    }

    /// The same sequence with fewer, longer axes where one goes on where the next ends.
    #[inline(always)]
    pub(super) fn merged(self) -> Self {
        let [mut outer, mut middle, mut inner] = self.0;
        if middle.count == 1 || middle.continues(inner) {
            inner.count *= middle.count;
            middle = outer;
            outer = Axis::ONE;
            if middle.count == 1 || middle.continues(inner) {
                inner.count *= middle.count;
                middle = Axis::ONE;
            }
        } else if outer.count == 1 || outer.continues(middle) {
            middle.count *= outer.count;
            outer = Axis::ONE;
        }
        if inner.count == 1 {
            // A single step has no length; the axis above is the innermost then.
            (inner, middle, outer) = (middle, outer, Axis::ONE);
        }
        Self([outer, middle, inner])
    }
}

/// A place in a nest, kept as offsets so that moving on needs no division.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    index: [usize; 3],
    pub a: isize,
    pub other: isize,
}

impl Cursor {
    #[inline(always)]
    pub(super) fn at(nest: &Nest, flat: usize) -> Self {
        if flat == 0 {
            return Self { index: [0; 3], a: 0, other: 0 };
        }
        let [outer, middle, inner] = nest.0;
        let i2 = rem(flat, inner.count);
        let rest = div(flat, inner.count);
        let (i1, i0) = (rem(rest, middle.count), div(rest, middle.count));
        let place = |f: fn(&Axis) -> isize| {
            (i0 as isize)
                .wrapping_mul(f(&outer))
                .wrapping_add((i1 as isize).wrapping_mul(f(&middle)))
                .wrapping_add((i2 as isize).wrapping_mul(f(&inner)))
        };
        Self { index: [i0, i1, i2], a: place(|axis| axis.a), other: place(|axis| axis.other) }
    }

    #[inline(always)]
    pub(super) fn step(&mut self, nest: &Nest) {
        let [outer, middle, inner] = &nest.0;
        self.index[2] += 1;
        self.a = self.a.wrapping_add(inner.a);
        self.other = self.other.wrapping_add(inner.other);
        if self.index[2] == inner.count {
            self.index[2] = 0;
            self.index[1] += 1;
            let n = inner.count as isize;
            self.a = self.a.wrapping_add(middle.a.wrapping_sub(n.wrapping_mul(inner.a)));
            self.other = self.other.wrapping_add(middle.other.wrapping_sub(n.wrapping_mul(inner.other)));
            if self.index[1] == middle.count {
                self.index[1] = 0;
                self.index[0] += 1;
                let n = middle.count as isize;
                self.a = self.a.wrapping_add(outer.a.wrapping_sub(n.wrapping_mul(middle.a)));
                self.other = self.other.wrapping_add(outer.other.wrapping_sub(n.wrapping_mul(middle.other)));
            }
        }
    }
}
