//! From runs to rows. All statistics are `plimsoll_stats`'.

use super::data::{ComparisonRow, RowVerdict, RunDesign};
use super::figures::{Figures, enough_for_p99};
use super::metric::{Better, Kind, Unit};
use plimsoll_stats::{
    Comparison, Correction, Effect, Rule, benjamini_hochberg, compare_pairs, compare_runs, holm, mean, verdict,
};

/// Level of the tests.
const ALPHA: f64 = 0.05;

/// A loss of this share of the answers matters, however large the threshold for times is.
const SUCCESS_THRESHOLD: f64 = 0.01;

/// For the bootstrap and the permutation test only. Fixed: the same runs give the same figures.
const SEED: u64 = 1;

/// What is asked of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareOptions {
    /// Smaller effects do not matter; 0.05 is 5 %. For success rates it is at most 1 %.
    pub threshold: f64,
    /// Only these figures, all of which then decide; empty for all.
    pub metrics: Vec<Kind>,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self { threshold: 0.05, metrics: Vec::new() }
    }
}

/// A row before it is judged.
struct Draft {
    row: ComparisonRow,
    comparison: Option<Comparison>,
}

/// The rows of the scopes that both sides have. With [`RunDesign::Paired`] run `i` of the base belongs to run `i` of the
/// branch.
pub(super) fn rows(
    base: &[Figures],
    branch: &[Figures],
    scopes: &[String],
    design: RunDesign,
    options: &CompareOptions,
) -> Vec<ComparisonRow> {
    let mut drafts = Vec::new();
    for scope in scopes {
        let tail = tail_of(scope, base.iter().chain(branch));
        let kinds = Kind::ALL.into_iter().filter(|kind| options.metrics.is_empty() || options.metrics.contains(kind));
        let mut of_scope: Vec<Draft> = kinds.filter_map(|kind| draft(base, branch, scope, kind, design)).collect();
        for Draft { row, .. } in &mut of_scope {
            let whole = [base, branch]
                .into_iter()
                .flatten()
                .any(|run| run.points.iter().any(|point| point.scope == *scope && point.whole));
            let usual = whole && (matches!(row.metric, Kind::P50 | Kind::SuccessRate) || Some(row.metric) == tail);
            row.gate = usual || !options.metrics.is_empty();
        }
        of_scope.sort_by_key(|draft| !draft.row.gate);
        drafts.append(&mut of_scope);
    }
    judge(&mut drafts, options.threshold);
    drafts.into_iter().map(|draft| draft.row).collect()
}

/// The high percentile that decides: the p99 where every run has enough values for it, else the p95.
fn tail_of<'a>(scope: &str, runs: impl Iterator<Item = &'a Figures>) -> Option<Kind> {
    let mut known = runs.filter_map(|run| run.get(scope, Kind::P99)).peekable();
    let enough = known.peek().is_some() && known.all(|point| enough_for_p99(point.samples));
    Some(if enough { Kind::P99 } else { Kind::P95 })
}

fn draft(base: &[Figures], branch: &[Figures], scope: &str, kind: Kind, design: RunDesign) -> Option<Draft> {
    let points = |runs: &[Figures]| -> Vec<Option<(f64, u64)>> {
        runs.iter().map(|run| run.get(scope, kind).map(|point| (point.value, point.samples))).collect()
    };
    let (base, branch) = (points(base), points(branch));
    let (base, branch): (Vec<_>, Vec<_>) = match design {
        RunDesign::Unpaired => (base.into_iter().flatten().collect(), branch.into_iter().flatten().collect()),
        // A pair of which one run lacks the figure is no pair.
        _ => base.into_iter().zip(branch).filter_map(|(base, branch)| Some((base?, branch?))).unzip(),
    };
    if base.is_empty() || branch.is_empty() {
        return None;
    }
    let samples = base.iter().chain(&branch).map(|(_, samples)| *samples).min().unwrap_or(0);
    let values = |points: &[(f64, u64)]| points.iter().map(|(value, _)| *value).collect::<Vec<_>>();
    let (base, branch) = (values(&base), values(&branch));
    if base.iter().chain(&branch).all(|value| *value == 0.0) && kind != Kind::SuccessRate {
        return None;
    }
    let compared = match design {
        RunDesign::Single => None,
        RunDesign::Paired => {
            let pairs: Vec<_> = base.iter().copied().zip(branch.iter().copied()).collect();
            Some(compare_pairs(&pairs, SEED))
        }
        RunDesign::Unpaired => Some(compare_runs(&base, &branch, SEED)),
    };
    let mut notes = Vec::new();
    let comparison = match compared {
        None => None,
        Some(Ok(comparison)) => Some(comparison),
        Some(Err(why)) => {
            notes.push(format!("not tested: {why}"));
            None
        }
    };
    if kind == Kind::P99 && !enough_for_p99(samples) {
        notes.push(format!("over {samples} requests: too few for a stable p99 (1,000 are)"));
    }
    let (base_value, branch_value) = (centre(&base)?, centre(&branch)?);
    let ratio = (base_value > 0.0 && branch_value > 0.0).then(|| branch_value / base_value);
    let row = ComparisonRow {
        scope: scope.to_owned(),
        metric: kind,
        unit: kind.unit(),
        better: kind.better(),
        gate: false,
        base_runs: base.len(),
        branch_runs: branch.len(),
        samples,
        base: base_value,
        branch: branch_value,
        ratio,
        interval: comparison.map(|it| (it.low, it.high)),
        p: comparison.map(|it| it.p_t),
        p_permutation: comparison.map(|it| it.p_permutation),
        p_adjusted: None,
        p_equivalence: None,
        smallest_detectable: comparison.map(|it| it.smallest_detectable).filter(|effect| effect.is_finite()),
        verdict: untested(kind, &base, &branch, design),
        notes,
    };
    Some(Draft { row, comparison })
}

