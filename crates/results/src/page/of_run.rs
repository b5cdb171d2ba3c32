//! A run on the page.

use super::facts::facts;
use super::model::{PAGE_FORMAT, PageData, PageFinding, PageKind, PageOverlay, PageRun};
use super::parts::StageParts;
use super::rows::TimeBasis;
use super::tiles::tiles;
use crate::text::one_line;
use crate::{
    ApiSummary, Diagnosis, LoadedRun, Refolded, RunFigures, RunState, Severity, Summary, Tool, Verdict, api_notes,
    notes,
};

/// Longest sentence on the page, in characters.
const LONGEST: usize = 2_000;

impl PageData {
    /// A page without figures, of a run that begins: what is asked for, of what.
    pub fn empty(run: PageRun) -> Self {
        Self { format: PAGE_FORMAT, tool: this_tool(), run, ..Self::default() }
    }

    /// The page of a run that is over.
    pub fn of_run(run: &Refolded) -> Self {
        let parts = parts_of_run(run);
        let loaded = &run.run;
        let mut data = match &loaded.figures {
            RunFigures::Gradio(summary) => of_gradio(loaded, summary),
            RunFigures::Api(summary) => of_api(loaded, summary),
        };
        let load_line = match &loaded.figures {
            RunFigures::Gradio(_) => None,
            RunFigures::Api(summary) => summary.load_line.as_deref(),
        };
        data.warnings.extend(run.notes.iter().cloned());
        data.tiles = tiles(&parts, load_line);
        data.set_parts(parts);
        data.series = run.rows.series();
        data.annotations.clone_from(&run.annotations);
        data.environment = facts(loaded);
        data
    }

    /// Takes in everything of its stages.
    pub fn set_parts(&mut self, parts: Vec<StageParts>) {
        self.thresholds.clear();
        self.stages.clear();
        self.requests.clear();
        self.streams.clear();
        self.phases.clear();
        self.errors.clear();
        self.health.clear();
        self.distribution.clear();
        for part in parts {
            self.stages.push(part.stage);
            self.requests.extend(part.requests);
            self.streams.extend(part.streams);
            self.phases.extend(part.phases);
            self.errors.extend(part.errors);
            self.health.extend(part.health);
            self.thresholds.extend(part.thresholds);
            self.distribution.extend(part.distribution);
        }
    }
}

impl PageOverlay {
    /// A run behind another one.
    pub fn of_run(label: &str, run: &Refolded) -> Self {
        let parts = parts_of_run(run);
        Self {
            label: label.to_owned(),
            distribution: parts.iter().flat_map(|part| part.distribution.clone()).collect(),
            stages: parts.into_iter().map(|part| part.stage).collect(),
        }
    }
}

fn parts_of_run(run: &Refolded) -> Vec<StageParts> {
    let stage = |index: usize| run.stages.get(index);
    let spread = |part: StageParts, basis| match stage(part.stage.index).and_then(|stage| stage.fold.as_ref()) {
        Some(fold) => part.with_distribution(fold, basis),
        None => part,
    };
    match &run.run.figures {
        RunFigures::Gradio(summary) => {
            let part = |(index, tier)| {
                let (begin, end) = stage(index).map_or((None, None), |stage| (stage.begin, stage.end));
                spread(StageParts::of_tier(index, tier, begin, end), TimeBasis::Latency)
            };
            summary.tiers.iter().enumerate().map(part).collect()
        }
        RunFigures::Api(summary) => {
            let several = summary.levels.len() > 1;
            let part = |(index, level)| {
                spread(StageParts::of_level(index, level, TimeBasis::Response, several), TimeBasis::Response)
            };
            summary.levels.iter().enumerate().map(part).collect()
        }
    }
}

