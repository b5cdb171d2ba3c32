//! Opening connections to one origin: names resolved once, TLS set up once, the address that answered remembered.

use crate::http1::Connection;
use crate::{Origin, WireError};
use plimsoll_model::Clock;
use rustls::pki_types::ServerName;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
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
}

impl Connector {
    /// Resolves the origin's host and, for https, loads the system's certificates (`SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` are honoured).
    pub async fn new(origin: Origin, clock: Clock) -> Result<Self, WireError> {
        let host = origin.host().to_owned();
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), origin.port()))
            .await
            .map_err(|error| WireError::connect(&origin.to_string(), &error))?
            .collect();
        if addresses.is_empty() {
            let error = io::Error::other("the name has no address");
            return Err(WireError::connect(&origin.to_string(), &error));
        }
        let tls = if origin.is_https() { Some(tls_for(&origin)?) } else { None };
        Ok(Self { origin, clock, addresses, good: Cell::new(0), tls })
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
            None => Ok(Connection::new(Box::new(stream), self.clock)),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await.map_err(|error| self.failed(&error))?;
                Ok(Connection::new(Box::new(stream), self.clock))
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

fn tls_for(origin: &Origin) -> Result<(TlsConnector, ServerName<'static>), WireError> {
    let fail = |why: String| WireError::connect(&origin.to_string(), &io::Error::other(why));
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(fail("no trusted certificates on this machine; set SSL_CERT_FILE".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(origin.host().to_owned()).map_err(|error| fail(error.to_string()))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
