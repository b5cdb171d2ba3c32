//! Which names stand for values that must not be written into a file.

/// Whether a header or query parameter of this name usually carries a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.trim().to_lowercase().replace(['-', '_'], "");
    matches!(name.as_str(), "authorization" | "proxyauthorization" | "cookie" | "key" | "sig" | "signature")
        || ["token", "secret", "apikey", "password", "accesskey", "authkey"].iter().any(|end| name.ends_with(end))
}

/// Whether this can be the name of an environment variable. A token of Hugging Face could be one by its letters, but
/// is what somebody gives who mistakes the one for the other.
pub fn is_variable_name(name: &str) -> bool {
    let is_token = name.len() > 20 && name.starts_with("hf_");
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well && !is_token && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{is_secret_name, is_variable_name};

    #[test]
    fn variables() {
        assert!(is_variable_name("HF_TOKEN") && is_variable_name("_x1"));
        for name in ["", "sk-abc", "hf_abcdefghijklmnopqrstuvwxyz", "$HF_TOKEN", "1A", "Bearer x"] {
            assert!(!is_variable_name(name), "{name}");
        }
    }

    #[test]
    fn names() {
        for name in ["Authorization", "X-API-Key", "api_key", "access_token", "Cookie", "x-goog-api-key", "key"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["Content-Type", "X-HF-Bill-To", "accept", "max_tokens", "monkey", "x-request-id"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
