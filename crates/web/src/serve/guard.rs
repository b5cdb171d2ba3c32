//! Who may do what: against pages of other sites that a browser has open (cross-site requests, names that were made to
//! point here), and against readers who were not asked in.

use http::header::{COOKIE, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, StatusCode};
use std::net::IpAddr;

/// Header with the token of an action.
pub(super) const TOKEN_HEADER: &str = "x-plimsoll-token";
/// Set by browsers: whose page asks.
const FETCH_SITE: &str = "sec-fetch-site";

/// Why a request is turned away.
pub(super) type Refusal = (StatusCode, &'static str);

/// The rules of one server.
pub(super) struct Guard {
    pub token: String,
    /// Whether others than programs of this machine may be connected, directly or by a proxy.
    pub exposed: bool,
    /// Bound to this machine alone.
    pub loopback: bool,
    /// Names, in small letters, by which the page is asked for beside the addresses.
    pub names: Vec<String>,
    /// Of the cookie; one for each port, since cookies know no ports.
    pub cookie: String,
}

impl Guard {
    /// Whether the request comes from a page of ours. Asked of every request.
    pub(super) fn origin(&self, headers: &HeaderMap, page: bool) -> Result<(), Refusal> {
        let Some(host) = one(headers, HOST.as_str()).and_then(|host| host.parse::<Authority>().ok()) else {
            return Err((StatusCode::FORBIDDEN, "the request names no host\n"));
        };
        if !self.known(&host) {
            // A name of somebody else that was made to point here: its pages must not read ours.
            return Err((StatusCode::FORBIDDEN, "the page is not served under this name; see --web-host\n"));
        }
        let foreign = (StatusCode::FORBIDDEN, "a page of another site may not ask this\n");
        if headers.contains_key(ORIGIN) {
            let origin = one(headers, ORIGIN.as_str()).and_then(|origin| {
                let (scheme, rest) = origin.split_once("://")?;
                matches!(scheme, "http" | "https").then(|| rest.parse::<Authority>().ok())?
            });
            let ours =
                |origin: &Authority| origin.as_str().eq_ignore_ascii_case(host.as_str()) || self.named(origin.host());
            if !origin.as_ref().is_some_and(ours) {
                return Err(foreign);
            }
        }
        // A link to the page may stand anywhere; its data are for the page alone.
        let site = one(headers, FETCH_SITE).unwrap_or("none");
        if page || matches!(site, "same-origin" | "none") { Ok(()) } else { Err(foreign) }
    }

    /// Whether the page and its data may be read.
    pub(super) fn may_read(&self, headers: &HeaderMap, query: Option<&str>) -> Result<(), Refusal> {
        if !self.exposed || self.has_cookie(headers) || self.in_query(query) || self.may_act(headers).is_ok() {
            return Ok(());
        }
        Err((
            StatusCode::FORBIDDEN,
            "this page needs the address that was printed when the run began, with its token\n",
        ))
    }

    /// Whether an action is allowed. Cookies do not count: a browser sends them by itself.
    pub(super) fn may_act(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match one(headers, TOKEN_HEADER) {
            Some(given) if same(given, &self.token) => Ok(()),
            _ => Err((StatusCode::FORBIDDEN, "the token is missing or wrong\n")),
        }
    }

    /// Whether the address has the token.
    pub(super) fn in_query(&self, query: Option<&str>) -> bool {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().any(|(name, value)| name == "token" && same(value, &self.token))
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| name == self.cookie && same(value, &self.token))
    }

    /// The port is not looked at: a tunnel has its own, and a name that is ours is ours on every port.
    fn known(&self, host: &Authority) -> bool {
        let bare = host.host().trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            // Nobody can make an address point elsewhere, only a name.
            Ok(ip) => ip.is_loopback() || !self.loopback,
            Err(_) => bare.eq_ignore_ascii_case("localhost") || self.named(bare),
        }
    }

    fn named(&self, host: &str) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// A header that is there exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Compares without telling by its time how much was right.
