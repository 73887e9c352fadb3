//! Counters and status for the engine.

use alloc::string::String;
use core::fmt;
use std::io::{self, Write};

/// Reports counters and status to the engine, in Hadoop's format, on standard error.
///
/// ```
/// use kernlet::mapreduce::Reporter;
/// let mut log = Vec::new();
/// let mut reporter = Reporter::new("words", &mut log);
/// reporter.counter("too long", 3).unwrap();
/// reporter.status("half way").unwrap();
/// assert_eq!(log, b"reporter:counter:words,too long,3\nreporter:status:half way\n");
/// ```
pub struct Reporter<E> {
    group: String,
    log: E,
}

impl<E> fmt::Debug for Reporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reporter({})", self.group)
    }
}

impl<E: Write> Reporter<E> {
    /// Reports counters of `group` to `log`. Commas and newlines in names become spaces.
    pub fn new(group: &str, log: E) -> Self {
        Self { group: named(group), log }
    }

    /// Adds `amount` to a counter.
    ///
    /// # Errors
    ///
    /// If the log cannot be written.
    pub fn counter(&mut self, name: &str, amount: u64) -> io::Result<()> {
        let line = std::format!("reporter:counter:{},{},{amount}\n", self.group, named(name));
        self.log.write_all(line.as_bytes())
    }

    /// Says what the process is doing.
    ///
    /// # Errors
    ///
    /// If the log cannot be written.
    pub fn status(&mut self, message: &str) -> io::Result<()> {
        let line = std::format!("reporter:status:{}\n", message.replace(['\n', '\r'], " "));
        self.log.write_all(line.as_bytes())
    }
}

fn named(name: &str) -> String {
    name.replace([',', '\n', '\r'], " ")
}
