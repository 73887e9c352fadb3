//! Which instruction set and which rounding, chosen once and passed down.
#![allow(unsafe_code)]

use core::fmt;

#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
use super::x86::{self, Avx2, Avx512};
use super::{
    Scalar, Simd,
    portable::{self, Portable},
};

/// How `a · b + c` is rounded: the one thing that results depend on.
///
/// ```
/// use kernlet::simd::Rounding;
/// assert_eq!("strict".parse(), Ok(Rounding::Strict));
/// assert_eq!(Rounding::Fused.name(), "fused");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Rounding {
    /// Multiply, round, add, round: the same bits on every target.
    Strict,
    /// Round once: the same bits on every target with a fused multiply-add.
    Fused,
}

impl Rounding {
    /// `"strict"` or `"fused"`.
    ///
    /// ```
    /// assert_eq!(kernlet::simd::Rounding::Strict.name(), "strict");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Fused => "fused",
        }
    }
}

/// An instruction set with vectors of its own in this crate.
///
/// ```
/// use kernlet::simd::InstructionSet;
/// assert_eq!("avx2".parse(), Ok(InstructionSet::Avx2));
/// assert!(InstructionSet::Portable.is_available());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InstructionSet {
    /// What the build was made for: SSE2, NEON, simd128, or one `f32` at a time.
    Portable,
    /// x86 with AVX2 and FMA: 8 lanes.
    Avx2,
    /// x86 with AVX-512F: 16 lanes.
    Avx512,
}

impl InstructionSet {
    /// All of them, narrowest first.
    ///
    /// ```
    /// assert_eq!(kernlet::simd::InstructionSet::ALL.len(), 3);
    /// ```
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// `"portable"`, `"avx2"` or `"avx512"`.
    ///
    /// ```
    /// assert_eq!(kernlet::simd::InstructionSet::Avx512.name(), "avx512");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor (without `std`: this build) has it.
    ///
    /// ```
    /// assert!(kernlet::simd::InstructionSet::Portable.is_available());
    /// ```
    #[inline]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
            Self::Avx2 => x86::has_avx2(),
            #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
            Self::Avx512 => x86::has_avx512(),
            #[cfg(not(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2")))]
            _ => false,
        }
    }
}

/// A word that names no instruction set or rounding.
///
/// ```
/// use kernlet::simd::Rounding;
/// let error = "exact".parse::<Rounding>().unwrap_err();
/// assert_eq!(error.to_string(), "expected one of: strict, fused");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ParseLevelError {
    expected: &'static str,
}

impl fmt::Display for ParseLevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected one of: {}", self.expected)
    }
}

impl core::error::Error for ParseLevelError {}

impl core::str::FromStr for Rounding {
    type Err = ParseLevelError;
    fn from_str(s: &str) -> Result<Self, ParseLevelError> {
        match s {
            "strict" => Ok(Self::Strict),
            "fused" => Ok(Self::Fused),
            _ => Err(ParseLevelError { expected: "strict, fused" }),
        }
    }
}

