//! Threads.

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
