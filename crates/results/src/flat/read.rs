//! From a run directory to rows, one at a time.

use super::FlatRow;
use crate::api::{ApiSampleRecord, ApiSummary, first_intended};
use crate::fold::CLIENT_LATENCIES;
use crate::{ResultsError, RunDir, RunManifest, RunState, Summary, lines};
use plimsoll_model::{Span, TokenSource};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const SAMPLES: &str = "samples.jsonl";

/// What was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlatReport {
    /// Samples.
    pub rows: u64,
    /// Tiers or levels that they lie in.
    pub stages: usize,
    /// Lines cut off because the run was killed.
    pub cut_off_lines: usize,
    /// Why the run is partial, if it is.
    pub partial: Option<String>,
}

/// A file of samples.
struct Stage {
    path: PathBuf,
    label: String,
    users: Option<u32>,
    /// End of the warm-up, in seconds since the run's start; only for levels.
    measured_from: Option<f64>,
}

/// Hands every sample of a run to `each`, in the order of the tiers or levels and within one in that of completion. The
/// run may be a killed one, or one of hf-perftest. Traffic beside the predictions of a Gradio app is left out.
///
/// # Errors
/// [`ResultsError::Io`], [`ResultsError::BadLine`], and those of `each`. [`ResultsError::Io`] too when there are no
/// samples in the directory at all.
pub fn read_flat(
    run: &RunDir,
    mut each: impl FnMut(&FlatRow) -> Result<(), ResultsError>,
) -> Result<FlatReport, ResultsError> {
    let mut report = FlatReport { partial: partial_reason(run), ..FlatReport::default() };
    let tiers = tiers(run)?;
    let is_api = tiers.is_empty();
    let stages = if is_api { levels(run)? } else { tiers };
    if stages.is_empty() {
        let none = std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "there are no samples in it; give the folder of one run, for example benchmark_results/20260330_142500",
        );
        return Err(ResultsError::io("read samples of", run.path(), none));
    }
    report.stages = stages.len();
    for (stage, number) in stages.iter().zip(1..) {
        let mut rows = 0;
        let mut hand_over = |mut row: FlatRow| {
            rows += 1;
            row.stage.clone_from(&stage.label);
            (row.stage_number, row.users) = (number, stage.users);
            row.warmup = stage.measured_from.zip(row.intended_s).is_some_and(|(from, intended)| intended < from);
            each(&row)
        };
        let cut_off = if is_api {
            lines::read(&stage.path, |record: ApiSampleRecord| hand_over(of_api(record)))
        } else {
            lines::read(&stage.path, |record: Prediction| hand_over(of_prediction(record)))
        };
        report.cut_off_lines += cut_off?;
        report.rows += rows;
    }
    Ok(report)
}

/// Why a run is partial; `None` for a whole one, and for one of hf-perftest, which does not tell.
fn partial_reason(run: &RunDir) -> Option<String> {
    let manifest = RunManifest::read(run).ok()?;
    match manifest.state {
        RunState::Complete => None,
        RunState::Partial => Some(manifest.partial_reason.unwrap_or_else(|| "it ended early".to_owned())),
        RunState::Running => Some("it still runs, or was killed".to_owned()),
    }
}

fn tiers(run: &RunDir) -> Result<Vec<Stage>, ResultsError> {
    // The order in which they ran is in the summary; a killed run may have none.
    let order: Vec<String> = match Summary::read(run) {
        Ok(summary) => summary.tiers.into_iter().map(|tier| tier.directory).collect(),
        Err(_) => Vec::new(),
    };
    let mut dirs = run.tier_dirs()?;
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    dirs.sort_by_key(|dir| order.iter().position(|other| *other == name(&dir.path)).unwrap_or(usize::MAX));
    let stage = |dir: crate::TierDir| Stage {
        path: dir.path.join(CLIENT_LATENCIES),
        label: format!("{} user{}", dir.users, if dir.users == 1 { "" } else { "s" }),
        users: Some(dir.users),
        measured_from: None,
    };
    Ok(dirs.into_iter().map(stage).filter(|stage| stage.path.is_file()).collect())
}

fn levels(run: &RunDir) -> Result<Vec<Stage>, ResultsError> {
    let mut dirs = Vec::new();
    if run.path().join(SAMPLES).is_file() {
        dirs.push((1, String::new()));
    }
    let failed = |reason| ResultsError::io("list", run.path(), reason);
    for entry in fs::read_dir(run.path()).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("level_").and_then(|number| number.parse::<usize>().ok());
        if let Some(number) = number.filter(|_| run.path().join(&name).join(SAMPLES).is_file()) {
            dirs.push((number, name));
        }
    }
    dirs.sort();
    let summary = ApiSummary::read(run).ok().flatten();
    let plan = RunManifest::read(run).map(|manifest| manifest.plan).unwrap_or_default();
    dirs.into_iter()
        .map(|(number, name)| {
            let dir = run.path().join(&name);
            let told = summary.iter().flat_map(|summary| &summary.levels).find(|level| level.directory == name);
            let (label, measured_from) = match told {
                Some(level) => (level.label.clone(), Some(level.start_seconds + level.warmup_seconds)),
                None => {
                    let begun = first_intended(&dir)?.map(|begun| begun.as_secs_f64());
                    (format!("level {number}"), begun.map(|begun| begun + planned_warmup(&plan, number)))
                }
            };
            Ok(Stage { path: dir.join(SAMPLES), label, users: None, measured_from })
        })
        .collect()
}

