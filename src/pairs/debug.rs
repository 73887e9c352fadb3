//! `Debug` for types whose fields are tables and buffers: a name, and what is worth a look.

macro_rules! debug {
    ([$($generics:tt)*] $type:ty, $name:literal $(, $label:literal: |$this:ident| $value:expr)*) => {
        impl<$($generics)*> core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct($name)$(.field($label, &{ let $this = self; $value }))*.finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use debug;
