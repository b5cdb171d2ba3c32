//! A `multipart/form-data` body with one file, built once and sent often.

use bytes::Bytes;
use http::HeaderValue;

/// One file as a form upload (RFC 7578). Cloning shares the bytes.
#[derive(Debug, Clone)]
pub struct Multipart {
    /// The body.
    pub body: Bytes,
    /// Its `Content-Type`, with the boundary.
    pub content_type: HeaderValue,
    /// Size of the file itself, in bytes.
    pub file_size: u64,
}

impl Multipart {
    /// A form whose field `field` holds a file of this name and content.
    pub fn file(field: &str, file_name: &str, content: &[u8]) -> Self {
        let boundary = boundary_for(content);
        // In quoted parameters, quotes and line breaks are percent-encoded (HTML, "multipart form data").
        let name = file_name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let body = [head.as_bytes(), content, tail.as_bytes()].concat();
        let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
            .unwrap_or_else(|_| HeaderValue::from_static("multipart/form-data"));
        Self { body: body.into(), content_type, file_size: content.len() as u64 }
    }
}

/// A boundary that does not occur in the content.
fn boundary_for(content: &[u8]) -> String {
    (0u64..)
        .map(|n| format!("plimsoll-form-{n}"))
        .find(|boundary| memchr::memmem::find(content, boundary.as_bytes()).is_none())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_never_occurs_in_the_file() {
        let form = Multipart::file("files", "a\"b.txt", b"x\r\n--plimsoll-form-0--\r\ny");
        assert_eq!(form.content_type, "multipart/form-data; boundary=plimsoll-form-1");
        let body = String::from_utf8(form.body.to_vec()).unwrap();
        assert!(body.starts_with("--plimsoll-form-1\r\n") && body.ends_with("\r\n--plimsoll-form-1--\r\n"), "{body}");
        assert!(body.contains("filename=\"a%22b.txt\""), "{body}");
    }
}
