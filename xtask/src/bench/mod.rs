//! Plimsoll beside its peers, on one machine, in one sitting.

mod app;
mod http;
mod live;
mod llm;
mod machine;
mod measure;
mod open;
mod page;
mod peers;
mod python;
mod report;
mod server;
mod spread;
mod tools;
mod truth;

use crate::child::Interrupt;
use crate::{Result, cargo, root};
use clap::{Args, Subcommand};
use machine::version_of;
use page::Page;
use report::Runs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use tools::{Setup, Tool};

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The echo app, against hf-perftest and a client that does the least possible
    Gradio(GradioOptions),
    /// Plain HTTP/1.1 against nginx, beside wrk and oha
    Http(http::HttpOptions),
    /// Arrivals at a rate, against nginx: how late requests are sent
    Open(open::OpenOptions),
    /// Streams of the stand-in inference server: how true the times are, and what a token costs
    Llm(llm::LlmOptions),
    /// A run at a rate with and without a live page, with browsers that read and one that stopped
    Live(live::LiveOptions),
    /// Helper: runs a program and writes down what it took
    #[command(hide = true)]
    Measure(measure::MeasureOptions),
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

pub(crate) fn run(bench: &Bench) -> Result<ExitCode> {
    match bench {
        Bench::Gradio(options) => gradio(options),
        Bench::Http(options) => http::run(options),
        Bench::Open(options) => open::run(options),
        Bench::Llm(options) => llm::run(options),
        Bench::Live(options) => live::run(options),
        Bench::Measure(options) => return measure::run(options),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn gradio(options: &GradioOptions) -> Result<()> {
    let tools: Vec<Tool> = Tool::ALL.into_iter().filter(|tool| !options.without.contains(tool)).collect();
    if tools.is_empty() {
        return Err("no tool is left to measure".to_owned());
    }
    let root = root();
    let page = Page::open(options.write, "gradio")?;
    let release = build(&packages_of(&tools))?;
    let interrupt = Interrupt::install()?;
    let python = python::environment(&target().join("bench"), &options.python, &options.gradio)?;
    let setup = Setup {
        python,
        app: root.join("apps/echo_text.py"),
        hf_perftest_client: root.join("benches/hf_perftest_client.py"),
        release,
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
    page.map_or(Ok(()), |page| page.write(&text))
}

fn packages_of(tools: &[Tool]) -> Vec<&'static str> {
    [("plimsoll", &[Tool::Plimsoll][..]), ("bare-client", &[Tool::Bare, Tool::BareAgain][..])]
        .into_iter()
        .filter(|(_, users)| users.iter().any(|tool| tools.contains(tool)))
        .map(|(package, _)| package)
        .collect()
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds release binaries; the folder that they are in then.
fn build(packages: &[&str]) -> Result<PathBuf> {
    let release = target().join("release");
    if packages.is_empty() {
        return Ok(release);
    }
    let mut command = Command::new(cargo());
    command.args(["build", "--release"]).current_dir(root());
    for package in packages {
        command.args(["-p", package]);
    }
    let status = command.status().map_err(|error| format!("cargo build: {error}"))?;
    if status.success() { Ok(release) } else { Err("cargo build --release failed".to_owned()) }
}

/// How it is said whether a promise is kept.
fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "does not hold" }
}

/// What a reader needs to judge the figures.
fn facts(setup: &Setup, options: &GradioOptions) -> Vec<(String, String)> {
    let mut facts = machine::facts("shared by the tool and the app");
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    add("Interpreter", version_of(Command::new(&setup.python).arg("--version")));
    add("Gradio", options.gradio.clone());
    add("hf-perftest", python::HF_PERFTEST.to_owned());
    if !options.without.contains(&Tool::Plimsoll) {
        add("Plimsoll", version_of(Command::new(setup.release.join("plimsoll")).arg("--version")));
    }
    add(
        "Runs",
        format!("{} repeats, {} requests per user, a fresh app for every run", options.repeats, options.rounds),
    );
    facts
}
