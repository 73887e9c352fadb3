//! Recurrent layers over any kind of number, step by step as the formulas say: in `f64` for differences, and with bounds
//! of errors for other people's values.
#![allow(dead_code)]

use kernlet::kernels::recurrent::{Cell, Recurrent};

use crate::tracked::Tracked;

/// A number with what a recurrent layer does to it.
pub trait Real: Copy {
    fn of(value: f64) -> Self;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn sigmoid(self) -> Self;
    fn tanh(self) -> Self;
    fn sum(terms: Vec<Self>) -> Self;
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn minus(self, other: Self) -> Self {
        self - other
    }
    fn times(self, other: Self) -> Self {
        self * other
    }
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }
    fn tanh(self) -> Self {
        f64::tanh(self)
    }
    fn sum(terms: Vec<Self>) -> Self {
        terms.into_iter().sum()
    }
}

impl Real for Tracked {
    fn of(value: f64) -> Self {
        Self::input(value)
    }
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn minus(self, other: Self) -> Self {
        self - other
    }
    fn times(self, other: Self) -> Self {
        self * other
    }
    fn sigmoid(self) -> Self {
        self.map(Real::sigmoid, 0.25, 3.0)
    }
    fn tanh(self) -> Self {
        self.map(f64::tanh, 1.0, 2.0)
    }
    fn sum(terms: Vec<Self>) -> Self {
        Tracked::sum(terms)
    }
}

/// Weights and data of a layer: shapes as the kernels have them.
pub struct Layer<R> {
    pub kernel: Vec<R>,
    pub recurrent: Vec<R>,
    pub bias: Option<Vec<R>>,
    pub x: Vec<R>,
    pub state: Vec<R>,
    pub lengths: Vec<usize>,
}

/// Everything forward makes.
pub struct Outputs<R> {
    pub y: Vec<R>,
    pub state: Vec<R>,
}

/// Everything backward makes.
pub struct Gradients<R> {
    pub dx: Vec<R>,
    pub dkernel: Vec<R>,
    pub drecurrent: Vec<R>,
    pub dbias: Vec<R>,
    pub dstate: Vec<R>,
}

/// What a step computed.
struct Step<R> {
    /// Which sequence and which of its inputs.
    n: usize,
    at: usize,
    before: Vec<R>,
    /// z, r, ĥ, and the state's part of ĥ or r ∘ h; i, f, g, o and tanh c; h.
    gates: [Vec<R>; 5],
}

impl<R: Real> Layer<R> {
    fn product<C: Cell>(&self, shape: &Recurrent<C>, h: &[R], column: usize) -> Vec<R> {
        h.iter().enumerate().map(|(u, &h)| h.times(self.recurrent[u * shape.units * C::GATES + column])).collect()
    }

    fn bias(&self, i: usize) -> R {
        self.bias.as_ref().map_or(R::of(0.0), |bias| bias[i])
    }

    fn step<C: Cell>(&self, shape: &Recurrent<C>, n: usize, at: usize, state: &mut [R]) -> Step<R> {
        let (units, columns) = (shape.units, shape.units * C::GATES);
        let before = state.to_vec();
        let h = &before[..units];
        let input = |column: usize| {
            let x = &self.x[at * shape.inputs..][..shape.inputs];
            let mut terms: Vec<R> =
                x.iter().enumerate().map(|(i, &x)| x.times(self.kernel[i * columns + column])).collect();
            terms.push(self.bias(column));
            terms
        };
        let all = |column: usize| [input(column), self.product(shape, h, column)].concat();
        let gate =
            |gate: usize, f: fn(R) -> R| -> Vec<R> { (0..units).map(|u| f(R::sum(all(gate * units + u)))).collect() };
        let after = |z: &[R], candidate: &[R]| -> Vec<R> {
            let one = R::of(1.0);
            (0..units).map(|u| z[u].times(h[u]).plus(one.minus(z[u]).times(candidate[u]))).collect()
        };
        let gates = match (C::GATES, C::BIASES) {
            (1, _) => [gate(0, R::tanh), vec![], vec![], vec![], vec![]],
            (4, _) => {
                let [i, f, g, o] = [gate(0, R::sigmoid), gate(1, R::sigmoid), gate(2, R::tanh), gate(3, R::sigmoid)];
                for u in 0..units {
                    state[units + u] = f[u].times(before[units + u]).plus(i[u].times(g[u]));
                }
                let t = state[units..].iter().map(|c| c.tanh()).collect();
                [i, f, g, o, t]
            }
            (_, 2) => {
                let second = |gate: usize| -> Vec<R> {
                    let sums = (0..units).map(|u| {
                        let column = gate * units + u;
                        R::sum([all(column), vec![self.bias(columns + column)]].concat()).sigmoid()
                    });
                    sums.collect()
                };
                let [z, r] = [second(0), second(1)];
                let inner: Vec<R> = (0..units)
                    .map(|u| {
                        let mut terms = self.product(shape, h, 2 * units + u);
                        terms.push(self.bias(columns + 2 * units + u));
                        R::sum(terms)
                    })
                    .collect();
                let candidate: Vec<R> =
                    (0..units).map(|u| R::sum(input(2 * units + u)).plus(r[u].times(inner[u])).tanh()).collect();
                [z, r, candidate, inner, vec![]]
            }
            _ => {
                let [z, r] = [gate(0, R::sigmoid), gate(1, R::sigmoid)];
                let reset: Vec<R> = r.iter().zip(h).map(|(r, &h)| r.times(h)).collect();
                let candidate: Vec<R> = (0..units)
                    .map(|u| {
                        let column = 2 * units + u;
                        R::sum([input(column), self.product(shape, &reset, column)].concat()).tanh()
                    })
                    .collect();
                [z, r, candidate, reset, vec![]]
            }
        };
        match (C::GATES, C::BIASES) {
            (1, _) => state.copy_from_slice(&gates[0]),
            (4, _) => (0..units).for_each(|u| state[u] = gates[3][u].times(gates[4][u])),
            _ => state.copy_from_slice(&after(&gates[0], &gates[2])),
        }
        Step { n, at, before, gates }
    }

