//! Requests, as they are said and as they go out.

use crate::{Origin, WireError};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

/// A request: the path is below the origin's base path.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path and query, starting with a slash.
    pub path: String,
    /// Body and its content type.
    pub body: Option<(Bytes, HeaderValue)>,
    /// Headers of this request alone.
    pub headers: HeaderMap,
}

impl Request {
    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None, headers: HeaderMap::new() }
    }

    /// A POST with a body of this type.
    pub fn post(path: impl Into<String>, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            body: Some((body.into(), content_type)),
            headers: HeaderMap::new(),
        }
    }

    /// A POST with a JSON body.
    pub fn post_json(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::post(path, HeaderValue::from_static("application/json"), body)
    }
}

/// A request as it goes out, to be sent any number of times without being put together again.
#[derive(Clone)]
pub struct Prepared {
    method: Method,
    /// The head with the empty line that ends it, and the body if it is small.
    head: Bytes,
    /// Where the empty line begins.
    head_end: usize,
    /// A body that is not small: written by itself.
    body: Bytes,
    body_length: u64,
}

impl Prepared {
    /// Bodies up to this size go out in one write with the head.
    const SMALL_BODY: usize = 16 << 10;

    /// The request to this origin, with these headers beside its own.
    pub fn new(origin: &Origin, headers: &HeaderMap, request: &Request) -> Result<Self, WireError> {
        let path = [origin.base_path(), &request.path];
        if path.iter().any(|part| part.bytes().any(|byte| byte <= b' ' || byte == 0x7F)) {
            return Err(WireError::protocol(format!("`{}` holds characters that a path cannot hold", path.concat())));
        }
        let body = request.body.as_ref().map(|(body, _)| body.clone());
        let small = body.as_ref().is_none_or(|body| body.len() <= Self::SMALL_BODY);
        let together = body.as_deref().filter(|_| small).unwrap_or_default();
        let mut head = Vec::with_capacity(512 + together.len());
        for part in [request.method.as_str(), " ", path[0], path[1], " HTTP/1.1\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
        let mut field = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        };
        if !headers.contains_key(header::HOST) && !request.headers.contains_key(header::HOST) {
            field("host", origin.authority().as_bytes());
        }
        let common = headers.iter().filter(|(name, _)| !request.headers.contains_key(*name));
        for (name, value) in common.chain(&request.headers) {
            field(name.as_str(), value.as_bytes());
        }
        match &request.body {
            Some((body, content_type)) => {
                if !request.headers.contains_key(header::CONTENT_TYPE) && !headers.contains_key(header::CONTENT_TYPE) {
                    field("content-type", content_type.as_bytes());
                }
                field("content-length", body.len().to_string().as_bytes());
            }
            // These mean to send something: a server may ask for the length of it (RFC 9110, section 8.6).
            None if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) => {
                field("content-length", b"0");
            }
            None => {}
        }
        let head_end = head.len();
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(together);
        Ok(Self {
            method: request.method.clone(),
            head: head.into(),
            head_end,
            body_length: body.as_ref().map_or(0, |body| body.len() as u64),
            body: body.filter(|_| !small).unwrap_or_default(),
        })
    }

    /// Method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The head, without the empty line that ends it.
    pub fn head(&self) -> &[u8] {
        &self.head[..self.head_end]
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        if self.body.is_empty() { &self.head[self.head_end + 2..] } else { &self.body }
    }

    /// Bytes of the body.
    pub fn body_length(&self) -> u64 {
        self.body_length
    }

    /// The first write, and the second if there is one.
    pub(crate) fn writes(&self) -> (&[u8], &[u8]) {
        (&self.head, &self.body)
    }

    /// This one with one more header.
    pub(crate) fn with_field(&self, name: &str, value: &[u8]) -> Self {
        let mut head = Vec::with_capacity(self.head.len() + name.len() + value.len() + 4);
        for part in [self.head(), name.as_bytes(), b": ", value, b"\r\n", &self.head[self.head_end..]] {
            head.extend_from_slice(part);
        }
        let added = head.len() - self.head.len();
        Self { head: head.into(), head_end: self.head_end + added, ..self.clone() }
    }
}

/// Neither headers nor path: they may hold secrets.
impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("method", &self.method)
            .field("body", &self.body_length)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(request: &Request) -> Prepared {
        let mut common = HeaderMap::new();
        common.insert("x-a", HeaderValue::from_static("common"));
        common.insert("x-b", HeaderValue::from_static("common"));
        Prepared::new(&Origin::parse("http://h:1/base").unwrap(), &common, request).unwrap()
    }

    #[test]
    fn heads_and_bodies() {
        let mut request = Request::post_json("/x?y", r#"{"a":1}"#);
        request.headers.insert("x-a", HeaderValue::from_static("own"));
        let small = prepared(&request);
        let head = "POST /base/x?y HTTP/1.1\r\nhost: h:1\r\nx-b: common\r\nx-a: own\r\n\
                    content-type: application/json\r\ncontent-length: 7\r\n";
        assert_eq!((small.head(), small.body()), (head.as_bytes(), &br#"{"a":1}"#[..]));
        assert_eq!(small.writes(), (format!("{head}\r\n{{\"a\":1}}").as_bytes(), &b""[..]));
        let more = small.with_field("cookie", b"c=1");
        assert_eq!(more.writes().0, format!("{head}cookie: c=1\r\n\r\n{{\"a\":1}}").as_bytes());
        assert_eq!((more.head().len(), more.body()), (head.len() + 13, small.body()));

        let large = prepared(&Request::post_json("/", vec![b' '; 20_000]));
        assert_eq!((large.body().len(), large.writes().1.len(), large.body_length()), (20_000, 20_000, 20_000));
        assert!(large.writes().0.ends_with(b"content-length: 20000\r\n\r\n"));

        let nothing = prepared(&Request { method: Method::POST, ..Request::get("/") });
        assert!(nothing.head().ends_with(b"content-length: 0\r\n"));
        assert!(!String::from_utf8_lossy(prepared(&Request::get("/")).head()).contains("content-length"));
        assert!(!format!("{more:?}").contains("c=1"));
    }

    #[test]
    fn paths_cannot_end_the_line() {
        let origin = Origin::parse("http://h").unwrap();
        for path in ["/a b", "/a\r\nx: y", "/\u{7f}"] {
            assert!(Prepared::new(&origin, &HeaderMap::new(), &Request::get(path)).is_err(), "{path:?}");
        }
    }
}
