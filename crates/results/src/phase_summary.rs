//! Where the time of a tier's requests went.

use crate::record::is_default;
use crate::{PhaseSource, Phases};
use plimsoll_stats::Distribution;
use serde::{Deserialize, Serialize};

/// One phase over all requests, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PhaseStat {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Mean. The means of all phases add up to the mean latency; their quantiles do not add up to anything.
    pub mean: f64,
    /// The mean as a share of the mean latency, usually 0 to 1.
    pub share: f64,
}

/// The phases of the successful requests. Traces and messages mean different things by a phase, so only requests of
/// one source are in it: the more frequent one. A request without a phase that others have counts as 0 in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseSummary {
    /// What the phases were read from.
    pub source: PhaseSource,
    /// How many requests are in it.
    pub requests: usize,
    /// How many successful requests are not, because their phases come from the other source.
    #[serde(default, skip_serializing_if = "is_default")]
    pub left_out: usize,
    /// Of how many requests the clocks of client and server contradicted each other.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clocks_disagree: usize,
    /// Mean latency of these requests, in milliseconds.
    pub mean_latency_ms: f64,
    /// See [`Phases::upload_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<PhaseStat>,
    /// See [`Phases::connect_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<PhaseStat>,
    /// See [`Phases::join_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<PhaseStat>,
    /// See [`Phases::queue_wait_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_wait: Option<PhaseStat>,
    /// See [`Phases::preprocess_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<PhaseStat>,
    /// See [`Phases::function_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<PhaseStat>,
    /// See [`Phases::postprocess_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postprocess: Option<PhaseStat>,
    /// See [`Phases::streaming_diff_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming_diff: Option<PhaseStat>,
    /// See [`Phases::delivery_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<PhaseStat>,
    /// See [`Phases::other_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<PhaseStat>,
}

impl PhaseSummary {
    /// The phases that are there, with their names, in the order in which they happen.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &PhaseStat)> {
        let stats = [
            &self.upload,
            &self.connect,
            &self.join,
            &self.queue_wait,
            &self.preprocess,
            &self.function,
            &self.postprocess,
            &self.streaming_diff,
            &self.delivery,
            &self.other,
        ];
        Phases::NAMES.into_iter().zip(stats).filter_map(|(name, stat)| Some((name, stat.as_ref()?)))
    }
}

/// The phases of requests, gathered one by one.
#[derive(Default)]
pub(crate) struct PhaseTally {
    trace: Columns,
    stream: Columns,
}

#[derive(Default)]
struct Columns {
    latencies: Vec<f64>,
    phases: [Vec<f64>; 10],
    /// Which phases at least one request has.
    present: [bool; 10],
    clocks_disagree: usize,
}

impl PhaseTally {
    pub(crate) fn add(&mut self, latency_ms: f64, phases: &Phases) {
        let columns = match phases.source {
            PhaseSource::Trace => &mut self.trace,
            PhaseSource::Stream => &mut self.stream,
        };
        columns.latencies.push(latency_ms);
        columns.clocks_disagree += usize::from(phases.clocks_disagree);
        for (index, value) in phases.values().into_iter().enumerate() {
            columns.phases[index].push(value.unwrap_or(0.0));
            columns.present[index] |= value.is_some();
        }
    }

    /// With the times of the phases that rules may be about: waiting in the queue, and the function. `None` when no
    /// request had phases.
    pub(crate) fn summary(self) -> Option<(PhaseSummary, [Vec<f64>; 2])> {
        let (trace, stream) = (self.trace.latencies.len(), self.stream.latencies.len());
        let (source, mut columns, left_out) = if trace >= stream {
            (PhaseSource::Trace, self.trace, stream)
        } else {
            (PhaseSource::Stream, self.stream, trace)
        };
        let latency = Distribution::of(&mut columns.latencies)?;
        let mut stats = [None; 10];
        for (index, values) in columns.phases.iter_mut().enumerate() {
            if columns.present[index] {
                stats[index] = Distribution::of(values).map(|phase| PhaseStat {
                    p50: phase.p50,
                    p90: phase.p90,
                    p99: phase.p99,
                    mean: phase.mean,
                    share: if latency.mean > 0.0 { phase.mean / latency.mean } else { 0.0 },
                });
            }
        }
        let [upload, connect, join, queue_wait, preprocess, function, postprocess, streaming_diff, delivery, other] =
            stats;
        let [queue_wait_times, function_times] = [3, 5].map(|index| {
            let times = std::mem::take(&mut columns.phases[index]);
            if columns.present[index] { times } else { Vec::new() }
        });
        let summary = PhaseSummary {
            source,
            requests: latency.count,
            left_out,
            clocks_disagree: columns.clocks_disagree,
            mean_latency_ms: latency.mean,
            upload,
            connect,
            join,
            queue_wait,
            preprocess,
            function,
            postprocess,
            streaming_diff,
            delivery,
            other,
        };
        Some((summary, [queue_wait_times, function_times]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{sample, trace};
    use crate::{LatencyRecord, phases_of};
    use plimsoll_model::Clock;

    #[test]
    fn means_add_up_and_sources_do_not_mix() {
        let mut tally = PhaseTally::default();
        for i in 0..10 {
            let mut record = LatencyRecord::new(&sample(0, i), &Clock::start());
            record.latency_ms += f64::from(i);
            record.end_unix += f64::from(i) / 1000.0;
            let trace = trace("a", record.join_sent_unix.unwrap() + 0.026);
            tally.add(record.latency_ms, &phases_of(&record, (i < 7).then_some(&trace), true));
        }
        let (summary, [queue_wait, function]) = tally.summary().unwrap();
        assert_eq!((queue_wait.len(), function.len()), (7, 7));
        assert_eq!((summary.source, summary.requests, summary.left_out), (PhaseSource::Trace, 7, 3));
        assert_eq!(summary.mean_latency_ms, 67.25);
        let mean: f64 = summary.iter().map(|(_, stat)| stat.mean).sum();
        let share: f64 = summary.iter().map(|(_, stat)| stat.share).sum();
        assert!((mean - 67.25).abs() < 1e-6 && (share - 1.0).abs() < 1e-6);
        assert!(summary.upload.is_none() && summary.delivery.is_some());
    }

    #[test]
    fn nothing_has_no_summary() {
        assert!(PhaseTally::default().summary().is_none());
    }
}
