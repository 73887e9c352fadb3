//! The networks, and what of them is shown. The page in `examples/web` has the same.

kernlet::network! {
    /// The network of the Keras MNIST example.
    pub struct MnistCnn([28, 28, 1]) {
        conv1: conv2d(32, 3x3), relu,
        conv2: conv2d(64, 3x3), relu,
        pool: max_pool2d(2x2), dropout(0.25),
        fc1: dense(128), relu, dropout(0.5),
        fc2: dense(10), softmax,
    }
}

const _: () = assert!(MnistCnn::PARAMETERS == 1_199_882);

kernlet::network! {
    /// The same with Winograd's algorithm in the second convolution, which has nine tenths of the multiplications.
    pub struct MnistWinogradCnn([28, 28, 1]) {
        conv1: conv2d(32, 3x3), relu,
        conv2: conv2d(64, 3x3, winograd), relu,
        pool: max_pool2d(2x2), dropout(0.25),
        fc1: dense(128), relu, dropout(0.5),
        fc2: dense(10), softmax,
    }
}

kernlet::network! {
    /// A network that a page can load at once and train in seconds.
    pub struct SmallCnn([28, 28, 1]) {
        conv1: conv2d(8, 5x5), relu, pool1: max_pool2d(2x2),
        conv2: conv2d(16, 3x3), relu, pool2: max_pool2d(2x2), dropout(0.1),
        fc1: dense(32), relu,
        fc2: dense(10), softmax,
    }
}

const _: () = assert!(SmallCnn::PARAMETERS == 14_538);

/// Rows, and columns, of an image.
pub const SIDE: usize = 28;
