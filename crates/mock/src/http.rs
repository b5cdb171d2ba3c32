//! HTTP/1.1 requests, read from bytes as they arrive.

/// A head longer than this is refused.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
/// More header lines than any client sends.
const MAX_HEADERS: usize = 100;

/// Where the body of a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    Fixed(usize),
    Chunked,
}

/// The head of a request: what the server wants to know of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    pub body: BodyLength,
    /// HTTP/1.1; an older client cannot read chunks.
    pub modern: bool,
    pub keep_alive: bool,
    pub expects_continue: bool,
    pub token: Option<&'a str>,
    pub request_id: Option<&'a str>,
    pub content_type: Option<&'a str>,
    /// `X-Scale-Up-Timeout`, in seconds.
    pub scale_up_timeout: Option<u64>,
    /// `X-Wait-For-Model: true`, as the legacy API had it.
    pub wait_for_model: bool,
    /// Bytes of the head.
    pub length: usize,
}

/// A request that breaks the protocol: the status to refuse it with, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(pub u16, pub &'static str);

/// Reads a head from the start of `bytes`; `None` while it is incomplete.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head<'_>>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD => return Ok(None),
        Ok(_) => return Err(Refusal(431, "the request head is too long")),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal(431, "too many headers")),
        Err(_) => return Err(Refusal(400, "not an HTTP/1.1 request")),
    };
    let modern = request.version == Some(1);
    let target = request.path.unwrap_or("/");
    let target = absolute_form(target);
    let mut head = Head {
        method: request.method.unwrap_or(""),
        path: target.split(['?', '#']).next().unwrap_or("/"),
        body: BodyLength::Fixed(0),
        modern,
        keep_alive: modern,
        expects_continue: false,
        token: None,
        request_id: None,
        content_type: None,
        scale_up_timeout: None,
        wait_for_model: false,
        length,
    };
    let mut content_length = None;
    for header in request.headers.iter() {
        let Ok(value) = std::str::from_utf8(header.value) else { continue };
        let value = value.trim();
        let name = header.name;
        // By length first: most headers are none of ours, and comparing without case costs.
        match name.len() {
            6 if name.eq_ignore_ascii_case("expect") => {
                head.expects_continue = value.eq_ignore_ascii_case("100-continue");
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                for word in value.split(',').map(str::trim) {
                    if word.eq_ignore_ascii_case("close") {
                        head.keep_alive = false;
                    } else if word.eq_ignore_ascii_case("keep-alive") {
                        head.keep_alive = true;
                    }
                }
            }
            12 if name.eq_ignore_ascii_case("content-type") => head.content_type = Some(value),
            12 if name.eq_ignore_ascii_case("x-request-id") => head.request_id = Some(value),
            13 if name.eq_ignore_ascii_case("authorization") => {
                head.token = Some(match value.split_once(' ') {
                    Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
                    _ => value,
                });
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                let length = match value.bytes().all(|byte| byte.is_ascii_digit()) {
                    true => value.parse::<usize>().map_err(|_| Refusal(400, "bad Content-Length"))?,
                    false => return Err(Refusal(400, "bad Content-Length")),
                };
                if content_length.is_some_and(|other| other != length) {
                    return Err(Refusal(400, "two different Content-Lengths"));
                }
                content_length = Some(length);
            }
            16 if name.eq_ignore_ascii_case("x-wait-for-model") => {
                head.wait_for_model = matches!(value, "true" | "1");
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if !value.eq_ignore_ascii_case("chunked") {
                    return Err(Refusal(501, "only the chunked transfer encoding is known here"));
                }
                head.body = BodyLength::Chunked;
            }
            18 if name.eq_ignore_ascii_case("x-scale-up-timeout") => head.scale_up_timeout = value.parse().ok(),
            _ => {}
        }
    }
    match (head.body, content_length) {
        // Who sends both may be smuggling a second request; nobody honest does.
        (BodyLength::Chunked, Some(_)) => return Err(Refusal(400, "Content-Length with Transfer-Encoding")),
        (_, Some(length)) => head.body = BodyLength::Fixed(length),
        _ => {}
    }
    Ok(Some(head))
}

/// The path of `http://host/path`, which proxies' clients send.
fn absolute_form(target: &str) -> &str {
    match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) && !scheme.is_empty() => {
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        _ => target,
    }
}

