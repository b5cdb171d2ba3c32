//! The stand-in inference server behind `plimsoll mock`: Hugging Face's inference tasks, OpenAI's protocols, TGI and
//! TEI, with exact timing, modelled capacity and faults on order. For demonstrations, for tests, and for calibrating a
//! load generator against a server that knows the truth.
//!
//! It has to carry more than the client that measures it, so there is no framework: each thread runs one event loop
//! that parses requests, works out the whole answer on arrival, and then only writes bytes when they are due.
//!
//! ```
//! use plimsoll_mock::{Mock, MockConfig};
//! let mock = Mock::start(MockConfig { servers: Some(4), ..MockConfig::on_free_port() })?;
//! let url = format!("http://{}/v1/chat/completions", mock.address());
//! assert_eq!(mock.stats().requests, 0);
//! mock.stop();
//! # Ok::<(), plimsoll_mock::MockError>(())
//! ```

mod answers;
mod args;
mod clock;
mod config;
mod connection;
mod error;
mod event_loop;
mod exchange;
mod faults;
mod gate;
mod http;
mod limits;
mod metrics;
mod openai;
mod outcome;
mod plan;
mod random;
mod request;
mod routes;
mod server;
mod shared;
mod stats;
mod stream;
mod task;
mod timers;
mod timing;
mod truth;
mod vectors;
mod words;

pub use args::MockArgs;
pub use config::{MockConfig, Overflow, RateLimit};
pub use error::MockError;
pub use faults::{Fault, FaultKind};
pub use outcome::Class;
pub use server::Mock;
pub use stats::{MockStats, Quantiles};
pub use task::Task;
pub use timing::{Latency, Tokens, parse_duration};
