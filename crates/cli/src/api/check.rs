//! `check`: one request of each name, shown with its answer.

use super::prepare::Source;
use crate::args::{CheckArgs, OutputArgs};
use crate::console::Console;
use crate::exit::{CliError, Exit};
use plimsoll_model::Clock;
use plimsoll_scenario::Overrides;
use plimsoll_targets::Behaviour;
use plimsoll_targets::api::{ApiBehaviour, Probed};
use plimsoll_wire::Connector;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

/// Most bytes of an answer that are kept.
const MOST: usize = 64 << 10;
/// Most characters of a body that are shown.
const SHOWN: usize = 2_000;

/// Sends one request of each name and shows what came of it.
pub(crate) fn run(args: &CheckArgs, console: &Console) -> Result<Exit, CliError> {
    let source = Source::read(&args.scenario)?;
    let overrides = Overrides { url: args.url.clone(), ..Overrides::default() };
    let prepared = source.prepare(source.plan(&overrides, &OutputArgs::nowhere())?)?;
    for warning in prepared.planned.warnings() {
        console.warning(warning);
    }
    let known = prepared.planned.names();
    if let Some(unknown) = args.request.iter().find(|name| !known.iter().any(|known| **known == ***name)) {
        return Err(CliError::usage(format!(
            "--request {unknown}: the scenario has no such request; it has: {}",
            known.iter().map(|name| &**name).collect::<Vec<_>>().join(", ")
        )));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::internal)?;
    let clock = Clock::start();
    let failed = LocalSet::new().block_on(&runtime, async {
        prepared.reach(clock).await?;
        let connector = Connector::with_trust(prepared.planned.origin().clone(), clock, prepared.planned.trust())
            .await
            .map_err(CliError::usage)?;
        let behaviour = ApiBehaviour::new(prepared.planned.clone(), Rc::new(connector), prepared.redactor.clone());
        let mut failed = 0;
        for name in
            known.iter().filter(|name| args.request.is_empty() || args.request.iter().any(|wanted| **wanted == ***name))
        {
            // A user of its own for each: no step leans on what another request left behind.
            if let Some(probed) = behaviour.user(0).probe(name, prepared.timeout, MOST).await {
                failed += usize::from(!probed.sample.outcome.is_ok());
                show(&probed, console);
            }
        }
        Ok::<_, CliError>(failed)
    })?;
    if failed == 0 {
        console.result("\nAll requests passed their checks.");
        return Ok(Exit::Ok);
    }
    console.result(&format!("\n{failed} of the requests failed."));
    Ok(Exit::Thresholds)
}

fn show(probed: &Probed, console: &Console) {
    let sample = &probed.sample;
    console.result(&format!("\n=== {} ===", sample.name));
    for line in probed.request_head.trim_end().lines() {
        console.result(&format!("> {}", printable(line)));
    }
    if !probed.request_body.is_empty() {
        console.result(&format!(">\n{}", prefixed("> ", &probed.request_body)));
    }
    if let Some(status) = probed.status {
        console.result(&format!("< {status}"));
        for (name, value) in &probed.headers {
            console.result(&format!("< {name}: {}", printable(value)));
        }
        console.result(&format!("<\n{}", prefixed("< ", &probed.body)));
    }
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let mut facts = vec![format!("{} in {}", sample.outcome.as_str(), ms(sample.service_time()))];
    if let Some(first) = sample.time_to_first_chunk() {
        facts.push(format!("first token after {}", ms(first)));
        facts.push(format!("{} chunks", sample.timeline.chunks.len()));
    }
    if let Some(tokens) = &sample.tokens {
        facts.push(format!("{} tokens in, {} out", tokens.input, tokens.output));
    }
    console.result(&format!("= {}", facts.join(", ")));
    if let Some(error) = &sample.error {
        console.result(&format!("= {}", printable(error)));
    }
}

/// A body, or the beginning of a long one, each line with a mark before it.
fn prefixed(mark: &str, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut lines: Vec<String> =
        text.chars().take(SHOWN).collect::<String>().lines().map(|line| format!("{mark}{}", printable(line))).collect();
    if text.chars().count() > SHOWN {
        lines.push(format!("{mark}… ({} bytes in all)", body.len()));
    }
    lines.join("\n")
}

/// What a server sends must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{FFFD}' } else { c }).collect()
}
