//! The reader of CIFAR-10's binary format against its layout.
#![no_main]

use arbitrary::Arbitrary;
use kernlet::data::cifar::{CLASSES, Cifar10, IMAGE_LEN};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    labels: Vec<u8>,
    pixels: &'a [u8],
    rest: u8,
}

fuzz_target!(|case: Case| {
    let Case { mut labels, pixels, rest } = case;
    labels.truncate(4);
    let mut file = Vec::new();
    for (i, label) in labels.iter().enumerate() {
        // Mostly right labels.
        file.push(if label % 8 == 7 { *label } else { label % 10 });
        file.extend((0..IMAGE_LEN).map(|j| pixels.get((i + j) % pixels.len().max(1)).copied().unwrap_or(0)));
    }
    let whole = file.len();
    file.resize(whole + usize::from(rest / 64), 1);
    let right = file.len() == whole && file.chunks(1 + IMAGE_LEN).all(|record| usize::from(record[0]) < CLASSES);
    match Cifar10::parse(&file) {
        Err(error) => assert!(!right && !error.to_string().is_empty()),
        Ok(set) => {
            assert!(right && set.len() == labels.len());
            let mut image = [0; IMAGE_LEN];
            for (i, record) in file.chunks(1 + IMAGE_LEN).enumerate() {
                assert_eq!(set.label(i), Some(record[0]));
                assert!(set.image_into(i, &mut image));
                for (at, value) in image.iter().enumerate() {
                    assert_eq!(*value, record[1 + at % 3 * 1024 + at / 3]);
                }
            }
            assert!(!set.image_into(set.len(), &mut image));
        }
    }
});