/// Warm-up of a level as the manifest has it, in seconds; 0 where it cannot be told.
fn planned_warmup(plan: &Value, number: usize) -> f64 {
    let load = &plan["load"];
    let level = load["levels"].get(number.saturating_sub(1)).unwrap_or(load);
    let span: Option<Span> = level["warmup"].as_str().and_then(|text| text.parse().ok());
    span.map_or(0.0, |span| span.0.as_secs_f64())
}

fn of_api(record: ApiSampleRecord) -> FlatRow {
    let ms = |from: u64, to: u64| Some(to.saturating_sub(from) as f64 / 1e3);
    let s = |stamp: u64| Some(stamp as f64 / 1e6);
    let (first, last) = (record.chunks.first().copied(), record.chunks.last().copied());
    let streamed = first.zip(last).filter(|_| record.chunks.len() > 1).map(|(first, last)| last.saturating_sub(first));
    let longest = record.chunks.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max();
    let later = record.tokens.map(|tokens| u64::from(tokens.output).saturating_sub(1)).filter(|later| *later > 0);
    let tokens = record.tokens;
    FlatRow {
        user: record.vu,
        iteration: record.iteration,
        intended_s: s(record.intended),
        sent_s: s(record.sent),
        end_s: s(record.end),
        response_ms: ms(record.intended, record.end),
        latency_ms: ms(record.sent, record.end),
        send_lag_ms: ms(record.intended, record.sent),
        connect_ms: ms(0, record.connect),
        first_byte_ms: record.first_byte.and_then(|first| ms(record.sent, first)),
        ttft_ms: first.and_then(|first| ms(0, first)),
        last_chunk_ms: last.and_then(|last| ms(0, last)),
        gap_mean_ms: streamed.map(|time| time as f64 / 1e3 / (record.chunks.len() - 1) as f64),
        gap_max_ms: longest.and_then(|longest| ms(0, longest)),
        tpot_ms: streamed.zip(later).map(|(time, later)| time as f64 / 1e3 / later as f64),
        chunks: u32::try_from(record.chunks.len()).unwrap_or(u32::MAX),
        outcome: record.outcome.as_str().to_owned(),
        success: record.outcome.is_ok(),
        status: record.status,
        bytes_sent: Some(record.bytes_sent),
        bytes_received: Some(record.bytes_received),
        input_tokens: tokens.map(|tokens| tokens.input),
        output_tokens: tokens.map(|tokens| tokens.output),
        reasoning_tokens: tokens.map(|tokens| tokens.reasoning),
        cached_tokens: tokens.map(|tokens| tokens.cached),
        token_source: tokens.map(|tokens| match tokens.source {
            TokenSource::Server => "server",
            TokenSource::Tokenizer => "tokenizer",
            TokenSource::Chunks => "chunks",
        }),
        retries: record.retries,
        reconnects: record.reconnects,
        cold: record.cold,
        name: record.name,
        error: record.error,
        id: record.id,
        ..FlatRow::default()
    }
}

/// A line of `client_latencies.jsonl`; of hf-perftest's only the first group is there.
#[derive(Deserialize)]
struct Prediction {
    user_id: u32,
    request_id: u32,
    latency_ms: f64,
    success: bool,
    error: Option<String>,
    upload_ms: Option<f64>,

    #[serde(default)]
    name: String,
    outcome: Option<String>,
    http_status: Option<u16>,
    sent_ms: Option<f64>,
    response_ms: Option<f64>,
    send_lag_ms: Option<f64>,
    connect_ms: Option<f64>,
    join_ms: Option<f64>,
    queue_wait_client_ms: Option<f64>,
    run_client_ms: Option<f64>,
    ttft_ms: Option<f64>,
    #[serde(default)]
    chunk_gaps_ms: Vec<f64>,
    #[serde(default)]
    cached: bool,
    #[serde(default)]
    reconnects: u32,
    bytes_sent: Option<u64>,
    bytes_received: Option<u64>,
    event_id: Option<String>,
}

/// Milliseconds as seconds, to the nanosecond that they have.
fn seconds(ms: f64) -> f64 {
    (ms * 1e6).round() / 1e9
}

