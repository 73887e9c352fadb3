//! The parity program as a bare process: no `std`, no C library, two system calls.
//!
//! Built for targets without an operating system (`x86_64-unknown-none`, `aarch64-unknown-none`,
//! `riscv32imac-unknown-none-elf`, `riscv32imafc-unknown-none-elf`), it runs where
//! there is a Linux, or an emulator of one: that is how such a build is tested here.
#![no_std]
#![no_main]

use core::{arch::global_asm, panic::PanicInfo};

use kernlet::simd::Level;

#[path = "../../parity/train.rs"]
mod train;

#[path = "../../parity/zoo.rs"]
mod zoo;

#[cfg(feature = "alloc")]
#[path = "../../parity/heap.rs"]
mod heap;

static IMAGES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/train-images"));
static LABELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/train-labels"));

#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "and rsp, -16", "call {main}", "ud2", main = sym main);

#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "bl {main}", "udf #0", main = sym main);

#[cfg(target_arch = "riscv32")]
global_asm!(".globl _start", "_start:", "andi sp, sp, -16", "call {main}", "unimp", main = sym main);

/// Linux' `write` to the standard output.
fn write(bytes: &[u8]) {
    // SAFETY: the kernel reads `bytes` and writes no memory.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!("syscall", inlateout("rax") 1_usize => _, in("rdi") 1, in("rsi") bytes.as_ptr(), in("rdx") bytes.len(),
            lateout("rcx") _, lateout("r11") _, options(nostack));
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("svc 0", in("x8") 64, inlateout("x0") 1_usize => _, in("x1") bytes.as_ptr(), in("x2") bytes.len(), options(nostack));
        #[cfg(target_arch = "riscv32")]
        core::arch::asm!("ecall", in("a7") 64, inlateout("a0") 1_usize => _, in("a1") bytes.as_ptr(), in("a2") bytes.len(), options(nostack));
    }
}

/// Linux' `exit`.
fn exit(code: usize) -> ! {
    // SAFETY: the process ends.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!("syscall", in("rax") 60, in("rdi") code, options(noreturn, nostack));
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("svc 0", in("x8") 93, in("x0") code, options(noreturn, nostack));
        #[cfg(target_arch = "riscv32")]
        core::arch::asm!("ecall", in("a7") 93, in("a0") code, options(noreturn, nostack));
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}

/// A number's 16 digits, and what follows them.
fn hex(number: u64, end: u8) -> [u8; 17] {
    let mut text = [end; 17];
    for (i, digit) in text.iter_mut().take(16).enumerate() {
        *digit = b"0123456789abcdef"[(number >> (60 - 4 * i)) as usize & 15];
    }
    text
}

extern "C" fn main() -> ! {
    static mut DIGITS: train::Workspace = train::Workspace::new();
    static mut ZOO: zoo::Workspace = zoo::Workspace::new();
    static mut STEPS: zoo::steps::Workspace = zoo::steps::Workspace::new();
    // SAFETY: this function runs once, in the only thread.
    let (digits, zoo, steps) = unsafe { (&mut *(&raw mut DIGITS), &mut *(&raw mut ZOO), &mut *(&raw mut STEPS)) };
    let level = Level::detect_strict();
    match digits.parity(level, IMAGES, LABELS).and_then(|digits| Ok((digits, zoo.parity(level)?, steps.parity(level)?)))
    {
        Ok((digits, zoo, steps)) => {
            write(&hex(digits, b' '));
            write(&hex(zoo, b' '));
            write(&hex(steps, b'\n'));
            exit(0)
        }
        Err(_) => exit(1),
    }
}
