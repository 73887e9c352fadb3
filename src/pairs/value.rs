//! What may stand beside a key: plain data of fixed size, bytes, strings.

use core::cmp::{Ordering, Reverse};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::num::{NonZero, Saturating, Wrapping};
use core::time::Duration;

use super::Desc;

/// Plain data of a fixed size that can be written to a run and read back.
///
/// Numbers are little-endian on every machine, so runs and summaries can be
/// sent. Integers, floats, `bool`, `char`, [`Duration`], IP addresses, and arrays, tuples and [`Option`]s of plain data
/// are plain; a struct becomes plain through the tuple of its fields.
///
/// ```
/// use kernlet::pairs::Plain;
/// #[derive(Clone, Copy)]
/// struct Mean { count: u64, sum: i64 }
/// impl Plain for Mean {
///     const SIZE: usize = <(u64, i64)>::SIZE;
///     fn store(&self, out: &mut [u8]) {
///         (self.count, self.sum).store(out);
///     }
///     fn load(bytes: &[u8]) -> Self {
///         let (count, sum) = Plain::load(bytes);
///         Mean { count, sum }
///     }
/// }
/// let mut bytes = [0; Mean::SIZE];
/// Mean { count: 2, sum: -7 }.store(&mut bytes);
/// assert_eq!(Mean::load(&bytes).sum, -7);
/// ```
pub trait Plain: Copy {
    /// Bytes that a value takes.
    const SIZE: usize;

    /// Writes the value to the first `SIZE` bytes of `out`.
    ///
    /// # Panics
    ///
    /// If `out.len() < SIZE`.
    fn store(&self, out: &mut [u8]);

    /// Reads a value from the first `SIZE` bytes.
    ///
    /// # Panics
    ///
    /// If `bytes.len() < SIZE`.
    fn load(bytes: &[u8]) -> Self;
}

macro_rules! plain_numbers {
    ($($t:ty)*) => {$(
        impl Plain for $t {
            const SIZE: usize = size_of::<$t>();
            #[inline]
            fn store(&self, out: &mut [u8]) {
                out[..Self::SIZE].copy_from_slice(&self.to_le_bytes());
            }
            #[inline]
            fn load(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$t>()];
                own.copy_from_slice(&bytes[..Self::SIZE]);
                Self::from_le_bytes(own)
            }
        }
    )*};
}
plain_numbers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);

impl Plain for bool {
    const SIZE: usize = 1;
    #[inline]
    fn store(&self, out: &mut [u8]) {
        out[0] = u8::from(*self);
    }
    #[inline]
    fn load(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }
}

/// Eight bytes on every machine. A number too great for a smaller machine is read back as its
/// greatest.
impl Plain for usize {
    const SIZE: usize = 8;
    #[inline]
    fn store(&self, out: &mut [u8]) {
        (*self as u64).store(out);
    }
    #[inline]
    fn load(bytes: &[u8]) -> Self {
        Self::try_from(u64::load(bytes)).unwrap_or(Self::MAX)
    }
}

/// Eight bytes on every machine. A number beyond the range of a smaller machine is read back as the
/// nearest in it.
impl Plain for isize {
    const SIZE: usize = 8;
    #[inline]
    fn store(&self, out: &mut [u8]) {
        (*self as i64).store(out);
    }
    #[inline]
    fn load(bytes: &[u8]) -> Self {
        let number = i64::load(bytes);
        Self::try_from(number).unwrap_or(if number < 0 { Self::MIN } else { Self::MAX })
    }
}

impl Plain for char {
    const SIZE: usize = 4;
    #[inline]
    fn store(&self, out: &mut [u8]) {
        u32::from(*self).store(out);
    }
    #[inline]
    fn load(bytes: &[u8]) -> Self {
        Self::from_u32(u32::load(bytes)).unwrap_or(Self::REPLACEMENT_CHARACTER)
    }
}

/// A value that lies as another.
macro_rules! plain_as {
    ($([$($generics:tt)*] $t:ty, $of:ty, |$value:ident| $store:expr, |$load:ident| $loaded:expr;)*) => {$(
        impl<$($generics)*> Plain for $t {
            const SIZE: usize = <$of>::SIZE;
            #[inline]
            fn store(&self, out: &mut [u8]) {
                let $value = self;
                $store.store(out);
            }
            #[inline]
            fn load(bytes: &[u8]) -> Self {
                let $load = <$of>::load(bytes);
                $loaded
            }
        }
    )*};
}

macro_rules! plain_non_zero {
    ($($t:ty)*) => {
        plain_as! {$(
            // A zero was not written.
            [] NonZero<$t>, $t, |value| value.get(), |number| Self::new(number).unwrap_or(Self::MIN);
        )*}
    };
}
plain_non_zero!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

plain_as! {
    [] Ordering, i8, |value| (*value as i8), |number| number.cmp(&0);
    [] Duration, (u64, u32), |value| (value.as_secs(), value.subsec_nanos()), |parts| {
        // Nanoseconds of a second or more were not written.
        Self::new(parts.0, parts.1.min(999_999_999))
    };
    [] Ipv4Addr, [u8; 4], |value| value.octets(), |octets| octets.into();
    [] Ipv6Addr, [u8; 16], |value| value.octets(), |octets| octets.into();
    [T: Plain] Desc<T>, T, |value| value.0, |inner| Self(inner);
    [T: Plain] Reverse<T>, T, |value| value.0, |inner| Self(inner);
    [T: Plain] Wrapping<T>, T, |value| value.0, |inner| Self(inner);
    [T: Plain] Saturating<T>, T, |value| value.0, |inner| Self(inner);
}

