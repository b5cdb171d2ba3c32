//! What is doubtful about a task's parameters. These are warnings: servers take more than the shapes say.

use super::check;
use super::schema::{Field, Kind};
use serde_json::{Map, Value};

pub(super) fn warnings(task: &str, fields: &[Field], given: &Map<String, Value>) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, value) in given {
        match fields.iter().find(|field| field.name == *name) {
            None => warnings.push(unknown(task, fields, name)),
            Some(Field { name, kind: Kind::Object(inner), .. }) if value.is_object() => {
                let inner = value.as_object().map(|value| self::warnings(name, inner, value));
                warnings.extend(inner.into_iter().flatten().map(|warning| format!("in `{name}`: {warning}")));
            }
            Some(field) if field.null && value.is_null() => {}
            Some(field) => {
                if let Err(wrong) = check::value(&field.kind, value) {
                    let colon = if wrong.starts_with('`') { ":" } else { "" };
                    warnings.push(format!("`{name}`{colon} {wrong}"));
                }
                if field.required && matches!(value, Value::Array(list) if list.is_empty()) {
                    warnings.push(format!("`{name}` is an empty list"));
                }
            }
        }
    }
    let missing = fields.iter().filter(|field| field.required && !given.contains_key(&field.name));
    warnings.extend(missing.map(|field| format!("{task} needs `{}`: {}", field.name, field.kind.words())));
    warnings
}

fn unknown(task: &str, fields: &[Field], name: &str) -> String {
    let mut text = format!("`{name}` is not a parameter of {task}");
    let inside = fields.iter().find(|field| match &field.kind {
        Kind::Object(inner) => inner.iter().any(|inner| inner.name == name),
        _ => false,
    });
    if let Some(inside) = inside {
        text += &format!("; it belongs in `{}`", inside.name);
    } else if let Some(near) = near(name, fields.iter().map(|field| field.name.as_str())) {
        text += &format!("; did you mean `{near}`?");
    } else if fields.is_empty() {
        text += ", which has none";
    } else {
        let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
        text += &format!(", which has {}", names.join(", "));
    }
    text
}

/// The name that was probably meant.
pub(super) fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase().replace([' ', '_'], "-");
    names
        .map(|other| (strsim::normalized_damerau_levenshtein(&name, &other.replace('_', "-")), other))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .map(|(_, other)| other)
}
