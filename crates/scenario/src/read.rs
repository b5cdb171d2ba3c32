//! From a file to a [`Scenario`].

use crate::explain::explain;
use crate::secrets::is_secret_name;
use crate::{ScenarioError, schema, tree};
use plimsoll_model::scenario::{Problem, Quote, Scenario};
use serde::Deserialize;
use serde_json::Value;
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

/// Reads a scenario file. Without a `name` the scenario is called as the file is.
///
/// # Errors
/// The file cannot be read, or it is no scenario.
pub fn read(path: &Path) -> Result<Scenario, ScenarioError> {
    let name = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|error| ScenarioError::of_file(&name, format!("cannot read the file: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| ScenarioError::of_file(&name, "the file is not text in UTF-8, as a scenario must be"))?;
    let mut scenario = parse(&text, &name)?;
    if scenario.name.is_none() {
        scenario.name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    }
    Ok(scenario)
}

/// Reads a scenario from its text. The file's name is for messages. Whatever the text is, neither this nor the rendering
/// of its error panics.
///
/// # Errors
/// It is not TOML, or it does not have the keys and types of a scenario.
pub fn parse(text: &str, file_name: &str) -> Result<Scenario, ScenarioError> {
    let root = DeTable::parse(text).map_err(|error| {
        ScenarioError::at(
            text,
            file_name,
            error.span().unwrap_or_default(),
            format!("this is not TOML: {}", error.message()),
        )
        .with_help(syntax_help(error.message()))
    })?;
    check_values(root.get_ref(), text, file_name)?;
    check_shape(root.get_ref(), text, file_name)?;
    Scenario::deserialize(Deserializer::from(root.clone()))
        .map_err(|error| explain(root.get_ref(), text, file_name, error.message(), error.span().unwrap_or_default()))
}

impl ScenarioError {
    /// A problem that was found after reading, shown at its place in the text. What stands behind the first line break
    /// of its message is shown as help.
    pub fn of_problem(text: &str, file_name: &str, problem: Problem) -> Self {
        let root = DeTable::parse(text).ok();
        let place = root.as_ref().and_then(|root| tree::find(root.get_ref(), text, &problem.at));
        let (message, help) = match problem.message.split_once('\n') {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (problem.message, None),
        };
        let error = match (place, &problem.quote) {
            (Some(span), Some(quote)) => Self::at(text, file_name, within(text, &span, quote).unwrap_or(span), message),
            // What the command line says stands in no file.
            (None, Some(quote)) => Self::at(&quote.text, "", quote.span.clone(), message),
            (Some(span), None) => {
                // A header that should not be there, or an address with a login.
                let is_secret =
                    problem.at.rsplit('.').next().is_some_and(|key| is_secret_name(key) || key.ends_with("_env"))
                        || text.get(span.clone()).is_some_and(|part| part.contains("://") && part.contains('@'));
                let error = Self::at(text, file_name, span, message);
                if is_secret { error.hidden() } else { error }
            }
            (None, None) => Self::of_file(file_name, message),
        };
        error.with_help(help)
    }
}

/// Where the quoted part of a value stands in the file, if the value stands there as it is, without escapes.
fn within(text: &str, entry: &Range<usize>, quote: &Quote) -> Option<Range<usize>> {
    let shown = text.get(entry.clone())?;
    // Behind the key, which might hold the same letters.
    let value = shown.find('=')? + 1;
    let start = entry.start + value + shown[value..].find(&quote.text)?;
    Some(start + quote.span.start..start + quote.span.end)
}

/// What TOML can say and JSON cannot: it would come out as something else.
fn check_values(root: &DeTable<'_>, text: &str, file_name: &str) -> Result<(), ScenarioError> {
    let mut wrong = |value: &DeValue<'_>| match value {
        DeValue::Datetime(_) => Some(("a scenario has no dates", "put it in quotes to make it a text")),
        DeValue::Float(float) if float.as_str().ends_with("nan") || float.as_str().ends_with("inf") => {
            Some(("`inf` and `nan` are not numbers that can be used here", "give a number"))
        }
        _ => None,
    };
    match tree::first(root, &mut wrong) {
        Some((span, (message, help))) => {
            Err(ScenarioError::at(text, file_name, span, message).with_help(Some(help.to_owned())))
        }
        None => Ok(()),
    }
}

/// Lists where a table belongs, and lists that are too long: the deserializer would take both.
fn check_shape(root: &DeTable<'_>, text: &str, file_name: &str) -> Result<(), ScenarioError> {
    static SCHEMA: LazyLock<Value> = LazyLock::new(schema::value);
    match table_shape(root, &SCHEMA, &SCHEMA) {
        Some((span, message)) => Err(explain(root, text, file_name, &message, span)),
        None => Ok(()),
    }
}

fn table_shape(table: &DeTable<'_>, node: &Value, schema: &Value) -> Option<(Range<usize>, String)> {
    table.iter().find_map(|(key, value)| {
        let member = node["properties"].get(key.get_ref().as_ref()).or_else(|| node.get("additionalProperties"))?;
        value_shape(value, follow(member, schema), schema)
    })
}

fn value_shape(value: &Spanned<DeValue<'_>>, node: &Value, schema: &Value) -> Option<(Range<usize>, String)> {
    match value.get_ref() {
        DeValue::Table(table) => table_shape(table, node, schema),
        DeValue::Array(_) if node["type"] == "object" => {
            Some((value.span(), "invalid type: sequence, expected a map".to_owned()))
        }
        DeValue::Array(items) => {
            if let Some(most) = node["maxItems"].as_u64().filter(|most| items.len() as u64 > *most) {
                let message = format!("invalid length {}, expected an array of length {most}", items.len());
                return Some((value.span(), message));
            }
            let member = follow(node.get("items")?, schema);
            items.iter().find_map(|item| value_shape(item, member, schema))
        }
        _ => None,
    }
}

/// A schema behind its reference, or behind `anyOf` with `null`.
fn follow<'a>(node: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = node["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return &schema["$defs"][name];
    }
    match node["anyOf"].get(0) {
        Some(first) => follow(first, schema),
        None => node,
    }
}

fn syntax_help(message: &str) -> Option<String> {
    let help = if message.starts_with("duplicate key") {
        "each key may be given once in a table; several requests are each a `[[request]]`"
    } else if message.starts_with("string values must be quoted") {
        "write texts and times in quotes: \"30s\""
    } else if message.starts_with("cannot recurse") {
        "it is nested too deeply"
    } else {
        return None;
    };
    Some(help.to_owned())
}
