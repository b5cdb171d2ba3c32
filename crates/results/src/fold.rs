//! Everything that can be said of a tier, from its files.

use crate::api::series::Series;
use crate::background::{self, BackgroundSummary};
use crate::client::{ClientSummary, ErrorClass, Intervals, count_error};
use crate::phase_summary::{PhaseSummary, PhaseTally};
use crate::signs::{FailureSpan, FirstRequests, Groups, Settling, Signs};
use crate::tier_rules::TierValues;
use crate::trace::TraceIndex;
use crate::{LatencyRecord, P99_REQUESTS, PhaseSource, ResultsError, atomic, lines, phases_of};
use plimsoll_model::{FailureClass, Outcome};
use plimsoll_stats::Distribution;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const CLIENT_LATENCIES: &str = "client_latencies.jsonl";

/// What a tier's files say. Requests that were given up because the run was stopped are counted in `cancelled` and
/// nowhere else; the latencies of failures are in no distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct TierFold {
    /// Requests that ended by themselves.
    pub requests: usize,
    /// Those that succeeded.
    pub ok: usize,
    /// Those that failed.
    pub failed: usize,
    /// Requests given up because the run was stopped.
    pub cancelled: usize,
    /// Successes that the server answered from its cache.
    pub cached: usize,
    /// Lines cut off at the end of the file: 1 after a killed run, else 0.
    pub cut_off_lines: usize,
    /// hf-perftest's summary of the latencies.
    pub client: ClientSummary,
    /// Latencies of the successes, from the send, in milliseconds.
    pub latency: Option<Distribution>,
    /// Response times of the successes, from the intended start, in milliseconds.
    pub response: Option<Distribution>,
    /// How sure the quantiles of the latency and the success rate are.
    pub intervals: Intervals,
    /// Whether there are enough successes ([`P99_REQUESTS`]) for a stable p99.
    pub p99_trustworthy: bool,
    /// Failures by class.
    pub errors: BTreeMap<String, ErrorClass>,
    /// Where the time of the successes went.
    pub phases: Option<PhaseSummary>,
    /// Why the phases could not be added to the file, if they could not; the file is as it was.
    pub unwritten: Option<String>,
    /// How many successes have a trace.
    pub trace_match: TraceMatch,
    /// Time to the first partial output of the successes, in milliseconds; of generators only.
    pub ttft: Option<Distribution>,
    /// All gaps between partial outputs of the successes, in milliseconds; of generators only.
    pub chunk_gaps: Option<Distribution>,
    /// When the first request was sent, in milliseconds since the run's start.
    pub first_sent_ms: Option<f64>,
    /// When the last request ended, in milliseconds since the run's start.
    pub last_end_ms: Option<f64>,
    /// Successes per second between these two.
    pub throughput_rps: Option<f64>,
    /// When failures came, and what else only the order and the shape of the times tell.
    pub signs: Signs,
    /// Background traffic by kind (`page_loads`, `uploads`, `downloads`); kinds without a request are left out.
    pub background: BTreeMap<String, BackgroundSummary>,
    /// The single values, for rules about any quantile of them.
    pub(crate) values: TierValues,
}

/// How many successful requests the server's traces were found for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TraceMatch {
    /// With a trace.
    pub matched: usize,
    /// Without.
    pub unmatched: usize,
    /// What the tier's phases were read from; `null` when it has none.
    pub source: Option<PhaseSource>,
}

impl TierFold {
    /// From the first send to the last end, in seconds.
    pub fn elapsed_seconds(&self) -> Option<f64> {
        Some((self.last_end_ms? - self.first_sent_ms?) / 1000.0)
    }
}

