//! What the page computes, behind plain functions: one memory, no glue.
//!
//! A module is made for one use, and dropped after it: [`read`] to recognise digits, [`learn`] to train,
//! [`count`] to count words. Functions that can fail return less than 0 or null, and leave a sentence in [`message`].
#![no_std]

extern crate alloc;

use alloc::string::String;
use core::{cell::UnsafeCell, fmt, panic::PanicInfo};

mod count;
mod heap;
mod learn;
#[path = "../../../mnist/network.rs"]
mod network;
mod read;

/// Numbers of an image.
const IMAGE_LEN: usize = network::SIDE * network::SIDE;

/// Digits.
const CLASSES: usize = 10;

/// Something of which there is one.
struct Single<T>(UnsafeCell<T>);

// SAFETY: the module is built without threads.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// For one exported function at a time.
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: there is one thread, and no exported function is called inside another.
        work(unsafe { &mut *self.0.get() })
    }
}

static MESSAGE: Single<String> = Single::new(String::new());

/// Keeps an error for the page.
fn note(error: &dyn fmt::Display) {
    MESSAGE.with(|message| {
        message.clear();
        // Writing to a string does not fail.
        let _ = fmt::write(message, format_args!("{error}"));
    });
}

/// The value, or one that says that there is a message.
fn or_note<T, E: fmt::Display>(result: Result<T, E>, failed: T) -> T {
    result.unwrap_or_else(|error| {
        note(&error);
        failed
    })
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Bytes for the page to write to.
#[unsafe(no_mangle)]
pub extern "C" fn take(len: usize) -> *mut u8 {
    alloc::vec![0_u64; len.div_ceil(8)].leak().as_mut_ptr().cast()
}

/// The bytes at a place that [`take`] gave.
///
/// # Safety
/// The page wrote `len` bytes there, and leaves them as they are.
unsafe fn taken(at: *const u8, len: usize) -> &'static [u8] {
    // SAFETY: the caller's.
    unsafe { core::slice::from_raw_parts(at, len) }
}

/// Where the last error's sentence is.
#[unsafe(no_mangle)]
pub extern "C" fn message() -> *const u8 {
    MESSAGE.with(|message| message.as_ptr())
}

/// Its bytes.
#[unsafe(no_mangle)]
pub extern "C" fn message_len() -> usize {
    MESSAGE.with(|message| message.len())
}
