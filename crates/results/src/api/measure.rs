//! The figures of one request. The formulas, and whose they are, are in `docs/src/metrics.md`.

use super::metric::MetricFold;
use super::micros;
use super::record::Line;
use plimsoll_model::scenario::Objectives;

/// What one successful request measured, in microseconds unless the name says otherwise. What it has not is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Figures {
    pub(crate) response_time: u64,
    pub(crate) service_time: u64,
    pub(crate) connect: Option<u64>,
    pub(crate) first_byte: Option<u64>,
    pub(crate) ttft: Option<u64>,
    pub(crate) e2e: Option<u64>,
    pub(crate) tpot_nanos: Option<u64>,
    /// Millionths of a token a second.
    pub(crate) tokens_per_second_millionths: Option<u64>,
    pub(crate) longest_gap: Option<u64>,
}

impl Figures {
    pub(crate) fn of(line: &Line<'_>) -> Self {
        let (first, last) = (line.chunks.first().copied(), line.chunks.last().copied());
        let streamed = if line.chunks.len() > 1 { Option::zip(first, last) } else { None };
        let streamed = streamed.map(|(first, last)| last.saturating_sub(first));
        // Tokens after the first one: those that the time between the first chunk and the last was spent on.
        let later = line.tokens.map(|tokens| u64::from(tokens.output).saturating_sub(1)).filter(|later| *later > 0);
        let per_token = streamed.zip(later);
        Self {
            response_time: line.end.saturating_sub(line.intended),
            service_time: line.end.saturating_sub(line.sent),
            connect: Some(line.connect).filter(|connect| *connect > 0),
            first_byte: line.first_byte.map(|first| first.saturating_sub(line.sent)),
            ttft: first,
            e2e: last,
            tpot_nanos: per_token.map(|(time, later)| time.saturating_mul(1000) / later),
            tokens_per_second_millionths: per_token
                .filter(|(time, _)| *time > 0)
                .map(|(time, later)| later.saturating_mul(1_000_000_000_000) / time),
            longest_gap: gaps(line.chunks).max(),
        }
    }

    /// Whether it meets every objective. A request that has no such figure does not.
    pub(crate) fn meets(&self, objectives: &Objectives) -> bool {
        let within = |limit: Option<plimsoll_model::Span>, nanos: Option<u64>| {
            limit.is_none_or(|limit| nanos.is_some_and(|nanos| u128::from(nanos) <= limit.0.as_nanos()))
        };
        let nanos = |micros: Option<u64>| micros.map(|micros| micros.saturating_mul(1000));
        within(objectives.response_time, nanos(Some(self.response_time)))
            && within(objectives.ttft, nanos(self.ttft))
            && within(objectives.tpot, self.tpot_nanos)
            && within(objectives.itl, nanos(self.longest_gap))
    }
}

/// The gaps between chunks.
pub(crate) fn gaps(chunks: &[u64]) -> impl Iterator<Item = u64> + '_ {
    chunks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]))
}

/// Shares the gaps of a request out over its tokens: `fold` gets one value for each token after the first chunk.
pub(crate) fn gaps_per_token(line: &Line<'_>, fold: &mut MetricFold) {
    if line.chunk_tokens.len() == line.chunks.len() {
        by_counts(line, fold);
    } else if let Some(tokens) = line.tokens {
        by_total(line, u64::from(tokens.output), fold);
    }
}

/// The server counts each chunk's tokens: the gap before a chunk of n tokens is n times an n-th of it.
fn by_counts(line: &Line<'_>, fold: &mut MetricFold) {
    let mut waited = 0;
    for (gap, tokens) in gaps(line.chunks).zip(line.chunk_tokens.iter().skip(1)) {
        // A chunk without a token of its own (half a character, say) belongs to the next one.
        waited += gap;
        if *tokens > 0 {
            fold.add_without_sum(waited.saturating_mul(1000) / u64::from(*tokens), u64::from(*tokens));
            fold.add_sum(u128::from(waited) * 1000);
            waited = 0;
        }
    }
}

/// Only their total is known: each chunk is taken to hold the same number of them, r. A gap is then an r-th of itself,
/// r times; where r is no whole number, it is rounded so that all of them together are output − 1.
fn by_total(line: &Line<'_>, output: u64, fold: &mut MetricFold) {
    let (parts, later) = (line.chunks.len().saturating_sub(1) as u64, output.saturating_sub(1));
    if parts == 0 || later == 0 {
        return;
    }
    let (mut shared, mut sum) = (0, 0);
    for (gap, part) in gaps(line.chunks).zip(1..) {
        let until = part * later / parts;
        let value = u128::from(gap) * 1000 * u128::from(parts) / u128::from(later);
        fold.add_without_sum(u64::try_from(value).unwrap_or(u64::MAX), until - shared);
        shared = until;
        sum += u128::from(gap);
    }
    // All the time, so that the mean owes nothing to the rounding.
    fold.add_sum(sum * 1000);
}

