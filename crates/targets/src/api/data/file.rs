//! Rows from a file.

use super::{MOST_BYTES, conversation, too_large};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// How a file is read, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    JsonLines,
    Csv,
    Text,
}

impl Format {
    fn of(path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "json" => Self::Json,
            "jsonl" | "ndjson" => Self::JsonLines,
            "csv" => Self::Csv,
            _ => Self::Text,
        }
    }
}

/// Reads a file's rows; the message names the file, and the line where there is one.
pub(super) fn read(path: &Path) -> Result<Vec<Value>, String> {
    let name = path.display();
    let fail = |error| format!("cannot read {name}: {error}");
    let about = fs::metadata(path).map_err(fail)?;
    if about.is_dir() {
        return Err(format!("{name} is a folder; name it with `folder`"));
    }
    if about.len() > MOST_BYTES {
        return Err(too_large(&name.to_string()));
    }
    parse(Format::of(path), &fs::read(path).map_err(fail)?).map_err(|what| format!("{name} {what}"))
}

/// The text of a file that has one.
pub(in crate::api) fn text_of(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        format!("is not UTF-8 text (line {})", before.iter().filter(|&&byte| byte == b'\n').count() + 1)
    })?;
    // Windows programs put a mark before the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}

/// Reads the rows of a file's bytes.
pub(super) fn parse(format: Format, bytes: &[u8]) -> Result<Vec<Value>, String> {
    let text = text_of(bytes)?;
    let rows = match format {
        Format::Json => json(text)?,
        Format::JsonLines => json_lines(text)?,
        Format::Csv => return csv(text),
        Format::Text => return Ok(lines(text).map(|(_, line)| line.into()).collect()),
    };
    if rows.is_empty() {
        return Err("has no rows".to_owned());
    }
    let rows: Vec<Value> = rows.into_iter().filter_map(conversation::row).collect();
    if rows.is_empty() { Err("has no conversation in which a human speaks".to_owned()) } else { Ok(rows) }
}

/// The lines that hold something, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim().is_empty())
}

fn json(text: &str) -> Result<Vec<Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Array(rows)) => Ok(rows),
        Ok(_) => Err("is not a list; a .json file holds one list of rows".to_owned()),
        // Lines of JSON under the wrong name are a common mistake.
        Err(_) if lines(text).count() > 1 && json_lines(text).is_ok() => {
            Err("holds a JSON value on each line; call it .jsonl".to_owned())
        }
        Err(error) => Err(format!("is not valid JSON: {error}")),
    }
}

fn json_lines(text: &str) -> Result<Vec<Value>, String> {
    let row = |(number, line)| serde_json::from_str(line).map_err(|error| line_error(number, &error));
    lines(text).map(row).collect()
}

/// serde_json counts lines itself; here each line is one.
fn line_error(number: usize, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    format!("has a line {number} that is not valid JSON: {what} at column {}", error.column())
}

fn csv(text: &str) -> Result<Vec<Value>, String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| csv_error(&error))?.clone();
    for (index, name) in header.iter().enumerate() {
        if name.trim().is_empty() {
            return Err(format!("has no name for column {} in its first line", index + 1));
        }
        if header.iter().take(index).any(|other| other == name) {
            return Err(format!("has two columns `{name}`"));
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| csv_error(&error))?;
        let cells = header.iter().zip(&record).map(|(name, cell)| (name.trim().to_owned(), Value::from(cell)));
        rows.push(Value::Object(cells.collect::<Map<_, _>>()));
    }
    if rows.is_empty() { Err("has a header and no rows".to_owned()) } else { Ok(rows) }
}

fn csv_error(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("has {len} cells in line {line}, and {expected_len} in its header")
        }
        _ => format!("is not valid CSV: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn rows(format: Format, text: &str) -> Vec<Value> {
        parse(format, text.as_bytes()).unwrap()
    }

    #[test]
    fn formats_are_read() {
        let two = vec![json!({"a": 1}), json!("b")];
        assert_eq!(rows(Format::Json, "\u{feff}[{\"a\": 1}, \"b\"]"), two);
        assert_eq!(rows(Format::JsonLines, "{\"a\": 1}\r\n\n\"b\""), two);
        assert_eq!(rows(Format::Text, "one\r\n\n  two \n"), [json!("one"), json!("  two ")]);
        assert_eq!(
            rows(Format::Csv, "text,label\r\n\"a, \"\"b\"\"\",007\r\n\"two\nlines\",\r\n"),
            [json!({"text": "a, \"b\"", "label": "007"}), json!({"text": "two\nlines", "label": ""})]
        );
        assert_eq!(
            rows(Format::Json, r#"[{"conversations":[{"from":"human","value":"Hi"}]},{"conversations":[]}]"#),
            [json!({"turns": ["Hi"]})]
        );
    }

    #[test]
    fn the_end_of_the_name_says_the_format() {
        for (name, format) in [
            ("a.JSON", Format::Json),
            ("a.jsonl", Format::JsonLines),
            ("a.csv", Format::Csv),
            ("a.txt", Format::Text),
            ("a", Format::Text),
        ] {
            assert_eq!(Format::of(Path::new(name)), format);
        }
    }

    #[test]
    fn broken_files_are_told() {
        for (format, text, what) in [
            (Format::Text, " \n", "is empty"),
            (Format::Json, "[]", "has no rows"),
            (Format::Json, "{\"a\": 1}", "is not a list"),
            (Format::Json, "{\"a\": 1}\n{\"a\": 2}\n", "call it .jsonl"),
            (Format::Json, "[1,\n2", "is not valid JSON: EOF while parsing a list at line 2"),
            (Format::Json, r#"[{"conversations":[]}]"#, "in which a human speaks"),
            (Format::JsonLines, "1\n\n{\"a\": }\n", "has a line 3 that is not valid JSON: expected value at column 7"),
            (Format::Csv, "a,b\n1,2\n3\n", "has 1 cells in line 3, and 2 in its header"),
            (Format::Csv, "a,b\n", "no rows"),
            (Format::Csv, "a,a\n1,2\n", "two columns `a`"),
            (Format::Csv, "a,\n1,2\n", "no name for column 2"),
        ] {
            let error = parse(format, text.as_bytes()).unwrap_err();
            assert!(error.contains(what), "{text:?}: {error}");
        }
        assert_eq!(parse(Format::Text, b"a\nb\xff").unwrap_err(), "is not UTF-8 text (line 2)");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "[\\[\\]{}\",:a1\n]{0,60}") {
            for format in [Format::Json, Format::JsonLines, Format::Csv, Format::Text] {
                let _ = parse(format, &bytes);
                let _ = parse(format, text.as_bytes());
            }
        }
    }
}
