//! `run.json`: what was asked for, of what, on what machine, and how it ended.

use crate::{HostFacts, ResultsError, RunDir, time, url};
use plimsoll_model::{Clock, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::time::SystemTime;

const FILE: &str = "run.json";

/// The run's manifest. Written when the run starts, when the target is known, and at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunManifest {
    /// Version of the files in this directory.
    pub schema_version: u32,
    /// What wrote them.
    pub tool: Tool,
    /// The name it was called by: `plimsoll` or `hf-perftest`.
    pub command: String,
    /// The [`Plan`](plimsoll_model::Plan) or [`ApiPlan`](plimsoll_model::ApiPlan), secrets as `***` and addresses without credentials.
    pub plan: Value,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; `null` while the run goes on, and for ever when it was killed.
    pub ended_at: Option<String>,
    /// How far it got.
    pub state: RunState,
    /// Why it is partial.
    pub partial_reason: Option<String>,
    /// What was put under load; `null` until it has answered.
    pub target: Option<TargetFacts>,
    /// The machine that made the load.
    pub host: HostFacts,
    /// Seed of every random choice.
    pub seed: u64,
}

/// How far a run got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on, or it was killed and could not say so.
    Running,
    /// Everything that was asked for was done.
    #[default]
    Complete,
    /// It ended early; what it had is there.
    Partial,
}

/// What wrote a run directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What was put under load, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFacts {
    /// Its address. Stored without `user:password@`.
    #[serde(serialize_with = "url::serialize")]
    pub url: String,
    /// What it speaks: `gradio`, `openai`, `hf-inference`, `http`.
    pub framework: String,
    /// The framework's version; empty where it does not tell.
    pub version: String,
    /// The framework's protocol, for example `sse_v3`; empty where there is but one.
    pub protocol: String,
    /// The endpoint that was called, as `/name`; empty where a scenario calls several.
    pub endpoint: String,
    /// Whether it gave traces of its own.
    pub profiling: bool,
    /// Its Python's version, where we started it.
    pub python: Option<String>,
    /// The app: a built-in one's name, a file, or the address. Stored without `user:password@`.
    #[serde(serialize_with = "url::serialize")]
    pub app: String,
}

impl RunManifest {
    /// The manifest of a run of this plan (a [`Plan`](plimsoll_model::Plan) or an
    /// [`ApiPlan`](plimsoll_model::ApiPlan)) that starts now, on this machine. Addresses are stored without
    /// credentials; other secrets must not be in what the plan serialises to.
    ///
    /// # Errors
    /// [`ResultsError::Encode`] when the plan holds a path that is not valid Unicode.
    pub fn start(command: &str, plan: &impl Serialize, seed: u64, clock: &Clock) -> Result<Self, ResultsError> {
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool { name: "plimsoll".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            command: command.to_owned(),
            plan: storable(plan)?,
            started_at: time::rfc3339(clock.wall_start()),
            ended_at: None,
            state: RunState::Running,
            partial_reason: None,
            target: None,
            host: HostFacts::read(),
            seed,
        })
    }

    /// Marks the run as ended now: complete, or partial for this reason.
    pub fn end(&mut self, partial_reason: Option<String>) {
        self.ended_at = Some(time::rfc3339(SystemTime::now()));
        self.state = if partial_reason.is_some() { RunState::Partial } else { RunState::Complete };
        self.partial_reason = partial_reason;
    }

    /// Writes `run.json`, by atomic rename.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn write(&self, run: &RunDir) -> Result<(), ResultsError> {
        run.write_atomic(FILE, &pretty(self, "the manifest")?)
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::BadFile`].
    pub fn read(run: &RunDir) -> Result<Self, ResultsError> {
        let path = run.path().join(FILE);
        let bytes = fs::read(&path).map_err(|reason| ResultsError::io("read", &path, reason))?;
        serde_json::from_slice(&bytes).map_err(|reason| ResultsError::BadFile { path, reason })
    }
}

/// Indented JSON with a newline at its end.
pub(crate) fn pretty(value: &impl Serialize, what: &'static str) -> Result<Vec<u8>, ResultsError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|reason| ResultsError::Encode { what, reason })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The plan as JSON. The model hides what it knows to be secret; a password inside an address it does not.
fn storable(plan: &impl Serialize) -> Result<Value, ResultsError> {
    let mut value = serde_json::to_value(plan).map_err(|reason| ResultsError::Encode { what: "the plan", reason })?;
    for place in ["/target/url", "/scenario/target/url"] {
        if let Some(Value::String(address)) = value.pointer_mut(place) {
            *address = url::without_credentials(address);
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::plan;
    use plimsoll_model::{Login, Secret, Target};

    #[test]
    fn a_scenarios_address_loses_its_credentials() {
        let plan = serde_json::json!({"scenario": {"target": {"url": "https://me:pass@host/v1"}}});
        let manifest = RunManifest::start("plimsoll", &plan, 3, &Clock::start()).unwrap();
        assert_eq!((&manifest.plan["scenario"]["target"]["url"], manifest.seed), (&"https://host/v1".into(), 3));
    }

    #[test]
    fn goes_out_and_comes_back_without_secrets() {
        let output = tempfile::tempdir().unwrap();
        let run = RunDir::create(output.path()).unwrap();
        let mut plan = plan();
        plan.target = Target::Url { url: "https://me:url-pass@host/app".to_owned() };
        plan.headers = vec![("authorization".to_owned(), Secret::new("Bearer header-pass"))];
        plan.auth = Some(Login { user: "me".to_owned(), password: Secret::new("login-pass") });
        let mut manifest = RunManifest::start("plimsoll", &plan, plan.seed, &Clock::start()).unwrap();
        manifest.target = Some(TargetFacts {
            url: "https://me:target-pass@host/app".to_owned(),
            framework: "gradio".to_owned(),
            version: "6.31.0".to_owned(),
            protocol: "sse_v3".to_owned(),
            endpoint: "/predict".to_owned(),
            profiling: true,
            python: None,
            app: "https://me:app-pass@host/app".to_owned(),
        });
        manifest.write(&run).unwrap();
        let text = fs::read_to_string(run.path().join("run.json")).unwrap();
        assert!(!text.contains("pass\"") && !text.contains("-pass@"), "{text}");
        assert!(text.contains("https://host/app") && text.contains("***"));

        let mut again = RunManifest::read(&run).unwrap();
        assert_eq!((again.state, again.seed, again.schema_version), (RunState::Running, 7, SCHEMA_VERSION));
        assert_eq!(again.plan["load"]["tiers"], serde_json::json!([1, 10]));
        again.end(Some("interrupted".to_owned()));
        again.write(&run).unwrap();
        let text = fs::read_to_string(run.path().join("run.json")).unwrap();
        assert!(text.contains("\"state\": \"partial\""), "{text}");
        again.end(None);
        assert_eq!((again.state, again.partial_reason), (RunState::Complete, None));
    }
}