fn same(given: &str, token: &str) -> bool {
    let differing = given.bytes().zip(token.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
    given.len() == token.len() && std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn guard(loopback: bool, names: &[&str]) -> Guard {
        Guard {
            token: "0123456789abcdef".to_owned(),
            exposed: !loopback || !names.is_empty(),
            loopback,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            cookie: "plimsoll_8390".to_owned(),
        }
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn names_that_are_not_ours() {
        let (near, far, named) = (guard(true, &[]), guard(false, &["box"]), guard(true, &["lab.example"]));
        let ok = |guard: &Guard, host| guard.origin(&headers(&[("host", host)]), false).is_ok();
        for host in ["localhost:8390", "LOCALHOST:8391", "127.0.0.1:8390", "[::1]:8390", "127.0.0.1"] {
            assert!(ok(&near, host) && ok(&far, host), "{host}");
        }
        for host in ["evil.example:8390", "localhost.evil.example", "127.0.0.1.evil.example:8390", "", "a b"] {
            assert!(!ok(&near, host) && !ok(&far, host), "{host}");
        }
        assert!(!ok(&near, "10.0.0.7:8390") && ok(&far, "10.0.0.7:8390") && ok(&far, "Box:8390"));
        assert!(ok(&named, "lab.example") && !ok(&near, "lab.example"));
        assert!(near.origin(&headers(&[]), true).is_err(), "no host");
        assert!(near.origin(&headers(&[("host", "localhost"), ("host", "localhost")]), true).is_err(), "two hosts");
    }

    #[test]
    fn pages_of_other_sites() {
        let (near, proxied) = (guard(true, &[]), guard(true, &["hub.example"]));
        let ok = |guard: &Guard, origin| {
            guard.origin(&headers(&[("host", "localhost:8390"), ("origin", origin)]), false).is_ok()
        };
        assert!(ok(&near, "http://localhost:8390"));
        for origin in ["http://localhost:3000", "https://evil.example", "null", "", "file://", "http://127.0.0.1:8390"]
        {
            assert!(!ok(&near, origin), "{origin}");
        }
        assert!(ok(&proxied, "https://hub.example") && !ok(&near, "https://hub.example"));
        let site = |site, page| near.origin(&headers(&[("host", "localhost"), ("sec-fetch-site", site)]), page).is_ok();
        assert!(site("same-origin", false) && site("none", false) && site("cross-site", true));
        assert!(!site("cross-site", false) && !site("same-site", false));
    }

    #[test]
    fn tokens() {
        let (near, far) = (guard(true, &[]), guard(false, &[]));
        let token = headers(&[(TOKEN_HEADER, "0123456789abcdef")]);
        let cookie = headers(&[("cookie", "a=b; plimsoll_8390=0123456789abcdef")]);
        for (name, value) in [(TOKEN_HEADER, "0123456789abcdeF"), (TOKEN_HEADER, "0123456789abcde"), (TOKEN_HEADER, "")]
        {
            assert!(near.may_act(&headers(&[(name, value)])).is_err(), "{value}");
        }
        assert!(near.may_act(&token).is_ok() && near.may_act(&HeaderMap::new()).is_err());
        assert!(near.may_act(&cookie).is_err(), "a cookie is sent by itself");
        assert!(near.may_read(&HeaderMap::new(), None).is_ok());
        assert!(far.may_read(&HeaderMap::new(), None).is_err());
        assert!(far.may_read(&HeaderMap::new(), Some("token=0123456789abcdee")).is_err());
        assert!(far.may_read(&HeaderMap::new(), Some("a=1&token=0123456789abcdef")).is_ok());
        assert!(far.may_read(&cookie, None).is_ok() && far.may_read(&token, None).is_ok());
        assert!(far.may_read(&headers(&[("cookie", "plimsoll_8391=0123456789abcdef")]), None).is_err());
    }
}
