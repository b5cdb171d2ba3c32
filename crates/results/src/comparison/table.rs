//! A comparison as text for people.

use super::data::{ComparisonOutcome, ComparisonRow, RowVerdict, RunComparison, RunDesign};
use super::metric::{Kind, Unit};
use crate::text::{percent, rate, time};
use std::fmt::Write;

/// The whole comparison: what is compared, a table for each scope, what to keep in mind, the conclusion.
pub fn comparison_table(comparison: &RunComparison) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("Base:   {}, {}", comparison.base.label, runs(comparison.base.runs.len())));
    line(&mut text, format_args!("Branch: {}, {}", comparison.branch.label, runs(comparison.branch.runs.len())));
    line(&mut text, format_args!("{}", design(comparison)));
    for difference in &comparison.differences {
        line(&mut text, format_args!("Differs: {difference}"));
    }
    let mut scope = None;
    for row in &comparison.rows {
        if scope != Some(&row.scope) {
            scope = Some(&row.scope);
            line(&mut text, format_args!("\n{}", row.scope));
            line(
                &mut text,
                format_args!(
                    "    {:<18} {:>10} {:>10} {:>8}  {:<19} {:>7} {:>9}  verdict",
                    "", "base", "branch", "effect", "95 % interval", "p", "could see"
                ),
            );
        }
        line(&mut text, format_args!("{}", row_text(row)));
    }
    line(
        &mut text,
        format_args!(
            "\n* decides; its p is corrected for all that decide (Holm), the others' for the rest of the table (BH)."
        ),
    );
    let notes: Vec<String> = comparison
        .rows
        .iter()
        .flat_map(|row| row.notes.iter().map(move |note| format!("{} {}: {note}", row.scope, row.metric.as_str())))
        .collect();
    for note in notes {
        line(&mut text, format_args!("Note: {note}."));
    }
    for warning in &comparison.warnings {
        line(&mut text, format_args!("WARNING: {warning}."));
    }
    line(&mut text, format_args!("\n{}", comparison.conclusion));
    text
}

fn row_text(row: &ComparisonRow) -> String {
    let interval = row
        .interval
        .map_or_else(String::new, |(low, high)| format!("[{}, {}]", signed_percent(low), signed_percent(high)));
    let text = format!(
        "  {} {:<18} {:>10} {:>10} {:>8}  {:<19} {:>7} {:>9}  {}",
        if row.gate { "*" } else { " " },
        row.metric.as_str(),
        value_in_words(row.base, row.unit),
        value_in_words(row.branch, row.unit),
        row.ratio.map_or_else(|| "-".to_owned(), signed_percent),
        interval,
        p_text(row.p_adjusted.or(row.p)),
        row.smallest_detectable.map_or_else(|| "-".to_owned(), plus_minus),
        row.verdict.as_str(),
    );
    text.trim_end().to_owned()
}

fn design(comparison: &RunComparison) -> String {
    let threshold = percent_of(comparison.threshold);
    match comparison.design {
        RunDesign::Paired => {
            format!("Paired; effects below {threshold} do not matter.")
        }
        RunDesign::Unpaired => {
            format!(
                "Not paired: what changed between the times of measuring counts too; effects below {threshold} do not matter."
            )
        }
        RunDesign::Single => "One run of each.".to_owned(),
    }
}

/// What it comes to, in a sentence or two.
pub(super) fn conclusion(comparison: &RunComparison) -> String {
    let of = |is: fn(RowVerdict) -> bool| {
        let rows: Vec<String> = comparison.gate().filter(|row| is(row.verdict)).map(in_words).collect();
        rows.join("; ")
    };
    let (worse, better) = (of(RowVerdict::is_worse), of(RowVerdict::is_better));
    let seen = seen(comparison);
    let also = if better.is_empty() { String::new() } else { format!(" Better: {better}.") };
    match comparison.outcome {
        ComparisonOutcome::Regression => format!("Regression: {worse}.{also}{seen}"),
        ComparisonOutcome::Improvement => format!("Improvement: {better}. Nothing that decides is worse.{seen}"),
        ComparisonOutcome::NoRegression => {
            format!("No regression: nothing that decides is worse by {} or more.{seen}", percent_of(comparison.threshold))
        }
        ComparisonOutcome::TooFewRuns if comparison.design == RunDesign::Single => {
            "Too little to say: one run of each side. How much two runs of the same app differ is not known from one of \
             each, and a test over their requests is wrong: it raises a false alarm in about 76 % of comparisons of an app \
             with itself. Make at least 5 runs of each side, or let `plimsoll ab` make them in pairs."
                .to_owned()
        }
        ComparisonOutcome::TooFewRuns => {
            let open: Vec<String> = comparison
                .gate()
                .filter(|row| row.verdict.is_open())
                .map(|row| format!("{} {}", row.scope, row.metric.as_str()))
                .collect();
            format!("Inconclusive: too few runs, or too noisy, to judge {}.{also}{seen}", open.join(", "))
        }
    }
}

/// The effects that the figures that decide could have shown, from the steadiest to the noisiest.
fn seen(comparison: &RunComparison) -> String {
    let effects = || comparison.gate().filter(|row| row.unit != Unit::Share).filter_map(|row| row.smallest_detectable);
    match (effects().min_by(f64::total_cmp), effects().max_by(f64::total_cmp)) {
        (Some(least), Some(most)) if plus_minus(least) == plus_minus(most) => {
            format!(" This test could have seen {}.", plus_minus(most))
        }
        (Some(least), Some(most)) => {
            format!(
                " This test could have seen {} to {}, depending on the figure.",
                plus_minus(least),
                plus_minus(most)
            )
        }
        _ => String::new(),
    }
}

fn in_words(row: &ComparisonRow) -> String {
    let interval = row
        .interval
        .map(|(low, high)| format!(" [{}, {}]", signed_percent(low), signed_percent(high)))
        .unwrap_or_default();
    let effect = row.ratio.map(signed_percent).unwrap_or_default();
    let name = match row.metric {
        Kind::SuccessRate => "success rate",
        metric => metric.as_str(),
    };
    format!("{name} of {} is {}, {effect}{interval}", row.scope, row.verdict.as_str())
}

/// A value in its unit.
pub(crate) fn value_in_words(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ms => time(Some(value)),
        Unit::PerSecond => rate(Some(value)),
        Unit::Share => percent(value),
    }
}

/// A ratio as a change: `+4.2%`, `-0.3%`, `3.1x` from three times on.
pub fn signed_percent(ratio: f64) -> String {
    match (ratio - 1.0) * 100.0 {
        _ if !ratio.is_finite() || ratio > 1e6 => "beyond".to_owned(),
        change if change >= 200.0 => format!("{ratio:.1}x"),
        change if change.abs() < 0.05 => "0.0%".to_owned(),
        change => format!("{change:+.1}%"),
    }
}

fn plus_minus(share: f64) -> String {
    if share > 9.995 { ">±999%".to_owned() } else { format!("±{}", percent_of(share)) }
}

fn percent_of(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

pub(super) fn p_text(p: Option<f64>) -> String {
    match p {
        None => "-".to_owned(),
        Some(p) if p < 0.0001 => "<0.0001".to_owned(),
        Some(p) if p < 0.1 => format!("{p:.4}"),
        Some(p) => format!("{p:.2}"),
    }
}

fn runs(count: usize) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{count} runs") }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}
