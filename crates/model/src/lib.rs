//! The vocabulary of Plimsoll as plain data: what a run is asked to do ([`Plan`]), what one measured
//! request was ([`Sample`], [`Outcome`]), and how the generator itself fared ([`Health`]).
//!
//! No I/O and no async here: every other crate speaks in these types.

mod clock;
mod health;
mod outcome;
mod plan;
mod sample;
mod secret;

pub use clock::Clock;
pub use health::{Health, LagSummary, Limit};
pub use outcome::{FailureClass, Outcome};
pub use plan::{
    AppSource, Arrival, ConcurrencyLimit, GradioSpec, LoadProfile, LocalApp, Login, Plan, Repeat, SessionScope, Target,
};
pub use sample::{Sample, Timeline, Traffic};
pub use secret::{Redactor, Secret};

/// Version of the files in a run directory; raised when a reader of the old ones would misread the new.
pub const SCHEMA_VERSION: u32 = 1;
