//! The cookies of one virtual user at one origin.

use cookie::Cookie;
use http::{HeaderMap, HeaderValue, header};

/// A browser's cookie jar, reduced to one origin. Paths are ignored: everything we ask for lies below one app.
#[derive(Debug, Clone, Default)]
pub struct CookieJar {
    cookies: Vec<(String, String)>,
}

impl CookieJar {
    /// Sets or replaces a cookie.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        self.remove(&name);
        self.cookies.push((name, value));
    }

    /// Takes what a response sets. A `Secure` cookie is kept only over TLS, as browsers do; one that is already
    /// over is removed.
    pub fn absorb(&mut self, headers: &HeaderMap, https: bool) {
        for value in headers.get_all(header::SET_COOKIE) {
            let Some(cookie) = value.to_str().ok().and_then(|text| Cookie::parse(text).ok()) else { continue };
            let over = cookie.max_age().is_some_and(|age| age.whole_seconds() <= 0) || cookie.value().is_empty();
            if over {
                self.remove(cookie.name());
            } else if https || cookie.secure() != Some(true) {
                self.set(cookie.name(), cookie.value());
            }
        }
    }

    /// The `Cookie` header, if there is anything to send.
    pub fn header(&self) -> Option<HeaderValue> {
        if self.cookies.is_empty() {
            return None;
        }
        let text = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The values, for those who must hide them.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().map(|(_, value)| value.as_str())
    }

    fn remove(&mut self, name: &str) {
        self.cookies.retain(|(known, _)| known != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_a_browser_would() {
        let mut jar = CookieJar::default();
        let mut headers = HeaderMap::new();
        for value in ["a=1; Path=/", "secure=2; Secure; SameSite=None", "gone=3"] {
            headers.append(header::SET_COOKIE, HeaderValue::from_static(value));
        }
        jar.absorb(&headers, false);
        let mut later = HeaderMap::new();
        later.append(header::SET_COOKIE, HeaderValue::from_static("gone=; Max-Age=0"));
        later.append(header::SET_COOKIE, HeaderValue::from_static("a=9"));
        jar.absorb(&later, false);
        assert_eq!(jar.header().unwrap(), "a=9");
        jar.absorb(&headers, true);
        assert_eq!(jar.header().unwrap(), "a=1; secure=2; gone=3");
    }
}
