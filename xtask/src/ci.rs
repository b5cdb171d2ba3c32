//! The checks that every change has to pass.

use crate::{Result, cargo, root};
use std::process::Command;
use std::time::Instant;

struct Step {
    name: &'static str,
    program: Program,
    /// Where, below the repository.
    folder: &'static str,
    args: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
enum Program {
    Cargo,
    Npm,
}

const fn cargo_step(name: &'static str, args: &'static [&'static str]) -> Step {
    Step { name, program: Program::Cargo, folder: "", args, env: &[] }
}

const fn npm_step(name: &'static str, folder: &'static str, args: &'static [&'static str]) -> Step {
    Step { name, program: Program::Npm, folder, args, env: &[] }
}

/// Quick checks first. The browser comes before the tests that open pages in it.
const STEPS: &[Step] = &[
    cargo_step("formatting", &["fmt", "--all", "--check"]),
    npm_step("packages of the page", "dashboard", &["ci", "--no-audit", "--no-fund"]),
    npm_step("types and bundle of the page", "dashboard", &["run", "build"]),
    npm_step("tests of the page's logic", "dashboard", &["test"]),
    npm_step("a browser", "dashboard/tests", &["ci", "--no-audit", "--no-fund"]),
    cargo_step("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    Step {
        env: &[("RUSTDOCFLAGS", "-D warnings")],
        ..cargo_step("documentation", &["doc", "--workspace", "--no-deps"])
    },
    cargo_step("tests", &["test", "--workspace"]),
    npm_step("tests of the page in a browser", "dashboard/tests", &["test"]),
    cargo_step(
        "tests of the features",
        &[
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
    ),
];

pub(crate) fn run() -> Result<()> {
    for Step { name, program, folder, args, env } in STEPS {
        let (program, word) = match program {
            Program::Cargo => (cargo(), "cargo"),
            Program::Npm => ("npm".into(), "npm"),
        };
        let line = format!("{word} {}", args.join(" "));
        println!("==> {name}: {line}");
        let started = Instant::now();
        let status = Command::new(program)
            .args(*args)
            .envs(env.iter().copied())
            .current_dir(root().join(folder))
            .status()
            .map_err(|error| format!("{line}: {error} (the README says what must be installed)"))?;
        let seconds = started.elapsed().as_secs_f64();
        if !status.success() {
            return Err(format!("{name} failed after {seconds:.1} s: {line}"));
        }
        println!("==> {name}: {seconds:.1} s");
    }
    Ok(())
}
