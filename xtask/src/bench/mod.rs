//! Plimsoll beside its peers, on one machine, in one sitting.

mod app;
mod python;
mod report;
mod tools;

use crate::child::Interrupt;
use crate::{Result, cargo, root};
use clap::{Args, Subcommand};
use report::Runs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tools::{Setup, Tool};

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The echo app, against hf-perftest and a client that does the least possible
    Gradio(GradioOptions),
}

#[derive(Args)]
pub(crate) struct GradioOptions {
    /// Numbers of simultaneous users
    #[arg(long, value_delimiter = ',', default_value = "1,10,100", value_parser = clap::value_parser!(u32).range(1..))]
    tiers: Vec<u32>,
    /// Requests of each user
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How often the whole is done; every tool takes every place in the order when this is 4 or more
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Version of Gradio that the app runs with
    #[arg(long, default_value = "6.31.0")]
    gradio: String,
    /// Python that the environment is made with
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Tools to leave out
    #[arg(long, value_delimiter = ',')]
    without: Vec<Tool>,
    /// Also write the result into docs/src/benchmarks.md
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(bench: &Bench) -> Result<()> {
    let Bench::Gradio(options) = bench;
    gradio(options)
}

fn gradio(options: &GradioOptions) -> Result<()> {
    let tools: Vec<Tool> = Tool::ALL.into_iter().filter(|tool| !options.without.contains(tool)).collect();
    if tools.is_empty() {
        return Err("no tool is left to measure".to_owned());
    }
    let root = root();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    // Looked at first: a page that cannot take the result shall not cost a whole run.
    let page_path = root.join("docs/src/benchmarks.md");
    let page = if options.write { Some(read_page(&page_path)?) } else { None };
    build(&tools)?;
    let interrupt = Interrupt::install()?;
    let python = python::environment(&target.join("bench"), &options.python, &options.gradio)?;
    let setup = Setup {
        python,
        app: root.join("apps/echo_text.py"),
        hf_perftest_client: root.join("benches/hf_perftest_client.py"),
        release: target.join("release"),
        rounds: options.rounds,
        interrupt,
    };

    let mut runs = Runs::default();
    for repeat in 0..options.repeats {
        for &users in &options.tiers {
            let mut order = tools.clone();
            order.rotate_left(repeat as usize % tools.len());
            for tool in order {
                setup.interrupt.check()?;
                let measured = setup.measure(tool, users)?;
                eprintln!(
                    "repeat {}/{}, tier {users}, {}: {:.3} ms CPU per request, p50 {:.1} ms",
                    repeat + 1,
                    options.repeats,
                    tool.name(),
                    measured.cpu_ms_per_request,
                    measured.p50_ms
                );
                runs.add(users, tool, measured);
            }
        }
    }

    let text = report::markdown(&runs, &facts(&setup, options));
    println!("{text}");
    if let Some(page) = page {
        let text = report::page_with(&page, &text)?;
        std::fs::write(&page_path, text).map_err(|error| format!("{}: {error}", page_path.display()))?;
        eprintln!("written to {}", page_path.display());
    }
    Ok(())
}

fn read_page(path: &Path) -> Result<String> {
    let page = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    report::page_with(&page, "").map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(page)
}

fn build(tools: &[Tool]) -> Result<()> {
    let mut command = Command::new(cargo());
    command.args(["build", "--release"]).current_dir(root());
    let packages = [("plimsoll", &[Tool::Plimsoll][..]), ("bare-client", &[Tool::Bare, Tool::BareAgain][..])];
    let needed: Vec<&str> = packages
        .into_iter()
        .filter(|(_, users)| users.iter().any(|tool| tools.contains(tool)))
        .map(|(package, _)| package)
        .collect();
    if needed.is_empty() {
        return Ok(());
    }
    for package in needed {
        command.args(["-p", package]);
    }
    let status = command.status().map_err(|error| format!("cargo build: {error}"))?;
    if status.success() { Ok(()) } else { Err("cargo build --release failed".to_owned()) }
}

/// What a reader needs to judge the figures. The machine's name is not among it.
fn facts(setup: &Setup, options: &GradioOptions) -> Vec<(&'static str, String)> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown".to_owned());
    let cores = std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |count| count.to_string());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "unknown".to_owned());
    let mut facts = vec![
        ("Date", jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()),
        ("Processor", format!("{cpu}, {cores} cores, shared by the tool and the app")),
        ("Kernel", kernel.trim().to_owned()),
        ("Compiler", version_of(Command::new("rustc").arg("--version"))),
        ("Interpreter", version_of(Command::new(&setup.python).arg("--version"))),
        ("Gradio", options.gradio.clone()),
        ("hf-perftest", python::HF_PERFTEST.to_owned()),
    ];
    if !options.without.contains(&Tool::Plimsoll) {
        facts.push(("Plimsoll", version_of(Command::new(setup.release.join("plimsoll")).arg("--version"))));
    }
    facts.push((
        "Runs",
        format!("{} repeats, {} requests per user, a fresh app for every run", options.repeats, options.rounds),
    ));
    facts
}

fn version_of(command: &mut Command) -> String {
    command
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(|| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
