//! Reading rules.

use super::{Comparison, Figure, Scope, Threshold, ThresholdError};
use crate::{FailureClass, Metric, Span};
use std::ops::Range;

const EXAMPLES: &str = "write for example p(95) < 800ms, ttft p(99) < 200ms, rate(failed) < 1% or rps > 50";
const FIGURES: &str = "figures are p(95), med, avg, min, max, rate(failed), rate(CLASS), count(failed), \
                       count(requests), rate(dropped), rps, goodput, output_tokens_per_second";

/// A part of the rule that is wrong, why, and what could stand there.
type Wrong = (Range<usize>, String, String);

impl Threshold {
    /// Reads a rule: `[METRIC] FIGURE COMPARISON LIMIT`. The metric is one of [`Metric`]'s words, `response_time` when
    /// absent. Figures: `p(95)` or `p95`, `med`, `avg`, `min`, `max`; `rate(failed)`, `rate(timeout)`,
    /// `rate(dropped)`, `count(failed)`, `count(requests)`; `rps`, `goodput`, `output_tokens_per_second`.
    ///
    /// # Errors
    /// [`ThresholdError`], which points at the character.
    pub fn parse(rule: &str) -> Result<Self, ThresholdError> {
        let (figure, comparison, limit) = read(rule).map_err(|(span, why, expected)| ThresholdError {
            rule: rule.to_owned(),
            span,
            why,
            expected,
        })?;
        let rule = rule.trim().to_owned();
        Ok(Self { rule, scope: None, request: None, abort: false, figure, comparison, limit })
    }

    /// Reads a rule with what it is about before it: `[tier N:|level N:] [NAME:] RULE`.
    ///
    /// # Errors
    /// As [`Threshold::parse`]; the error is about the rule alone.
    pub fn parse_scoped(text: &str) -> Result<Self, ThresholdError> {
        let (scope, request, rule) = split_scope(text);
        Ok(Self { scope, request: request.map(str::to_owned), ..Self::parse(rule)? })
    }
}

/// Takes `[tier N:|level N:] [NAME:] RULE` apart. No rule holds a colon, so a name may.
pub fn split_scope(text: &str) -> (Option<Scope>, Option<&str>, &str) {
    // A colon behind the comparison is a mistake in the limit.
    let (before, rule) = match text.rsplit_once(':') {
        Some((before, rule)) if rule.contains(['<', '>']) => (before.trim(), rule),
        _ => return (None, None, text),
    };
    let (first, name) = match before.split_once(':') {
        Some((first, name)) => (first, name.trim()),
        None => (before, ""),
    };
    match scope(first) {
        Some(scope) => (Some(scope), Some(name).filter(|name| !name.is_empty()), rule),
        None => (None, Some(before).filter(|name| !name.is_empty()), rule),
    }
}

fn scope(text: &str) -> Option<Scope> {
    let (word, number) = text.trim().split_once(char::is_whitespace)?;
    let number = number.trim().parse().ok().filter(|number| *number > 0)?;
    match word {
        "tier" => Some(Scope::Tier(number)),
        "level" => Some(Scope::Level(number)),
        _ => None,
    }
}

fn read(rule: &str) -> Result<(Figure, Comparison, f64), Wrong> {
    let end = rule.trim_end().len();
    let Some(at) = rule.find(['<', '>']) else {
        let why = if rule.trim().is_empty() { "the rule is empty" } else { "the rule compares nothing" };
        let expected = if rule.trim().is_empty() { EXAMPLES } else { "a comparison is <, <=, > or >=" };
        return Err((end..end, why.to_owned(), expected.to_owned()));
    };
    let (comparison, length) = match &rule.as_bytes()[at..] {
        [b'<', b'=', ..] => (Comparison::AtMost, 2),
        [b'<', ..] => (Comparison::Less, 1),
        [_, b'=', ..] => (Comparison::AtLeast, 2),
        _ => (Comparison::Greater, 1),
    };
    let words = words(rule, 0..at);
    let (metric, figure_at) = match words.as_slice() {
        [] => return Err((0..at + length, "nothing is compared".to_owned(), EXAMPLES.to_owned())),
        [word] => (None, word.clone()),
        [metric, word] => (Some(metric.clone()), word.clone()),
        [_, _, third, ..] => {
            let why = "before the comparison stand a metric (or none) and a figure, nothing else";
            return Err((third.start..words[words.len() - 1].end, why.to_owned(), EXAMPLES.to_owned()));
        }
    };
    let metric = match &metric {
        None => None,
        Some(span) => Some(metric_at(rule, span)?),
    };
    let figure = figure(rule, &figure_at, metric.unwrap_or(Metric::ResponseTime))?;
    if metric.is_some() && figure.metric().is_none() {
        let why = format!("`{}` is not a figure of a metric", &rule[figure_at.clone()]);
        return Err((figure_at, why, "figures of a metric are p(95), med, avg, min, max".to_owned()));
    }
    let rest = &rule[at + length..end.max(at + length)];
    let start = at + length + (rest.len() - rest.trim_start().len());
    let limit =
        limit(rest.trim(), figure).map_err(|(why, expected)| (start..start + rest.trim().len(), why, expected))?;
    Ok((figure, comparison, limit))
}

