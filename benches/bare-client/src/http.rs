//! As much of HTTP/1.1 as a Gradio app's queue answers with.

use memchr::memmem;

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Where the body begins.
    pub(crate) body_at: usize,
    pub(crate) body: BodyKind,
}

/// How the end of the body is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Length(usize),
    Chunked,
}

/// Reads the head at the start of `bytes`: `Ok(None)` while it is not all there.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| "the head is not text".to_owned())?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| "not an HTTP/1.1 answer".to_owned())?;
    let mut body = None;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.parse().map_err(|_| format!("content-length is {value:?}"))?;
            body = Some(BodyKind::Length(length));
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            body = Some(BodyKind::Chunked);
        }
    }
    let body = body.ok_or_else(|| "the answer tells no length".to_owned())?;
    Ok(Some(Head { status, body_at: end + 4, body }))
}

/// Whether the message that begins with the marker at `at` says that the call succeeded.
pub(crate) fn message_says_success(bytes: &[u8], at: usize) -> bool {
    let rest = &bytes[at..];
    let message = &rest[..memmem::find(rest, b"\n\n").unwrap_or(rest.len())];
    // A quote inside a JSON string is escaped, so neither can be part of the echoed text.
    [&b"\"success\":true"[..], b"\"success\": true"].iter().any(|key| memmem::find(message, key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_with_length() {
        let bytes = b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\nContent-Length: 47\r\n\r\n{";
        let head = parse_head(bytes).unwrap().unwrap();
        assert_eq!(head, Head { status: 200, body_at: bytes.len() - 1, body: BodyKind::Length(47) });
    }

    #[test]
    fn head_of_a_stream() {
        let head = parse_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n").unwrap().unwrap();
        assert_eq!(head.body, BodyKind::Chunked);
    }

    #[test]
    fn head_in_parts_and_no_head() {
        assert_eq!(parse_head(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n").unwrap(), None);
        assert!(parse_head(b"SSH-2.0\r\n\r\n").is_err());
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
    }

    #[test]
    fn success_is_read_from_its_own_message_only() {
        let failed = b"\"process_completed\",\"success\":false}\n\n\r\n\"success\":true";
        assert!(!message_says_success(failed, 0));
        assert!(message_says_success(b"xx\"process_completed\", \"success\": true}\n\n", 2));
    }
}
