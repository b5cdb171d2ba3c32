//! Opening connections to one origin: names resolved once, TLS set up once, the address that answered remembered.

use crate::http1::{Connection, Scratch};
use crate::trust::{self, Trust};
use crate::{Origin, WireError};
use plimsoll_model::Clock;
use rustls::pki_types::ServerName;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Opens connections to one origin. Shared by all virtual users of a shard.
pub struct Connector {
    pub(crate) origin: Origin,
    pub(crate) clock: Clock,
    addresses: Vec<SocketAddr>,
    /// Index of the address that answered last: `localhost` is two addresses, and an app listens on one.
    good: Cell<usize>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    scratch: Scratch,
    pub(crate) after_streams: Cell<AfterStreams>,
}

/// What this server does with a connection on which an event stream has ended. Some close it without having said so
/// (llama.cpp's sends FIN a moment after the last chunk); a request sent in that moment would be lost, and it would look
/// like the server's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterStreams {
    /// Not known yet; so many were watched, and stayed open.
    Watched(u32),
    /// It stays open.
    Keeps,
    /// It is closed.
    Closes,
}

impl Connector {
    /// Resolves the origin's host and, for https, loads the system's certificates (`SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` are honoured).
    pub async fn new(origin: Origin, clock: Clock) -> Result<Self, WireError> {
        Self::with_trust(origin, clock, &Trust::default()).await
    }

    /// As [`Self::new`], trusting other certificates than the system's alone.
    pub async fn with_trust(origin: Origin, clock: Clock, trust: &Trust) -> Result<Self, WireError> {
        let host = origin.host().to_owned();
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), origin.port()))
            .await
            .map_err(|error| WireError::connect(&origin.to_string(), &error))?
            .collect();
        if addresses.is_empty() {
            let error = io::Error::other("the name has no address");
            return Err(WireError::connect(&origin.to_string(), &error));
        }
        let tls = if origin.is_https() { Some(trust::tls_for(&origin, trust)?) } else { None };
        Ok(Self {
            origin,
            clock,
            addresses,
            good: Cell::new(0),
            tls,
            scratch: Scratch::new(),
            after_streams: Cell::new(AfterStreams::Watched(0)),
        })
    }

    /// The origin it connects to.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The time line its stamps are on.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) async fn connect(&self) -> Result<Connection, WireError> {
        let stream = self.connect_tcp().await?;
        // A request is one small write and must leave at once.
        stream.set_nodelay(true).map_err(|error| self.failed(&error))?;
        match &self.tls {
            None => Ok(Connection::new(Box::new(stream), self.clock, self.scratch.clone())),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await.map_err(|error| self.failed(&error))?;
                Ok(Connection::new(Box::new(stream), self.clock, self.scratch.clone()))
            }
        }
    }

    async fn connect_tcp(&self) -> Result<TcpStream, WireError> {
        let count = self.addresses.len();
        let mut last = None;
        for index in (0..count).map(|step| (self.good.get() + step) % count) {
            match TcpStream::connect(self.addresses[index]).await {
                Ok(stream) => {
                    self.good.set(index);
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(self.failed(&last.unwrap_or_else(|| io::Error::other("no address"))))
    }

    fn failed(&self, error: &io::Error) -> WireError {
        WireError::connect(&self.origin.to_string(), error)
    }
}
