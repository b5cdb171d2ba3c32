//! `mock`: the stand-in inference server, until it is interrupted.

use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::signals::Signals;
use plimsoll_mock::{Mock, MockArgs, MockStats};

/// Serves until Ctrl-C or SIGTERM, then tells what was served.
pub(crate) fn run(args: &MockArgs, console: &Console) -> Result<Exit, CliError> {
    let config = args.config().map_err(CliError::usage)?;
    plimsoll_engine::shard::raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::internal)?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::listen().map_err(CliError::internal)?
    };
    let mock = Mock::start(config).map_err(CliError::usage)?;
    console.result(&format!("Stand-in inference server at http://{}", mock.address()));
    console.result("It has no model: its answers have the right shape and mean nothing. End it with Ctrl-C.");
    runtime.block_on(signals.next());
    console.result(&format!("\n{}", served(&mock.stop())));
    Ok(Exit::Ok)
}

fn served(stats: &MockStats) -> String {
    let mut lines =
        vec![format!("{} requests, {} tokens, {} connections", stats.requests, stats.tokens, stats.connections)];
    lines.extend(stats.classes.iter().map(|(class, count)| format!("  {class:<18}{count:>10}")));
    if stats.ttft_us.count > 0 {
        let ms = |micros: f64| micros / 1e3;
        let (ttft, itl) = (&stats.ttft_us, &stats.itl_us);
        lines.push(format!("  time to first token: p50 {:.1} ms, p99 {:.1} ms", ms(ttft.p50), ms(ttft.p99)));
        lines.push(format!("  between tokens:      p50 {:.1} ms, p99 {:.1} ms", ms(itl.p50), ms(itl.p99)));
    }
    lines.join("\n")
}
