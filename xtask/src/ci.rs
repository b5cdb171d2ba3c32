//! The checks that every change has to pass.

use crate::{Result, cargo, root};
use std::process::Command;
use std::time::Instant;

struct Step {
    name: &'static str,
    args: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
}

/// Quick checks first.
const STEPS: &[Step] = &[
    Step { name: "formatting", args: &["fmt", "--all", "--check"], env: &[] },
    Step { name: "lints", args: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], env: &[] },
    Step { name: "documentation", args: &["doc", "--workspace", "--no-deps"], env: &[("RUSTDOCFLAGS", "-D warnings")] },
    Step { name: "tests", args: &["test", "--workspace"], env: &[] },
    Step {
        name: "tests of the features",
        args: &[
            "test",
            "-p",
            "plimsoll",
            "-p",
            "plimsoll-results",
            "--lib",
            "--features",
            "plimsoll/tokenizers,plimsoll/parquet",
            "--",
            "tokens",
            "parquet",
        ],
        env: &[],
    },
];

pub(crate) fn run() -> Result<()> {
    for step in STEPS {
        let line = format!("cargo {}", step.args.join(" "));
        println!("==> {}: {line}", step.name);
        let started = Instant::now();
        let status = Command::new(cargo())
            .args(step.args)
            .envs(step.env.iter().copied())
            .current_dir(root())
            .status()
            .map_err(|error| format!("{line}: {error}"))?;
        let seconds = started.elapsed().as_secs_f64();
        if !status.success() {
            return Err(format!("{} failed after {seconds:.1} s: {line}", step.name));
        }
        println!("==> {}: {seconds:.1} s", step.name);
    }
    Ok(())
}