    fn run<C: Cell>(&self, shape: &Recurrent<C>) -> (Outputs<R>, Vec<Step<R>>) {
        let (units, len) = (shape.units, shape.state_len());
        let rows = self.lengths.len() * if shape.sequences { shape.steps } else { 1 };
        let mut outputs = Outputs { y: vec![R::of(0.0); rows * units], state: self.state.clone() };
        let mut steps = Vec::new();
        for (n, &length) in self.lengths.iter().enumerate() {
            let state = &mut outputs.state[n * len..(n + 1) * len];
            for i in 0..length {
                let at = n * shape.steps + if shape.reverse { length - 1 - i } else { i };
                steps.push(self.step(shape, n, at, state));
                if shape.sequences {
                    outputs.y[at * units..][..units].copy_from_slice(&state[..units]);
                }
            }
            if !shape.sequences {
                outputs.y[n * units..][..units].copy_from_slice(&state[..units]);
            } else if !shape.reverse && !shape.zeros_after_end {
                for step in length..shape.steps {
                    outputs.y[(n * shape.steps + step) * units..][..units].copy_from_slice(&state[..units]);
                }
            }
        }
        (outputs, steps)
    }

    pub fn forward<C: Cell>(&self, shape: &Recurrent<C>) -> Outputs<R> {
        self.run(shape).0
    }

    pub fn backward<C: Cell>(&self, shape: &Recurrent<C>, dy: &[R], dstate: &[R]) -> Gradients<R> {
        let (units, columns, len) = (shape.units, shape.units * C::GATES, shape.state_len());
        let zeros = |len: usize| vec![R::of(0.0); len];
        let mut to = Gradients {
            dx: zeros(self.x.len()),
            dkernel: zeros(self.kernel.len()),
            drecurrent: zeros(self.recurrent.len()),
            dbias: zeros(shape.bias_len()),
            dstate: dstate.to_vec(),
        };
        let add = |to: &mut [R], row: usize| {
            to.iter_mut().zip(&dy[row * units..][..units]).for_each(|(to, &dy)| *to = to.plus(dy));
        };
        for (n, &length) in self.lengths.iter().enumerate() {
            let dstate = &mut to.dstate[n * len..][..units];
            if !shape.sequences {
                add(dstate, n);
            } else if !shape.reverse && !shape.zeros_after_end {
                (length..shape.steps).for_each(|step| add(dstate, n * shape.steps + step));
            }
        }
        let mut terms = Terms::<R>::new(self.kernel.len(), self.recurrent.len(), shape.bias_len());
        for step in self.run(shape).1.iter().rev() {
            let dstate = &mut to.dstate[step.n * len..][..len];
            if shape.sequences {
                add(&mut dstate[..units], step.at);
            }
            let (sums, of_state) = self.through(shape, step, dstate);
            let x = &self.x[step.at * shape.inputs..][..shape.inputs];
            for (i, dx) in to.dx[step.at * shape.inputs..][..shape.inputs].iter_mut().enumerate() {
                *dx = R::sum((0..columns).map(|c| sums[c].times(self.kernel[i * columns + c])).collect());
            }
            let reset_before = C::GATES == 3 && C::BIASES == 1;
            for column in 0..columns {
                let values = if reset_before && column >= 2 * units { &step.gates[3] } else { &step.before };
                x.iter().enumerate().for_each(|(i, &x)| terms.kernel[i * columns + column].push(x.times(sums[column])));
                for (u, &value) in values[..units].iter().enumerate() {
                    terms.recurrent[u * columns + column].push(value.times(of_state[column]));
                }
                terms.bias[column].push(sums[column]);
                if C::BIASES > 1 {
                    terms.bias[columns + column].push(of_state[column]);
                }
            }
        }
        to.dkernel = terms.kernel.into_iter().map(R::sum).collect();
        to.drecurrent = terms.recurrent.into_iter().map(R::sum).collect();
        to.dbias = terms.bias.into_iter().map(R::sum).collect();
        to
    }

