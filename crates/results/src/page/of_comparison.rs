//! A comparison of two arms on the page.

use super::edges;
use super::model::{PageComparison, PageComparisonRow, PageDistribution, PageOverlay};
use super::rows::TimeBasis;
use crate::comparison::value_in_words;
use crate::text::spaced;
use crate::{ApiFold, ComparisonRow, Refolded, RunComparison, RunFigures, signed_percent};
use serde_json::Value;
use std::collections::BTreeMap;

impl From<&RunComparison> for PageComparison {
    fn from(comparison: &RunComparison) -> Self {
        let mut notes = vec![comparison.conclusion.clone()];
        notes.extend(comparison.differences.iter().map(|difference| format!("Differs: {difference}")));
        notes.extend(comparison.warnings.iter().cloned());
        Self {
            title: format!("{} against {}", comparison.branch.label, comparison.base.label),
            base: comparison.base.label.clone(),
            branch: comparison.branch.label.clone(),
            pairs: comparison.base.runs.len().min(comparison.branch.runs.len()),
            notes,
            rows: comparison.rows.iter().map(PageComparisonRow::from).collect(),
        }
    }
}

impl From<&ComparisonRow> for PageComparisonRow {
    fn from(row: &ComparisonRow) -> Self {
        let effect = row.ratio.map(|ratio| ratio - 1.0);
        let value = |value| spaced(&value_in_words(value, row.unit));
        let change = effect.map(|effect| format!(" ({})", signed_percent(effect))).unwrap_or_default();
        let notes = row.notes.iter().map(|note| format!("; {note}")).collect::<String>();
        Self {
            scope: row.scope.clone(),
            metric: word(serde_json::to_value(row.metric)),
            unit: word(serde_json::to_value(row.unit)),
            base: Some(row.base),
            branch: Some(row.branch),
            effect,
            low: row.interval.map(|(low, _)| low - 1.0),
            high: row.interval.map(|(_, high)| high - 1.0),
            p: row.p,
            p_adjusted: row.p_adjusted,
            mde: row.smallest_detectable,
            verdict: match row.verdict {
                crate::RowVerdict::TooLittle => "inconclusive".to_owned(),
                verdict => word(serde_json::to_value(verdict)),
            },
            text: format!("{} to {}{change}: {}{notes}", value(row.base), value(row.branch), row.verdict.as_str()),
        }
    }
}

fn word(value: Result<Value, serde_json::Error>) -> String {
    value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

impl PageOverlay {
    /// The runs of one arm as one: the stages of its first run, and the times of all of them together.
    pub fn of_arm(label: &str, runs: &[Refolded]) -> Self {
        let Some(first) = runs.first() else { return Self { label: label.to_owned(), ..Self::default() } };
        let basis = match first.run.figures {
            RunFigures::Gradio(_) => TimeBasis::Latency,
            RunFigures::Api(_) => TimeBasis::Response,
        };
        let mut stages: BTreeMap<usize, Vec<&ApiFold>> = BTreeMap::new();
        for (index, stage) in runs.iter().flat_map(|run| run.stages.iter().enumerate()) {
            stages.entry(index).or_default().extend(&stage.fold);
        }
        let pooled = stages.into_iter().filter_map(|(stage, folds)| {
            let metrics: Vec<_> = folds.iter().filter_map(|fold| fold.metric(None, basis.metric())).collect();
            let (edges_ms, counts) = edges::counts(metrics.iter().flat_map(|metric| metric.counts()));
            (!counts.is_empty()).then_some(PageDistribution { stage, name: None, edges_ms, counts })
        });
        Self { distribution: pooled.collect(), ..Self::of_run(label, first) }
    }
}
