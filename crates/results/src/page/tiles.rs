//! The few figures on top of the page.

use super::model::{PageStatus, PageStream, PageThreshold, PageTile, PageUnit};
use super::parts::StageParts;
use crate::text::{percent, rate, spaced, thousands, time};
use plimsoll_model::{Figure, Metric, Threshold};

/// The tiles of a run: figures of the last stage (the one under way, while it goes on), and of several stages also the
/// highest throughput. `load_line` is the sentence or label of the highest load at which every rule held.
pub fn tiles(parts: &[StageParts], load_line: Option<&str>) -> Vec<PageTile> {
    let Some(last) = parts.last() else { return Vec::new() };
    let stage = &last.stage;
    let note = (parts.len() > 1).then(|| stage.label.clone());
    let tile = |id: &str, label: &str, text: String, value: Option<f64>, unit: PageUnit| PageTile {
        id: id.to_owned(),
        label: label.to_owned(),
        text,
        value,
        unit,
        status: status(id, &last.thresholds),
        note: note.clone(),
    };
    let ms = |value: Option<f64>| spaced(&time(value));
    let mut tiles = Vec::new();
    if let Some(line) = load_line {
        // A search says in brackets how it found it.
        let (text, how) = match line.split_once(" (") {
            Some((text, how)) => (text.to_owned(), Some(how.trim_end_matches(')').to_owned())),
            None => (line.to_owned(), None),
        };
        tiles.push(PageTile { note: how, ..tile("load_line", "Load line", text, None, PageUnit::Count) });
    }
    for (id, label, value) in
        [("p50", "Median", stage.p50), ("p95", "95th percentile", stage.p95), ("p99", "99th percentile", stage.p99)]
    {
        tiles.push(tile(id, label, ms(value), value, PageUnit::Ms));
    }
    if stage.ok < crate::P99_REQUESTS as u64
        && let Some(p99) = tiles.last_mut()
    {
        let few = format!("rests on {} values", thousands(stage.ok));
        p99.note = Some(p99.note.take().map_or(few.clone(), |note| format!("{note}; {few}")));
    }
    let per_second = |value: Option<f64>| format!("{} /s", rate(value));
    let served = stage.throughput_rps;
    tiles.push(tile("throughput", "Throughput", per_second(served), served, PageUnit::PerSecond));
    let peak = parts.iter().filter_map(|part| Some((part.stage.throughput_rps?, &part.stage.label)));
    if parts.len() > 1
        && let Some((most, at)) = peak.max_by(|a, b| a.0.total_cmp(&b.0))
    {
        let peak =
            tile("peak_throughput", "Highest throughput", per_second(Some(most)), Some(most), PageUnit::PerSecond);
        tiles.push(PageTile { note: Some(at.clone()), ..peak });
    }
    if let Some(good) = last.goodput_rps {
        tiles.push(tile("goodput", "Goodput", per_second(Some(good)), Some(good), PageUnit::PerSecond));
    }
    let count = stage.ok + stage.failed;
    let failed = (count > 0).then(|| stage.failed as f64 / count as f64);
    let text = failed.map_or_else(|| "-".to_owned(), |share| spaced(&percent(share)));
    let of = format!("{} of {}", thousands(stage.failed), thousands(count));
    let failures = tile("failed", "Failed", text, failed, PageUnit::Share);
    let note = failures.note.clone().map_or(of.clone(), |note| format!("{note}; {of}"));
    tiles.push(PageTile { note: Some(note), ..failures });
    if let Some(first) = one_stream(&last.streams, "ttft") {
        tiles.push(tile("ttft_p50", &format!("{}, p50", first.label), ms(first.p50), first.p50, PageUnit::Ms));
        tiles.push(tile("ttft_p95", &format!("{}, p95", first.label), ms(first.p95), first.p95, PageUnit::Ms));
    }
    if let Some(tokens) = last.output_tokens_per_second {
        let text = format!("{} tok/s", rate(Some(tokens)));
        tiles.push(tile("output_tokens", "Output tokens", text, Some(tokens), PageUnit::TokensPerSecond));
    }
    tiles
}

/// Of several names there is no figure of all.
fn one_stream<'a>(streams: &'a [PageStream], metric: &str) -> Option<&'a PageStream> {
    let mut of_metric = streams.iter().filter(|stream| stream.metric == metric);
    of_metric.next().filter(|_| of_metric.next().is_none())
}

/// Whether the rules about this very figure are met; `None` when there is none.
fn status(id: &str, thresholds: &[PageThreshold]) -> Option<PageStatus> {
    let figure = match id {
        "p50" => Figure::Quantile(Metric::ResponseTime, 0.50),
        "p95" => Figure::Quantile(Metric::ResponseTime, 0.95),
        "p99" => Figure::Quantile(Metric::ResponseTime, 0.99),
        "ttft_p50" => Figure::Quantile(Metric::Ttft, 0.50),
        "ttft_p95" => Figure::Quantile(Metric::Ttft, 0.95),
        "throughput" => Figure::Throughput,
        "goodput" => Figure::Goodput,
        "failed" => Figure::FailureRate(None),
        "output_tokens" => Figure::TokenThroughput,
        _ => return None,
    };
    let about = |rule: &&PageThreshold| Threshold::parse(&rule.rule).is_ok_and(|rule| same(rule.figure, figure));
    let each = thresholds.iter().filter(about).map(|rule| match rule.ok {
        Some(false) => PageStatus::Bad,
        Some(true) if rule.enough => PageStatus::Ok,
        _ => PageStatus::Unknown,
    });
    let all: Vec<PageStatus> = each.collect();
    [PageStatus::Bad, PageStatus::Unknown, PageStatus::Ok].into_iter().find(|status| all.contains(status))
}

/// Quantiles are read from text: 95 / 100 need not be 0.95 to the last bit.
fn same(one: Figure, other: Figure) -> bool {
    match (one, other) {
        (Figure::Quantile(a, p), Figure::Quantile(b, q)) => a == b && (p - q).abs() < 1e-9,
        (one, other) => one == other,
    }
}
