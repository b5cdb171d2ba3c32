//! What the rows of a file of inputs are.

use super::*;

/// What a row of a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A text, or what is sent whole.
    Whole,
    /// An object, of which this member is meant.
    Member(String),
}

impl Row {
    pub(super) fn template(&self, source: &str) -> String {
        match self {
            Self::Whole => format!("{{{{ {source} }}}}"),
            Self::Member(name) => format!("{{{{ {source}.{name} }}}}"),
        }
    }
}

/// What the rows of a file are, by its first one. `names` are the members that can be meant, the likeliest first.
pub(super) fn row_of(path: &Path, names: &[&str]) -> Result<Row, CliError> {
    let wrong = |what: String| CliError::usage(format!("{}: {what}", path.display()));
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if !matches!(extension.as_str(), "json" | "jsonl" | "ndjson" | "csv") {
        return Ok(Row::Whole);
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let mut keys: Vec<String> = match extension.as_str() {
        "csv" => text
            .lines()
            .next()
            .unwrap_or_default()
            .split(',')
            .map(|key| key.trim_matches(['"', ' ']).to_owned())
            .collect(),
        _ => {
            // Both forms begin with the first row, apart from the list's bracket.
            let first = text.strip_prefix('[').filter(|_| extension == "json").unwrap_or(text);
            match serde_json::Deserializer::from_str(first).into_iter::<Value>().next() {
                Some(Ok(Value::Object(row))) => row.into_iter().map(|(key, _)| key).collect(),
                Some(Ok(_)) => return Ok(Row::Whole),
                // What is wrong with the file is said when it is read.
                Some(Err(_)) | None => return Ok(Row::Whole),
            }
        }
    };
    // These become `turns` when the file is read.
    if keys.iter().any(|key| matches!(key.as_str(), "conversations" | "messages")) {
        keys.push("turns".to_owned());
    }
    match names.iter().find(|name| keys.iter().any(|key| key == *name)) {
        Some(name) => Ok(Row::Member((*name).to_owned())),
        None => Err(wrong(format!(
            "its rows have {}, and none of {}; write a scenario file to say which is meant",
            keys.join(", "),
            names.join(", ")
        ))),
    }
}
