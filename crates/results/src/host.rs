//! What machine a run was made on.

use serde::{Deserialize, Serialize};
use std::fs;

/// The machine that made the load: enough to tell whether two results may be compared, nothing that names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Operating system, with its release where it says so.
    pub os: String,
    /// Kernel release; `null` where unknown.
    pub kernel: Option<String>,
    /// Processor, as it calls itself; `null` where unknown.
    pub cpu_model: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory of the machine in bytes; `null` where unknown.
    pub memory_bytes: Option<u64>,
}

impl HostFacts {
    /// Looks at this machine. What cannot be found out stays `None`.
    pub fn read() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            os: value_of(&read("/etc/os-release"), "PRETTY_NAME", '=')
                .unwrap_or_else(|| std::env::consts::OS.to_owned()),
            kernel: Some(read("/proc/sys/kernel/osrelease").trim().to_owned()).filter(|text| !text.is_empty()),
            cpu_model: value_of(&read("/proc/cpuinfo"), "model name", ':'),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: value_of(&read("/proc/meminfo"), "MemTotal", ':')
                .and_then(|text| text.strip_suffix("kB")?.trim().parse::<u64>().ok())
                .map(|kibibytes| kibibytes * 1024),
        }
    }
}

/// The first value of `key` in a text of `key <separator> value` lines, without quotation marks.
fn value_of(text: &str, key: &str, separator: char) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found() {
        assert_eq!(value_of("A=1\nPRETTY_NAME=\"X y\"\n", "PRETTY_NAME", '=').as_deref(), Some("X y"));
        assert_eq!(value_of("model name\t: Z 1\nmodel name: W", "model name", ':').as_deref(), Some("Z 1"));
        assert_eq!(value_of("", "model name", ':'), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_facts() {
        let host = HostFacts::read();
        assert!(host.cores >= 1 && host.kernel.is_some() && host.memory_bytes > Some(1 << 20));
    }
}
