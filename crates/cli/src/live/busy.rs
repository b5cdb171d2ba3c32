//! How much of a core the measuring threads use, seen from another thread, while a stage goes on.

use std::time::Instant;

/// Two looks at the processor time of this process's threads.
#[derive(Default)]
pub(super) struct Busy {
    first: Option<Look>,
    last: Option<Look>,
    open_files: u64,
}

#[derive(Clone)]
struct Look {
    at: Instant,
    /// Milliseconds of each measuring thread, by its number.
    shards: Vec<(u64, f64)>,
    /// Of all threads.
    all: f64,
}

impl Busy {
    /// The share of a core that the busiest measuring thread used since the last look; `None` for the first one, and where
    /// the system does not tell.
    pub(super) fn look(&mut self) -> Option<f64> {
        self.open_files = self.open_files.max(std::fs::read_dir("/proc/self/fd").map_or(0, |all| all.count() as u64));
        let now = look()?;
        let before = self.last.replace(now.clone());
        if self.first.is_none() {
            self.first = Some(now.clone());
        }
        busiest(&before?, &now)
    }

    /// The same over the whole time, 0 when it is not known.
    pub(super) fn mean(&self) -> f64 {
        self.first.as_ref().zip(self.last.as_ref()).and_then(|(first, last)| busiest(first, last)).unwrap_or(0.0)
    }

    /// Most descriptors that were open at a look.
    pub(super) fn open_files(&self) -> u64 {
        self.open_files
    }

    /// Processor milliseconds of this whole process over that time.
    pub(super) fn process_ms(&self) -> Option<f64> {
        let (first, last) = self.first.as_ref().zip(self.last.as_ref())?;
        Some(last.all - first.all).filter(|ms| *ms > 0.0)
    }
}

/// How many descriptors there may be.
pub(super) fn open_files_limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn busiest(before: &Look, now: &Look) -> Option<f64> {
    let wall = (now.at - before.at).as_secs_f64() * 1e3;
    let used = |(thread, ms): &(u64, f64)| {
        let was = before.shards.iter().find(|(other, _)| other == thread).map_or(0.0, |(_, ms)| *ms);
        (ms - was) / wall
    };
    (wall > 0.0).then(|| now.shards.iter().map(used).fold(0.0, f64::max).min(1.0))
}

/// A few files, each of one line: tens of microseconds a second.
fn look() -> Option<Look> {
    let mut found = Look { at: Instant::now(), shards: Vec::new(), all: 0.0 };
    let ticks_ms = 1e3 / rustix::param::clock_ticks_per_second() as f64;
    for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        // It may have ended meanwhile.
        let Ok(line) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        let Some((head, rest)) = line.rsplit_once(')') else { continue };
        // proc(5): fields 14 and 15 of all, the 12th and 13th after the name.
        let mut fields = rest.split_ascii_whitespace().skip(11).map_while(|field| field.parse::<f64>().ok());
        let (Some(user), Some(system)) = (fields.next(), fields.next()) else { continue };
        let ms = (user + system) * ticks_ms;
        found.all += ms;
        if head.contains("(shard") {
            let number = task.file_name().to_str().and_then(|name| name.parse().ok()).unwrap_or_default();
            found.shards.push((number, ms));
        }
    }
    Some(found)
}
