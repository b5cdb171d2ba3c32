//! The deserializer's messages in words that teach: which table, which key, what it may be, what it could look like.

use crate::near::nearest;
use crate::{ScenarioError, schema, tree};
use serde_json::Value;
use std::ops::Range;
use toml::de::DeTable;

/// An error with what is known about its place.
pub(crate) fn explain(root: &DeTable<'_>, text: &str, file: &str, message: &str, span: Range<usize>) -> ScenarioError {
    let mut path = tree::path_at(root, &span).unwrap_or_default();
    // `[[load]]` is a list with one table, and both stand at the same place.
    if message == "invalid type: sequence, expected a map" && path.last().is_some_and(|last| last == "0") {
        path.pop();
    }
    if let Some((key, known)) = unknown(message, "field") {
        let (_, table) = path.split_last().unwrap_or((&key, &[]));
        let message = format!("unknown key `{key}` in {}", tree::table_name(table));
        return ScenarioError::at(text, file, span, message).with_help(Some(other_key(&key, &known, table)));
    }
    if let Some((word, known)) = unknown(message, "variant") {
        let key = path.last().map(String::as_str).unwrap_or_default();
        let near = nearest(&word, known.iter().map(String::as_str));
        let help = near.map(|near| format!("did you mean `{near}`?\n")).unwrap_or_default();
        let help = format!("{help}it is one of {}", listed(&known));
        return ScenarioError::at(text, file, span, format!("`{word}` is not a value of `{key}`"))
            .with_help(Some(help));
    }
    if let Some(key) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let help = missing_help(key, &path);
        return if path.is_empty() {
            ScenarioError::of_file(file, format!("the file has no `[{key}]` table")).with_help(help)
        } else {
            let message = format!("{} needs the key `{key}`", tree::table_name(&path));
            ScenarioError::at(text, file, span, message).with_help(help)
        };
    }
    ScenarioError::at(text, file, span, plain(message, &path)).with_help(shape_help(message, &path))
}

/// Reads ``unknown field `x`, expected one of `a`, `b` ``.
fn unknown(message: &str, what: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown ")?.strip_prefix(what)?.strip_prefix(" `")?;
    let (word, known) = rest.rsplit_once("`, expected ").or_else(|| rest.rsplit_once("`, there are no "))?;
    Some((word.to_owned(), known.split('`').skip(1).step_by(2).map(str::to_owned).collect()))
}

fn listed(words: &[String]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// What could be meant by a key that a table does not have: one that is spelled nearly so, or the same in another
/// table; else all that it has.
fn other_key(key: &str, known: &[String], table: &[String]) -> String {
    let alias = match key {
        "think_time" | "wait" | "wait_time" => Some("think"),
        "run_time" => Some("duration"),
        "concurrency" | "vus" => Some("users"),
        "token" | "api_key" if table.first().is_some_and(|first| first == "target") => Some("auth"),
        _ => None,
    };
    if let Some(alias) = alias.filter(|alias| known.iter().any(|known| known == alias)) {
        return format!("this is called `{alias}`");
    }
    if alias == Some("think") {
        return "what users do between two iterations stands in `[think]`, a table of its own".to_owned();
    }
    let exact = elsewhere(key);
    let near = nearest(key, known.iter().map(String::as_str));
    match (near, exact) {
        (_, Some(place)) => format!("`{key}` belongs {place}"),
        (Some(near), None) => format!("did you mean `{near}`?"),
        (None, None) => format!("the keys here are {}", listed(known)),
    }
}

/// The table that has this key, as a file writes it.
fn elsewhere(key: &str) -> Option<String> {
    let schema = schema::value();
    let has = |name: &str| schema["$defs"][name]["properties"].get(key).is_some();
    if let Some(member) = schema["properties"].get(key) {
        let brackets = if member["type"] == "array" { "[[…]]" } else { "[…]" };
        let is_table = !matches!(member["type"], Value::String(_) | Value::Array(_)) || member["type"] == "array";
        return Some(if is_table {
            format!("at the top level: write it as `{}`, a table of its own", brackets.replace('…', key))
        } else {
            "at the top level of the file, before the first `[table]`".to_owned()
        });
    }
    let tables = [
        ("LoadSpec", "in `[load]`"),
        ("ApiTarget", "in `[target]`"),
        ("AuthSpec", "in `auth` of `[target]`"),
        ("RequestSpec", "in `[[request]]`"),
        ("Think", "in `[think]`"),
        ("Check", "in `check` of a request"),
        ("DataSource", "in `[data.NAME]`"),
    ];
    tables.iter().find(|(name, _)| has(name)).map(|(_, place)| (*place).to_owned())
}

fn missing_help(key: &str, path: &[String]) -> Option<String> {
    let example = match (path.first().map(String::as_str), key) {
        (None, "target") => "[target]\nurl = \"http://127.0.0.1:8000\"",
        (None, "load") => "[load]\nexecutor = \"users\"\nusers = 10\nduration = \"1m\"",
        (_, "url") => "url = \"http://127.0.0.1:8000\"",
        (_, "executor") => "executor = \"users\"   (or \"rate\", \"iterations\", \"replay\", \"sweep\")",
        (_, "step") => "[[journey.step]]\npath = \"/login\"",
        (_, "name") => "name = \"checkout\"",
        (_, "rule") => "rule = \"p(95) < 800ms\"",
        (_, "at") => "at = \"/0/label\"   (\"\" is the whole body)",
        (_, "duration") => "duration = \"30s\"",
        (_, "file") => "file = \"trace.csv\"",
        (_, "times") => "times = 2",
        _ => return None,
    };
    Some(format!("write for example\n{example}"))
}

/// A message about types without the words of the programming language.
fn plain(message: &str, path: &[String]) -> String {
    let must = match path {
        [.., key, index] if index.parse::<usize>().is_ok() => format!("each value of `{key}` must be "),
        [.., key] => format!("`{key}` must be "),
        [] => "this must be ".to_owned(),
    };
    for start in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) = message.strip_prefix(start).and_then(|rest| rest.rsplit_once(", expected ")) {
            return format!("{must}{}, not {}", expected_words(expected), found_words(found));
        }
    }
    if let Some((length, expected)) =
        message.strip_prefix("invalid length ").and_then(|rest| rest.split_once(", expected an array of length "))
    {
        return format!("{must}a list of {expected} values, not of {length}");
    }
    message.to_owned()
}

