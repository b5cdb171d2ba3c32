//! The vocabulary of Plimsoll as plain data: what a run is asked to do ([`Plan`]), what one measured
//! request was ([`Sample`], [`Outcome`]), and how the generator itself fared ([`Health`]).
//!
//! No I/O and no async here: every other crate speaks in these types.

mod api_plan;
mod clock;
mod health;
mod metric;
mod outcome;
mod plan;
mod sample;
pub mod scenario;
mod secret;
mod span;
mod threshold;
mod trace;
mod variable;

pub use api_plan::{ApiLoad, ApiPlan, Arrivals, Stage};
pub use clock::Clock;
pub use health::{Health, LagSummary, Limit};
pub use metric::Metric;
pub use outcome::{FailureClass, Outcome};
pub use plan::{
    AppSource, Arrival, ConcurrencyLimit, GradioSpec, LoadProfile, LocalApp, Login, Plan, Repeat, SessionScope, Target,
};
pub use sample::{Sample, Timeline, TokenSource, Tokens, Told, Traffic};
pub use secret::{Redactor, Secret};
pub use span::{Rate, Span};
pub use threshold::{Comparison, Figure, Scope, Threshold, ThresholdError, split_scope};
pub use trace::TraceRequest;
pub use variable::Variable;

/// Version of the files in a run directory; raised when a reader of the old ones would misread the new.
pub const SCHEMA_VERSION: u32 = 1;
