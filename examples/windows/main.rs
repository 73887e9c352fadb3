//! Windows of event time over lines `milliseconds,key,value`, which come out of order:  windows SIZE SLIDE DELAY
//!
//! All three are in milliseconds. For each window and key it prints `start,key,count,sum`, and at the end how many
//! events were too late. `examples/flink` does the same in Flink, and `tests/flink.sh` compares.

use std::{
    env,
    error::Error,
    io::{self, BufRead, BufWriter, Write},
};

use kernlet::mapreduce::{Count, Job, Sum, TempFiles, Watermark, Windowing};

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Option<Vec<i64>> = env::args().skip(1).map(|text| text.parse().ok()).collect();
    let (size, slide, delay) = match numbers.as_deref() {
        Some(&[size, slide, delay]) if size >= 1 && slide >= 1 && delay >= 0 => (size, slide, delay),
        _ => return Err("expected SIZE SLIDE DELAY in milliseconds: whole numbers of at least 1, 1 and 0".into()),
    };
    let windowing = Windowing::sliding(size, slide);
    let job = Job::new(1 << 20).store(TempFiles::new());
    let mut windows = job.windows::<str, (Count<i64>, Sum<i64>)>(windowing, (Count::new(), Sum::new()))?;
    let mut watermark = Watermark::behind(delay);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut failed = Ok(());
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line?;
        let event = || {
            let mut fields = line.split(',');
            Some((fields.next()?.parse::<i64>().ok()?, fields.next()?, fields.next()?.parse::<i64>().ok()?))
        };
        let (time, key, value) =
            event().ok_or_else(|| format!("line {}: expected milliseconds,key,value", number + 1))?;
        windows.emit_at(time, key, value)?;
        windows.advance(watermark.observe(time), |window, key, (count, sum)| {
            failed = writeln!(out, "{},{key},{count},{sum}", window.start);
        })?;
        std::mem::replace(&mut failed, Ok(()))?;
    }
    let late = windows.late();
    windows.finish(|window, key, (count, sum)| failed = writeln!(out, "{},{key},{count},{sum}", window.start))?;
    failed?;
    out.flush()?;
    eprintln!("{late} events too late");
    Ok(())
}
