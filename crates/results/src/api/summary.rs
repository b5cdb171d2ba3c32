//! `summary.json` of an API run.

use super::level::LevelSummary;
use crate::manifest::pretty;
use crate::verdict::Reasons;
use crate::{Diagnosis, ResultsError, RunDir, RunState, ServerMetricSummary, Verdict, diagnosis, url};
use plimsoll_model::SCHEMA_VERSION;
use serde::{Deserialize, Serialize};
use std::fs;

const FILE: &str = "summary.json";

/// What `kind` says.
pub(crate) const API_KIND: &str = "api";

/// The figures of an API run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiSummary {
    /// Version of the files in this directory.
    pub schema_version: u32,
    /// `api`, to tell it from the summary of a Gradio app.
    pub kind: String,
    /// Name of the scenario.
    pub name: String,
    /// Address of the target. Stored without `user:password@`.
    #[serde(serialize_with = "url::serialize")]
    pub target: String,
    /// When the run began, local time as `YYYYMMDD_HHMMSS`.
    pub timestamp: String,
    /// How far the run got.
    pub state: RunState,
    /// Why it is partial.
    pub partial_reason: Option<String>,
    /// Whether the rules are met, and the figures may be believed.
    pub verdict: Verdict,
    /// Of several levels: the label of the last one up to which every rule was met, `null` when there is none. Of a
    /// search: what it found, as a sentence.
    pub load_line: Option<String>,
    /// The levels, in the order in which they ran.
    pub levels: Vec<LevelSummary>,
    /// What the figures mean, the most severe first.
    #[serde(default)]
    pub diagnosis: Vec<Diagnosis>,
    /// What to keep in mind of the whole run, one sentence each.
    pub warnings: Vec<String>,
    /// How exact the load generator was on this machine when it was last measured; `null` when it was not.
    #[serde(default)]
    pub calibration: Option<String>,
    /// What the target told of itself, with `--scrape`; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_metrics: Vec<ServerMetricSummary>,
}

impl ApiSummary {
    /// The summary of a run that has ended: complete, or partial for this reason. Finds the verdict.
    pub fn new(
        name: String,
        target: String,
        run: &RunDir,
        levels: Vec<LevelSummary>,
        partial_reason: Option<String>,
        warnings: Vec<String>,
    ) -> Self {
        let state = if partial_reason.is_some() { RunState::Partial } else { RunState::Complete };
        let diagnosis = diagnosis::of_levels(&levels);
        Self {
            schema_version: SCHEMA_VERSION,
            kind: API_KIND.to_owned(),
            name,
            target,
            timestamp: run.timestamp().to_owned(),
            state,
            verdict: verdict(state, partial_reason.as_deref(), &levels),
            partial_reason,
            load_line: load_line(&levels),
            levels,
            diagnosis,
            warnings,
            calibration: None,
            server_metrics: Vec::new(),
        }
    }

    /// Whether in some level the load generator, not the target, may have set the figures.
    pub fn generator_limited(&self) -> bool {
        self.levels.iter().any(LevelSummary::generator_limited)
    }

    /// Writes `summary.json`, by atomic rename.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn write(&self, run: &RunDir) -> Result<(), ResultsError> {
        run.write_atomic(FILE, &pretty(self, "the summary")?)
    }

    /// Reads `summary.json`; `None` when it is that of a Gradio app.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::BadFile`].
    pub fn read(run: &RunDir) -> Result<Option<Self>, ResultsError> {
        let path = run.path().join(FILE);
        let bytes = fs::read(&path).map_err(|reason| ResultsError::io("read", &path, reason))?;
        let damaged = |reason| ResultsError::BadFile { path: path.clone(), reason };
        let kind: Kind = serde_json::from_slice(&bytes).map_err(damaged)?;
        if kind.kind.as_deref() == Some(API_KIND) {
            serde_json::from_slice(&bytes).map(Some).map_err(damaged)
        } else {
            Ok(None)
        }
    }
}

/// Just enough of a summary to tell what it is one of.
#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// A run whose figures may be the generator's own is inconclusive, whatever they say. Else it fails when a rule is broken.
/// Else it is inconclusive when it ended early, when nothing succeeded, and when a rule could not be judged or was met by
/// too few values to tell.
fn verdict(state: RunState, partial_reason: Option<&str>, levels: &[LevelSummary]) -> Verdict {
    let mut reasons = Reasons::default();
    reasons.state(state, partial_reason);
    if levels.is_empty() {
        reasons.unsure.push("no level was run".to_owned());
    }
    for level in levels {
        let at = if levels.len() > 1 { format!("{}: ", level.label) } else { String::new() };
        if level.all.ok == 0 {
            let warm = level.all.count == 0 && level.warmup.is_some_and(|warmup| warmup.requests > 0);
            let why = if warm { "nothing was measured: every request was warm-up" } else { "no request succeeded" };
            reasons.unsure.push(format!("{at}{why}"));
        }
        reasons.health(&at, &level.health);
        reasons.rules(&at, &level.thresholds);
    }
    reasons.verdict()
}

