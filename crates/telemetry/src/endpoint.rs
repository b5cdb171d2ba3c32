//! An address that the operator gave, with what it takes to speak to it. Nothing else is ever spoken to: redirects are
//! not followed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::{Clock, Secret};
use plimsoll_wire::{Client, Connector, CookieJar, HeaderMap, HeaderName, HeaderValue, Origin, Request};
use std::rc::Rc;
use std::time::Duration;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use url::{Position, Url};

/// An address, path included, and the headers that go with every request to it.
#[derive(Clone)]
pub struct Endpoint {
    origin: Origin,
    path: String,
    headers: Vec<(HeaderName, Secret)>,
    /// What no text may show: headers, their last words (a token without `Bearer`), passwords.
    secrets: Vec<Secret>,
}

/// What is wrong with an address or a header.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EndpointError {
    /// The address cannot be used. It may hold a password, so it is not repeated where it might.
    #[error("{0}")]
    Address(String),
    /// A header cannot be sent.
    #[error("the header `{0}` holds what a header cannot hold")]
    Header(String),
}

impl Endpoint {
    /// Reads an address; `user:password@` becomes basic authentication.
    ///
    /// # Errors
    /// [`EndpointError::Address`].
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let wrong = |why: String| EndpointError::Address(why);
        let shown = if text.contains('@') { "the address" } else { text };
        let mut url = Url::parse(text).map_err(|error| {
            wrong(format!("{shown} is not an address ({error}); write for example http://127.0.0.1:9090/path"))
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong(format!("{shown} must begin with http:// or https:// and a host")));
        }
        let login = (!url.username().is_empty() || url.password().is_some()).then(|| {
            format!("{}:{}", percent_decode(url.username()), percent_decode(url.password().unwrap_or_default()))
        });
        let password = url.password().filter(|password| !password.is_empty());
        let secrets: Vec<Secret> = password
            .iter()
            .flat_map(|password| [Secret::new(*password), Secret::new(percent_decode(password))])
            .collect();
        let path = url[Position::BeforePath..Position::AfterQuery].to_owned();
        // Neither can fail: the address has a host.
        let _ = (url.set_username(""), url.set_password(None));
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        let origin = Origin::parse(url.as_str()).map_err(|error| wrong(error.to_string()))?;
        let mut endpoint = Self { origin, path, headers: Vec::new(), secrets };
        if let Some(login) = login {
            endpoint.add_header("authorization", Secret::new(format!("Basic {}", STANDARD.encode(login))))?;
        }
        Ok(endpoint)
    }

    /// The same host with this path after its own, unless it is there already.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        let own = self.path.trim_end_matches('/');
        if !own.ends_with(path) {
            self.path = format!("{own}{path}");
        }
        self
    }

    /// Sends a header with every request; one of the same name is replaced.
    ///
    /// # Errors
    /// [`EndpointError::Header`].
    pub fn add_header(&mut self, name: &str, value: Secret) -> Result<(), EndpointError> {
        let wrong = || EndpointError::Header(name.to_owned());
        let name: HeaderName = name.trim().to_ascii_lowercase().parse().map_err(|_| wrong())?;
        HeaderValue::from_str(value.expose()).map_err(|_| wrong())?;
        self.headers.retain(|(other, _)| *other != name);
        self.secrets.extend(value.expose().rsplit_once(' ').map(|(_, last)| Secret::new(last)));
        self.secrets.push(value.clone());
        self.headers.push((name, value));
        Ok(())
    }

    /// Whether credentials go with the requests.
    pub fn has_credentials(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == "authorization")
    }

    /// Its values that must not be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.iter()
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let agent = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));
        headers.insert("user-agent", HeaderValue::from_static(agent));
        // Checked when they were added.
        let own =
            self.headers.iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(value.expose()).ok()?)));
        own.for_each(|(name, value)| drop(headers.insert(name, value)));
        headers
    }
}

