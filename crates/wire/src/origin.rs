//! The address the operator gave. Load goes here and nowhere else.

use thiserror::Error;
use url::Url;

/// Scheme, host, port and base path of a target. Addresses that the target sends back are never followed: only
/// their paths are used, on this origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
    base_path: String,
}

/// An address that cannot be a target.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OriginError {
    /// Not a URL at all.
    #[error("`{0}` is not an address: give it whole, for example http://127.0.0.1:7860 ({1})")]
    Invalid(String, String),
    /// A scheme we do not speak.
    #[error("the address starts with `{0}:`; only http:// and https:// can be loaded")]
    Scheme(String),
    /// Credentials in the address would end up in logs and results.
    #[error("the address holds a user name or password; give them with --auth or --header instead")]
    Credentials,
}

impl Origin {
    /// Reads an address such as `http://127.0.0.1:7860` or `https://host/app/`. A trailing slash, a query and a
    /// fragment are dropped.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let invalid = |why: &str| OriginError::Invalid(text.to_owned(), why.to_owned());
        if !text.contains("://") {
            return Err(invalid("it has no http:// or https:// in front"));
        }
        let url = Url::parse(text).map_err(|error| match error {
            // The text may hold a password: an error never repeats it.
            _ if text.contains('@') => OriginError::Credentials,
            error => invalid(&error.to_string()),
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError::Credentials);
        }
        let https = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(OriginError::Scheme(other.to_owned())),
        };
        let host = url.host_str().ok_or_else(|| invalid("it names no host"))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| invalid("it has no port"))?;
        Ok(Self { https, host, port, base_path: url.path().trim_end_matches('/').to_owned() })
    }

    /// Whether TLS is spoken.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Host name or address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The `Host` header: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let standard = if self.https { 443 } else { 80 };
        if self.port == standard { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// A path below the base path; `path` starts with a slash.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base_path)
    }

    /// Path below which everything lies, without a slash at its end; empty at the root.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// Whether the host is this machine, so that its clock is ours.
    pub fn is_loopback(&self) -> bool {
        self.host() == "localhost" || self.host().parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}{}", if self.https { "https" } else { "http" }, self.authority(), self.base_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let plain = Origin::parse("http://127.0.0.1:7860/").unwrap();
        assert_eq!((plain.to_string().as_str(), plain.path("/config").as_str()), ("http://127.0.0.1:7860", "/config"));
        assert!(plain.is_loopback());

        let below = Origin::parse("https://example.org/sub/app/?x=1#y").unwrap();
        assert_eq!(below.to_string(), "https://example.org/sub/app");
        assert_eq!(below.path("/config"), "/sub/app/config");
        assert_eq!((below.port(), below.is_loopback()), (443, false));

        let six = Origin::parse("http://[::1]:80").unwrap();
        assert_eq!((six.host(), six.authority().as_str(), six.is_loopback()), ("::1", "[::1]", true));
    }

    #[test]
    fn refusals_teach_and_keep_secrets() {
        assert!(Origin::parse("localhost:7860").unwrap_err().to_string().contains("http://"));
        assert_eq!(Origin::parse("ftp://x"), Err(OriginError::Scheme("ftp".into())));
        for address in ["http://user:hunter2@host", "http://user:hunter2@host:port"] {
            let error = Origin::parse(address).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