/// Where the words in this part of the rule stand.
fn words(rule: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut inside = false;
    for (at, c) in rule[part].char_indices() {
        if c.is_whitespace() {
            inside = false;
        } else if inside {
            if let Some(word) = words.last_mut() {
                word.end = at + c.len_utf8();
            }
        } else {
            inside = true;
            words.push(at..at + c.len_utf8());
        }
    }
    words
}

fn metric_at(rule: &str, span: &Range<usize>) -> Result<Metric, Wrong> {
    let word = &rule[span.clone()];
    Metric::parse(word).ok_or_else(|| {
        let (known, gradio) = (Metric::OF_SCENARIOS.map(Metric::as_str).join(", "), "queue_wait, function");
        let expected = format!("metrics are {known}; of Gradio apps also {gradio}");
        (span.clone(), format!("`{word}` is not a metric"), expected)
    })
}

fn figure(rule: &str, span: &Range<usize>, metric: Metric) -> Result<Figure, Wrong> {
    let word = &rule[span.clone()];
    // What stands in the brackets of `name(…)`, and where.
    let inside = |name: &str| {
        let text = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'))?;
        let start = span.start + name.len() + 1;
        Some((text, start..start + text.len()))
    };
    if let Some((what, at)) = inside("rate") {
        return if what == "dropped" { Ok(Figure::Dropped) } else { class(what, at).map(Figure::FailureRate) };
    }
    if let Some((what, at)) = inside("count") {
        return if what == "requests" { Ok(Figure::Requests) } else { class(what, at).map(Figure::FailureCount) };
    }
    let short = || word.strip_prefix('p').filter(|rest| !rest.is_empty()).map(|rest| (rest, span.start + 1..span.end));
    if let Some((text, at)) = inside("p").or_else(short)
        && let Ok(percent) = text.parse::<f64>()
    {
        return if percent > 0.0 && percent < 100.0 {
            Ok(Figure::Quantile(metric, percent / 100.0))
        } else {
            Err((at, format!("{text} is not a percentile"), "a percentile lies between 0 and 100".to_owned()))
        };
    }
    Ok(match word {
        "med" | "median" => Figure::Quantile(metric, 0.5),
        "avg" | "mean" => Figure::Mean(metric),
        "min" => Figure::Min(metric),
        "max" => Figure::Max(metric),
        "rps" => Figure::Throughput,
        "goodput" => Figure::Goodput,
        "output_tokens_per_second" => Figure::TokenThroughput,
        _ => {
            let metric = Metric::parse(word).map(|_| ", it is a metric; say which figure of it").unwrap_or_default();
            return Err((span.clone(), format!("`{word}` is not a figure{metric}"), FIGURES.to_owned()));
        }
    })
}

fn class(word: &str, at: Range<usize>) -> Result<Option<FailureClass>, Wrong> {
    match FailureClass::parse(word) {
        // Given up by us: in no figure.
        Some(class) if class != FailureClass::Cancelled => Ok(Some(class)),
        None if word == "failed" => Ok(None),
        _ => {
            let known = FailureClass::ALL.into_iter().filter(|class| *class != FailureClass::Cancelled);
            let known: Vec<&str> = known.map(FailureClass::as_str).collect();
            let expected = format!("classes are failed (any), {}", known.join(", "));
            Err((at, format!("`{word}` is not a failure class"), expected))
        }
    }
}

fn limit(text: &str, figure: Figure) -> Result<f64, (String, String)> {
    let (what, example) = if figure.is_time() {
        ("a time", "write for example 800ms or 2s; a bare number is milliseconds")
    } else if figure.is_share() {
        ("a share", "write for example 1% or 0.01")
    } else {
        ("a number", "write for example 50")
    };
    let wrong = || {
        let shown = if text.is_empty() { "the limit is missing".to_owned() } else { format!("`{text}` is not {what}") };
        (shown, example.to_owned())
    };
    let number = |text: &str| text.trim_end().parse::<f64>().ok().filter(|n| n.is_finite());
    let value = if figure.is_time() {
        // A bare number is milliseconds here, as in k6's thresholds; everywhere else times are seconds.
        match text.parse::<f64>() {
            Ok(_) => number(text),
            Err(_) => text.parse::<Span>().ok().map(|span| span.0.as_secs_f64() * 1e3),
        }
    } else if figure.is_share() {
        match text.strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| percent / 100.0),
            None => number(text),
        }
    } else {
        number(text.strip_suffix("/s").unwrap_or(text))
    };
    let value = value.ok_or_else(wrong)?;
    if value < 0.0 {
        return Err((format!("`{text}` is below nothing, and no figure is"), example.to_owned()));
    }
    if figure.is_share() && value > 1.0 {
        return Err((format!("`{text}` is more than all"), "a share is at most 100%, or 1".to_owned()));
    }
    Ok(value)
}