/// As it may be shown: without credentials and query.
impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.origin, self.path.split('?').next().unwrap_or_default())
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// A text without its percent-encoding.
pub fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Speaks to an endpoint over connections of its own, from a thread that may block.
pub(crate) struct Caller {
    endpoint: Endpoint,
    runtime: Runtime,
    local: LocalSet,
    client: Option<Client>,
}

/// What an endpoint answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Caller {
    pub(crate) fn new(endpoint: Endpoint) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { endpoint, runtime, local: LocalSet::new(), client: None })
    }

    /// A GET; a body longer than `limit` is an error.
    pub(crate) fn get(&mut self, accept: &'static str, within: Duration, limit: usize) -> Result<Answer, String> {
        let mut request = Request::get(self.endpoint.path.clone());
        request.headers.insert("accept", HeaderValue::from_static(accept));
        self.call(&request, within, limit)
    }

    /// A POST.
    pub(crate) fn post(
        &mut self,
        content_type: &'static str,
        extra: &[(&'static str, &'static str)],
        body: Vec<u8>,
        within: Duration,
    ) -> Result<Answer, String> {
        let mut request = Request::post(self.endpoint.path.clone(), HeaderValue::from_static(content_type), body);
        for (name, value) in extra {
            request.headers.insert(*name, HeaderValue::from_static(value));
        }
        self.call(&request, within, 64 << 10)
    }

    fn call(&mut self, request: &Request, within: Duration, limit: usize) -> Result<Answer, String> {
        let Self { endpoint, runtime, local, client } = self;
        let work = async {
            let mut ready = match client.take() {
                Some(ready) => ready,
                None => {
                    let connector = Connector::new(endpoint.origin.clone(), Clock::start()).await?;
                    Client::new(Rc::new(connector), endpoint.headers(), CookieJar::default())
                }
            };
            let (response, body) = ready.fetch(request.clone(), limit).await?;
            // After an error the next request begins anew, with the name looked up again.
            *client = Some(ready);
            Ok::<_, plimsoll_wire::WireError>(Answer { status: response.status, body: body.to_vec() })
        };
        match local.block_on(runtime, async { tokio::time::timeout(within, work).await }) {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", within.as_secs_f64().ceil())),
        }
    }
}

/// A status in words: a few bytes of the body say why.
pub(crate) fn refusal(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]).trim().replace(['\n', '\r'], " ");
    let printable: String = text.chars().filter(|char| !char.is_control()).collect();
    if printable.is_empty() {
        format!("HTTP {}", answer.status)
    } else {
        format!("HTTP {} ({printable})", answer.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_their_paths_and_hide_their_passwords() {
        let endpoint = Endpoint::parse("https://me:s%40cret@host/api/v1/write?x=1").unwrap();
        assert_eq!(endpoint.to_string(), "https://host/api/v1/write");
        assert_eq!(endpoint.path, "/api/v1/write?x=1");
        assert_eq!(endpoint.headers[0].1.expose(), format!("Basic {}", STANDARD.encode("me:s@cret")));
        assert!(!format!("{endpoint:?}").contains("cret"));
        for text in ["http://me:hunter2@", "ftp://me:hunter2@host", "me:hunter2@host"] {
            assert!(!Endpoint::parse(text).unwrap_err().to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_path_is_added_once() {
        let path = |text: &str| Endpoint::parse(text).unwrap().below("/v1/metrics").to_string();
        assert_eq!(path("http://host:4318"), "http://host:4318/v1/metrics");
        assert_eq!(path("http://host:4318/otlp/"), "http://host:4318/otlp/v1/metrics");
        assert_eq!(path("http://host:4318/v1/metrics"), "http://host:4318/v1/metrics");
    }

    #[test]
    fn headers_that_cannot_be_sent_are_refused_without_their_value() {
        let mut endpoint = Endpoint::parse("http://host").unwrap();
        let error = endpoint.add_header("x-token", Secret::new("hun\nter")).unwrap_err().to_string();
        assert!(error.contains("x-token") && !error.contains("hun"), "{error}");
    }
}