fn of_gradio(run: &LoadedRun, summary: &Summary) -> PageData {
    let limited = summary.generator_limited();
    let title = short_name(&summary.app);
    let target = run.manifest.as_ref().and_then(|manifest| manifest.target.as_ref()).map(|target| target.url.clone());
    let head = Head {
        title,
        kind: PageKind::Gradio,
        target: target.unwrap_or_else(|| summary.app.clone()),
        partial_reason: summary.partial_reason.clone(),
        verdict: summary.verdict.clone(),
        limited,
        diagnosis: &summary.diagnosis,
        warnings: notes(summary),
    };
    head.page(run)
}

fn of_api(run: &LoadedRun, summary: &ApiSummary) -> PageData {
    let several = summary.levels.len() > 1;
    let mut warnings = summary.warnings.clone();
    for level in &summary.levels {
        let at = |note: String| if several { format!("{}: {note}", level.label) } else { note };
        warnings.extend(api_notes(level).into_iter().map(at));
    }
    let head = Head {
        title: summary.name.clone(),
        kind: PageKind::Api,
        target: summary.target.clone(),
        partial_reason: summary.partial_reason.clone(),
        verdict: Some(summary.verdict.clone()),
        limited: summary.generator_limited(),
        diagnosis: &summary.diagnosis,
        warnings,
    };
    head.page(run)
}

/// What both kinds of runs have.
struct Head<'a> {
    title: String,
    kind: PageKind,
    target: String,
    partial_reason: Option<String>,
    verdict: Option<Verdict>,
    limited: bool,
    diagnosis: &'a [Diagnosis],
    warnings: Vec<String>,
}

impl Head<'_> {
    fn page(self, run: &LoadedRun) -> PageData {
        let manifest = run.manifest.as_ref();
        let state = run.state();
        let reason = self.partial_reason.or_else(|| manifest.and_then(|manifest| manifest.partial_reason.clone()));
        let full = std::fs::canonicalize(&run.dir).unwrap_or_else(|_| run.dir.clone());
        let began = manifest.map(|manifest| manifest.started_at.clone());
        PageData {
            format: PAGE_FORMAT,
            tool: this_tool(),
            banner: banner(self.limited, state, reason.as_deref()),
            run: PageRun {
                title: one_line(&self.title, LONGEST),
                kind: self.kind,
                target: self.target,
                started_at: began.or_else(|| run.began().map(|began| began.to_string())),
                ended_at: manifest.and_then(|manifest| manifest.ended_at.clone()),
                state,
                partial_reason: reason.map(|reason| one_line(&reason, LONGEST)),
                seed: manifest.map(|manifest| manifest.seed),
                command: manifest.map(|manifest| manifest.command.clone()),
                directory: full.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            },
            verdict: self.verdict,
            diagnosis: self.diagnosis.iter().map(PageFinding::from).collect(),
            warnings: self.warnings.iter().map(|warning| one_line(warning, LONGEST)).collect(),
            ..PageData::default()
        }
    }
}

impl From<&Diagnosis> for PageFinding {
    fn from(diagnosis: &Diagnosis) -> Self {
        let kind = serde_json::to_value(diagnosis.kind).ok();
        Self {
            kind: kind.and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default(),
            severity: match diagnosis.severity {
                Severity::Info => "info",
                Severity::Notice => "notice",
                Severity::Warning => "warning",
            }
            .to_owned(),
            sentence: diagnosis.sentence.clone(),
            evidence: diagnosis.evidence.clone(),
        }
    }
}

/// The sentence that must not be missed, where there is one.
fn banner(limited: bool, state: RunState, reason: Option<&str>) -> Option<String> {
    if limited {
        return Some("Generator-limited: these figures may show the load generator, not the target.".to_owned());
    }
    let reason = reason.map_or_else(|| "it ended early".to_owned(), |reason| one_line(reason, LONGEST));
    (state == RunState::Partial).then(|| format!("Partial: {reason}. The figures are those of what was measured."))
}

/// Of a path or an address what tells apps apart.
fn short_name(app: &str) -> String {
    if app.contains("://") {
        return app.to_owned();
    }
    app.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(app).to_owned()
}

pub(super) fn this_tool() -> Tool {
    Tool { name: "plimsoll".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}
