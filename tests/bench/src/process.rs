//! What a process takes, as Linux tells.

use std::{fs, process::Command, sync::OnceLock, time::Duration};

/// Processor time that a process has used, user and system.
pub(crate) fn processor(process: &str) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold anything: fields are counted behind it. Then utime and stime are the 12th and 13th.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_secs_f64(ticks as f64 / ticks_per_second()))
}

fn ticks_per_second() -> f64 {
    static TICKS: OnceLock<f64> = OnceLock::new();
    *TICKS.get_or_init(|| {
        let told = Command::new("getconf").arg("CLK_TCK").output().ok();
        let told = told.and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok());
        told.unwrap_or(100.0)
    })
}

/// Resident memory of a process in MiB: now, and at most so far.
pub(crate) fn memory(process: &str) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
    };
    Some((value("VmRSS:")?, value("VmHWM:")?))
}
