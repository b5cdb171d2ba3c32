//! The machine, the versions and the plan of a run.

use super::model::PageFact;
use crate::text::{one_line, spaced, thousands};
use crate::{HostFacts, LoadedRun, RunFigures, RunManifest};
use plimsoll_model::{ApiLoad, LoadProfile, Repeat, Span};
use serde::Deserialize;
use serde_json::Value;

/// Longest value, in characters.
const LONGEST: usize = 300;

pub(super) fn facts(run: &LoadedRun) -> Vec<PageFact> {
    let mut facts = Facts(Vec::new());
    if let Some(manifest) = &run.manifest {
        facts.of_manifest(manifest);
    } else {
        facts.add("Written by", "hf-perftest, or another tool that writes no run.json");
    }
    match &run.figures {
        RunFigures::Api(summary) => {
            if let Some(calibration) = &summary.calibration {
                facts.add("Calibration", calibration);
            }
        }
        RunFigures::Gradio(summary) => {
            if let Some(warmup) = &summary.warmup {
                let first = warmup.first_ms.map(|ms| format!(", the first took {ms:.1} ms")).unwrap_or_default();
                facts.add("Warm-up", &format!("{} of {} requests succeeded{first}", warmup.ok, warmup.requests));
            }
        }
    }
    facts.0
}

struct Facts(Vec<PageFact>);

impl Facts {
    fn add(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.0.push(PageFact { label: label.to_owned(), value: one_line(value, LONGEST) });
        }
    }

    fn of_manifest(&mut self, manifest: &RunManifest) {
        if manifest.tool != super::of_run::this_tool() {
            self.add("Measured by", &format!("{} {}", manifest.tool.name, manifest.tool.version));
        }
        if let Some(target) = &manifest.target {
            let version = [target.framework.as_str(), target.version.as_str(), target.protocol.as_str()];
            self.add(
                "Target speaks",
                &version.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
            );
            self.add("Endpoint", &target.endpoint);
            self.add("Python of the target", target.python.as_deref().unwrap_or_default());
            if target.framework == "gradio" {
                self.add("Server traces", if target.profiling { "yes" } else { "no" });
            }
        }
        if manifest.plan.get("scenario").is_some() {
            self.of_scenario(&manifest.plan);
        } else {
            self.of_tiers(&manifest.plan);
        }
        self.of_host(&manifest.host);
    }

    fn of_tiers(&mut self, plan: &Value) {
        if let Some(LoadProfile::Tiers { tiers, repeat, arrival }) = read(plan, "/load") {
            let tiers: Vec<String> = tiers.iter().map(u32::to_string).collect();
            self.add("Tiers", &format!("{} users", tiers.join(", ")));
            match repeat {
                Repeat::Rounds(rounds) => self.add("Rounds of a tier", &rounds.to_string()),
                Repeat::For(time) => self.add("Length of a tier", &Span(time).to_string()),
            }
            let arrival = serde_json::to_value(arrival).ok();
            self.add("Users start", arrival.as_ref().and_then(Value::as_str).unwrap_or_default());
        }
        self.add("Sessions", plan["session"].as_str().unwrap_or_default());
        if let Some(rounds) = plan["warmup_rounds"].as_u64() {
            self.add("Warm-up rounds", &rounds.to_string());
        }
        if plan["mixed_traffic"].as_bool() == Some(true) {
            self.add("Mixed traffic", "yes");
        }
        for (label, pointer) in [
            ("Gradio", "/target/gradio"),
            ("Port", "/target/port"),
            ("Concurrency limit", "/target/concurrency_limit"),
            ("Threads", "/target/max_threads"),
            ("Workers", "/target/num_workers"),
        ] {
            self.add(label, &plan.pointer(pointer).map(flat).unwrap_or_default());
        }
    }

    fn of_scenario(&mut self, plan: &Value) {
        if let Some(load) = read::<ApiLoad>(plan, "/load") {
            self.add("Load", &load.label());
            if let ApiLoad::Sweep { levels, .. } = &load {
                let labels: Vec<String> = levels.iter().map(ApiLoad::label).collect();
                self.add("Levels", &labels.join(", "));
            }
            let warmup = load.warmup();
            if !warmup.0.is_zero() {
                self.add("Warm-up", &spaced(&warmup.to_string()));
            }
        }
        let names = plan.pointer("/scenario/request").or_else(|| plan.pointer("/scenario/requests"));
        let names = names.and_then(Value::as_array).into_iter().flatten().filter_map(|one| one["name"].as_str());
        self.add("Requests", &names.collect::<Vec<_>>().join(", "));
        if let Some(shards) = plan["shards"].as_u64() {
            self.add("Measuring threads", &shards.to_string());
        }
    }

    fn of_host(&mut self, host: &HostFacts) {
        let kernel = host.kernel.as_ref().map(|kernel| format!(", kernel {kernel}")).unwrap_or_default();
        self.add("Load generator", &format!("{}{kernel}", host.os));
        self.add("Its processor", host.cpu_model.as_deref().unwrap_or_default());
        let memory = host.memory_bytes.map(|bytes| format!(", {} MiB of memory", thousands(bytes >> 20)));
        self.add("Its size", &format!("{} cores{}", host.cores, memory.unwrap_or_default()));
    }
}

fn read<T: for<'de> Deserialize<'de>>(plan: &Value, pointer: &str) -> Option<T> {
    T::deserialize(plan.pointer(pointer)?).ok()
}

/// A value of the plan in a few words: `{"at": 4}` is 4.
fn flat(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(only) if only.len() == 1 => only.values().map(flat).collect(),
        value => value.to_string(),
    }
}