impl core::str::FromStr for InstructionSet {
    type Err = ParseLevelError;
    fn from_str(s: &str) -> Result<Self, ParseLevelError> {
        match s {
            "portable" => Ok(Self::Portable),
            "avx2" => Ok(Self::Avx2),
            "avx512" => Ok(Self::Avx512),
            _ => Err(ParseLevelError { expected: "portable, avx2, avx512" }),
        }
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An algorithm written once over [`Simd`], to be entered at any [`Level`].
///
/// `run` must be `#[inline(always)]`, so that it is compiled inside the entry
/// that enables the instruction set.
pub trait Kernel {
    /// What the algorithm returns.
    type Output;

    /// Runs the algorithm with the operations of `s`.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// An instruction set that is there, with a rounding that it can do.
///
/// ```
/// use kernlet::simd::{Level, Rounding};
/// let level = Level::detect();
/// let strict = level.with_rounding(Rounding::Strict).unwrap();
/// assert_eq!(strict.rounding(), Rounding::Strict);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Level {
    // Private: a value proves that the processor has the instruction set.
    isa: InstructionSet,
    rounding: Rounding,
}

impl Level {
    /// The level every build has: portable vectors, [`Rounding::Strict`].
    ///
    /// ```
    /// use kernlet::simd::{InstructionSet, Level};
    /// assert_eq!(Level::PORTABLE.instruction_set(), InstructionSet::Portable);
    /// ```
    pub const PORTABLE: Self = Self { isa: InstructionSet::Portable, rounding: Rounding::Strict };

    /// The widest instruction set of this processor, fused if it has a fused multiply-add.
    #[inline]
    pub fn detect() -> Self {
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
        for isa in [InstructionSet::Avx512, InstructionSet::Avx2] {
            if isa.is_available() {
                return Self { isa, rounding: Rounding::Fused };
            }
        }
        let rounding = if portable::HAS_FUSED { Rounding::Fused } else { Rounding::Strict };
        Self { isa: InstructionSet::Portable, rounding }
    }

    /// The widest instruction set of this processor at [`Rounding::Strict`]: the same bits everywhere.
    ///
    /// ```
    /// use kernlet::simd::{Level, Rounding};
    /// assert_eq!(Level::detect_strict().rounding(), Rounding::Strict);
    /// ```
    #[inline]
    pub fn detect_strict() -> Self {
        Self { rounding: Rounding::Strict, ..Self::detect() }
    }

    /// That instruction set at that rounding, or `None` if this processor or build lacks one.
    ///
    /// ```
    /// use kernlet::simd::{InstructionSet, Level, Rounding};
    /// assert!(Level::new(InstructionSet::Portable, Rounding::Strict).is_some());
    /// ```
    #[inline]
    pub fn new(isa: InstructionSet, rounding: Rounding) -> Option<Self> {
        let can_round = match (isa, rounding) {
            (InstructionSet::Portable, Rounding::Fused) => portable::HAS_FUSED,
            _ => true,
        };
        (isa.is_available() && can_round).then_some(Self { isa, rounding })
    }

    /// The same instruction set at another rounding, or `None` if it has no fused multiply-add.
    ///
    /// ```
    /// use kernlet::simd::{Level, Rounding};
    /// assert!(Level::detect().with_rounding(Rounding::Strict).is_some());
    /// ```
    #[inline]
    pub fn with_rounding(self, rounding: Rounding) -> Option<Self> {
        Self::new(self.isa, rounding)
    }

    /// Every level that this processor and build have, in a fixed order.
    ///
    /// ```
    /// use kernlet::simd::Level;
    /// assert!(Level::all().any(|level| level == Level::PORTABLE));
    /// ```
    pub fn all() -> impl Iterator<Item = Self> {
        InstructionSet::ALL
            .into_iter()
            .flat_map(|isa| [Rounding::Strict, Rounding::Fused].into_iter().filter_map(move |r| Self::new(isa, r)))
    }

    /// Which instruction set.
    #[inline]
    pub const fn instruction_set(self) -> InstructionSet {
        self.isa
    }

    /// Which rounding.
    #[inline]
    pub const fn rounding(self) -> Rounding {
        self.rounding
    }

    /// Runs a kernel with this level's instructions.
    // Not inlined where there is a choice: the portable kernel lies in this function, and every unit of code
    // that calls it would compile a copy of its own, which was a seventh of all machine code.
    #[cfg_attr(not(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2")), inline)]
    pub fn dispatch<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
        match (self.isa, self.rounding) {
            (InstructionSet::Avx512, Rounding::Fused) => {
                // SAFETY: a `Level` is only made after `is_available` said yes.
                return unsafe { Avx512::<true>::run(kernel) };
            }
            (InstructionSet::Avx512, Rounding::Strict) => {
                // SAFETY: a `Level` is only made after `is_available` said yes.
                return unsafe { Avx512::<false>::run(kernel) };
            }
            (InstructionSet::Avx2, Rounding::Fused) => {
                // SAFETY: a `Level` is only made after `is_available` said yes.
                return unsafe { Avx2::<true>::run(kernel) };
            }
            (InstructionSet::Avx2, Rounding::Strict) => {
                // SAFETY: a `Level` is only made after `is_available` said yes.
                return unsafe { Avx2::<false>::run(kernel) };
            }
            (InstructionSet::Portable, _) => {}
        }
        if portable::HAS_FUSED && self.rounding == Rounding::Fused {
            kernel.run(Portable::<true>::new())
        } else if portable::HAS_VECTORS {
            kernel.run(Portable::<false>::new())
        } else {
            kernel.run(Scalar::<false>::new())
        }
    }
}

impl Default for Level {
    /// [`Level::detect`].
    fn default() -> Self {
        Self::detect()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.isa, self.rounding)
    }
}
