//! The machine that is measured on: its facts, its cores, and where tools are.

use crate::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a reader needs to judge figures. The machine's name is not among it.
pub(super) fn facts(sharing: &str) -> Vec<(String, String)> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown".to_owned());
    let cores = std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |count| count.to_string());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "unknown".to_owned());
    let mut facts: Vec<(String, String)> = [
        ("Date", jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()),
        ("Processor", format!("{cpu}, {cores} cores, {sharing}")),
        ("Kernel", kernel.trim().to_owned()),
        ("Compiler", version_of(Command::new("rustc").arg("--version"))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if is_real_time() {
        facts.push(("Scheduling".to_owned(), "server and client with real-time priority".to_owned()));
    }
    facts
}

/// Whether we, and so all that we start, run before everything else on the machine.
fn is_real_time() -> bool {
    // The 41st field: what comes behind the name begins with the third.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let policy = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(38));
    matches!(policy, Some("1" | "2"))
}

/// The first line that a program prints.
pub(super) fn version_of(command: &mut Command) -> String {
    command.output().ok().map_or_else(
        || "unknown".to_owned(),
        |output| {
            // wrk and nginx say it in their own ways: with a failure, and as an error.
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown").trim().to_owned()
        },
    )
}

/// Whether the machine was busy with other things: its load average before the start.
pub(super) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|word| !word.is_empty()).unwrap_or("unknown").to_owned()
}

/// Server and client on a core each, where there are two and `taskset` is there to say so.
pub(super) struct Pins(Option<(PathBuf, [usize; 2])>);

impl Pins {
    pub(super) fn find() -> Self {
        let cores = rustix::thread::sched_getaffinity(None).map_or_else(
            |_| Vec::new(),
            |set| (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).take(2).collect(),
        );
        let cores: Option<[usize; 2]> = cores.try_into().ok();
        Self(find("taskset").zip(cores))
    }

    pub(super) fn server(&self, program: &Path) -> Vec<OsString> {
        self.on(0, program)
    }

    pub(super) fn client(&self, program: &Path) -> Vec<OsString> {
        self.on(1, program)
    }

    fn on(&self, which: usize, program: &Path) -> Vec<OsString> {
        match &self.0 {
            Some((taskset, cores)) => {
                vec![taskset.into(), "-c".into(), cores[which].to_string().into(), program.into()]
            }
            None => vec![program.into()],
        }
    }

    pub(super) fn words(&self) -> &'static str {
        match self.0 {
            Some(_) => "one for the server and one for the client (taskset)",
            None => "shared by server and client",
        }
    }
}

/// A command of a program and its first arguments.
pub(super) fn command(words: &[OsString]) -> Result<Command> {
    let (program, args) = words.split_first().ok_or("no program")?;
    let mut command = Command::new(program);
    command.args(args);
    Ok(command)
}

/// A program in PATH, or where Debian keeps those of the administrator.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The tool that was named, or the one in PATH. A tool that is not there is left out, and that is said.
pub(super) fn tool(given: Option<&PathBuf>, name: &str) -> Result<Option<PathBuf>> {
    if let Some(path) = given {
        // The measured program runs in another folder.
        return std::path::absolute(path)
            .ok()
            .filter(|path| path.is_file())
            .map(Some)
            .ok_or_else(|| format!("{}: no such file", path.display()));
    }
    let found = find(name);
    if found.is_none() {
        eprintln!("{name} is not there: left out (give its path with --{name})");
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_or_left_out() {
        assert!(find("sh").is_some());
        assert_eq!(tool(None, "no-such-tool"), Ok(None));
        assert!(tool(Some(&PathBuf::from("/no/such/tool")), "wrk").is_err());
        assert!(tool(Some(&PathBuf::from("/bin/sh")), "wrk").unwrap().is_some());
    }

    #[test]
    fn pins_are_words_before_the_program() {
        let pins = Pins(Some((PathBuf::from("taskset"), [3, 5])));
        assert_eq!(pins.client(Path::new("wrk")), ["taskset", "-c", "5", "wrk"].map(OsString::from));
        assert_eq!(Pins(None).server(Path::new("nginx")), [OsString::from("nginx")]);
    }
}
