//! Readers against files that are whole, broken and made up; augmentation against what its maps mean.

use kernlet::data::{
    augment::{Affine, Augment, warp_into},
    batches::{epoch_order, gather_into},
    cifar::{COARSE_CLASSES, Cifar10, Cifar100, CifarError, FINE_CLASSES, IMAGE_LEN, RECORD_LEN},
    idx::{Element, Idx, IdxError, Labelled},
    normalise::standardise_into,
};

fn idx(code: u8, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, code, sizes.len() as u8];
    file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    file.extend(data);
    file
}

#[test]
fn every_element_type_is_read() {
    let cases: [(u8, Element, &[u8], f64); 6] = [
        (0x08, Element::U8, &[200], 200.0),
        (0x09, Element::I8, &[0xFE], -2.0),
        (0x0B, Element::I16, &[0xFF, 0x00], -256.0),
        (0x0C, Element::I32, &[0xFF, 0xFF, 0xFF, 0xFD], -3.0),
        (0x0D, Element::F32, &[0x3F, 0xC0, 0, 0], 1.5),
        (0x0E, Element::F64, &[0xC0, 0x04, 0, 0, 0, 0, 0, 0], -2.5),
    ];
    for (code, element, bytes, value) in cases {
        let file = idx(code, &[1], bytes);
        let parsed = Idx::parse(&file).unwrap();
        assert_eq!((parsed.element, parsed.get(0), parsed.get(1)), (element, Some(value), None));
    }
}

#[test]
fn each_broken_idx_file_says_what_is_wrong() {
    let good = idx(8, &[2, 3], &[1, 2, 3, 4, 5, 6]);
    for len in 0..good.len() {
        let expected = if len < 4 {
            4
        } else if len < 12 {
            12
        } else {
            18
        };
        assert_eq!(Idx::parse(&good[..len]), Err(IdxError::Truncated { expected, found: len }));
    }
    let long = idx(8, &[2], &[1, 2, 3]);
    assert_eq!(Idx::parse(&long), Err(IdxError::Trailing { expected: 10, found: 11 }));
    assert_eq!(Idx::parse(b"\x1f\x8b\x08\x00more"), Err(IdxError::Magic { found: 0x1f8b_0800 }));
    assert_eq!(Idx::parse(&[0, 1, 8, 0, 7]), Err(IdxError::Magic { found: 0x0001_0800 }));
    assert_eq!(Idx::parse(&idx(0x0A, &[1], &[1])), Err(IdxError::Code { found: 0x0A }));
    assert_eq!(Idx::parse(&idx(8, &[1; 7], &[1])), Err(IdxError::Rank { found: 7, expected: 6 }));
    assert_eq!(Idx::parse(&idx(8, &[u32::MAX; 6], &[])), Err(IdxError::Overflow));
    // A size of 0 must not hide sizes that cannot be multiplied.
    assert_eq!(Idx::parse(&idx(8, &[0, u32::MAX, u32::MAX, u32::MAX], &[])), Err(IdxError::Overflow));
    assert_eq!(Idx::parse(&idx(8, &[0, 28, 28], &[])).unwrap().dims.len(), 0);
    assert_eq!(Idx::parse(&idx(8, &[], &[7])).unwrap().get(0), Some(7.0));
}