/// The first moment, in microseconds, that is not warm-up.
pub(crate) fn measured_from(start: std::time::Duration, warmup: std::time::Duration) -> u64 {
    micros(start.saturating_add(warmup))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::record::ApiSampleRecord;
    use crate::api::testdata::{plain, streamed};
    use plimsoll_model::{Sample, Span};
    use std::time::Duration;

    fn figures(sample: &Sample) -> Figures {
        Figures::of(&ApiSampleRecord::new(sample).line())
    }

    fn per_token(sample: &Sample) -> MetricFold {
        let mut fold = MetricFold::default();
        gaps_per_token(&ApiSampleRecord::new(sample).line(), &mut fold);
        fold
    }

    #[test]
    fn a_plain_request_has_times_and_no_stream() {
        let figures = figures(&plain("x", 1_000, 64));
        assert_eq!((figures.response_time, figures.service_time), (64_500, 64_000));
        assert_eq!((figures.first_byte, figures.connect), (Some(10_000), None));
        assert_eq!((figures.ttft, figures.e2e, figures.tpot_nanos, figures.longest_gap), (None, None, None, None));
    }

    #[test]
    fn a_stream_by_hand() {
        // First token after 40 ms, then 10, 30 and 20 ms; 7 tokens.
        let sample = streamed("x", 0, &[40, 50, 80, 100], 7);
        let figures = figures(&sample);
        assert_eq!((figures.ttft, figures.e2e, figures.longest_gap), (Some(40_000), Some(100_000), Some(30_000)));
        assert_eq!(figures.tpot_nanos, Some(10_000_000), "(100 − 40) / (7 − 1)");
        assert_eq!(figures.tokens_per_second_millionths, Some(100_000_000), "6 tokens in 60 ms");
        // Two tokens a gap: 5, 5, 15, 15, 10, 10.
        let fold = per_token(&sample);
        let all = fold.distribution().unwrap();
        assert_eq!((fold.count(), all.min, all.max), (6, 5.0, 15.0));
        assert!((all.mean - 10.0).abs() < 1e-9 && (all.p50 - 10.0).abs() < 0.01);
    }

    #[test]
    fn what_the_server_counts_is_used() {
        let mut sample = streamed("x", 0, &[40, 50, 80, 100], 7);
        sample.timeline.chunk_tokens = vec![1, 1, 0, 5];
        // 10 ms for one token, then 50 ms for five.
        let fold = per_token(&sample);
        let all = fold.distribution().unwrap();
        assert_eq!((fold.count(), all.min, all.max, all.mean), (6, 10.0, 10.0, 10.0));
        sample.timeline.chunk_tokens = vec![1, 4, 1, 1];
        let all = per_token(&sample).distribution().unwrap();
        assert_eq!((all.min, all.max, all.mean), (2.5, 30.0, 10.0));
    }

    #[test]
    fn fewer_tokens_than_chunks_and_uneven_shares() {
        for output in [2, 3, 5, 9, 1000] {
            let fold = per_token(&streamed("x", 0, &[40, 50, 80, 100], output));
            assert_eq!(fold.count(), u64::from(output) - 1);
            assert!((fold.mean().unwrap() - 60.0 / f64::from(output - 1)).abs() < 1e-6);
        }
    }

    #[test]
    fn one_chunk_or_one_token_has_no_pace() {
        for sample in [streamed("x", 0, &[40], 7), streamed("x", 0, &[40, 50], 1)] {
            let figures = figures(&sample);
            assert_eq!((figures.ttft, figures.tpot_nanos), (Some(40_000), None));
            assert_eq!(per_token(&sample).count(), 0);
        }
        let at_once = figures(&streamed("x", 0, &[40, 40], 2));
        assert_eq!((at_once.tpot_nanos, at_once.tokens_per_second_millionths), (Some(0), None));
        let mut unknown = streamed("x", 0, &[40, 50], 7);
        unknown.tokens = None;
        assert_eq!((figures(&unknown).tpot_nanos, per_token(&unknown).count()), (None, 0));
    }

    #[test]
    fn objectives_must_all_be_met_and_measured() {
        let ms = |ms| Some(Span(Duration::from_millis(ms)));
        let stream = figures(&streamed("x", 0, &[40, 50, 80, 100], 7));
        let all = Objectives { ttft: ms(40), tpot: ms(10), itl: ms(30), response_time: ms(101) };
        assert!(stream.meets(&all) && stream.meets(&Objectives::default()));
        for missed in [
            Objectives { ttft: ms(39), ..all },
            Objectives { tpot: ms(9), ..all },
            Objectives { itl: ms(29), ..all },
            Objectives { response_time: ms(100), ..all },
        ] {
            assert!(!stream.meets(&missed), "{missed:?}");
        }
        assert!(!figures(&plain("x", 0, 1)).meets(&Objectives { ttft: ms(1000), ..Objectives::default() }));
    }
}
