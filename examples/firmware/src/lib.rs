//! What a kernlet firmware measures: stack, static RAM, instructions; and how it ends.
#![no_std]

use core::{
    panic::PanicInfo,
    ptr::addr_of,
    sync::atomic::{AtomicU32, Ordering},
};

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m_rt::exception;
use defmt_semihosting as _;
use semihosting::sys::arm_compat::sys_writec;

#[path = "../../parity/adapt.rs"]
pub mod adapt;
pub mod digits;
#[cfg(feature = "alloc")]
#[path = "../../parity/heap.rs"]
mod heap;
#[path = "../../parity/listen.rs"]
pub mod listen;
#[path = "../../parity/sounds.rs"]
pub mod sounds;
#[path = "../../parity/train.rs"]
pub mod train;
#[path = "../../parity/zoo.rs"]
pub mod zoo;

unsafe extern "C" {
    static mut __sdata: u32;
    static mut _stack_end: u32;
    static mut _stack_start: u32;
    static _instructions_per_tick: u32;
}

/// Ends the program: the emulator (or the debugger's host) exits with 0 or 1.
pub fn exit(success: bool) -> ! {
    semihosting::process::exit(if success { 0 } else { 1 })
}

/// Writes the bytes of stack that were used and ends the program: for the size table's programs,
/// which have no logger.
pub fn report(success: bool) -> ! {
    let stack = Ram::measure().stack;
    let mut unit = 100_000;
    while unit > 0 {
        sys_writec(b'0' + (stack / unit % 10) as u8);
        unit /= 10;
    }
    sys_writec(b'\n');
    exit(success)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    semihosting::process::exit(101)
}

/// The RAM of this program in bytes.
#[derive(Clone, Copy, defmt::Format)]
pub struct Ram {
    /// Variables: what the linker placed below the stack.
    pub fixed: u32,
    /// The stack's high-water mark since the start.
    pub stack: u32,
}

impl Ram {
    /// Looks how far the start-up code's paint has been scrubbed off the stack.
    pub fn measure() -> Self {
        let (fixed, bottom, top) =
            (addr_of!(__sdata) as usize, addr_of!(_stack_end) as usize, addr_of!(_stack_start) as usize);
        let mut untouched = bottom;
        // SAFETY: words between the stack's ends are RAM; they are only read, and past
        // the compiler's knowledge, since the live stack is among them.
        while untouched < top && unsafe { (untouched as *const u32).read_volatile() } == cortex_m_rt::STACK_PAINT_VALUE
        {
            untouched += 4;
        }
        Self { fixed: (bottom - fixed) as u32, stack: (top - untouched) as u32 }
    }

    /// Variables and stack.
    pub fn total(self) -> u32 {
        self.fixed + self.stack
    }
}

/// SysTick's wraps of 24 bits.
static WRAPS: AtomicU32 = AtomicU32::new(0);

const WRAP: u64 = 1 << 24;

#[exception]
fn SysTick() {
    // No atomic addition: an ARMv6-M has none, and nothing else writes here.
    WRAPS.store(WRAPS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Counts instructions (in the emulator) or cycles (on a chip) with SysTick.
pub struct Counter(SYST);

impl Counter {
    /// Starts counting at 0.
    pub fn start(mut systick: SYST) -> Self {
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload((WRAP - 1) as u32);
        systick.clear_current();
        systick.enable_interrupt();
        systick.enable_counter();
        Self(systick)
    }

    /// Instructions since the start, in steps of the machine's `_instructions_per_tick`.
    pub fn now(&self) -> u64 {
        loop {
            let wraps = WRAPS.load(Ordering::Relaxed);
            let left = u64::from(SYST::get_current());
            if WRAPS.load(Ordering::Relaxed) == wraps {
                let per_tick = addr_of!(_instructions_per_tick) as u64;
                // It counts from 0 through WRAP − 1 down to 0, where it has wrapped.
                return (u64::from(wraps) * WRAP + (WRAP - left) % WRAP) * per_tick;
            }
        }
    }

    /// The instructions that `work` takes.
    pub fn count<T>(&self, work: impl FnOnce() -> T) -> (u64, T) {
        let start = self.now();
        let result = work();
        (self.now() - start, result)
    }
}