#[test]
fn images_and_labels_must_fit_each_other() {
    let images = idx(8, &[3, 1, 2], &[1, 2, 3, 4, 5, 6]);
    let labels = idx(8, &[3], &[9, 0, 4]);
    let set = Labelled::parse(&images, &labels, 10).unwrap();
    assert_eq!(set.image(2), Some(&[5, 6][..]));
    assert_eq!(set.image(3), None);
    assert_eq!(set.image(usize::MAX), None);
    let none = idx(8, &[2, 0, 5], &[]);
    let empty = Labelled::parse(&none, &labels[..8], 10);
    assert_eq!(empty, Err(IdxError::Truncated { expected: 11, found: 8 }));
    let two = idx(8, &[2], &[1, 2]);
    let empty = Labelled::parse(&none, &two, 10).unwrap();
    assert_eq!((empty.image(1), empty.image(2)), (Some(&[][..]), None));
    assert_eq!(Labelled::parse(&images, &idx(8, &[2], &[9, 0]), 10), Err(IdxError::Counts { images: 3, labels: 2 }));
    let wrong = idx(8, &[3], &[9, 0, 10]);
    assert_eq!(Labelled::parse(&images, &wrong, 10), Err(IdxError::Label { index: 2, found: 10, classes: 10 }));
    assert_eq!(Labelled::parse(&labels, &images, 10), Err(IdxError::Rank { found: 1, expected: 3 }));
    let shorts = idx(0x0B, &[1], &[0, 1]);
    let error = IdxError::Element { found: Element::I16, expected: Element::U8 };
    assert_eq!(Labelled::parse(&images, &shorts, 10), Err(error));
}

#[test]
fn cifar_planes_become_pixels() {
    let mut file = vec![0; 2 * RECORD_LEN];
    file[RECORD_LEN] = 9;
    for (i, byte) in file[RECORD_LEN + 1..].iter_mut().enumerate() {
        *byte = (i % 251) as u8;
    }
    let set = Cifar10::parse(&file).unwrap();
    let mut image = [0; IMAGE_LEN];
    assert!(set.image_into(1, &mut image));
    for (i, &byte) in image.iter().enumerate() {
        let (pixel, channel) = (i / 3, i % 3);
        assert_eq!(usize::from(byte), (channel * 1024 + pixel) % 251);
    }
    assert!(!set.image_into(2, &mut image));
    assert_eq!(set.label(2), None);
    assert_eq!(Cifar10::parse(&file[1..]), Err(CifarError::Length { found: 2 * RECORD_LEN - 1 }));
    file[RECORD_LEN] = 10;
    assert_eq!(Cifar10::parse(&file), Err(CifarError::Label { index: 1, found: 10 }));
}

#[test]
fn cifar_100_has_two_labels() {
    const LEN: usize = RECORD_LEN + 1;
    let mut file = vec![0; 3 * LEN];
    (file[2 * LEN], file[2 * LEN + 1], file[2 * LEN + 2 + 1024]) = (19, 99, 77);
    let set = Cifar100::parse(&file).unwrap();
    let mut image = [1; IMAGE_LEN];
    assert!(set.image_into(2, &mut image) && !set.image_into(3, &mut [0; IMAGE_LEN]));
    assert_eq!((set.len(), set.coarse_label(2), set.label(2), set.label(3)), (3, Some(19), Some(99), None));
    assert!(image[..3] == [0, 77, 0] && image[3..].iter().all(|&byte| byte == 0));
    // Each is told from the other, by its length or by labels that are no classes.
    assert_eq!(Cifar100::parse(&file[..RECORD_LEN]), Err(CifarError::OtherFormat { expected: 100, found: 10 }));
    assert_eq!(Cifar100::parse(&file[1..]), Err(CifarError::Length { found: 3 * LEN - 1 }));
    file[LEN] = COARSE_CLASSES as u8;
    assert_eq!(Cifar100::parse(&file), Err(CifarError::Label { index: 1, found: 20 }));
    (file[LEN], file[LEN + 1]) = (0, FINE_CLASSES as u8);
    assert_eq!(Cifar100::parse(&file), Err(CifarError::Label { index: 1, found: 100 }));
}