/// Takes a chunked body apart as it arrives, without looking at a byte twice.
#[derive(Debug, Default)]
pub(crate) struct Dechunker {
    /// The body so far.
    pub body: Vec<u8>,
    /// Bytes of the raw input that are done with.
    pub consumed: usize,
    left_in_chunk: usize,
    in_chunk: bool,
    in_trailer: bool,
}

impl Dechunker {
    /// Reads on in `raw`, which starts where the body does and has grown since. True when the body is complete.
    pub(crate) fn feed(&mut self, raw: &[u8], max_body: usize) -> Result<bool, Refusal> {
        const BAD: Refusal = Refusal(400, "bad chunk");
        loop {
            let rest = raw.get(self.consumed..).unwrap_or_default();
            if self.in_chunk {
                if self.left_in_chunk > 0 {
                    let take = self.left_in_chunk.min(rest.len());
                    self.body.extend_from_slice(&rest[..take]);
                    self.consumed += take;
                    self.left_in_chunk -= take;
                    if self.left_in_chunk > 0 {
                        return Ok(false);
                    }
                    continue;
                }
                match rest {
                    [b'\r', b'\n', ..] => self.consumed += 2,
                    [] | [b'\r'] => return Ok(false),
                    _ => return Err(BAD),
                }
                self.in_chunk = false;
                continue;
            }
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                return if rest.len() > 4_096 { Err(BAD) } else { Ok(false) };
            };
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            self.consumed += end + 1;
            if self.in_trailer {
                if line.is_empty() {
                    return Ok(true);
                }
                continue;
            }
            let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            let size = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
            let size = size.and_then(|text| usize::from_str_radix(text, 16).ok()).ok_or(BAD)?;
            if size > max_body || self.body.len() + size > max_body {
                return Err(Refusal(413, "the request body is too long"));
            }
            if size == 0 {
                self.in_trailer = true;
            } else {
                self.in_chunk = true;
                self.left_in_chunk = size;
            }
        }
    }
}

/// The words that go with a status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        422 => "Unprocessable Entity",
        424 => "Failed Dependency",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let text = b"POST http://x/models/a/b?x=1 HTTP/1.1\r\nContent-Length: 12\r\nauthorization: Bearer hf_x\r\n\
            X-Request-Id: r1\r\nConnection: close\r\nX-Scale-Up-Timeout: 600\r\nExpect: 100-continue\r\n\r\nrest";
        let head = parse_head(text).unwrap().unwrap();
        assert_eq!((head.method, head.path), ("POST", "/models/a/b"));
        assert_eq!(head.body, BodyLength::Fixed(12));
        assert_eq!((head.token, head.request_id), (Some("hf_x"), Some("r1")));
        assert!(!head.keep_alive && head.modern && head.expects_continue);
        assert_eq!((head.scale_up_timeout, head.length), (Some(600), text.len() - 4));
        for cut in 0..text.len() - 4 {
            assert!(parse_head(&text[..cut]).unwrap().is_none(), "{cut}");
        }
        let old = parse_head(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap().unwrap();
        assert!(!old.modern && old.keep_alive);
    }

    #[test]
    fn bad_heads() {
        let status = |text: &str| parse_head(text.as_bytes()).map(|_| ()).unwrap_err().0;
        assert_eq!(status("GET\r\n\r\n"), 400);
        assert_eq!(status("\u{1}\u{2}\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"), 501);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200))), 431);
        assert_eq!(status(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(MAX_HEAD))), 431);
    }

    #[test]
    fn chunks_byte_by_byte() {
        let raw = b"4;ext=1\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: x\r\n\r\nGET";
        let mut dechunker = Dechunker::default();
        let mut done = 0;
        for end in 0..=raw.len() {
            if dechunker.feed(&raw[..end], 100).unwrap() {
                done = end;
                break;
            }
        }
        assert_eq!(
            (dechunker.body.as_slice(), dechunker.consumed, done),
            (&b"Wikipedia"[..], raw.len() - 3, raw.len() - 3)
        );
        let bad = |raw: &[u8]| Dechunker::default().feed(raw, 100).unwrap_err().0;
        assert_eq!(bad(b"zz\r\n"), 400);
        assert_eq!(bad(b"2\r\nabc"), 400);
        assert_eq!(bad(b"FF\r\n"), 413);
        assert_eq!(bad(b"ffffffffffffffff\r\n"), 413);
        assert_eq!(bad(b"-1\r\n"), 400);
    }
}
