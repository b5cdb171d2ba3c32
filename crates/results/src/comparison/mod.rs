//! Runs of a base beside runs of a branch. The unit is the run, or the pair of runs, never the request: requests of one
//! run share its luck, and a test over them finds differences between a run and its own repetition.

mod alike;
mod data;
mod figures;
mod judge;
mod markdown;
mod metric;
mod table;
#[cfg(test)]
pub(crate) mod tests;

pub use alike::unlike;
pub use data::{ArmRuns, ComparisonOutcome, ComparisonRow, RowVerdict, RunComparison, RunDesign};
pub use figures::{Figures, Point};
pub use judge::CompareOptions;
pub use markdown::comparison_markdown;
pub use metric::{Better, Kind, Unit};
pub(crate) use table::value_in_words;
pub use table::{comparison_table, signed_percent};

use crate::{LoadedRun, RunFigures};
use alike::Alike;

/// Why runs cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// A side without runs.
    #[error("the {0} has no runs")]
    NoRuns(&'static str),
    /// A pair needs one of each.
    #[error("{base} base runs and {branch} branch runs cannot be paired; leave out --paired, or give as many of each")]
    NotPairs {
        /// Runs of the base.
        base: usize,
        /// Runs of the branch.
        branch: usize,
    },
    /// Figures of a Gradio app beside those of an API.
    #[error("{0} is a run of an inference API and {1} one of a Gradio app: they have no figures in common")]
    OtherKind(String, String),
    /// Nothing was measured on both sides.
    #[error("the two sides have nothing in common: the base has {base}; the branch has {branch}")]
    NothingInCommon {
        /// Scopes of the base.
        base: String,
        /// Scopes of the branch.
        branch: String,
    },
    /// The figures that were asked for are in no run.
    #[error("no run has {0} in a tier or level that both sides have")]
    NoSuchFigures(String),
}

/// Compares runs. `paired` says that run `i` of the base belongs to run `i` of the branch.
///
/// # Errors
/// [`CompareError`].
pub fn compare(
    base: &[LoadedRun],
    branch: &[LoadedRun],
    paired: bool,
    options: &CompareOptions,
) -> Result<RunComparison, CompareError> {
    for (side, runs) in [("base", base), ("branch", branch)] {
        if runs.is_empty() {
            return Err(CompareError::NoRuns(side));
        }
    }
    if paired && base.len() != branch.len() {
        return Err(CompareError::NotPairs { base: base.len(), branch: branch.len() });
    }
    one_kind(base, branch)?;
    let design = match (base.len(), branch.len(), paired) {
        (1, 1, _) => RunDesign::Single,
        (_, _, true) => RunDesign::Paired,
        _ => RunDesign::Unpaired,
    };
    let figures = |runs: &[LoadedRun]| runs.iter().map(Figures::of).collect::<Vec<_>>();
    let (left, right) = (figures(base), figures(branch));
    let (in_base, in_branch) = (scopes(&left), scopes(&right));
    let common: Vec<String> = in_base.iter().filter(|scope| in_branch.contains(scope)).cloned().collect();
    if common.is_empty() {
        return Err(CompareError::NothingInCommon { base: list(&in_base), branch: list(&in_branch) });
    }
    let rows = judge::rows(&left, &right, &common, design, options);
    if rows.is_empty() {
        let names: Vec<String> = options.metrics.iter().map(|kind| kind.as_str().to_owned()).collect();
        return Err(CompareError::NoSuchFigures(list(&names)));
    }
    let Alike { differences, mut warnings } = Alike::of(base, branch, design);
    for (side, these, those) in [("base", &in_base, &in_branch), ("branch", &in_branch, &in_base)] {
        let alone: Vec<String> = these.iter().filter(|scope| !those.contains(scope)).cloned().collect();
        if !alone.is_empty() {
            warnings.push(format!("only the {side} has {}", list(&alone)));
        }
    }
    let outcome = outcome(&rows, design);
    let mut comparison = RunComparison {
        schema_version: data::VERSION,
        kind: "comparison".to_owned(),
        design,
        base: arm(base),
        branch: arm(branch),
        differences,
        threshold: options.threshold,
        outcome,
        conclusion: String::new(),
        warnings,
        rows,
    };
    comparison.conclusion = table::conclusion(&comparison);
    Ok(comparison)
}

fn one_kind(base: &[LoadedRun], branch: &[LoadedRun]) -> Result<(), CompareError> {
    let runs = || base.iter().chain(branch);
    let api = runs().find(|run| matches!(run.figures, RunFigures::Api(_)));
    let gradio = runs().find(|run| matches!(run.figures, RunFigures::Gradio(_)));
    match (api, gradio) {
        (Some(api), Some(gradio)) => {
            Err(CompareError::OtherKind(api.dir.display().to_string(), gradio.dir.display().to_string()))
        }
        _ => Ok(()),
    }
}

fn scopes(runs: &[Figures]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for scope in runs.iter().flat_map(Figures::scopes) {
        if !all.iter().any(|known| known == scope) {
            all.push(scope.to_owned());
        }
    }
    all
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn arm(runs: &[LoadedRun]) -> ArmRuns {
    let first = runs.first();
    let subject = first.map(LoadedRun::subject).unwrap_or_default();
    let version = first.and_then(LoadedRun::target_version).map(|version| format!(" ({version})")).unwrap_or_default();
    ArmRuns { label: format!("{subject}{version}"), runs: runs.iter().map(|run| run.dir.clone()).collect() }
}

fn outcome(rows: &[ComparisonRow], design: RunDesign) -> ComparisonOutcome {
    let any = |is: fn(RowVerdict) -> bool| rows.iter().any(|row| row.gate && is(row.verdict));
    match () {
        () if design == RunDesign::Single => ComparisonOutcome::TooFewRuns,
        () if any(RowVerdict::is_worse) => ComparisonOutcome::Regression,
        () if any(RowVerdict::is_open) || !rows.iter().any(|row| row.gate) => ComparisonOutcome::TooFewRuns,
        () if any(RowVerdict::is_better) => ComparisonOutcome::Improvement,
        () => ComparisonOutcome::NoRegression,
    }
}