/// A value that may be absent takes a byte more.
impl<T: Plain> Plain for Option<T> {
    const SIZE: usize = 1 + T::SIZE;
    #[inline]
    fn store(&self, out: &mut [u8]) {
        let (some, value) = out[..Self::SIZE].split_at_mut(1);
        some[0] = u8::from(self.is_some());
        match self {
            Some(inner) => inner.store(value),
            None => value.fill(0),
        }
    }
    #[inline]
    fn load(bytes: &[u8]) -> Self {
        (bytes[0] != 0).then(|| T::load(&bytes[1..]))
    }
}

impl Plain for () {
    const SIZE: usize = 0;
    #[inline]
    fn store(&self, _: &mut [u8]) {}
    #[inline]
    fn load(_: &[u8]) -> Self {}
}

impl<T: Plain, const N: usize> Plain for [T; N] {
    const SIZE: usize = N * T::SIZE;
    #[inline]
    fn store(&self, out: &mut [u8]) {
        for (i, value) in self.iter().enumerate() {
            value.store(&mut out[i * T::SIZE..]);
        }
    }
    #[inline]
    fn load(bytes: &[u8]) -> Self {
        core::array::from_fn(|i| T::load(&bytes[i * T::SIZE..]))
    }
}

macro_rules! plain_tuples {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Plain),*> Plain for ($($name,)*) {
            const SIZE: usize = 0 $(+ $name::SIZE)*;
            #[inline]
            fn store(&self, out: &mut [u8]) {
                let mut at = 0;
                $(self.$index.store(&mut out[at..]); at += $name::SIZE;)*
                let _ = at;
            }
            #[inline]
            fn load(bytes: &[u8]) -> Self {
                let mut at = 0;
                ($({ let value = $name::load(&bytes[at..]); at += $name::SIZE; let _ = at; value },)*)
            }
        }
    };
}
plain_tuples!(A 0);
plain_tuples!(A 0, B 1);
plain_tuples!(A 0, B 1, C 2);
plain_tuples!(A 0, B 1, C 2, D 3);
plain_tuples!(A 0, B 1, C 2, D 3, E 4);
plain_tuples!(A 0, B 1, C 2, D 3, E 4, F 5);

/// A value that can be kept beside its key until the reducer sees it: plain data,
/// bytes or a string. Owned bytes and strings are read back as borrows.
///
/// ```
/// use kernlet::pairs::Value;
/// let mut bytes = [0; 5];
/// "seven".write(&mut bytes);
/// assert_eq!(str::read(&bytes), Some("seven"));
/// ```
pub trait Value {
    /// Bytes that every value takes, if all take the same number.
    const FIXED: Option<usize>;
    /// What is read back: the value itself, or a borrow of its bytes.
    type Ref<'a>;

    /// Bytes that this value takes.
    fn size(&self) -> usize;

    /// Writes the value to the first `size()` bytes of `out`.
    ///
    /// # Panics
    ///
    /// If `out.len() < self.size()`.
    fn write(&self, out: &mut [u8]);

    /// Reads a value that takes exactly these bytes; `None` if they hold none.
    fn read(bytes: &[u8]) -> Option<Self::Ref<'_>>;
}

impl<T: Plain> Value for T {
    const FIXED: Option<usize> = Some(T::SIZE);
    type Ref<'a> = T;
    #[inline]
    fn size(&self) -> usize {
        T::SIZE
    }
    #[inline]
    fn write(&self, out: &mut [u8]) {
        self.store(out);
    }
    #[inline]
    fn read(bytes: &[u8]) -> Option<T> {
        (bytes.len() == T::SIZE).then(|| T::load(bytes))
    }
}

impl Value for [u8] {
    const FIXED: Option<usize> = None;
    type Ref<'a> = &'a [u8];
    #[inline]
    fn size(&self) -> usize {
        self.len()
    }
    #[inline]
    fn write(&self, out: &mut [u8]) {
        out[..self.len()].copy_from_slice(self);
    }
    #[inline]
    fn read(bytes: &[u8]) -> Option<&[u8]> {
        Some(bytes)
    }
}

impl Value for str {
    const FIXED: Option<usize> = None;
    type Ref<'a> = &'a str;
    #[inline]
    fn size(&self) -> usize {
        self.len()
    }
    #[inline]
    fn write(&self, out: &mut [u8]) {
        out[..self.len()].copy_from_slice(self.as_bytes());
    }
    #[inline]
    fn read(bytes: &[u8]) -> Option<&str> {
        core::str::from_utf8(bytes).ok()
    }
}

/// Values that are named in another way and lie as `$of`.
macro_rules! value_as {
    ($($t:ty, $of:ty;)*) => {$(
        impl Value for $t {
            const FIXED: Option<usize> = None;
            type Ref<'a> = <$of as Value>::Ref<'a>;
            #[inline]
            fn size(&self) -> usize {
                self.len()
            }
            #[inline]
            fn write(&self, out: &mut [u8]) {
                <$of>::write(self, out);
            }
            #[inline]
            fn read(bytes: &[u8]) -> Option<Self::Ref<'_>> {
                <$of>::read(bytes)
            }
        }
    )*};
}
value_as! { &str, str; &[u8], [u8]; }
#[cfg(feature = "alloc")]
value_as! {
    alloc::string::String, str; alloc::boxed::Box<str>, str;
    alloc::vec::Vec<u8>, [u8]; alloc::boxed::Box<[u8]>, [u8];
}
