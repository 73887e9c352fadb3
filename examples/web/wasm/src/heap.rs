//! A heap that grows with the module's memory and is only ever handed out: a page that wants it back drops the module.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32::memory_grow,
    cell::Cell,
    ptr::null_mut,
};

const PAGE: usize = 1 << 16;

struct Heap {
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: the module is built without threads.
unsafe impl Sync for Heap {}

// SAFETY: each block is handed out once, aligned, within pages that were grown for it.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.next.get().next_multiple_of(layout.align());
        let Some(end) = start.checked_add(layout.size()) else { return null_mut() };
        if end > self.end.get() {
            let pages = (end - self.end.get()).div_ceil(PAGE);
            let grown = memory_grow::<0>(pages);
            if grown == usize::MAX {
                return null_mut();
            }
            // The pages follow those of the last time, but for the first time.
            if grown * PAGE != self.end.get() {
                self.next.set(grown * PAGE);
                self.end.set((grown + pages) * PAGE);
                // SAFETY: as here; the new pages are enough but for the alignment, which is less than a page.
                return unsafe { self.alloc(layout) };
            }
            self.end.set((grown + pages) * PAGE);
        }
        self.next.set(end);
        start as *mut u8
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's. Grown pages are zero, and none is handed out twice.
        unsafe { self.alloc(layout) }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: Heap = Heap { next: Cell::new(0), end: Cell::new(0) };