/// What can be said without a test: that a side with answers has none in any run of the other.
fn untested(kind: Kind, base: &[f64], branch: &[f64], design: RunDesign) -> RowVerdict {
    let none = |values: &[f64]| values.iter().all(|value| *value == 0.0);
    let some = |values: &[f64]| values.iter().all(|value| *value > 0.0);
    let few = base.len() < 2 || branch.len() < 2;
    match () {
        () if design == RunDesign::Single || few => RowVerdict::TooLittle,
        () if kind == Kind::SuccessRate && some(base) && none(branch) => RowVerdict::Worse,
        () if kind == Kind::SuccessRate && none(base) && some(branch) => RowVerdict::Better,
        () => RowVerdict::Inconclusive,
    }
}

/// Geometric mean, so that the ratio of two is that of the comparison.
fn centre(values: &[f64]) -> Option<f64> {
    if values.len() > 1 && values.iter().all(|value| *value > 0.0) {
        let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
        mean(&logs).map(f64::exp)
    } else {
        mean(values)
    }
}

fn judge(drafts: &mut [Draft], threshold: f64) {
    for gate in [true, false] {
        let p: Vec<f64> = drafts
            .iter()
            .filter(|draft| draft.row.gate == gate)
            .filter_map(|draft| draft.comparison.map(|comparison| comparison.p_t))
            .collect();
        let adjusted = if gate { holm(&p) } else { benjamini_hochberg(&p) };
        let tested = drafts.iter_mut().filter(|draft| draft.row.gate == gate && draft.comparison.is_some());
        for (draft, p_adjusted) in tested.zip(adjusted.unwrap_or_default()) {
            draft.judge(p_adjusted, threshold);
        }
    }
}

impl Draft {
    fn judge(&mut self, p_adjusted: f64, threshold: f64) {
        let row = &mut self.row;
        let threshold = if row.unit == Unit::Share { threshold.min(SUCCESS_THRESHOLD) } else { threshold };
        let rule = Rule { threshold, alpha: ALPHA, correction: Correction::None };
        let Some(verdict) = self.comparison.and_then(|comparison| verdict(&comparison, p_adjusted, &rule)) else {
            return;
        };
        row.p_adjusted = Some(verdict.p_adjusted);
        row.p_equivalence = Some(verdict.p_equivalence);
        row.verdict = word(verdict.effect, row.better);
    }
}

fn word(effect: Effect, better: Better) -> RowVerdict {
    match (effect, better) {
        (Effect::Lower, Better::Lower) => RowVerdict::Faster,
        (Effect::Higher, Better::Lower) => RowVerdict::Slower,
        (Effect::Lower, Better::Higher) => RowVerdict::Worse,
        (Effect::Higher, Better::Higher) => RowVerdict::Better,
        (Effect::NoDifference, _) => RowVerdict::NoDifference,
        (Effect::Equivalent, _) => RowVerdict::Equivalent,
        (Effect::Inconclusive, _) => RowVerdict::Inconclusive,
    }
}
