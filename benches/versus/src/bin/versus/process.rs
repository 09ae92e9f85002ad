//! A process id goes in; what the process has used comes out of `/proc`.

use crate::Result;

/// Resident memory, in MB (10⁶ bytes).
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub now: f64,
    pub peak: f64,
}

/// The processor time, user and system, that a process has used, in seconds.
pub fn cpu_seconds(id: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The second field is the name in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat without a name")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |number: usize| -> Result<f64> { Ok(fields.get(number).ok_or("/proc/PID/stat is short")?.parse()?) };
    // utime and stime are the 14th and 15th field; the first two are cut off.
    Ok((ticks(11)? + ticks(12)?) / rustix::param::clock_ticks_per_second() as f64)
}

/// The resident memory of a process, now and at its highest.
pub fn memory(id: u32) -> Result<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let field = |name: &str| -> Result<f64> {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .ok_or("/proc/PID/status is short")?;
        let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024.0 / 1e6)
    };
    Ok(Memory {
        now: field("VmRSS:")?,
        peak: field("VmHWM:")?,
    })
}