fn expected_words(expected: &str) -> String {
    let words = match expected {
        "a string" => "a text in quotes",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, not negative",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a map" => "a table",
        "a sequence" => "a list",
        "an array of length 2" => "a list of 2 values",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    };
    words.to_owned()
}

fn found_words(found: &str) -> String {
    let short = |text: &str| match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    };
    match found.split_once(' ') {
        Some(("integer" | "boolean", value)) => value.trim_end_matches(" as i128").replace('`', ""),
        Some(("floating", value)) => value.trim_start_matches("point ").replace('`', ""),
        Some(("string", value)) => format!("the text {}", short(value)),
        _ if found == "map" => "a table".to_owned(),
        _ if found == "sequence" => "a list".to_owned(),
        _ => short(found),
    }
}

/// How a table is written, where something else stands in its place.
fn shape_help(message: &str, path: &[String]) -> Option<String> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let single = message.starts_with("invalid type: map");
    let help = match path[..] {
        ["request" | "journey" | "threshold"] if single => {
            return Some(format!("there may be several: write `[[{0}]]` in place of `[{0}]`", path[0]));
        }
        ["journey", _, "step"] if single => "there may be several: write `[[journey.step]]`",
        ["threshold", ..] if !message.contains("expected a string") && !message.contains("expected a boolean") => {
            "write each rule as\n[[threshold]]\nrule = \"p(95) < 800ms\""
        }
        ["target" | "load" | "objectives"] => {
            return Some(format!("write `[{}]`, with single brackets, and its keys below it", path[0]));
        }
        ["think"] => "write for example think = { constant = \"1s\" } or think = { between = [\"1s\", \"3s\"] }",
        ["think", "between"] => "write for example between = [\"1s\", \"3s\"]",
        ["data"] => "write each source as a table of its own: [data.prompts]",
        ["data", _] => {
            "a source is a table: write for example { list = [\"one\", \"two\"] } or { file = \"prompts.txt\" }"
        }
        ["data", _, "input_tokens" | "output_tokens" | "turns"] => {
            "write for example { mean = 500 } or { min = 100, max = 900 }"
        }
        ["data", _, "size"] => "write width and height: size = [256, 256]",
        ["target", "auth"] => {
            "write for example auth = { bearer_env = \"HF_TOKEN\" }: the variable that holds the token"
        }
        ["load", "stages", ..] if message.ends_with("struct StageSpec") || path.len() == 2 => {
            "write for example stages = [{ duration = \"30s\", users = 50 }]"
        }
        ["load", "replay"] => "write for example replay = { file = \"trace.csv\" }",
        [.., "retry"] => "write for example retry = { times = 2 }",
        [.., "check"] => "write for example check = { status = [200], contains = \"label\" }",
        [.., "check", "status"] => "write a list: status = [200]",
        [.., "check", "json"] => "write a list of conditions: json = [{ at = \"/0/label\", equals = \"POSITIVE\" }]",
        [.., "extract", _] => {
            "say where it is found: { json = \"/id\" }, { header = \"location\" } or { regex = \"id=(\\\\w+)\" }"
        }
        _ => return None,
    };
    Some(help.to_owned())
}
