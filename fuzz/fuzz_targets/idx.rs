//! The IDX reader against a second reading of the layout.
#![no_main]

use arbitrary::Arbitrary;
use kernlet::data::idx::{Element, Idx, Labelled};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    /// A header that is mostly right, so that more than the magic number is tried.
    code: u8,
    sizes: Vec<u8>,
    huge: Option<(u8, u32)>,
    data: &'a [u8],
    /// Whether the data is cut or filled to the announced length.
    fitted: bool,
    /// Bytes as they are, instead.
    raw: bool,
    labels: &'a [u8],
    classes: u8,
}

fn width(code: u8) -> Option<usize> {
    Some(match code {
        8 | 9 => 1,
        11 => 2,
        12 | 13 => 4,
        14 => 8,
        _ => return None,
    })
}

fuzz_target!(|case: Case| {
    let mut file = vec![0, 0, case.code % 16, case.sizes.len() as u8 % 6];
    let mut sizes: Vec<u32> = case.sizes.iter().map(|&size| u32::from(size) % 12).take(usize::from(file[3])).collect();
    if let Some((at, size)) = case.huge
        && let Some(slot) = sizes.get_mut(usize::from(at))
    {
        *slot = size;
    }
    sizes.iter().for_each(|size| file.extend(size.to_be_bytes()));
    let announced = sizes.iter().try_fold(width(file[2]).unwrap_or(1), |len, &size| len.checked_mul(size as usize));
    let mut data = case.data.to_vec();
    if case.fitted
        && let Some(len) = announced.filter(|&len| len < 1 << 16)
    {
        data.resize(len, 7);
    }
    file.extend(&data);
    if case.raw {
        file = case.data.to_vec();
    }

    let parsed = Idx::parse(&file);
    if !case.raw {
        let right = width(file[2]).is_some() && sizes.len() == usize::from(file[3]) && announced == Some(data.len());
        let known_rank = sizes.len() <= kernlet::shape::MAX_RANK;
        assert_eq!(parsed.is_ok(), right && known_rank, "{parsed:?} of {file:?}");
    }
    if let Err(error) = &parsed {
        assert!(!error.to_string().is_empty());
    }
    if let Ok(idx) = parsed {
        assert!(idx.dims.as_slice().iter().zip(&sizes).all(|(a, b)| case.raw || *a == *b as usize));
        let width = width(file[2]).unwrap();
        let start = file.len() - idx.data.len();
        for (i, number) in file[start..].chunks_exact(width).enumerate() {
            let expected = match idx.element {
                Element::U8 => f64::from(number[0]),
                Element::I8 => f64::from(number[0] as i8),
                Element::I16 => f64::from(i16::from_be_bytes(number.try_into().unwrap())),
                Element::I32 => f64::from(i32::from_be_bytes(number.try_into().unwrap())),
                Element::F32 => f64::from(f32::from_be_bytes(number.try_into().unwrap())),
                Element::F64 => f64::from_be_bytes(number.try_into().unwrap()),
            };
            let found = idx.get(i).unwrap();
            assert!(found == expected || found.is_nan() && expected.is_nan());
        }
        assert_eq!(idx.get(idx.data.len() / width), None);
    }

    let mut labels = vec![0, 0, 8, 1];
    labels.extend((case.labels.len() as u32).to_be_bytes());
    labels.extend(case.labels);
    if let Ok(set) = Labelled::parse(&file, &labels, case.classes.into()) {
        assert_eq!(set.len(), case.labels.len());
        assert!(set.labels().iter().all(|label| *label < case.classes));
        let pixels: Vec<u8> = (0..set.len()).flat_map(|i| set.image(i).unwrap()).copied().collect();
        assert_eq!(pixels, file[16..]);
    }
});
