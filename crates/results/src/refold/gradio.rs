//! Runs of a Gradio app.

use super::events::{self, Event};
use super::{Refolded, RefoldedStage, foreign, is_this_machine, of_plan};
use crate::fold::{CLIENT_LATENCIES, fold_tier_as_it_is};
use crate::page::{Rows, TimeBasis};
use crate::{
    ApiFold, ApiFoldOptions, ApiSampleRecord, LoadedRun, ResultsError, RunDir, RunFigures, RunManifest, Summary,
    TierFold, TierInput, TierSummary, diagnosis, read_traces,
};
use plimsoll_model::{Arrival, LoadProfile, Repeat, SessionScope, Threshold};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) fn refold(
    dir: PathBuf,
    manifest: Option<RunManifest>,
    mut summary: Summary,
    cut: Option<String>,
) -> Result<Refolded, ResultsError> {
    let mut work = Work::new(&dir, manifest.as_ref())?;
    for tier in &mut summary.tiers {
        work.again(tier)?;
    }
    if let Some(reason) = cut {
        let known: Vec<String> = summary.tiers.iter().map(|tier| tier.directory.clone()).collect();
        summary.tiers.extend(work.tiers_on_disk(&known)?);
        let Summary { app, tiers, warmup, .. } = summary;
        summary = Summary::new(app, &RunDir::open(&dir)?, tiers, warmup, Some(reason));
    } else {
        summary.diagnosis = diagnosis::of_tiers(&summary);
    }
    // hf-perftest's: shown, but no ground for a diagnosis, which knows our classes.
    work.foreign.iter().for_each(|(tier, seen)| seen.complete(&mut summary.tiers[*tier]));
    Ok(work.finish(dir, manifest, summary))
}

pub(super) fn without_summary(dir: &Path, manifest: RunManifest, reason: String) -> Result<Refolded, ResultsError> {
    let mut work = Work::new(dir, Some(&manifest))?;
    let tiers = work.tiers_on_disk(&[])?;
    let named = |pointer| of_plan::<String>(Some(&manifest), pointer);
    let app = manifest.target.as_ref().map(|target| target.app.clone());
    let app = app
        .or_else(|| named("/target/source/builtin"))
        .or_else(|| named("/target/source/file"))
        .or_else(|| named("/target/url"));
    let summary = Summary::new(app.unwrap_or_default(), &RunDir::open(dir)?, tiers, None, Some(reason));
    Ok(work.finish(dir.to_owned(), Some(manifest), summary))
}

struct Work {
    dir: PathBuf,
    events: Vec<Event>,
    load: Option<LoadProfile>,
    session: SessionScope,
    api_name: Option<String>,
    mixed_traffic: bool,
    thresholds: Vec<Threshold>,
    same_host: bool,
    rows: Rows,
    stages: Vec<RefoldedStage>,
    foreign: Vec<(usize, foreign::Seen)>,
    notes: Vec<String>,
}

