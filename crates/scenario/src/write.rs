//! From a [`Scenario`] to a readable file.
//!
//! Written by hand: a general serializer makes a table of every small object, and TOML has no null and no integers
//! above 2^63, which JSON bodies may hold.

use plimsoll_model::scenario::Scenario;
use serde_json::{Map, Number, Value};

/// An inline table or list wider than this becomes a table or a list over several lines.
const WIDEST: usize = 90;

/// Keys whose values are the user's JSON: there, 1.0 is not 1.
const JSON_KEYS: [&str; 11] =
    ["inputs", "parameters", "options", "messages", "turns", "images", "audio", "max_tokens", "json", "equals", "list"];

/// A scenario as TOML, such that reading it gives the same scenario. A null in a JSON value becomes the template
/// `{{ none }}`, and an integer that TOML does not have a template as well: both render to the value.
pub fn to_toml(scenario: &Scenario) -> String {
    // Plain data with text keys: it always can be a JSON value.
    let Ok(Value::Object(root)) = serde_json::to_value(scenario) else { return String::new() };
    let mut out = String::new();
    table(&mut out, "", &root, false);
    out
}

/// One table: first what fits on lines of its own, then the tables in it.
fn table(out: &mut String, path: &str, members: &Map<String, Value>, json: bool) {
    let (blocks, lines): (Vec<_>, Vec<_>) = members.iter().partition(|(key, value)| is_block(path, key, value));
    for (name, value) in lines {
        *out += &format!("{} = {}\n", key(name), assigned(value, is_json(name, json)));
    }
    for (name, value) in blocks {
        let json = is_json(name, json);
        let path = if path.is_empty() { key(name) } else { format!("{path}.{}", key(name)) };
        match value {
            // `[data]` has nothing but tables: its header says nothing.
            Value::Object(members) if path == "data" => table(out, &path, members, json),
            Value::Object(members) => {
                header(out, &format!("[{path}]"));
                table(out, &path, members, json);
            }
            Value::Array(items) => {
                for item in items.iter().filter_map(Value::as_object) {
                    header(out, &format!("[[{path}]]"));
                    table(out, &path, item, json);
                }
            }
            _ => {}
        }
    }
}

fn header(out: &mut String, text: &str) {
    if !out.is_empty() {
        out.push('\n');
    }
    *out += text;
    out.push('\n');
}

/// Whether a member gets a header of its own.
fn is_block(path: &str, name: &str, value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let is_source = path == "data";
            path.is_empty() || is_source || !members.is_empty() && inline(value, true).len() > WIDEST
        }
        Value::Array(items) if items.is_empty() => false,
        Value::Array(_) => matches!((path, name), ("", "request" | "journey" | "threshold") | ("journey", "step")),
        _ => false,
    }
}

fn is_json(name: &str, json: bool) -> bool {
    json || JSON_KEYS.contains(&name)
}

/// A value behind `key =`: it may take several lines.
fn assigned(value: &Value, json: bool) -> String {
    match value {
        Value::String(text) => several_lines(text).unwrap_or_else(|| string(text)),
        Value::Array(items) if inline(value, json).len() > WIDEST => {
            let items: String = items.iter().map(|item| format!("    {},\n", inline(item, json))).collect();
            format!("[\n{items}]")
        }
        _ => inline(value, json),
    }
}

/// A value on one line.
fn inline(value: &Value, json: bool) -> String {
    match value {
        Value::Null => "\"{{ none }}\"".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => number(value, json),
        Value::String(text) => string(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(item, json)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), inline(value, is_json(name, json))))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}

fn number(number: &Number, json: bool) -> String {
    if number.as_u64().is_some_and(|number| number > i64::MAX as u64) {
        return format!("\"{{{{ {number} }}}}\"");
    }
    match number.as_f64() {
        // In the scenario's own keys, 10.0 arrivals a second are 10.
        Some(value) if !json && number.is_f64() && value.fract() == 0.0 && value.abs() < 1e9 => format!("{value:.0}"),
        _ => number.to_string(),
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { name.to_owned() } else { string(name) }
}

/// A text on one line: between single quotes if that spares it escapes.
fn string(text: &str) -> String {
    if text.contains(['"', '\\']) && !text.contains('\'') && !text.contains(|c: char| c.is_control()) {
        return format!("'{text}'");
    }
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            _ if c.is_control() => out += &format!("\\u{:04X}", u32::from(c)),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text with line breaks as such, where TOML can hold it without escapes.
fn several_lines(text: &str) -> Option<String> {
    let plain = text.contains('\n')
        && !text.contains("'''")
        && !text.ends_with('\'')
        && !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
    plain.then(|| format!("'''\n{text}'''"))
}

/// A JSON value for a template, behind `key =`.
pub(crate) fn assigned_json(value: &Value) -> String {
    assigned(value, true)
}

/// A JSON value for a template, on one line.
pub(crate) fn inline_json(value: &Value) -> String {
    inline(value, true)
}
