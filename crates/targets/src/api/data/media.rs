//! Rows that are files: pictures, sounds, films.

use super::{Binary, Row};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use serde_json::json;
use std::sync::{Arc, OnceLock};

/// A file as templates see it. Its base64 text is made when one first asks: it is larger than the file, and most
/// requests send the bytes themselves.
#[derive(Debug)]
struct Media {
    name: Value,
    mime: Value,
    bytes: Bytes,
    base64: OnceLock<Value>,
    data_url: OnceLock<Value>,
}

impl Media {
    fn base64(&self) -> &Value {
        self.base64.get_or_init(|| Arc::<str>::from(STANDARD.encode(&self.bytes)).into())
    }

    fn data_url(&self) -> &Value {
        self.data_url.get_or_init(|| {
            let mut url = format!("data:{};base64,", self.mime);
            STANDARD.encode_string(&self.bytes, &mut url);
            Arc::<str>::from(url).into()
        })
    }
}

impl Object for Media {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "name" => self.name.clone(),
            "mime" => self.mime.clone(),
            "size" => Value::from(self.bytes.len()),
            "base64" => self.base64().clone(),
            "data_url" => self.data_url().clone(),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["name", "mime", "size", "base64", "data_url"])
    }
}

/// The row of a file.
pub(super) fn row(name: &str, mime: &str, bytes: Bytes) -> Row {
    let media = Media {
        name: name.into(),
        mime: mime.into(),
        bytes: bytes.clone(),
        base64: OnceLock::new(),
        data_url: OnceLock::new(),
    };
    Row {
        value: Value::from_object(media),
        json: json!({"name": name, "mime": mime, "size": bytes.len()}),
        binary: Some(Binary { mime: mime.to_owned(), bytes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::Environment;

    #[test]
    fn templates_see_a_file() {
        let row = row("a.png", "image/png", Bytes::from_static(b"\x89PNG"));
        let render = |template| {
            Environment::new().render_str(template, minijinja::context! { it => row.value.clone() }).unwrap()
        };
        assert_eq!(render("{{ it.name }} {{ it.mime }} {{ it.size }}"), "a.png image/png 4");
        assert_eq!(render("{{ it.base64 }}"), "iVBORw==");
        assert_eq!(render("{{ it.data_url }}"), "data:image/png;base64,iVBORw==");
        assert_eq!(render("{{ it.other is defined }}"), "False");
    }
}
