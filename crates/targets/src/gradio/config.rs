//! The parts of `/config` and `/info` that a client needs. Unknown fields are passed over: every release adds some.

use serde::Deserialize;
use serde_json::{Map, Value};

/// `GET /config`.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub protocol: Option<String>,
    /// Absent in 4.x, where nothing has a prefix.
    #[serde(default)]
    pub api_prefix: Option<String>,
    #[serde(default)]
    pub space_id: Option<String>,
    #[serde(default)]
    pub connect_heartbeat: bool,
    // Every Gradio has these two; a site of another kind may well have a `/config` with a version.
    pub dependencies: Vec<Dependency>,
    pub components: Vec<Component>,
}

/// One event listener of the app.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    /// The `fn_index` of requests; the place in the list where it is absent.
    pub id: Option<u64>,
    /// A name, or `false` (6.x: the string `"false"`) for a private one.
    #[serde(default)]
    pub api_name: Value,
    #[serde(default)]
    pub inputs: Vec<Value>,
    #[serde(default)]
    pub queue: Option<bool>,
    #[serde(default)]
    pub backend_fn: Option<bool>,
    #[serde(default)]
    pub connection: Option<String>,
}

impl Dependency {
    /// The public name, if it has one.
    pub(super) fn name(&self) -> Option<&str> {
        self.api_name.as_str().filter(|name| *name != "false")
    }

    /// Whether a function on the server stands behind it (and not JavaScript alone).
    pub(super) fn has_function(&self) -> bool {
        self.backend_fn != Some(false)
    }
}

/// One component of the page.
#[derive(Debug, Deserialize)]
pub(super) struct Component {
    pub id: Value,
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub skip_api: bool,
    #[serde(default)]
    pub props: Map<String, Value>,
}

/// `GET {prefix}/info`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Info {
    #[serde(default)]
    pub named_endpoints: Map<String, Value>,
}

/// One parameter of an endpoint in `/info`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Parameter {
    #[serde(default)]
    pub parameter_has_default: bool,
    #[serde(default)]
    pub parameter_default: Value,
    #[serde(default)]
    pub example_input: Value,
    #[serde(rename = "type", default)]
    pub schema: Value,
}

/// The most we read of one answer that must be held whole (a profiler's traces, an output file).
pub(super) const MOST_BYTES: usize = 512 << 20;