    /// Back through a step: the gradients of the gates' sums, of the input's and of the state's share.
    fn through<C: Cell>(&self, shape: &Recurrent<C>, step: &Step<R>, dstate: &mut [R]) -> (Vec<R>, Vec<R>) {
        let (units, columns, one) = (shape.units, shape.units * C::GATES, R::of(1.0));
        let of_sigmoid = |y: R, dy: R| dy.times(y.times(one.minus(y)));
        let of_tanh = |y: R, dy: R| dy.times(one.minus(y).times(one.plus(y)));
        let back = |of: &[R], u: usize, first: usize| -> Vec<R> {
            of.iter().enumerate().map(|(c, &g)| g.times(self.recurrent[u * columns + first + c])).collect()
        };
        let [a, b, c, d, e] = &step.gates;
        let before = &step.before;
        let mut sums = vec![R::of(0.0); columns];
        let mut direct = vec![R::of(0.0); units];
        let mut of_state = None;
        for u in 0..units {
            let dh = dstate[u];
            match (C::GATES, C::BIASES) {
                (1, _) => sums[u] = of_tanh(a[u], dh),
                (4, _) => {
                    let dc = dstate[units + u].plus(of_tanh(e[u], dh.times(d[u])));
                    sums[u] = of_sigmoid(a[u], dc.times(c[u]));
                    sums[units + u] = of_sigmoid(b[u], dc.times(before[units + u]));
                    sums[2 * units + u] = of_tanh(c[u], dc.times(a[u]));
                    sums[3 * units + u] = of_sigmoid(d[u], dh.times(e[u]));
                    dstate[units + u] = dc.times(b[u]);
                }
                _ => {
                    sums[u] = of_sigmoid(a[u], dh.times(before[u].minus(c[u])));
                    sums[2 * units + u] = of_tanh(c[u], dh.times(one.minus(a[u])));
                    direct[u] = dh.times(a[u]);
                }
            }
        }
        let mut gates = columns;
        match (C::GATES, C::BIASES) {
            (3, 2) => {
                let mut other = sums.clone();
                for u in 0..units {
                    let sum = sums[2 * units + u];
                    sums[units + u] = of_sigmoid(b[u], sum.times(d[u]));
                    (other[units + u], other[2 * units + u]) = (sums[units + u], sum.times(b[u]));
                }
                of_state = Some(other);
            }
            (3, _) => {
                for u in 0..units {
                    let product = R::sum(back(&sums[2 * units..], u, 2 * units));
                    sums[units + u] = of_sigmoid(b[u], product.times(before[u]));
                    direct[u] = direct[u].plus(product.times(b[u]));
                }
                gates = 2 * units;
            }
            _ => {}
        }
        let of_state = of_state.unwrap_or_else(|| sums.clone());
        for u in 0..units {
            let mut terms = back(&of_state[..gates], u, 0);
            terms.push(direct[u]);
            dstate[u] = R::sum(terms);
        }
        (sums, of_state)
    }
}

/// The terms of each weight's gradient.
struct Terms<R> {
    kernel: Vec<Vec<R>>,
    recurrent: Vec<Vec<R>>,
    bias: Vec<Vec<R>>,
}

impl<R: Clone> Terms<R> {
    fn new(kernel: usize, recurrent: usize, bias: usize) -> Self {
        Self { kernel: vec![vec![]; kernel], recurrent: vec![vec![]; recurrent], bias: vec![vec![]; bias] }
    }
}
