//! An API run as text for a terminal or a file.

use super::level::{LevelSummary, RequestSummary};
use super::summary::ApiSummary;
use crate::rules_table::{mark, rules_table, verdict_text, worst};
use crate::text::{one_line, percent, rate, requests, seconds, thousands, time};
use crate::{Diagnosis, DiagnosisKind, diagnosis_text};
use plimsoll_model::{Metric, TokenSource};
use plimsoll_stats::Distribution;
use std::fmt::{Arguments, Write as _};

/// Longest name in a table, and longest message, in characters.
const LONGEST_NAME: usize = 40;
const LONGEST_MESSAGE: usize = 160;

/// Everything: the banner if there is one, the levels of a sweep, and for each level its tables and notes.
pub fn api_report(summary: &ApiSummary) -> String {
    let mut parts = vec![api_banner(summary).unwrap_or_default(), levels_table(summary)];
    for level in &summary.levels {
        let several = summary.levels.len() > 1;
        let head = if several { format!("== {} ==\n", one_line(&level.label, LONGEST_NAME)) } else { String::new() };
        parts.extend([
            head + &request_table(level),
            token_table(level),
            api_error_table(level),
            threshold_table(level),
            generator_text(level),
            bullets(&api_notes(level)),
        ]);
    }
    parts.push(diagnosis_text(&summary.diagnosis));
    parts.push(run_notes(summary));
    parts.push(verdict_text(&summary.verdict));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// What a search for the load line found: its windows, one line each, and the line. Single windows have their files.
pub fn search_report(summary: &ApiSummary) -> String {
    let found = summary.load_line.as_deref().unwrap_or("not found");
    // Its windows are short and go beyond the limit on purpose.
    let expected = |one: &&Diagnosis| matches!(one.kind, DiagnosisKind::FewRequests | DiagnosisKind::Concurrency);
    let meaning: Vec<Diagnosis> = summary.diagnosis.iter().filter(|one| !expected(one)).cloned().collect();
    let mut parts = vec![
        api_banner(summary).unwrap_or_default(),
        levels_table(summary),
        format!("Load line: {}\n", one_line(found, usize::MAX)),
        diagnosis_text(&meaning),
        run_notes(summary),
        verdict_text(&summary.verdict),
    ];
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// What to keep in mind of the whole run.
fn run_notes(summary: &ApiSummary) -> String {
    let notes = summary.warnings.iter().chain(&summary.calibration);
    bullets(&notes.map(|note| sentence(note)).collect::<Vec<_>>())
}

/// What the load generator itself took and how late it was, one line for each measuring thread. Empty where that is
/// not known any more.
pub fn generator_text(level: &LevelSummary) -> String {
    let mut text = String::new();
    for health in &level.health {
        let steal = match health.steal {
            Some(steal) if steal >= 0.01 => format!(", {} of the machine's CPU time went to others", percent(steal)),
            _ => String::new(),
        };
        line(
            &mut text,
            format_args!(
                "Generator: sent {:.2} ms late at p50, {:.2} ms at p99; measuring thread {:.0} % busy; {:.0} µs CPU a \
                 request{steal}",
                health.send_lag.p50_ms,
                health.send_lag.p99_ms,
                100.0 * health.shard_busy,
                1e3 * health.cpu_ms_per_request,
            ),
        );
    }
    text
}

/// The banner over everything else when the load generator may have set the figures; `None` when it did not.
pub fn api_banner(summary: &ApiSummary) -> Option<String> {
    let mut banner = "GENERATOR-LIMITED: these figures may show the load generator, not the target.\n".to_owned();
    for level in &summary.levels {
        for limit in level.health.iter().flat_map(|health| &health.limits_passed) {
            let at = if summary.levels.len() > 1 { format!("{}: ", level.label) } else { String::new() };
            line(&mut banner, format_args!("  {}", one_line(&format!("{at}{}", limit.message), usize::MAX)));
        }
    }
    summary.generator_limited().then_some(banner)
}

/// Of several levels, one line each. Empty for one.
pub fn levels_table(summary: &ApiSummary) -> String {
    let mut table = String::new();
    if summary.levels.len() < 2 {
        return table;
    }
    let names: Vec<String> = summary.levels.iter().map(|level| one_line(&level.label, LONGEST_NAME)).collect();
    let width = width("Level", &names);
    let tokens = summary.levels.iter().any(|level| level.output_tokens_per_second.is_some());
    let good = summary.levels.iter().any(|level| level.goodput_rps.is_some());
    let rules = summary.levels.iter().any(|level| !level.thresholds.is_empty());
    let optional = |shown: bool, text: &str| if shown { format!("{text:>11}") } else { String::new() };
    line(
        &mut table,
        format_args!(
            "{:<width$}{:>10}{:>9}{:>10}{:>11}{:>11}{:>11}{}{}{}",
            "Level",
            "requests",
            "failed",
            "ok/s",
            "p50",
            "p95",
            "p99",
            optional(tokens, "tokens/s"),
            optional(good, "good/s"),
            optional(rules, "rules")
        ),
    );
    for (level, name) in summary.levels.iter().zip(&names) {
        let times = level.all.metrics.get(&Metric::ResponseTime);
        let marks = level.thresholds.iter().map(|threshold| mark(threshold.ok));
        line(
            &mut table,
            format_args!(
                "{name:<width$}{:>10}{:>9}{:>10}{:>11}{:>11}{:>11}{}{}{}",
                thousands(level.all.count),
                percent(level.all.failed_share()),
                rate(Some(level.throughput_rps)),
                time(times.map(|times| times.p50)),
                time(times.map(|times| times.p95)),
                time(times.map(|times| times.p99)),
                optional(tokens, &rate(level.output_tokens_per_second)),
                optional(good, &rate(level.goodput_rps)),
                optional(rules, worst(marks)),
            ),
        );
    }
    let found = summary.load_line.as_deref().map(|line| one_line(line, usize::MAX));
    match found {
        Some(label) if names.contains(&label) => {
            line(&mut table, format_args!("Highest level up to which every rule is met: {label}"));
        }
        Some(sentence) => line(&mut table, format_args!("{sentence}")),
        None if rules => line(&mut table, format_args!("Every rule is met at no level.")),
        None => {}
    }
    table
}

/// The requests of a level: a line for each name, one for all when there are several, one for the warm-up.
pub fn request_table(level: &LevelSummary) -> String {
    let mut table = String::new();
    let several = level.requests.len() != 1;
    let all = several.then(|| ("all".to_owned(), &level.all));
    let rows: Vec<(String, &RequestSummary)> =
        level.requests.iter().map(|(name, row)| (one_line(name, LONGEST_NAME), row)).chain(all).collect();
    let width = width("Response time", rows.iter().map(|(name, _)| name).chain([&"warm-up".to_owned()]));
    let columns = |cells: [String; 9]| {
        let [count, failed, rate, times @ ..] = cells;
        let times: String = times.iter().map(|cell| format!("{cell:>11}")).collect();
        format!("{count:>10}{failed:>9}{rate:>10}{times}")
    };
    let heading = ["requests", "failed", "ok/s", "mean", "p50", "p90", "p95", "p99", "max"].map(str::to_owned);
    line(&mut table, format_args!("{:<width$}{}", "Response time", columns(heading)));
    for (name, row) in rows {
        let figures = row.metrics.get(&Metric::ResponseTime);
        let [mean, p50, p90, p95, p99, max] = times(figures, time);
        let cells = [
            thousands(row.count),
            percent(row.failed_share()),
            rate(Some(row.throughput_rps)),
            mean,
            p50,
            p90,
            p95,
            p99,
            max,
        ];
        line(&mut table, format_args!("{name:<width$}{}", columns(cells)));
    }
    if let Some(warmup) = &level.warmup {
        let share = if warmup.requests == 0 { 0.0 } else { 1.0 - warmup.ok as f64 / warmup.requests as f64 };
        let none = || "-".to_owned();
        let (p50, p95) = (time(warmup.p50), time(warmup.p95));
        let cells = [thousands(warmup.requests), percent(share), none(), none(), p50, none(), p95, none(), none()];
        line(&mut table, format_args!("{:<width$}{}", "warm-up", columns(cells)));
    }
    let good = level.goodput_rps.map_or_else(String::new, |good| {
        format!("; {}/s good ({} of the successes met every objective)", rate(Some(good)), {
            let ok = level.all.ok.max(1);
            percent(level.all.good as f64 / ok as f64)
        })
    });
    line(&mut table, format_args!("{} ok/s over {}{good}", rate(Some(level.throughput_rps)), seconds(level.seconds)));
    table
}

/// When tokens came: the metrics of streams by name, and how many tokens there were. Empty without any.
pub fn token_table(level: &LevelSummary) -> String {
    const METRICS: [(Metric, &str); 5] = [
        (Metric::Ttft, "time to first token (TTFT)"),
        (Metric::Itl, "between chunks (ITL)"),
        (Metric::ItlPerToken, "between tokens (ITL per token)"),
        (Metric::Tpot, "per output token (TPOT)"),
        (Metric::TokensPerSecond, "tokens/s of one user"),
    ];
    const WIDTH: usize = 34;
    let mut table = String::new();
    for (name, row) in &level.requests {
        let metrics = METRICS.iter().filter_map(|(metric, words)| Some((*metric, words, row.metrics.get(metric)?)));
        for (index, (metric, words, figures)) in metrics.enumerate() {
            if table.is_empty() {
                let heading: String =
                    ["mean", "p50", "p90", "p95", "p99", "max"].iter().map(|cell| format!("{cell:>11}")).collect();
                line(&mut table, format_args!("{:<WIDTH$}{:>10}{heading}", "Streams", "values"));
            }
            if index == 0 {
                line(&mut table, format_args!("{}", one_line(name, LONGEST_NAME)));
            }
            let figure = if metric.is_time() { time } else { rate };
            let cells: String = times(Some(figures), figure).iter().map(|cell| format!("{cell:>11}")).collect();
            line(
                &mut table,
                format_args!("  {words:<w$}{:>10}{cells}", thousands(figures.count as u64), w = WIDTH - 2),
            );
        }
    }
    if let Some(tokens) = &level.all.tokens {
        let source = tokens.counted_by.iter().map(|(source, count)| (*count, *source)).max().map(|(_, source)| source);
        let mixed = if tokens.counted_by.len() > 1 { "mostly " } else { "" };
        let counted = match source {
            Some(TokenSource::Server) | None => "counted by the server",
            Some(TokenSource::Tokenizer) => "counted by a tokenizer here",
            Some(TokenSource::Chunks) => "not counted: each chunk taken for one",
        };
        line(
            &mut table,
            format_args!(
                "{} output tokens ({mixed}{counted}), {}/s of all users together; {} input tokens",
                thousands(tokens.output),
                rate(level.output_tokens_per_second),
                thousands(tokens.input)
            ),
        );
    }
    table
}

/// What failed: the classes of each name, the most frequent first, with one message each. Empty when nothing failed.
pub fn api_error_table(level: &LevelSummary) -> String {
    let mut table = String::new();
    if level.all.failed == 0 {
        return table;
    }
    line(&mut table, format_args!("{} of {} failed", thousands(level.all.failed), requests(level.all.count)));
    line(&mut table, format_args!("  {:<17}{:>9}{:>11}  first message", "class", "count", "p50 took"));
    for (name, row) in &level.requests {
        let mut classes: Vec<_> = row.errors.iter().collect();
        classes.sort_by_key(|(_, errors)| std::cmp::Reverse(errors.count));
        let name = if level.requests.len() > 1 { one_line(name, LONGEST_NAME) + ": " } else { String::new() };
        for (class, errors) in classes {
            line(
                &mut table,
                format_args!(
                    "  {class:<17}{:>9}{:>11}  {name}{}",
                    thousands(errors.count),
                    time(Some(errors.p50)),
                    one_line(&errors.example, LONGEST_MESSAGE)
                ),
            );
        }
    }
    table
}

/// How the rules fared. Empty without any.
pub fn threshold_table(level: &LevelSummary) -> String {
    rules_table("Rules", &level.thresholds)
}

/// How the tables of a level are to be read, one sentence each; what they mean is in [`ApiSummary::diagnosis`].
pub fn api_notes(level: &LevelSummary) -> Vec<String> {
    let mut notes = Vec::new();
    if level.all.retries > 0 {
        notes.push(format!(
            "{} sent again, {} times in all; the time that this took is in their times.",
            requests(level.all.retried),
            thousands(level.all.retries)
        ));
    }
    if level.all.cancelled > 0 {
        notes.push(format!("{} given up when the load ended; in no figure.", requests(level.all.cancelled)));
    }
    if level.cut_off_lines > 0 {
        notes.push("The last line of the file was cut off and is left out.".to_owned());
    }
    notes.extend(level.warnings.iter().map(|warning| sentence(warning)));
    notes
}

/// A warning as a sentence that begins and ends as one.
fn sentence(warning: &str) -> String {
    let text = one_line(warning, usize::MAX);
    let mut rest = text.chars();
    let first = rest.next().map(char::to_uppercase);
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    first.into_iter().flatten().chain(rest).collect::<String>() + end
}

fn bullets(notes: &[String]) -> String {
    notes.iter().map(|note| format!("- {note}\n")).collect()
}

fn times(figures: Option<&Distribution>, text: impl Fn(Option<f64>) -> String) -> [String; 6] {
    let of = |figure: fn(&Distribution) -> f64| text(figures.map(figure));
    [of(|d| d.mean), of(|d| d.p50), of(|d| d.p90), of(|d| d.p95), of(|d| d.p99), of(|d| d.max)]
}

fn width<'a>(heading: &str, names: impl IntoIterator<Item = &'a String>) -> usize {
    names.into_iter().map(|name| name.chars().count()).chain([heading.chars().count()]).max().unwrap_or(0)
}

fn line(text: &mut String, content: Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testdata::{failed, level, mixed, plain, rules, run_of, streamed};
    use crate::testdata::health;
    use plimsoll_model::FailureClass;

    #[test]
    fn one_level() {
        let (_folder, summary) = run_of(vec![level("5 users", &mixed(), &rules())], None);
        insta::assert_snapshot!(api_report(&summary));
    }

    #[test]
    fn nothing_at_all() {
        let (_folder, summary) = run_of(vec![level("5 users", &[], &rules())], None);
        insta::assert_snapshot!(api_report(&summary));
    }

    #[test]
    fn a_sweep_and_a_limited_generator() {
        let samples = |took: u64| -> Vec<_> {
            (0..300)
                .map(|index| {
                    if index % 50 == 49 {
                        failed("chat", 15_000 + index * 40, FailureClass::Overloaded, "busy")
                    } else {
                        streamed("chat", 15_000 + index * 40, &[took / 2, took], 11)
                    }
                })
                .collect()
        };
        let mut levels = [(1, 20), (10, 58), (100, 700)]
            .map(|(users, took)| level(&format!("{users} users"), &samples(took), &rules()));
        levels[2].health = vec![health(false), health(true)];
        let (_folder, summary) = run_of(levels.to_vec(), None);
        let text = api_report(&summary);
        insta::assert_snapshot!(text.split("== 10 users ==").next().unwrap());
    }

    #[test]
    fn what_a_search_found_is_shown_whole() {
        let levels = vec![level("1 users", &mixed(), &[]), level("2 users", &mixed(), &[])];
        let (_folder, mut summary) = run_of(levels, None);
        assert!(!levels_table(&summary).contains("rule"));
        summary.load_line = Some("The load line lies between 10/s and 11/s: every rule held up to there.".to_owned());
        assert!(levels_table(&summary).ends_with("every rule held up to there.\n"));
    }

    #[test]
    fn names_and_messages_cannot_break_the_terminal() {
        let name = "\u{1b}]0;title\u{7}chat\u{202e}\r\n";
        let samples = [plain(name, 20_000, 5), failed(name, 20_000, FailureClass::Protocol, "\u{1b}[2J\u{9b}31m")];
        let (_folder, summary) = run_of(vec![level("5 users\u{1b}", &samples, &rules())], None);
        let text = api_report(&summary);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
    }
}
