//! The network.

kernlet::network! {
    /// ResNet-8 of MLPerf Tiny: three residual blocks, the later two with a convolution in the shortcut.
    pub struct ResNet8([32, 32, 3]) {
        conv0: conv2d(16, 3x3, padding: same), norm0: batch_norm, entry0: relu,
        conv1a: conv2d(16, 3x3, padding: same), norm1a: batch_norm, relu1a: relu,
        conv1b: conv2d(16, 3x3, padding: same), norm1b: batch_norm,
        add1: add(entry0), entry1: relu,
        conv2a: conv2d(32, 3x3, stride: 2, padding: same), norm2a: batch_norm, relu2a: relu,
        conv2b: conv2d(32, 3x3, padding: same), norm2b: batch_norm,
        short2: conv2d(32, 1x1, stride: 2, padding: same, from: entry1), add2: add(norm2b), entry2: relu,
        conv3a: conv2d(64, 3x3, stride: 2, padding: same), norm3a: batch_norm, relu3a: relu,
        conv3b: conv2d(64, 3x3, padding: same), norm3b: batch_norm,
        short3: conv2d(64, 1x1, stride: 2, padding: same, from: entry2), add3: add(norm3b), entry3: relu,
        pool: global_avg_pool2d, fc: dense(10), softmax,
    }
}
