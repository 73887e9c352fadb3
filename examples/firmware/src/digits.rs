//! The bundled digits, in flash.

/// 1,000 images of 28×28 bytes to train on.
pub static TRAIN_IMAGES: [u8; 1000 * 784] = *include_bytes!(concat!(env!("OUT_DIR"), "/train-images"));
/// Their labels.
pub static TRAIN_LABELS: [u8; 1000] = *include_bytes!(concat!(env!("OUT_DIR"), "/train-labels"));
/// 200 others to evaluate on.
pub static TEST_IMAGES: [u8; 200 * 784] = *include_bytes!(concat!(env!("OUT_DIR"), "/test-images"));
/// Their labels.
pub static TEST_LABELS: [u8; 200] = *include_bytes!(concat!(env!("OUT_DIR"), "/test-labels"));
