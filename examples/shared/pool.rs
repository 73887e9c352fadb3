//! Threads.

use std::thread;

/// The number of threads: what was asked for, or one for each core; one where the build has no more.
pub fn threads(asked: Option<usize>) -> usize {
    if cfg!(feature = "rayon") { asked.unwrap_or_else(cores) } else { 1 }
}

/// The number of cores.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// Calls `f` from inside a pool of threads: work that is handed in from outside, step by step, passes through a queue.
#[cfg(feature = "rayon")]
pub fn install(threads: usize, f: impl FnOnce() -> Result<(), String> + Send) -> Result<(), String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| format!("{threads} threads: {error}"))?.install(f)
}

/// Calls `f`: there is one thread.
#[cfg(not(feature = "rayon"))]
pub fn install(_threads: usize, f: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    f()
}
