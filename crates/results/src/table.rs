//! The summary as text: hf-perftest's table, where the time went, what failed, and what to keep in mind.

use crate::text::{self, thousands};
use crate::{PhaseSource, Summary, TierSummary};
use std::fmt::Write as _;

/// The table of `summary_table.txt`: hf-perftest's columns in its widths, a line a tier. A figure that was not
/// measured is `-` (hf-perftest prints `0.0ms`, which cannot be told from a measurement).
pub fn summary_table(summary: &Summary) -> String {
    let mut table = format!(
        "{:>8} | {:>8} | {:>12} | {:>12} | {:>12} | {:>9} | {:>12} | {:>12}\n{}\n",
        "Tier",
        "Reqs",
        "Client p50",
        "Client p90",
        "Client p99",
        "Success%",
        "Server p50",
        "Server p90",
        "-".repeat(110)
    );
    for tier in &summary.tiers {
        let client = &tier.client_summary;
        let server = |quantile: &str| tier.server_summary.pointer(&format!("/phases/total/{quantile}"))?.as_f64();
        line(
            &mut table,
            format_args!(
                "{:>8} | {:>8} | {:>12} | {:>12} | {:>12} | {:>7.1}% | {:>12} | {:>12}",
                tier.tier,
                tier.total_requests,
                time(client.p50),
                time(client.p90),
                time(client.p99),
                // One column narrower than its heading, as in hf-perftest.
                client.success_rate * 100.0,
                time(server("p50")),
                time(server("p90")),
            ),
        );
    }
    table
}

/// Where the time of a request went: for each tier with phases, their quantiles, mean, and share of the mean latency.
/// Empty when no tier has phases.
pub fn phase_table(summary: &Summary) -> String {
    let mut table = String::new();
    for tier in &summary.tiers {
        let Some(phases) = &tier.phases else { continue };
        let source = match phases.source {
            PhaseSource::Trace => "the server's traces",
            PhaseSource::Stream => "the messages that the client saw",
        };
        if !table.is_empty() {
            table.push('\n');
        }
        line(
            &mut table,
            format_args!("{}: where the time goes ({}, from {source})", title(tier), requests(phases.requests)),
        );
        line(
            &mut table,
            format_args!("  {:<16}{:>12}{:>12}{:>12}{:>12}{:>9}", "phase", "p50", "p90", "p99", "mean", "share"),
        );
        for (name, stat) in phases.iter() {
            line(
                &mut table,
                format_args!(
                    "  {:<16}{:>12}{:>12}{:>12}{:>12}{:>8.1}%",
                    name.replace('_', " "),
                    time(Some(stat.p50)),
                    time(Some(stat.p90)),
                    time(Some(stat.p99)),
                    time(Some(stat.mean)),
                    // Adding zero keeps a tiny negative share from printing as `-0.0`.
                    (stat.share * 1000.0).round() / 10.0 + 0.0,
                ),
            );
        }
        line(
            &mut table,
            format_args!("  {:<52}{:>12}{:>8.1}%", "mean latency", time(Some(phases.mean_latency_ms)), 100.0),
        );
    }
    table
}

/// When the partial outputs of generators came: time to the first, and gaps between them. Empty without any.
pub fn stream_table(summary: &Summary) -> String {
    let mut rows = Vec::new();
    for tier in &summary.tiers {
        let times = [("time to first output", &tier.ttft), ("gap between outputs", &tier.chunk_gaps)];
        for (what, times) in times.into_iter().filter_map(|(what, times)| Some((what, times.as_ref()?))) {
            rows.push((format!("{}: {what}", title(tier)), [times.p50, times.p90, times.p99, times.mean], times.count));
        }
    }
    distributions("Partial outputs", "count", rows)
}

/// The background traffic of each tier, by kind. Empty without mixed traffic.
pub fn background_table(summary: &Summary) -> String {
    let mut rows = Vec::new();
    for tier in &summary.tiers {
        for (kind, figures) in tier.background_traffic.iter().flatten() {
            let name = format!("{}: {}, {:.1}% ok", title(tier), kind.replace('_', " "), figures.success_rate * 100.0);
            let [p50, p90, p99, mean] =
                [figures.p50, figures.p90, figures.p99, figures.mean].map(|time| time.unwrap_or(f64::NAN));
            rows.push((name, [p50, p90, p99, mean], figures.count));
        }
    }
    distributions("Background traffic", "requests", rows)
}

