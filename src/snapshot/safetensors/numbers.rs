//! Numbers of other types as `f32`.

use ::safetensors::Dtype;

/// Number `index` of a tensor's bytes, if its type is one that can be read.
pub(super) fn at(dtype: Dtype, bytes: &[u8], index: usize) -> Option<f32> {
    fn array<const N: usize>(bytes: &[u8], index: usize) -> Option<[u8; N]> {
        bytes.as_chunks::<N>().0.get(index).copied()
    }
    Some(match dtype {
        Dtype::F32 => f32::from_le_bytes(array(bytes, index)?),
        Dtype::F64 => f64::from_le_bytes(array(bytes, index)?) as f32,
        Dtype::BF16 => f32::from_bits(u32::from(u16::from_le_bytes(array(bytes, index)?)) << 16),
        Dtype::F16 => half(u16::from_le_bytes(array(bytes, index)?)),
        _ => return None,
    })
}

/// IEEE 754 binary16, exactly.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (u32::from(bits >> 15) << 31, bits >> 10 & 31, u32::from(bits & 0x3FF));
    let magnitude = match exponent {
        // Below the normal numbers: fraction · 2⁻²⁴.
        0 => return f32::from_bits(sign | (fraction as f32 * (1.0 / (1 << 24) as f32)).to_bits()),
        31 => 0xFF << 23,
        _ => (u32::from(exponent) + 112) << 23,
    };
    f32::from_bits(sign | magnitude | fraction << 13)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the definition: (−1)ˢ · 2ᵉ⁻¹⁵ · (1 + f/1024), or f · 2⁻²⁴.
    #[test]
    fn halves_are_exact() {
        for bits in 0..=u16::MAX {
            let (sign, e, f) = (if bits >> 15 == 1 { -1.0 } else { 1.0 }, i32::from(bits >> 10 & 31), bits & 0x3FF);
            let expected = match (e, f) {
                (0, _) => sign * f64::from(f) * 2f64.powi(-24),
                (31, 0) => sign * f64::INFINITY,
                (31, _) => f64::NAN,
                _ => sign * 2f64.powi(e - 15) * (1.0 + f64::from(f) / 1024.0),
            };
            let found = half(bits);
            assert!(f64::from(found) == expected || found.is_nan() && expected.is_nan(), "{bits:04x}: {found}");
            assert_eq!(found.is_sign_negative(), bits >> 15 == 1);
        }
    }

    #[test]
    fn each_type_is_read() {
        assert_eq!(at(Dtype::F64, &1.5_f64.to_le_bytes(), 0), Some(1.5));
        assert_eq!(at(Dtype::BF16, &[0, 0, 0xC0, 0x3F], 1), Some(1.5));
        assert_eq!(at(Dtype::F16, &0x3E00_u16.to_le_bytes(), 0), Some(1.5));
        assert_eq!(at(Dtype::F32, &[0; 3], 0), None);
        assert_eq!(at(Dtype::I8, &[1], 0), None);
    }
}
