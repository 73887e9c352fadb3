//! Numbers of bytes on a command line.

use std::fs;

/// A number of bytes: `8192`, `8KiB`, `1.5 MB`, or a share of the memory that this process may have: `25%`.
pub fn bytes(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let bytes = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => times(number, 1)?,
        "k" | "kib" => times(number, 1 << 10)?,
        "m" | "mib" => times(number, 1 << 20)?,
        "g" | "gib" => times(number, 1 << 30)?,
        "t" | "tib" => times(number, 1 << 40)?,
        "kb" => times(number, 1_000)?,
        "mb" => times(number, 1_000_000)?,
        "gb" => times(number, 1_000_000_000)?,
        "tb" => times(number, 1_000_000_000_000)?,
        "%" => {
            let memory = memory().ok_or("how much memory there is cannot be read on this system: give bytes")?;
            let bytes = times(number, memory)? / 100;
            if bytes > memory.into() {
                return Err("more than 100 %".into());
            }
            bytes
        }
        other => return Err(format!("the unit {other:?} is not one of B, KiB, MiB, GiB, TiB, KB, MB, GB, TB, %")),
    };
    isize::try_from(bytes).map(isize::unsigned_abs).map_err(|_| format!("more than {} bytes", isize::MAX))
}

/// `number` times `factor`, without a rounding unless the number has a fraction.
fn times(number: &str, factor: u64) -> Result<u128, String> {
    let wrong = |_| format!("{number:?} is not a number");
    if number.contains('.') {
        return number.parse::<f64>().map(|number| (number * factor as f64) as u128).map_err(|_| wrong(()));
    }
    if number.is_empty() || number.len() > 18 {
        return Err(if number.is_empty() { wrong(()) } else { format!("more than {} bytes", isize::MAX) });
    }
    number.parse::<u128>().map(|number| number * u128::from(factor)).map_err(|_| wrong(()))
}

/// Bytes of memory that the machine has, or that a control group leaves this process.
fn memory() -> Option<u64> {
    let total = fs::read_to_string("/proc/meminfo").ok()?;
    let total = total.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let total = total.split_whitespace().next()?.parse::<u64>().ok()? << 10;
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or("").to_owned();
    let files = [
        format!("/sys/fs/cgroup/{own}/memory.max"),
        "/sys/fs/cgroup/memory.max".into(),
        "/sys/fs/cgroup/memory/memory.limit_in_bytes".into(),
    ];
    // A group without a limit says "max".
    let limits = files.iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok());
    Some(limits.fold(total, u64::min))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("8192"), Ok(8192));
        assert_eq!(bytes("8KiB"), Ok(8192));
        assert_eq!(bytes("1.5 MB"), Ok(1_500_000));
        assert_eq!(bytes("2g"), Ok(2 << 30));
        assert_eq!(bytes("3TiB"), Ok(3 << 40));
        assert_eq!(bytes("9007199254740993"), Ok(9_007_199_254_740_993));
        for wrong in ["", "KiB", "8 pages", "-1", "1e3", "1.2.3", ".", "9999999999GiB", "99999999999999999999", "%"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_share_of_the_memory_is_a_size() {
        let (all, half) = (bytes("100%").unwrap(), bytes("50 %").unwrap());
        assert!(all > 1 << 20 && half.abs_diff(all / 2) <= 1, "{half} of {all}");
        assert!(bytes("101%").is_err());
    }
}
