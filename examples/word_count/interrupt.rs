//! How the program ends when it is told to, and leaves nothing behind.

#[cfg(unix)]
pub use unix::{closed_pipe, temporary, watch};

#[cfg(unix)]
mod unix {
    use std::io;
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::{fs, process, thread};

    use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGXCPU, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;
    use tempfile::NamedTempFile;

    /// Files that are not finished.
    static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

    /// From now on signals that end the program remove its unfinished files first.
    pub fn watch() -> io::Result<()> {
        let ignored = ignored();
        let heeded = |signal: &i32| ignored >> (signal - 1) & 1 == 0;
        let ending: Vec<i32> = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU].into_iter().filter(heeded).collect();
        let mut signals = Signals::new(ending)?;
        if heeded(&SIGXFSZ) {
            // A file that may not grow is an error of writing then.
            signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        }
        thread::Builder::new().name("signals".into()).spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // Held until the process is gone, so that no other file is begun.
                let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
                for path in &*unfinished {
                    // One that was finished meanwhile has another name.
                    let _ = fs::remove_file(path);
                }
                end_by(signal);
            }
        })?;
        Ok(())
    }

    /// Signals that whoever started this process wants to be ignored (`nohup`, `trap ''`), a bit each, where the
    /// system tells.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }

    /// Makes a file that does not outlive the program, unless it is given another name.
    pub fn temporary(make: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<NamedTempFile> {
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        let file = make()?;
        unfinished.push(file.path().to_path_buf());
        Ok(file)
    }

    fn end_by(signal: i32) -> ! {
        let _ = emulate_default_handler(signal);
        process::exit(128 + signal)
    }

    /// Ends as other tools do whose reader has seen enough.
    pub fn closed_pipe() -> ! {
        end_by(SIGPIPE)
    }
}

#[cfg(not(unix))]
pub use elsewhere::{closed_pipe, temporary, watch};

#[cfg(not(unix))]
mod elsewhere {
    use std::{io, process};

    use tempfile::NamedTempFile;

    /// Nothing is watched here.
    pub fn watch() -> io::Result<()> {
        Ok(())
    }

    /// Makes a file that a panic or an error removes.
    pub fn temporary(make: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<NamedTempFile> {
        make()
    }

    /// Ends without a complaint.
    pub fn closed_pipe() -> ! {
        process::exit(0)
    }
}