/// A table of times with a line for each name; a figure that is not there is not a number.
fn distributions(heading: &str, counted: &str, rows: Vec<(String, [f64; 4], usize)>) -> String {
    let mut table = String::new();
    if rows.is_empty() {
        return table;
    }
    line(&mut table, format_args!("{heading:<46}{:>12}{:>12}{:>12}{:>12}{counted:>12}", "p50", "p90", "p99", "mean"));
    for (name, times, count) in rows {
        let [p50, p90, p99, mean] = times.map(|value| time(Some(value).filter(|value| value.is_finite())));
        line(
            &mut table,
            format_args!("  {name:<44}{p50:>12}{p90:>12}{p99:>12}{mean:>12}{:>12}", thousands(count as u64)),
        );
    }
    table
}

/// What failed: for each tier with failures, their classes, the most frequent first, with one message each. Empty
/// when nothing failed.
pub fn error_table(summary: &Summary) -> String {
    let mut table = String::new();
    for tier in summary.tiers.iter().filter(|tier| tier.failed > 0) {
        if !table.is_empty() {
            table.push('\n');
        }
        line(&mut table, format_args!("{}: {} of {} failed", title(tier), tier.failed, requests(tier.total_requests)));
        let mut classes: Vec<_> = tier.errors.iter().collect();
        classes.sort_by_key(|(_, class)| std::cmp::Reverse(class.count));
        for (name, class) in classes {
            line(&mut table, format_args!("  {name:<18}{:>8}  {}", class.count, one_line(&class.example)));
        }
    }
    table
}

/// How the tables are to be read, one sentence each; what they mean is in [`Summary::diagnosis`].
pub fn notes(summary: &Summary) -> Vec<String> {
    let mut notes = Vec::new();
    for tier in &summary.tiers {
        tier_notes(tier, &mut notes);
    }
    let has =
        |source| summary.tiers.iter().filter_map(|tier| tier.phases.as_ref()).any(|phases| phases.source == source);
    if has(PhaseSource::Stream) {
        notes.push(
            "Phases from the messages that the client saw: \"function\" is everything from the start of processing to \
             the end, with pre- and postprocessing and the delivery."
                .to_owned(),
        );
    }
    if has(PhaseSource::Trace) {
        notes.push(
            "Phases from the server's traces: \"other\" is time that neither the server nor the client names; where \
             there is no \"delivery\" (generators, targets on another machine), it holds that too."
                .to_owned(),
        );
    }
    notes
}

fn tier_notes(tier: &TierSummary, notes: &mut Vec<String>) {
    let title = title(tier);
    let mut note = |text: String| notes.push(format!("{title}: {text}"));
    if let Some(requested) = tier.requested.filter(|requested| *requested != tier.total_requests as u64) {
        note(format!("{} of {} requests were made.", thousands(tier.total_requests as u64), thousands(requested)));
    }
    if tier.cancelled > 0 {
        note(format!("{} given up because the run was stopped; in no figure.", requests(tier.cancelled)));
    }
    if tier.cut_off_lines > 0 {
        note("the last line of its file was cut off and is left out.".to_owned());
    }
    if let Some(phases) = &tier.phases {
        if phases.source == PhaseSource::Trace && tier.trace_match.unmatched > 0 {
            note(format!("no trace was found for {}.", requests(tier.trace_match.unmatched)));
        }
        if phases.left_out > 0 {
            note(format!("{} not in the phases, which do not mix traces and messages.", requests(phases.left_out)));
        }
        if phases.clocks_disagree > 0 {
            note(format!(
                "the clocks of client and server contradict each other for {}: join is then the client's round trip, \
                 and delivery is in \"other\".",
                requests(phases.clocks_disagree)
            ));
        }
    }
}

/// The banner over everything else when the load generator may have set the figures; `None` when it did not.
pub fn limited_banner(summary: &Summary) -> Option<String> {
    let mut banner = "GENERATOR-LIMITED: these figures may show the load generator, not the target.\n".to_owned();
    for tier in &summary.tiers {
        for limit in tier.health.iter().flat_map(|health| &health.limits_passed) {
            line(&mut banner, format_args!("  {}: {}", title(tier), limit.message));
        }
    }
    summary.generator_limited().then_some(banner)
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}

