//! The measured HTTP client: DNS, TCP, TLS and HTTP/1.1 at connection level, server-sent events, cookies and
//! multipart bodies. Bytes in, time stamps out; it knows nothing of load or of what it talks to.
//!
//! A [`Client`] belongs to one virtual user: own connections, own cookies. It must run on one thread
//! (`tokio::task::LocalSet`), because its connections are driven by local tasks and nothing is locked.

mod client;
mod connect;
mod cookies;
mod error;
mod http1;
mod multipart;
mod origin;
mod request;
mod sse;
mod trust;

pub use client::{Body, Chunk, Client, Response};
pub use connect::Connector;
pub use cookies::CookieJar;
pub use error::{ErrorKind, WireError};
pub use multipart::Multipart;
pub use origin::{Origin, OriginError};
pub use request::{Prepared, Request};
pub use sse::{Event, Splitter};
pub use trust::Trust;

pub use http::{HeaderMap, HeaderName, HeaderValue, Method};
