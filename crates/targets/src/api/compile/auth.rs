//! Headers of every request, and how requests prove who they are.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use plimsoll_model::Secret;
use plimsoll_model::scenario::{ApiTarget, AuthSpec, Problem};
use plimsoll_wire::{HeaderMap, HeaderName, HeaderValue};

pub(super) fn common_headers(target: &ApiTarget) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", const { HeaderValue::from_static(concat!("plimsoll/", env!("CARGO_PKG_VERSION"))) });
    for (name, value) in &target.headers {
        let at = format!("target.headers.{name}");
        let value = HeaderValue::from_str(value)
            .map_err(|_| Problem::new(&at, "the value holds characters that a header cannot hold"))?;
        headers.insert(header_name(&at, name)?, value);
    }
    Ok(headers)
}

pub(super) fn header_name(at: &str, name: &str) -> Result<HeaderName, Problem> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Problem::new(at, format!("`{name}` cannot be the name of a header")))?;
    if matches!(parsed.as_str(), "content-length" | "transfer-encoding") {
        return Err(Problem::new(at, format!("`{name}` follows from the body and cannot be given")));
    }
    Ok(parsed)
}

/// How requests prove who they are.
#[derive(Default)]
pub(super) struct Auth {
    pub header: Option<(HeaderName, HeaderValue)>,
    pub query: Option<String>,
    pub secrets: Vec<Secret>,
}

pub(super) fn auth_of(auth: &AuthSpec, environment: &impl Fn(&str) -> Option<String>) -> Result<Auth, Problem> {
    const WAYS: &str = "give exactly one of `bearer_env`, `header` and `query`";
    let read = |at: &str, variable: &str| {
        let value = environment(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        value.ok_or_else(|| Problem::new(at, format!("the environment variable {variable} is not set")))
    };
    let header = |at: &str, name: HeaderName, value: &str| {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Problem::new(at, "the environment variable's value holds what no header can hold"))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    match (&auth.bearer_env, &auth.header, &auth.query) {
        (Some(variable), None, None) => {
            if auth.value_env.is_some() {
                return Err(Problem::new(
                    "target.auth.value_env",
                    "it belongs to `header` and `query`, not to `bearer_env`",
                ));
            }
            let at = "target.auth.bearer_env";
            let token = read(at, variable)?;
            let header = header(at, HeaderName::from_static("authorization"), &format!("Bearer {token}"))?;
            Ok(Auth { header: Some(header), query: None, secrets: vec![Secret::new(token)] })
        }
        (None, named, query) if named.is_some() != query.is_some() => {
            let at = "target.auth.value_env";
            let Some(variable) = &auth.value_env else {
                return Err(Problem::new(at, "name the environment variable that holds the value"));
            };
            let value = read(at, variable)?;
            let mut secrets = vec![Secret::new(&value)];
            if let Some(name) = named {
                let header = header(at, header_name("target.auth.header", name)?, &value)?;
                return Ok(Auth { header: Some(header), query: None, secrets });
            }
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let encoded = encode(&value);
            let query = query.as_deref().map(|name| format!("{}={encoded}", encode(name)));
            if encoded != value {
                secrets.push(Secret::new(encoded));
            }
            Ok(Auth { header: None, query, secrets })
        }
        _ => Err(Problem::new("target.auth", WAYS)),
    }
}