/// `Tier 10`, or `Tier 10 (tier_10_2)` when the tier came before.
fn title(tier: &TierSummary) -> String {
    let usual = format!("tier_{}", tier.tier);
    if tier.directory.is_empty() || tier.directory == usual {
        format!("Tier {}", tier.tier)
    } else {
        format!("Tier {} ({})", tier.tier, tier.directory)
    }
}

fn time(milliseconds: Option<f64>) -> String {
    milliseconds
        .map_or_else(|| "-".to_owned(), |value| format!("{:.1}ms", if value.abs() < 0.05 { 0.0 } else { value }))
}

fn requests(count: usize) -> String {
    text::requests(count as u64)
}

/// An error message as one line that does not tear the table apart.
fn one_line(message: &str) -> String {
    const LONGEST: usize = 160;
    text::one_line(message, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{failed, generator, health, run_with, sample};
    use crate::{BackgroundSummary, ClientSummary, ErrorClass, PhaseStat};
    use plimsoll_model::FailureClass;
    use serde_json::json;

    /// A summary of two tiers with the figures of the hf-perftest table below.
    fn two_tiers() -> Summary {
        let (_folder, _run, mut summary) = run_with(&[sample(0, 0), generator(1, 0)], true);
        let first = &mut summary.tiers[0];
        (first.tier, first.total_requests, first.requested) = (1, 10, Some(10));
        first.directory = "tier_1".to_owned();
        first.server_summary = json!({"phases": {"total": {"p50": 0.7, "p90": 2.6}}});
        first.client_summary = client(10, 1.0, [12.04, 19.65, 20.8]);
        let mut second = first.clone();
        (second.tier, second.total_requests, second.requested) = (100, 1000, Some(1000));
        second.directory = "tier_100_2".to_owned();
        second.server_summary = json!({"phases": {"total": {"p50": 3.9, "p90": 14.6}}});
        second.client_summary = client(1000, 0.9375, [977.25, 1405.0, 166_400.125]);
        summary.tiers.push(second);
        summary
    }

    fn client(count: usize, success_rate: f64, [p50, p90, p99]: [f64; 3]) -> ClientSummary {
        ClientSummary {
            count,
            success_count: Some((count as f64 * success_rate) as usize),
            success_rate,
            p50: Some(p50),
            p90: Some(p90),
            p99: Some(p99),
            ..ClientSummary::default()
        }
    }

    /// What `hf_perftest.runner._write_summary_table` (0.4.0) made of the same figures.
    const HF_PERFTEST: &str =
        "    Tier |     Reqs |   Client p50 |   Client p90 |   Client p99 |  Success% |   Server p50 |   Server p90
--------------------------------------------------------------------------------------------------------------
       1 |       10 |       12.0ms |       19.6ms |       20.8ms |   100.0% |        0.7ms |        2.6ms
     100 |     1000 |      977.2ms |     1405.0ms |   166400.1ms |    93.8% |        3.9ms |       14.6ms
";

    #[test]
    fn the_table_is_hf_perftests() {
        assert_eq!(summary_table(&two_tiers()), HF_PERFTEST);
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let (_folder, _run, summary) = run_with(&[failed(0, 0, FailureClass::Timeout, "late")], false);
        insta::assert_snapshot!(summary_table(&summary), @r#"
            Tier |     Reqs |   Client p50 |   Client p90 |   Client p99 |  Success% |   Server p50 |   Server p90
        --------------------------------------------------------------------------------------------------------------
               2 |        1 |            - |            - |            - |     0.0% |            - |            -
        "#);
    }

    #[test]
    fn partial_outputs_and_background_traffic_are_tables() {
        let mut summary = two_tiers();
        assert_eq!(background_table(&summary), "");
        let figures =
            BackgroundSummary { count: 1234, success_rate: 0.5, p50: Some(1.5), ..BackgroundSummary::default() };
        summary.tiers[0].background_traffic = Some([("page_loads".to_owned(), figures)].into());
        insta::assert_snapshot!(stream_table(&summary) + &background_table(&summary), @r#"
        Partial outputs                                        p50         p90         p99        mean       count
          Tier 1: time to first output                      40.0ms      40.0ms      40.0ms      40.0ms           1
          Tier 1: gap between outputs                        6.0ms       6.8ms       7.0ms       6.0ms           2
          Tier 100 (tier_100_2): time to first output       40.0ms      40.0ms      40.0ms      40.0ms           1
          Tier 100 (tier_100_2): gap between outputs         6.0ms       6.8ms       7.0ms       6.0ms           2
        Background traffic                                     p50         p90         p99        mean    requests
          Tier 1: page loads, 50.0% ok                       1.5ms           -           -           -       1,234
        "#);
    }

    #[test]
    fn phases_are_a_table() {
        let mut summary = two_tiers();
        let phases = summary.tiers[1].phases.as_mut().unwrap();
        phases.source = PhaseSource::Trace;
        phases.delivery = Some(PhaseStat { p50: 7.25, p90: 1234.5, p99: 98_765.4, mean: 7.25, share: 0.113 });
        insta::assert_snapshot!(phase_table(&summary), @r#"
        Tier 1: where the time goes (2 requests, from the messages that the client saw)
          phase                    p50         p90         p99        mean    share
          join                   9.0ms       9.0ms       9.0ms       9.0ms    14.0%
          queue wait            20.0ms      20.0ms      20.0ms      20.0ms    31.1%
          function              34.2ms      34.2ms      34.2ms      34.2ms    53.3%
          other                  1.0ms       1.0ms       1.0ms       1.0ms     1.6%
          mean latency                                              64.2ms   100.0%

        Tier 100 (tier_100_2): where the time goes (2 requests, from the server's traces)
          phase                    p50         p90         p99        mean    share
          join                   9.0ms       9.0ms       9.0ms       9.0ms    14.0%
          queue wait            20.0ms      20.0ms      20.0ms      20.0ms    31.1%
          function              34.2ms      34.2ms      34.2ms      34.2ms    53.3%
          delivery               7.2ms    1234.5ms   98765.4ms       7.2ms    11.3%
          other                  1.0ms       1.0ms       1.0ms       1.0ms     1.6%
          mean latency                                              64.2ms   100.0%
        "#);
    }

    #[test]
    fn errors_are_a_table() {
        let mut summary = two_tiers();
        assert_eq!(error_table(&summary), "");
        let tier = &mut summary.tiers[1];
        tier.failed = 63;
        for (class, count, example) in
            [("timeout", 3, "no answer within 500 s"), ("app_error", 60, "boom\n  at \u{1b}[31mline 3")]
        {
            tier.errors.insert(class.to_owned(), ErrorClass { count, example: example.to_owned() });
        }
        insta::assert_snapshot!(error_table(&summary), @r#"
        Tier 100 (tier_100_2): 63 of 1,000 requests failed
          app_error               60  boom at [31mline 3
          timeout                  3  no answer within 500 s
        "#);
        assert_eq!(one_line(&"x".repeat(200)).chars().count(), 160);
    }

    #[test]
    fn notes_say_what_to_keep_in_mind() {
        let mut summary = two_tiers();
        let tier = &mut summary.tiers[1];
        tier.phases.as_mut().unwrap().source = PhaseSource::Trace;
        tier.phases.as_mut().unwrap().clocks_disagree = 1;
        (tier.requested, tier.cancelled) = (Some(1200), 200);
        insta::assert_snapshot!(notes(&summary).join("\n"), @r#"
        Tier 100 (tier_100_2): 1,000 of 1,200 requests were made.
        Tier 100 (tier_100_2): 200 requests given up because the run was stopped; in no figure.
        Tier 100 (tier_100_2): no trace was found for 2 requests.
        Tier 100 (tier_100_2): the clocks of client and server contradict each other for 1 request: join is then the client's round trip, and delivery is in "other".
        Phases from the messages that the client saw: "function" is everything from the start of processing to the end, with pre- and postprocessing and the delivery.
        Phases from the server's traces: "other" is time that neither the server nor the client names; where there is no "delivery" (generators, targets on another machine), it holds that too.
        "#);
    }

    #[test]
    fn a_limited_generator_has_a_banner() {
        let mut summary = two_tiers();
        assert_eq!(limited_banner(&summary), None);
        summary.tiers[0].health = Some(health(true));
        insta::assert_snapshot!(limited_banner(&summary).unwrap(), @r#"
        GENERATOR-LIMITED: these figures may show the load generator, not the target.
          Tier 1: the measuring thread was 93 % busy (limit 80 %)
        "#);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            (thousands(1_234_567), thousands(999), requests(1)),
            ("1,234,567".into(), "999".into(), "1 request".into())
        );
        assert_eq!((time(Some(-0.01)), time(Some(-0.2))), ("0.0ms".into(), "-0.2ms".into()));
    }
}
