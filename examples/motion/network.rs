//! The networks: one with a state, one with windows. Both run over a recording step by step.

/// Steps of a recording: ten a second.
pub const STEPS: usize = 100;

/// Numbers of a step: three axes of an accelerometer, three of a gyroscope.
pub const CHANNELS: usize = 6;

kernlet::network! {
    /// A GRU, and the mean of its states so far.
    pub struct Recurrent([100, 6]) { states: gru(24, sequences), global_avg_pool1d, dropout(0.3), out: dense(4), softmax }
}

kernlet::network! {
    /// Convolutions that look back, each over twice the time of the one before, and the mean of what they found.
    pub struct Convolutional([100, 6]) {
        conv1: conv1d(16, 5, padding: causal), relu,
        conv2: conv1d(16, 5, padding: causal, dilation: 2), relu,
        conv3: conv1d(24, 5, padding: causal, dilation: 4), relu,
        global_avg_pool1d, dropout(0.3), out: dense(4), softmax,
    }
}
