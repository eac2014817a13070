//! Running a program and watching what it takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Time between two looks; the system keeps the peak of memory itself.
const LOOK: Duration = Duration::from_millis(5);
/// Clock ticks of a second in `/proc`; Linux has had no other number on any machine that this runs on.
const TICKS: f64 = 100.0;

/// What one run of a program took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) wall: Duration,
    /// Seconds of processor time, own and the kernel's.
    pub(super) cpu: f64,
    /// Bytes of resident memory.
    pub(super) peak: u64,
}

/// Runs a program that ends well with each of these codes, quietly.
pub(super) fn measure(command: &mut Command, codes: &[i32]) -> Result<Measured> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let program = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let mut process = command
        .spawn()
        .with_context(|| format!("Could not start {program}"))?;
    let folder = PathBuf::from(format!("/proc/{}", process.id()));
    let (mut peak, mut cpu) = (0, 0.0_f64);
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        peak = peak.max(peak_of(&folder));
        cpu = cpu.max(cpu_of(&folder));
        std::thread::sleep(LOOK);
    };
    let wall = started.elapsed();
    let ended_well = status.code().is_some_and(|code| codes.contains(&code));
    ensure!(ended_well, "{program} failed ({status})");
    Ok(Measured { wall, cpu, peak })
}

/// The highest resident memory so far, in bytes; 0 when the process is gone.
fn peak_of(process: &Path) -> u64 {
    let text = fs::read_to_string(process.join("status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// Processor time so far, in seconds; 0 when the process is gone.
fn cpu_of(process: &Path) -> f64 {
    let text = fs::read_to_string(process.join("stat")).unwrap_or_default();
    // The second field is the name in brackets, which may have blanks; user and system time are the 14th and 15th.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS
}