fn load_line(levels: &[LevelSummary]) -> Option<String> {
    let judged = |level: &&LevelSummary| !level.thresholds.is_empty();
    if levels.len() < 2 || !levels.iter().all(|level| judged(&level)) {
        return None;
    }
    let met = |level: &&LevelSummary| level.thresholds.iter().all(|threshold| threshold.ok == Some(true));
    levels.iter().take_while(met).last().map(|level| level.label.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VerdictResult;
    use crate::api::api_report;
    use crate::api::testdata::{level, mixed, plain, run_of, streamed};
    use crate::testdata::health;
    use plimsoll_model::Threshold;

    fn rule(rule: &str) -> Threshold {
        Threshold::parse(rule).unwrap()
    }

    fn result(levels: Vec<LevelSummary>, partial: Option<&str>) -> (VerdictResult, Vec<String>) {
        let (_folder, summary) = run_of(levels, partial);
        (summary.verdict.result, summary.verdict.reasons)
    }

    #[test]
    fn goes_out_and_comes_back_without_credentials() {
        let (folder, summary) = run_of(vec![level("5 users", &mixed(), &[rule("p(50) < 60ms")])], None);
        let run = RunDir::create(folder.path()).unwrap();
        summary.write(&run).unwrap();
        let text = fs::read_to_string(run.path().join(FILE)).unwrap();
        assert!(text.contains("\"https://host/v1\"") && !text.contains("pass@"), "{text}");
        let again = ApiSummary::read(&run).unwrap().unwrap();
        assert_eq!(api_report(&again), api_report(&summary));
        let metrics = |summary: &ApiSummary| summary.levels[0].requests["chat"].metrics.clone();
        assert_eq!((metrics(&again), again.verdict), (metrics(&summary), summary.verdict));
        fs::write(run.path().join(FILE), "{\"app\": \"a\", \"tiers\": []}").unwrap();
        assert_eq!(ApiSummary::read(&run).unwrap(), None);
        fs::write(run.path().join(FILE), "{").unwrap();
        assert!(matches!(ApiSummary::read(&run), Err(ResultsError::BadFile { .. })));
    }

    #[test]
    fn the_verdict() {
        let many: Vec<_> = (0..40).map(|index| plain("a", 20_000 + index, 50)).collect();
        let of = |rules: &[&str]| level("5 users", &many, &rules.iter().map(|text| rule(text)).collect::<Vec<_>>());
        let none = Vec::<String>::new();
        assert_eq!(result(vec![of(&[])], None), (VerdictResult::Pass, none.clone()));
        assert_eq!(result(vec![of(&["p(50) < 1s", "rate(failed) < 10%"])], None), (VerdictResult::Pass, none));
        assert_eq!(
            result(vec![of(&["p(50) < 10ms"])], Some("interrupted")),
            (
                VerdictResult::Fail,
                vec!["p(50) < 10ms is broken: 50.5ms".to_owned(), "the run ended early: interrupted".to_owned()]
            )
        );
        assert_eq!(
            result(vec![of(&["p(99) < 1s", "ttft p(50) < 1s"])], None),
            (
                VerdictResult::Inconclusive,
                vec![
                    "p(99) < 1s is met, but rests on 40 values: too few to tell".to_owned(),
                    "ttft p(50) < 1s cannot be judged: nothing was measured".to_owned()
                ]
            )
        );
        assert_eq!(
            result(vec![of(&["p(99) < 1ms"])], None),
            (VerdictResult::Fail, vec!["p(99) < 1ms is broken: 50.5ms (rests on 40 values)".to_owned()])
        );
        let mut limited = of(&["p(50) < 10ms"]);
        limited.health = vec![health(true)];
        let (verdict, reasons) = result(vec![limited], None);
        assert_eq!((verdict, reasons.len()), (VerdictResult::Inconclusive, 2));
        assert!(reasons[0].starts_with("generator-limited: the measuring thread"));
        assert_eq!(result(vec![], None).0, VerdictResult::Inconclusive);
        assert_eq!(result(vec![level("1 users", &[], &[])], None).1, ["no request succeeded"]);
        let early = level("1 users", &[plain("a", 11_000, 50)], &[]);
        assert_eq!(result(vec![early], None).1, ["nothing was measured: every request was warm-up"]);
    }

    #[test]
    fn the_load_line_is_the_last_level_before_the_first_broken_rule() {
        let at = |label: &str, took: u64| {
            level(label, &vec![streamed("a", 20_000, &[5, took], 2); 40], &[rule("p(50) < 100ms")])
        };
        let (_folder, summary) =
            run_of(vec![at("1 users", 10), at("2 users", 20), at("4 users", 200), at("8 users", 9)], None);
        assert_eq!(summary.load_line.as_deref(), Some("2 users"));
        assert_eq!(summary.verdict.reasons, ["4 users: p(50) < 100ms is broken: 200.5ms"]);
        assert_eq!(run_of(vec![at("1 users", 10)], None).1.load_line, None);
    }
}