/// EMNIST's parts: letters count from 1, the others from 0, up to 61.
#[test]
fn labels_of_all_parts_of_emnist() {
    for (first, classes) in [(0, 10), (0, 47), (0, 62), (1, 26)] {
        let all: Vec<u8> = (first..first + classes as u8).collect();
        let file = idx(8, &[classes as u32], &all);
        let images = idx(8, &[classes as u32, 1, 1], &vec![0; classes]);
        let labels = Labelled::parse_labels_from(&file, first, classes).unwrap();
        let set = Labelled::pair(Labelled::parse_images(&images).unwrap(), labels).unwrap().counting_from(first);
        assert!((0..classes).all(|i| set.label(i) == Some(i as u8)), "{classes}");
        let plain = Labelled::parse_labels(&file, classes);
        let expected = if first == 0 { Ok(labels) } else { Err(IdxError::FromOne { classes }) };
        assert_eq!(plain, expected);
        // A class too few is named, from wherever labels count.
        let error = Labelled::parse_labels_from(&file, first, classes - 1).unwrap_err();
        let end = usize::from(first) + classes - 1;
        assert_eq!(error, IdxError::Label { index: classes - 1, found: end as u8, classes: end });
    }
}

#[test]
fn an_epoch_shows_everything_once_in_an_order_of_its_own() {
    for len in [0, 1, 2, 31, 1000] {
        let (mut a, mut b) = (vec![0; len], vec![u32::MAX; len]);
        epoch_order(7, 0, &mut a);
        epoch_order(7, 0, &mut b);
        assert_eq!(a, b);
        b.sort_unstable();
        assert!(b.iter().copied().eq(0..len as u32));
    }
    let order = |seed, epoch| {
        let mut order = vec![0; 1000];
        epoch_order(seed, epoch, &mut order);
        order
    };
    assert_ne!(order(7, 0), order(7, 1));
    assert_ne!(order(7, 0), order(8, 0));
    // A uniform permutation has one fixed point on average.
    let fixed: usize = (0..200).map(|e| order(1, e).iter().zip(0..).filter(|&(&a, b)| a == b).count()).sum();
    assert!((120..=280).contains(&fixed), "{fixed} fixed points in 200 permutations");
}

#[test]
fn gather_refuses_what_is_not_there() {
    let mut batch = [0; 2];
    assert!(gather_into(&[1, 2, 3], 1, &[0, 3], &mut batch).is_err());
    assert!(gather_into(&[1, 2, 3], 1, &[0], &mut batch).is_err());
    assert_eq!(batch, [0; 2]);
    assert!(gather_into::<u8>(&[], 0, &[5, 6], &mut []).is_ok());
}

/// The bilinear sum over four neighbours in f64, from the definition.
fn warp_reference(x: &[f32], [h, w, c]: [usize; 3], map: Affine, row: usize, column: usize, channel: usize) -> f64 {
    let (y, z) = map.apply(row as f32, column as f32);
    let mut sum = 0.0;
    for i in 0..h {
        for j in 0..w {
            let weight =
                (1.0 - (f64::from(y) - i as f64).abs()).max(0.0) * (1.0 - (f64::from(z) - j as f64).abs()).max(0.0);
            sum += weight * f64::from(x[(i * w + j) * c + channel]);
        }
    }
    sum
}

#[test]
fn a_warp_is_the_bilinear_sum() {
    let size = [9, 7, 3];
    let x: Vec<f32> = (0..9 * 7 * 3).map(|i| ((i * 37) % 101) as f32 / 101.0).collect();
    let everything = Augment { shift: 3.0, rotate: 0.7, scale: 0.4, crop: 0.5 };
    for image in 0..50 {
        let map = everything.draw(1, 2, image, [9, 7]);
        let mut y = vec![f32::NAN; x.len()];
        warp_into(&x, size, map, &mut y).unwrap();
        for (i, &y) in y.iter().enumerate() {
            let (row, column, channel) = (i / 21, i / 3 % 7, i % 3);
            let expected = warp_reference(&x, size, map, row, column, channel);
            // Three interpolations of numbers below 1: a subtraction, a product and a sum each.
            assert!((f64::from(y) - expected).abs() <= 9.0 * f64::from(f32::EPSILON), "{y} is not {expected}");
        }
    }
}

