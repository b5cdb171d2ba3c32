//! `history`: where figures change over many runs.

use super::args::HistoryArgs;
use crate::console::Console;
use crate::exit::{CliError, Exit};
use plimsoll_results::{History, HistoryOptions, find_runs, history_table, load_run, otava_csv};
use plimsoll_stats::ChangePointOptions;

pub(crate) fn history(args: &HistoryArgs, console: &Console) -> Result<Exit, CliError> {
    let mut runs = Vec::new();
    let mut unread = Vec::new();
    for dir in &args.dirs {
        for run in find_runs(dir).map_err(CliError::usage)? {
            // One damaged night must not hide the others.
            match load_run(&run) {
                Ok(run) => runs.push(run),
                Err(error) => unread.push(format!("{} is left out: {error}", run.display())),
            }
        }
    }
    if runs.is_empty() {
        let dirs: Vec<String> = args.dirs.iter().map(|dir| dir.display().to_string()).collect();
        let why = unread.first().map(|first| format!("; {first}")).unwrap_or_default();
        return Err(CliError::usage(format!("no run can be read below {}{why}", dirs.join(", "))));
    }
    let changes = ChangePointOptions { max_p: args.max_p, min_magnitude: args.min_change, ..Default::default() };
    let mut history = History::of(&runs, &HistoryOptions { metrics: args.metric.clone(), changes });
    history.left_out.splice(0..0, unread);
    if let Some(path) = &args.otava_csv {
        std::fs::write(path, otava_csv(&history))
            .map_err(|error| CliError::usage(format!("--otava-csv {}: {error}", path.display())))?;
    }
    if args.json {
        console.json(&serde_json::to_string_pretty(&history).map_err(CliError::internal)?);
    } else {
        console.result(history_table(&history).trim_end());
    }
    Ok(Exit::Ok)
}