fn of_prediction(record: Prediction) -> FlatRow {
    let gaps = &record.chunk_gaps_ms;
    let all: f64 = gaps.iter().sum();
    let (count, some) = (gaps.len(), (!gaps.is_empty()).then_some(()));
    let sent = record.sent_ms;
    FlatRow {
        user: record.user_id,
        iteration: record.request_id,
        intended_s: sent.zip(record.send_lag_ms).map(|(sent, lag)| seconds(sent - lag)),
        sent_s: sent.map(seconds),
        end_s: sent.map(|sent| seconds(sent + record.latency_ms)),
        response_ms: record.response_ms,
        latency_ms: Some(record.latency_ms),
        send_lag_ms: record.send_lag_ms,
        connect_ms: record.connect_ms,
        ttft_ms: record.ttft_ms,
        last_chunk_ms: record.ttft_ms.map(|first| first + all),
        gap_mean_ms: some.map(|()| all / count as f64),
        gap_max_ms: gaps.iter().copied().reduce(f64::max),
        chunks: u32::from(record.ttft_ms.is_some()) + u32::try_from(count).unwrap_or(0),
        // hf-perftest knows no classes.
        outcome: record.outcome.unwrap_or_else(|| if record.success { "ok" } else { "failed" }.to_owned()),
        success: record.success,
        status: record.http_status,
        error: record.error,
        bytes_sent: record.bytes_sent,
        bytes_received: record.bytes_received,
        reconnects: record.reconnects,
        cached: record.cached,
        upload_ms: record.upload_ms,
        join_ms: record.join_ms,
        queue_wait_ms: record.queue_wait_client_ms,
        run_ms: record.run_client_ms,
        name: record.name,
        id: record.event_id,
        ..FlatRow::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CsvWriter, FlatWriter, JsonLayout, JsonWriter};
    use super::*;
    use crate::api::testdata::{plain, streamed};
    use crate::{ApiWriter, level_dir};

    fn rows(run: &RunDir) -> (Vec<FlatRow>, FlatReport) {
        let mut rows = Vec::new();
        let report = read_flat(run, |row| {
            rows.push(row.clone());
            Ok(())
        });
        (rows, report.unwrap())
    }

    #[test]
    fn levels_of_a_killed_run() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path()).unwrap();
        for number in [1, 2, 10] {
            let dir = level_dir(&run, number, 10).unwrap();
            let mut writer = ApiWriter::create(&dir).unwrap();
            writer.write(&[plain("a", 0, 5), streamed("b", 10, &[40, 50, 80, 100], 7)]).unwrap();
        }
        let last = run.path().join("level_10").join(SAMPLES);
        fs::write(&last, format!("{}{{\"na", fs::read_to_string(&last).unwrap())).unwrap();
        let (rows, report) = rows(&run);
        assert_eq!((report.rows, report.stages, report.cut_off_lines), (6, 3, 1));
        assert_eq!(
            rows.iter().map(|row| row.stage.as_str()).collect::<Vec<_>>()[3..],
            ["level 2", "level 10", "level 10"]
        );
        let stream = &rows[1];
        assert_eq!((stream.ttft_ms, stream.last_chunk_ms, stream.chunks), (Some(40.0), Some(100.0), 4));
        assert_eq!((stream.gap_mean_ms, stream.gap_max_ms, stream.tpot_ms), (Some(20.0), Some(30.0), Some(10.0)));
    }

    #[test]
    fn a_directory_of_hf_perftest() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tier_10")).unwrap();
        let text = "{\"user_id\": 3, \"request_id\": 1, \"latency_ms\": 12.5, \"success\": false, \"error\": \"a, \\\"b\\\"\", \"upload_ms\": null}\n";
        fs::write(folder.path().join("tier_10").join(CLIENT_LATENCIES), text).unwrap();
        let run = RunDir::open(folder.path()).unwrap();
        let (rows, report) = rows(&run);
        assert_eq!((report.rows, report.partial), (1, None));
        let row = &rows[0];
        assert_eq!((row.users, row.latency_ms, row.outcome.as_str()), (Some(10), Some(12.5), "failed"));

        let written = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        let csv = written(&|out| {
            let mut writer = CsvWriter::new(out);
            writer.row(row).unwrap();
            writer.finish().unwrap();
        });
        assert!(csv.starts_with("stage,stage_number,users,name,"), "{csv}");
        assert!(csv.contains("\n10 users,1,10,,3,1,false,,,,,12.5,") && csv.contains(",\"a, \"\"b\"\"\","), "{csv}");
        let json = written(&|out| {
            let mut writer = JsonWriter::new(out, JsonLayout::Array);
            writer.row(row).unwrap();
            writer.row(row).unwrap();
            writer.finish().unwrap();
        });
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&value[1]["latency_ms"], value[0].get("sent_s")), (&12.5.into(), None));
        let empty = written(&|out| JsonWriter::new(out, JsonLayout::Array).finish().unwrap());
        assert_eq!(empty, "[]\n");
    }

    #[test]
    fn no_samples_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::open(folder.path()).unwrap();
        let error = read_flat(&run, |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("there are no samples in it"), "{error}");
    }
}