/// Reads a tier's files, joins the server's traces to the requests by event id, and adds each success's `phases` to
/// `client_latencies.jsonl` (by atomic rename, and only if that changes anything, so that a finished run can be folded
/// again where nothing can be written). `same_host` says whether target and load generator share a clock. A cut-off
/// last line is left out and counted. Folding again without the traces keeps what they said.
///
/// The times of one tier are held in memory: about 180 bytes a request and 8 bytes a partial output.
///
/// A disk too full for the phases is told in [`TierFold::unwritten`]: the figures are there all the same.
///
/// # Errors
/// [`ResultsError::Io`] or [`ResultsError::BadLine`].
pub fn fold_tier(tier_dir: &Path, traces: &[Value], same_host: bool) -> Result<TierFold, ResultsError> {
    let traces = TraceIndex::new(traces);
    let (fold, changed) = look_at(tier_dir, &traces, same_host, |_| {})?;
    let path = tier_dir.join(CLIENT_LATENCIES);
    let unwritten = match if changed { rewrite(&path, &traces, same_host) } else { Ok(()) } {
        Ok(()) => None,
        Err(error @ ResultsError::DiskFull { .. }) => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(TierFold { unwritten, ..fold })
}

/// The same, but nothing is written, and `each` sees every line with its phases.
pub(crate) fn fold_tier_as_it_is(
    tier_dir: &Path,
    traces: &[Value],
    same_host: bool,
    each: impl FnMut(&LatencyRecord),
) -> Result<TierFold, ResultsError> {
    look_at(tier_dir, &TraceIndex::new(traces), same_host, each).map(|(fold, _)| fold)
}

/// What the files say, and whether the phases have changed.
fn look_at(
    tier_dir: &Path,
    traces: &TraceIndex<'_>,
    same_host: bool,
    mut each: impl FnMut(&LatencyRecord),
) -> Result<(TierFold, bool), ResultsError> {
    let mut tally = Tally::default();
    let mut changed = false;
    let cut_off_lines = lines::read(&tier_dir.join(CLIENT_LATENCIES), |mut record: LatencyRecord| {
        let joined = join(&mut record, traces, same_host);
        changed |= joined.changed;
        tally.add(&record, joined.matched);
        each(&record);
        Ok(())
    })?;
    Ok((tally.finish(cut_off_lines, background::fold(tier_dir)?), changed))
}

struct Joined {
    changed: bool,
    matched: bool,
}

/// Gives a success its phases.
fn join(record: &mut LatencyRecord, traces: &TraceIndex<'_>, same_host: bool) -> Joined {
    if !record.success {
        return Joined { changed: false, matched: false };
    }
    let trace = record.event_id.as_deref().and_then(|id| traces.get(id));
    if trace.is_none() && record.phases.is_some_and(|phases| phases.source == PhaseSource::Trace) {
        return Joined { changed: false, matched: true };
    }
    let phases = phases_of(record, trace, same_host);
    let changed = record.phases != Some(phases);
    record.phases = Some(phases);
    Joined { changed, matched: trace.is_some() }
}

/// The second pass over the file: records are not kept in memory, a long run has too many.
fn rewrite(path: &Path, traces: &TraceIndex<'_>, same_host: bool) -> Result<(), ResultsError> {
    atomic::replace(path, |out| {
        lines::read(path, |mut record: LatencyRecord| {
            join(&mut record, traces, same_host);
            let mut line =
                serde_json::to_vec(&record).map_err(|reason| ResultsError::Encode { what: "a record", reason })?;
            line.push(b'\n');
            out.write_all(&line).map_err(|reason| ResultsError::io("write", path, reason))
        })
        .map(drop)
    })
}

#[derive(Default)]
struct Tally {
    values: TierValues,
    phases: PhaseTally,
    errors: BTreeMap<String, ErrorClass>,
    failed: usize,
    cancelled: usize,
    cached: usize,
    matched: usize,
    span: Option<(f64, f64)>,
    /// When each success ended, and its latency.
    ends: Vec<(f64, f64)>,
    /// When each failure ended, and how long it took.
    failures: BTreeMap<FailureClass, Vec<(f64, f64)>>,
    /// Latencies of the users' first requests, and of their later ones.
    first: Vec<f64>,
    later: Vec<f64>,
    /// The endpoint.
    name: String,
}

impl Tally {
    fn add(&mut self, record: &LatencyRecord, matched: bool) {
        if record.is_cancelled() {
            self.cancelled += 1;
            return;
        }
        let end = record.sent_ms + record.latency_ms;
        let (first, last) = self.span.unwrap_or((record.sent_ms, end));
        self.span = Some((first.min(record.sent_ms), last.max(end)));
        if !record.success {
            self.failed += 1;
            if let Some(class) = FailureClass::parse(&record.outcome) {
                self.failures.entry(class).or_default().push((end, record.latency_ms));
            }
            count_error(&mut self.errors, record.outcome.clone(), record.error.clone());
            return;
        }
        self.ends.push((end, record.latency_ms));
        if record.request_id == 0 { &mut self.first } else { &mut self.later }.push(record.latency_ms);
        if self.name != record.name {
            self.name.clone_from(&record.name);
        }
        self.values.add(record);
        self.cached += usize::from(record.cached);
        self.matched += usize::from(matched);
        if let Some(phases) = &record.phases {
            self.phases.add(record.latency_ms, phases);
        }
    }

    /// The latencies must be sorted.
    fn signs(&mut self) -> Signs {
        let start = self.span.map_or(0.0, |(first, _)| first);
        // Stamps are not negative; what is absurd becomes 0 or the most.
        let micros = |ms: f64| (ms * 1e3) as u64;
        let mut series = Series::default();
        for (end, latency) in std::mem::take(&mut self.ends) {
            series.add(micros(end - start), Outcome::Ok, micros(latency), 0);
        }
        for (class, failures) in &self.failures {
            failures.iter().for_each(|(end, _)| series.add(micros(end - start), Outcome::Failed(*class), 0, 0));
        }
        let span = |(class, failures): (&FailureClass, &Vec<(f64, f64)>)| {
            let took = Distribution::of(&mut failures.iter().map(|(_, took)| *took).collect::<Vec<_>>())?.p50;
            Some((class.as_str().to_owned(), FailureSpan::of(&series, *class, start / 1e3, took)?))
        };
        let groups = Groups::of_sorted(&self.values.latency);
        Signs {
            failures: self.failures.iter().filter_map(span).collect(),
            groups: groups.map(|groups| (self.name.clone(), groups)).into_iter().collect(),
            first: FirstRequests::of(&mut self.first, &mut self.later),
            settling: Settling::of(&series),
        }
    }

    fn finish(mut self, cut_off_lines: usize, background: BTreeMap<String, BackgroundSummary>) -> TierFold {
        let ok = self.values.latency.len();
        let requests = ok + self.failed;
        let phases = std::mem::take(&mut self.phases).summary().map(|(phases, times)| {
            [self.values.queue_wait, self.values.function] = times;
            phases
        });
        // Sorts them, which quantiles, intervals and signs need.
        let [latency, response, _, ttft, chunk_gaps, ..] = self.values.each().map(|values| Distribution::of(values));
        let signs = self.signs();
        let throughput_rps = self
            .span
            .map(|(first, last)| (last - first) / 1000.0)
            .filter(|seconds| *seconds > 0.0)
            .map(|seconds| ok as f64 / seconds);
        TierFold {
            requests,
            ok,
            failed: self.failed,
            cancelled: self.cancelled,
            cached: self.cached,
            cut_off_lines,
            client: ClientSummary::new(requests, latency.as_ref()),
            latency,
            response,
            intervals: Intervals::new(requests, &self.values.latency),
            p99_trustworthy: ok >= P99_REQUESTS,
            errors: self.errors,
            trace_match: TraceMatch {
                matched: self.matched,
                unmatched: ok - self.matched,
                source: phases.as_ref().map(|phases| phases.source),
            },
            phases,
            ttft,
            chunk_gaps,
            unwritten: None,
            first_sent_ms: self.span.map(|(first, _)| first),
            last_end_ms: self.span.map(|(_, last)| last),
            throughput_rps,
            signs,
            background,
            values: self.values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TierWriter;
    use crate::testdata::{background as background_sample, event_id, failed, generator, sample, trace};
    use plimsoll_model::{Clock, Sample, Traffic};
    use std::fs;
    use std::time::Duration;

    fn tier(samples: &[Sample], clock: Clock) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = TierWriter::create(folder.path(), clock).unwrap();
        writer.write(samples).unwrap();
        writer.finish().unwrap();
        folder
    }

    fn text(folder: &tempfile::TempDir) -> String {
        fs::read_to_string(folder.path().join(CLIENT_LATENCIES)).unwrap()
    }

    /// The join is sent 1.001 s into the run; then 8 ms, and 18 ms in the queue.
    fn trace_of(clock: &Clock, vu: u32, iteration: u32) -> Value {
        trace(&event_id(vu, iteration), clock.unix_seconds(Duration::from_millis(1_027)))
    }

    #[test]
    fn counts_failures_and_leaves_the_cancelled_out() {
        let mut late = sample(1, 0);
        late.sent += Duration::from_secs(1);
        late.end += Duration::from_secs(1);
        late.timeline.cached = true;
        let mut cancelled = failed(9, 9, FailureClass::Cancelled, "stopped");
        cancelled.end += Duration::from_secs(60);
        let mut slow = failed(2, 0, FailureClass::Timeout, "first");
        slow.end += Duration::from_millis(500);
        let folder =
            tier(&[sample(0, 0), late, slow, failed(2, 1, FailureClass::Timeout, "second"), cancelled], Clock::start());
        let fold = fold_tier(folder.path(), &[], true).unwrap();
        assert_eq!((fold.requests, fold.ok, fold.failed, fold.cancelled, fold.cached), (4, 2, 2, 1, 1));
        assert_eq!(fold.errors["timeout"], ErrorClass { count: 2, example: "first".to_owned() });
        assert_eq!((fold.errors.len(), fold.client.success_rate), (1, 0.5));
        assert_eq!(fold.latency.unwrap().max, 64.25, "failures are not in the latencies");
        assert_eq!((fold.first_sent_ms, fold.last_end_ms), (Some(1000.0), Some(2064.25)));
        assert_eq!(fold.throughput_rps, Some(2.0 / 1.06425));
        assert!(!fold.p99_trustworthy && fold.intervals.p50.is_none());
    }

    #[test]
    fn joins_traces_and_remembers_them() {
        let clock = Clock::start();
        let folder =
            tier(&[sample(0, 0), sample(0, 1), sample(0, 2), failed(0, 3, FailureClass::AppError, "x")], clock);
        let traces = [trace_of(&clock, 0, 0), trace_of(&clock, 0, 1), trace_of(&clock, 7, 7)];
        let first = fold_tier(folder.path(), &traces, true).unwrap();
        assert_eq!(first.trace_match, TraceMatch { matched: 2, unmatched: 1, source: Some(PhaseSource::Trace) });
        let phases = first.phases.clone().unwrap();
        assert_eq!((phases.requests, phases.left_out, phases.clocks_disagree), (2, 1, 0));
        assert!((phases.join.unwrap().p50 - 8.0).abs() < 0.01 && (phases.delivery.unwrap().p50 - 7.25).abs() < 0.01);

        let written = text(&folder);
        assert_eq!(written.matches("\"phases\":{\"source\":\"trace\"").count(), 2);
        assert_eq!(written.matches("\"phases\":{\"source\":\"stream\"").count(), 1);
        // Once more, with and without the traces: the same again, and nothing is written.
        fs::write(folder.path().join("marker"), b"").unwrap();
        assert_eq!(fold_tier(folder.path(), &traces, true).unwrap(), first);
        assert_eq!(fold_tier(folder.path(), &[], true).unwrap(), first);
        assert_eq!(text(&folder), written);
    }

    #[test]
    fn a_cut_off_line_is_counted() {
        let folder = tier(&[sample(0, 0), sample(0, 1)], Clock::start());
        let whole = text(&folder);
        fs::write(folder.path().join(CLIENT_LATENCIES), &whole[..whole.len() - 20]).unwrap();
        let fold = fold_tier(folder.path(), &[], true).unwrap();
        assert_eq!((fold.requests, fold.cut_off_lines), (1, 1));
        fs::write(folder.path().join(CLIENT_LATENCIES), &whole[20..]).unwrap();
        assert!(matches!(fold_tier(folder.path(), &[], true), Err(ResultsError::BadLine { line: 1, .. })));
    }

    #[test]
    fn generators_have_first_outputs_and_gaps() {
        let folder = tier(&[generator(0, 0), generator(0, 1)], Clock::start());
        let fold = fold_tier(folder.path(), &[], true).unwrap();
        assert_eq!(fold.ttft.map(|ttft| (ttft.count, ttft.p50)), Some((2, 40.0)));
        assert_eq!(fold.chunk_gaps.map(|gaps| (gaps.count, gaps.mean)), Some((4, 6.0)));
    }

    #[test]
    fn background_traffic_has_hf_perftests_summary() {
        let mut lost = background_sample(Traffic::Upload, "/upload");
        lost.outcome = Outcome::Failed(FailureClass::ServerError);
        let mut stopped = lost.clone();
        stopped.outcome = Outcome::Failed(FailureClass::Cancelled);
        let page = background_sample(Traffic::PageLoad, "/");
        let folder = tier(&[page.clone(), page, lost, stopped], Clock::start());
        let fold = fold_tier(folder.path(), &[], true).unwrap();
        assert_eq!(
            serde_json::to_string(&fold.background).unwrap(),
            concat!(
                r#"{"page_loads":{"count":2,"success_count":2,"success_rate":1.0,"p50":64.25,"p90":64.25,"p99":64.25,"#,
                r#""mean":64.25},"uploads":{"count":1,"success_rate":0,"#,
                r#""errors":{"server_error":{"count":1,"example":"server_error"}}}}"#
            )
        );
        assert_eq!(fold.requests, 0);
    }

    #[test]
    fn an_empty_tier_is_no_error() {
        let folder = tier(&[], Clock::start());
        let fold = fold_tier(folder.path(), &[], true).unwrap();
        assert_eq!((fold.requests, fold.throughput_rps, fold.latency), (0, None, None));
        assert_eq!(fold.trace_match.source, None);
    }
}
