//! Where the live page listens: what may be written, and taking the port before any load.

use super::WebError;
use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;

/// The port when none is asked for; a free one when it is taken.
pub const DEFAULT_PORT: u16 = 8390;

/// An address to listen at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebAddress {
    ip: IpAddr,
    /// `None`: [`DEFAULT_PORT`], or a free one.
    port: Option<u16>,
}

impl Default for WebAddress {
    fn default() -> Self {
        Self { ip: Ipv4Addr::LOCALHOST.into(), port: None }
    }
}

impl FromStr for WebAddress {
    type Err = String;

    /// A port, an IP address, or both: `9000`, `0.0.0.0`, `0.0.0.0:9000`, `[::1]:9000`, `localhost:9000`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.parse() {
            return Ok(Self { port: Some(port), ..Self::default() });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { ip: address.ip(), port: Some(address.port()) });
        }
        if let Some(ip) = ip_of(text) {
            return Ok(Self { ip, port: None });
        }
        if let Some((host, port)) = text.rsplit_once(':')
            && let (Some(ip), Ok(port)) = (ip_of(host), port.parse())
        {
            return Ok(Self { ip, port: Some(port) });
        }
        Err(format!(
            "`{text}` is not an address to listen at; write a port (9000), an IP address with or without one \
             (0.0.0.0:9000, [::1]:9000), or --web alone, after all arguments that have no flag"
        ))
    }
}

fn ip_of(host: &str) -> Option<IpAddr> {
    match host {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        _ => match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => host.parse().ok(),
        },
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port.unwrap_or(DEFAULT_PORT)).fmt(f)
    }
}

impl WebAddress {
    /// Whether only programs of this machine can connect.
    pub fn is_loopback(&self) -> bool {
        self.ip.is_loopback()
    }

    /// Takes the port.
    ///
    /// # Errors
    /// [`WebError::Bind`] when it is taken, not ours to take, or the address is not one of this machine.
    pub(super) fn listen(&self) -> Result<TcpListener, WebError> {
        let at = |port| TcpListener::bind((self.ip, port));
        let listener = match self.port {
            Some(port) => at(port),
            None => at(DEFAULT_PORT).or_else(|error| match error.kind() {
                ErrorKind::AddrInUse => at(0),
                _ => Err(error),
            }),
        };
        listener.map_err(|error| WebError::Bind { address: self.to_string(), why: why(&error, self.port) })
    }
}

fn why(error: &std::io::Error, port: Option<u16>) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "another program listens there; name another port, or none".to_owned(),
        ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        ErrorKind::PermissionDenied if port.is_some_and(|port| port < 1024) => {
            "ports below 1024 are kept for the system; name a higher one".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_written() {
        let shown = |text: &str| text.parse::<WebAddress>().map(|address| (address.to_string(), address.port));
        for (text, at, port) in [
            ("9000", "127.0.0.1:9000", Some(9000)),
            ("0", "127.0.0.1:0", Some(0)),
            ("0.0.0.0", "0.0.0.0:8390", None),
            ("0.0.0.0:9000", "0.0.0.0:9000", Some(9000)),
            ("localhost:9000", "127.0.0.1:9000", Some(9000)),
            ("localhost", "127.0.0.1:8390", None),
            ("[::1]:9000", "[::1]:9000", Some(9000)),
            ("::1", "[::1]:8390", None),
            ("[::]", "[::]:8390", None),
        ] {
            assert_eq!(shown(text), Ok((at.to_owned(), port)), "{text}");
        }
        for text in ["", ":", "70000", "-1", "example.com", "example.com:80", "1.2.3.4:70000", "[::1", "run.toml"] {
            assert!(shown(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_taken_port_is_an_error_only_when_it_was_asked_for() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let asked: WebAddress = port.to_string().parse().unwrap();
        let said = asked.listen().unwrap_err().to_string();
        assert!(said.contains(&port.to_string()) && said.contains("another program"), "{said}");
        let _first = WebAddress::default().listen().unwrap();
        assert!(WebAddress::default().listen().is_ok(), "a free port");
        let foreign: WebAddress = "192.0.2.1:9000".parse().unwrap();
        assert!(foreign.listen().unwrap_err().to_string().contains("no such address"));
    }
}