#[test]
fn whole_steps_move_pixels_exactly() {
    let x: Vec<f32> = (1..=12).map(|i| i as f32).collect();
    let mut y = [f32::NAN; 12];
    warp_into(&x, [3, 4, 1], Affine::IDENTITY, &mut y).unwrap();
    assert_eq!(&y[..], x);
    warp_into(&x, [3, 4, 1], Affine::shift(1.0, -2.0), &mut y).unwrap();
    assert_eq!(y, [0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 7.0, 8.0, 0.0, 0.0]);
    warp_into(&x, [3, 4, 1], Affine::crop(0.0, 0.0, [3.0, 4.0], [3, 4]), &mut y).unwrap();
    assert_eq!(&y[..], x);
}

#[test]
fn a_turn_clockwise_and_back_is_no_turn() {
    let there = Affine::rotate(0.3, [28, 28]);
    let (row, column) = there.then(Affine::rotate(-0.3, [28, 28])).apply(3.0, 20.0);
    assert!((row - 3.0).abs() < 1e-5 && (column - 20.0).abs() < 1e-5, "({row}, {column})");
}

#[test]
fn augmentation_stays_within_its_limits() {
    let shift = Augment { shift: 2.0, ..Augment::NONE };
    let scale = Augment { scale: 0.1, ..Augment::NONE };
    let crop = Augment { crop: 0.8, ..Augment::NONE };
    let (mut least, mut most) = (f32::MAX, f32::MIN);
    for image in 0..1000 {
        let (row, column) = shift.draw(3, 0, image, [28, 28]).apply(0.0, 0.0);
        assert!(row.abs() <= 2.0 && column.abs() <= 2.0);
        (least, most) = (least.min(row), most.max(row));
        let map = scale.draw(3, 0, image, [28, 28]);
        let step = map.apply(1.0, 0.0).0 - map.apply(0.0, 0.0).0;
        assert!((1.0 / 1.1 - 1e-5..=1.0 / 0.9 + 1e-5).contains(&step));
        let map = crop.draw(3, 0, image, [28, 28]);
        let ((top, left), (bottom, right)) = (map.apply(-0.5, -0.5), map.apply(27.5, 27.5));
        assert!(top >= -0.5 - 1e-4 && left >= -0.5 - 1e-4 && bottom <= 27.5 + 1e-4 && right <= 27.5 + 1e-4);
        assert!(bottom - top >= 0.8 * 28.0 - 1e-4);
    }
    assert!(least < -1.9 && most > 1.9, "{least} to {most}");
}

/// Bits of one drawn image, frozen: they must come out on every target and in every later release.
#[test]
fn augmented_bits_are_frozen() {
    let x: Vec<f32> = (0..28 * 28).map(|i| ((i * 31) % 256) as f32 / 255.0).collect();
    let mut y = vec![f32::NAN; x.len()];
    let everything = Augment { crop: 0.9, ..Augment::DIGITS };
    everything.image_into(&x, [28, 28, 1], 42, 3, 17, &mut y).unwrap();
    assert_eq!(format!("{:016x}", kernlet::snapshot::fingerprint(&y)), "1d1cfaa68200f1cb");
}

#[test]
fn nonsense_makes_no_panic() {
    let x = [1.0; 4];
    let mut y = [f32::NAN; 4];
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38] {
        let augment = Augment { shift: bad, rotate: bad, scale: bad, crop: 0.5 };
        augment.image_into(&x, [2, 2, 1], 1, 1, 1, &mut y).unwrap();
        assert!(y.iter().all(|y| y.is_finite()), "{bad}: {y:?}");
    }
    assert_eq!(Affine::crop(0.0, 0.0, [0.0, 1.0], [2, 2]), Affine::IDENTITY);
    assert_eq!(Affine::scale(0.0, [2, 2]), Affine::IDENTITY);
    warp_into(&[], [0, 5, 1], Affine::IDENTITY, &mut []).unwrap();
    assert!(warp_into(&x, [2, 3, 1], Affine::IDENTITY, &mut y).is_err());
    assert!(standardise_into(&[1, 2, 3], &[0.0; 2], &[1.0; 2], &mut [0.0; 3]).is_err());
    assert!(standardise_into(&[1], &[], &[], &mut [0.0; 1]).is_err());
}