impl Work {
    fn new(dir: &Path, manifest: Option<&RunManifest>) -> Result<Self, ResultsError> {
        let target = manifest.and_then(|manifest| manifest.target.as_ref());
        let endpoint = target.map(|target| target.endpoint.clone()).filter(|endpoint| !endpoint.is_empty());
        Ok(Self {
            dir: dir.to_owned(),
            events: events::read(dir)?,
            load: of_plan(manifest, "/load"),
            session: of_plan(manifest, "/session").unwrap_or(SessionScope::PerUser),
            api_name: endpoint.or_else(|| of_plan(manifest, "/api_name")),
            mixed_traffic: of_plan(manifest, "/mixed_traffic").unwrap_or(false),
            thresholds: thresholds(manifest),
            same_host: target.is_some_and(|target| is_this_machine(&target.url)),
            rows: Rows::new(TimeBasis::Latency).with_concurrency(),
            stages: Vec::new(),
            foreign: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// Makes the figures of a tier again from its samples, where these are there.
    fn again(&mut self, tier: &mut TierSummary) -> Result<(), ResultsError> {
        // hf-perftest does not name the folder.
        let name = if tier.directory.is_empty() { format!("tier_{}", tier.tier) } else { tier.directory.clone() };
        let dir = self.dir.join(&name);
        let file = dir.join(CLIENT_LATENCIES);
        if !file.is_file() {
            self.notes.push(format!(
                "{} is not there: tier {} is shown as summary.json has it, without its course over time.",
                file.display(),
                tier.tier
            ));
            self.stages.push(RefoldedStage::default());
            return Ok(());
        }
        if foreign::is(&file)? {
            self.notes.push(format!(
                "The requests of tier {} have no time stamps (hf-perftest writes none): there is no course over time.",
                tier.tier
            ));
            let (seen, fold) = foreign::read(&file)?;
            self.foreign.push((self.stages.len(), seen));
            self.stages.push(RefoldedStage { fold: Some(fold), begin: None, end: None });
            return Ok(());
        }
        let fold = self.fold(&dir)?;
        let remade = TierSummary {
            // What else it was given is in no file but the summary.
            tier: tier.tier,
            requests_per_user: tier.requests_per_user,
            elapsed_seconds: tier.elapsed_seconds,
            server_summary: std::mem::take(&mut tier.server_summary),
            directory: std::mem::take(&mut tier.directory),
            requested: tier.requested,
            duration_seconds: tier.duration_seconds,
            mode: tier.mode.take(),
            api_name: tier.api_name.take(),
            session: tier.session.take(),
            // Those that had not been sent yet are in no file.
            cancelled: tier.cancelled.max(fold.cancelled),
            health: tier.health.take(),
            // Whether a rule stopped the run is history, and without the plan they all are.
            thresholds: std::mem::take(&mut tier.thresholds),
            ..TierSummary::new(
                self.input(tier.tier, tier.background_traffic.is_some(), String::new()),
                fold,
                &self.thresholds,
            )
        };
        *tier = remade;
        Ok(())
    }

    /// The tiers whose samples are on disk and that no summary has.
    fn tiers_on_disk(&mut self, known: &[String]) -> Result<Vec<TierSummary>, ResultsError> {
        let mut tiers = Vec::new();
        let dirs = RunDir::open(&self.dir)?.tier_dirs()?;
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut dirs: Vec<_> = dirs
            .into_iter()
            .map(|tier| (name(&tier.path), tier))
            .filter(|(name, tier)| !known.contains(name) && tier.path.join(CLIENT_LATENCIES).is_file())
            .map(|(name, tier)| Ok((first_sent(&tier.path)?, name, tier)))
            .collect::<Result<_, ResultsError>>()?;
        // In the order in which they ran.
        dirs.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, name, tier) in dirs {
            let fold = self.fold(&tier.path)?;
            tiers.push(TierSummary::new(self.input(tier.users, self.mixed_traffic, name), fold, &self.thresholds));
        }
        Ok(tiers)
    }

    fn input(&self, users: u32, mixed_traffic: bool, directory: String) -> TierInput {
        let (repeat, arrival) = match &self.load {
            Some(LoadProfile::Tiers { repeat, arrival, .. }) => (*repeat, *arrival),
            None => (Repeat::For(Duration::ZERO), Arrival::Burst),
        };
        TierInput {
            users,
            repeat,
            arrival,
            session: self.session,
            api_name: self.api_name.clone(),
            directory,
            elapsed_seconds: None,
            server_summary: Value::Null,
            mixed_traffic,
            health: None,
        }
    }

    fn fold(&mut self, dir: &Path) -> Result<TierFold, ResultsError> {
        let traces = read_traces(dir)?;
        let mut all = ApiFold::new(ApiFoldOptions::default());
        let rows = &mut self.rows;
        let fold = fold_tier_as_it_is(dir, &traces, self.same_host, |record| {
            all.add_record(&ApiSampleRecord::from(record));
            rows.add_latency(record);
        })?;
        let seconds = |ms: Option<f64>| ms.map(|ms| ms / 1e3);
        let (begin, end) = (seconds(fold.first_sent_ms), seconds(fold.last_end_ms));
        let moment = |at: f64| Duration::try_from_secs_f64(at).unwrap_or_default();
        if let (Some(begin), Some(end)) = (begin, end) {
            self.rows.begin(self.stages.len(), moment(begin), Duration::ZERO);
            self.rows.end(moment(end));
        }
        self.stages.push(RefoldedStage { fold: Some(all), begin, end });
        Ok(fold)
    }

    fn finish(self, dir: PathBuf, manifest: Option<RunManifest>, summary: Summary) -> Refolded {
        Refolded {
            run: LoadedRun { dir, manifest, figures: RunFigures::Gradio(Box::new(summary)) },
            annotations: events::annotations(&self.events),
            rows: self.rows,
            stages: self.stages,
            notes: self.notes,
        }
    }
}

/// The plan's rules. One that this release cannot read was refused when the run began.
fn thresholds(manifest: Option<&RunManifest>) -> Vec<Threshold> {
    #[derive(Deserialize)]
    struct Rule {
        rule: String,
        abort: bool,
    }
    let rules: Vec<Rule> = of_plan(manifest, "/thresholds").unwrap_or_default();
    let read = |Rule { rule, abort }| Some(Threshold { abort, ..Threshold::parse_scoped(&rule).ok()? });
    rules.into_iter().filter_map(read).collect()
}

/// When the first request of a tier was sent; a tier without one comes last.
fn first_sent(dir: &Path) -> Result<f64, ResultsError> {
    #[derive(Deserialize)]
    struct Sent {
        sent_ms: f64,
    }
    let mut first = f64::INFINITY;
    crate::lines::read(&dir.join(CLIENT_LATENCIES), |Sent { sent_ms }| {
        first = first.min(sent_ms);
        Ok(())
    })?;
    Ok(first)
}
