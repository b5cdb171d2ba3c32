//! A scenario that was checked and made ready: shared by all users of all threads.

use super::scope::{Scope, Sources, mix};
use super::step::Step;
use minijinja::Environment;
use plimsoll_model::Secret;
use plimsoll_wire::{HeaderMap, HeaderName, Origin, Trust};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::time::Duration;

/// A scenario that was checked and made ready.
#[derive(Debug)]
pub struct ApiPlanned {
    pub(super) origin: Origin,
    pub(super) trust: Trust,
    pub(super) new_connections: bool,
    /// Headers of every request, the one that carries a secret included.
    pub(super) headers: HeaderMap,
    pub(super) secret_header: Option<HeaderName>,
    /// The query parameter that carries a secret.
    pub(super) query: Option<Secret>,
    pub(super) secrets: Vec<Secret>,
    pub(super) timeout: Option<Duration>,
    pub(super) most_bytes: usize,
    /// Whether tokens that the server does not count are counted here, later.
    pub(super) counts: bool,
    pub(super) seed: u64,
    pub(super) templates: Environment<'static>,
    pub(super) sources: Arc<Sources>,
    pub(super) ways: Vec<Way>,
    pub(super) warnings: Vec<String>,
}

/// What one iteration may do: a request, or a journey.
#[derive(Debug)]
pub(super) struct Way {
    pub name: Arc<str>,
    /// Sum of the weights up to this one's.
    pub up_to: f64,
    pub steps: Vec<Step>,
    pub think: Duration,
    pub needs_scope: bool,
}

/// The stream of random numbers that draws the way.
const WAYS_STREAM: u64 = 0;

impl ApiPlanned {
    /// The target.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The certificates to trust, for [`plimsoll_wire::Connector::with_trust`].
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Names of the requests as results have them, each once.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for step in self.ways.iter().flat_map(|way| &way.steps) {
            if !names.contains(&step.name) {
                names.push(step.name.clone());
            }
        }
        names
    }

    /// Whether a trace may name this request or journey.
    pub fn has(&self, name: &str) -> bool {
        self.ways.iter().any(|way| &*way.name == name)
    }

    /// Values that no file and no terminal may show, for the [`plimsoll_model::Redactor`].
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// What is doubtful, but no error.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The way of this iteration.
    pub(super) fn draw(&self, sequence: u64) -> &Way {
        let mut ways = self.ways.as_slice();
        if let (Some(last), true) = (ways.last(), ways.len() > 1) {
            let mut rng = SmallRng::seed_from_u64(mix(mix(self.seed, sequence), WAYS_STREAM));
            let point = rng.random_range(0.0..last.up_to);
            let index = ways.partition_point(|way| way.up_to <= point);
            ways = &ways[index.min(ways.len() - 1)..];
        }
        // There is at least one: the scenario was refused without.
        &ways[0]
    }

    /// The query parameter that carries a secret, as it stands in the address.
    pub(super) fn query(&self) -> Option<&str> {
        self.query.as_ref().map(Secret::expose)
    }

    pub(super) fn scope(&self, sequence: u64, vu: u32, trace: Option<Arc<plimsoll_model::TraceRequest>>) -> Arc<Scope> {
        Scope::new(self.sources.clone(), self.seed, sequence, vu, trace)
    }
}
