//! Samples for tests.

use super::{ApiFold, ApiFoldOptions, ApiSummary, LevelFacts, LevelInput, LevelLoad, LevelSummary};
use crate::RunDir;
use plimsoll_model::scenario::Objectives;
use plimsoll_model::{FailureClass, Outcome, Sample, Span, Threshold, TokenSource, Tokens, Told, Traffic};
use proptest::prelude::*;
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The level begins at 10 s and warms up for 5 s; good is a first token in 45 ms and an answer in 60 ms.
pub(crate) fn options() -> ApiFoldOptions {
    let objectives =
        Objectives { ttft: Some(Span(ms(45))), response_time: Some(Span(ms(60))), ..Objectives::default() };
    ApiFoldOptions { start: ms(10_000), warmup: ms(5_000), objectives }
}

/// Meant for this moment, sent half a millisecond late, its head there after 10 ms, complete after `took`.
pub(crate) fn plain(name: &str, intended: u64, took: u64) -> Sample {
    let sent = ms(intended) + Duration::from_micros(500);
    let mut sample = Sample::begin(Traffic::Prediction, name.into(), (0, 0), ms(intended), sent);
    sample.end = sent + ms(took);
    sample.timeline.first_byte = Some(sent + ms(10));
    (sample.status, sample.bytes_sent, sample.bytes_received) = (Some(200), 100, 2000);
    sample
}

/// Chunks so many milliseconds after the send, the last of them at its end.
pub(crate) fn streamed(name: &str, intended: u64, chunks: &[u64], output: u32) -> Sample {
    let mut sample = plain(name, intended, chunks.last().copied().unwrap_or(64));
    sample.timeline.chunks = chunks.iter().map(|chunk| sample.sent + ms(*chunk)).collect();
    sample.tokens = Some(Tokens { input: 10, output, reasoning: 0, cached: 0, source: TokenSource::Server });
    sample
}

/// A failure after 64 ms.
pub(crate) fn failed(name: &str, intended: u64, class: FailureClass, error: &str) -> Sample {
    let mut sample = plain(name, intended, 64);
    sample.outcome = Outcome::Failed(class);
    (sample.status, sample.error) = (None, Some(error.into()));
    sample
}

/// Some of everything, by end.
pub(crate) fn mixed() -> Vec<Sample> {
    let mut loading = failed("chat", 10_100, FailureClass::ColdStart, "the model loads");
    loading.told = Some(Box::new(Told { loading: Some(Duration::from_secs(20)), ..Told::default() }));
    let mut held = plain("chat", 11_000, 8_000);
    held.cold = true;
    let mut refused = failed("embed", 20_000, FailureClass::RateLimited, "slow down,\nplease");
    refused.status = Some(429);
    refused.told = Some(Box::new(Told {
        retry_after: Some(Duration::from_secs(3)),
        limit: Some((100, Some(Duration::from_secs(60)))),
        remaining: Some(0),
        reset: Some(Duration::from_secs(12)),
        loading: None,
    }));
    let mut again = plain("embed", 21_000, 1_200);
    again.retries = 2;
    vec![
        loading,
        held,
        refused,
        streamed("chat", 20_000, &[40, 50, 80, 100], 7),
        streamed("chat", 20_500, &[42, 55], 2),
        plain("embed", 20_600, 20),
        again,
        failed("chat", 22_500, FailureClass::Timeout, "no answer within 60 s \u{1b}[31m"),
        failed("chat", 23_000, FailureClass::Cancelled, "stopped"),
    ]
}

prop_compose! {
    pub(crate) fn any_sample()(
        name in prop::sample::select(vec!["a", "b", "c\n"]), intended in 9_000u64..60_000, took in 0u64..100_000,
        late in 0u64..50_000, chunks in prop::collection::vec(0u64..1_000, 0..6), output in prop::option::of(0u32..20),
        counted: bool, class in prop::option::weighted(0.3, 0usize..15), text in "[a-z\"\\\\\u{1}é]{0,5}", cold: bool,
        far in prop::option::weighted(0.1, 0u64..20_000),
    ) -> Sample {
        let mut sample = plain(name, intended + far.unwrap_or(0) * 1000, took);
        sample.sent += Duration::from_nanos(late * 997);
        sample.end = sample.end.max(sample.sent);
        let mut at = sample.sent;
        for chunk in &chunks {
            at += Duration::from_nanos(chunk * 7_919);
            sample.timeline.chunks.push(at);
        }
        if counted {
            sample.timeline.chunk_tokens = chunks.iter().map(|chunk| (chunk % 4) as u32).collect();
        }
        sample.tokens = output.map(|output| Tokens {
            input: 5, output, reasoning: 1, cached: 0, source: TokenSource::Chunks,
        });
        sample.told = cold.then(|| Box::new(Told {
            limit: Some((took, None)), remaining: Some(late), loading: Some(ms(took)), ..Told::default()
        }));
        (sample.cold, sample.retries) = (cold, (took % 3) as u32);
        if let Some(class) = class {
            sample.outcome = Outcome::Failed(FailureClass::ALL[class]);
            sample.error = Some(text.into());
        }
        sample
    }
}

/// Rules that `mixed` meets, breaks, cannot be judged by, and meets with too little to tell.
pub(crate) fn rules() -> Vec<Threshold> {
    ["p(50) < 60ms", "rate(failed) < 50%", "tokens_per_second p(50) > 20", "ttft p(99) < 800ms", "connect max < 1s"]
        .map(|rule| Threshold::parse(rule).unwrap())
        .to_vec()
}

/// The summary of a closed level of these samples, load until 25 s.
pub(crate) fn level(label: &str, samples: &[Sample], rules: &[Threshold]) -> LevelSummary {
    let mut fold = ApiFold::new(options());
    samples.iter().for_each(|sample| fold.add(sample));
    let facts = LevelFacts { until: Some(Duration::from_secs(25)), iterations: samples.len() as u64, dropped: 0 };
    let users = label.strip_suffix(" users").and_then(|users| users.parse().ok());
    let load = LevelLoad { users, ..LevelLoad::default() };
    let input = LevelInput { label: label.to_owned(), closed: true, load, facts, ..LevelInput::default() };
    LevelSummary::new(input, &fold, rules)
}

/// The summary of a run of these levels.
pub(crate) fn run_of(levels: Vec<LevelSummary>, partial: Option<&str>) -> (tempfile::TempDir, ApiSummary) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path()).unwrap();
    let target = "https://me:pass@host/v1".to_owned();
    let summary = ApiSummary::new("chat".to_owned(), target, &run, levels, partial.map(str::to_owned), Vec::new());
    (folder, summary)
}
