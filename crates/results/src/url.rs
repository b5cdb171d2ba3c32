//! Addresses without the credentials in them.

use serde::Serializer;

/// The address without `user:password@`. Anything else, a file path for example, comes back as it was.
pub fn without_credentials(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(start);
    // The authority ends at the first of these (RFC 3986, section 3.2); an `@` after it belongs to the path. Clients
    // take a backslash for a slash.
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) if start > 0 || rest[..at].contains(':') => format!("{scheme}{}", &rest[at + 1..]),
        _ => url.to_owned(),
    }
}

/// For fields that hold an address.
pub(crate) fn serialize<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_credentials(url))
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn credentials_go_and_the_rest_stays() {
        for (url, expected) in [
            ("http://u:p@host:7860/app", "http://host:7860/app"),
            ("https://u@host", "https://host"),
            ("https://u:p@ss@host/a@b?c=d@e", "https://host/a@b?c=d@e"),
            ("https://host/@user:x@y/", "https://host/@user:x@y/"),
            ("u:p@host:7860", "host:7860"),
            ("apps/chat@2.py", "apps/chat@2.py"),
            ("me@home.py", "me@home.py"),
            ("http://[::1]:7860/", "http://[::1]:7860/"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
    }
}
