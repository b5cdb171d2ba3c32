//! The shapes of the tasks, as the built-in file has them.

use super::media::Media;
use serde_json::Value;
use std::sync::LazyLock;

/// Made by `cargo xtask hf-tasks`; its `source` names the package it comes from.
const FILE: &str = include_str!("../../../data/hf-tasks.json");

/// What a JSON value must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Any,
    Null,
    Text,
    Integer,
    Number,
    Boolean,
    List {
        of: Box<Self>,
        /// Whether it may be empty.
        empty: bool,
    },
    /// Numbers, in lists of lists up to this deep.
    Tensor(usize),
    /// An object with members of any name.
    Map(Box<Self>),
    Object(Vec<Field>),
    /// One of these values.
    One(Vec<Value>),
    /// One of these, told apart by their JSON types.
    Either(Vec<Self>),
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether it must be there.
    pub(super) required: bool,
    /// Whether it may be null: servers write what they leave out that way.
    pub(super) null: bool,
    /// Whether an empty text fails: the member that the task is there for.
    pub(super) filled: bool,
}

/// One task.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) inputs: Kind,
    pub(super) parameters: Vec<Field>,
    /// Parameters stand beside the inputs, not in an object of their own.
    pub(super) root: bool,
    /// The inputs are a medium.
    pub(super) medium: bool,
    /// The inputs may be sent as raw bytes.
    pub(super) binary: bool,
    pub(super) output: Kind,
    /// What it answers with, if not with JSON alone.
    pub(super) answers_with: Option<Media>,
}

/// All tasks, by name.
pub(super) static SHAPES: LazyLock<Vec<Shape>> =
    LazyLock::new(|| shapes(FILE).expect("the built-in file is read by the tests"));

fn shapes(file: &str) -> Result<Vec<Shape>, String> {
    let file: Value = serde_json::from_str(file).map_err(|error| error.to_string())?;
    let tasks = file["tasks"].as_object().ok_or("no tasks")?;
    tasks.iter().map(|(name, task)| shape(name, task).map_err(|what| format!("{name}: {what}"))).collect()
}

fn shape(name: &str, task: &Value) -> Result<Shape, String> {
    let medium = task["binary"] == true;
    let output = super::leeway::apply(name, kind(&task["output"])?);
    let Kind::Object(parameters) = kind(&task["parameters"])? else { return Err("no parameters".to_owned()) };
    Ok(Shape {
        name: name.to_owned(),
        inputs: kind(&task["inputs"])?,
        root: task["root"] == true,
        // Parameters that must be there have no place beside raw bytes.
        binary: medium && parameters.iter().all(|field| !field.required),
        medium,
        answers_with: Media::answered(&output),
        output,
        parameters,
    })
}

fn kind(value: &Value) -> Result<Kind, String> {
    let wrong = || format!("no kind: {value}");
    if let Some(name) = value.as_str() {
        return Ok(match name {
            "any" => Kind::Any,
            "string" => Kind::Text,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            _ => return Err(wrong()),
        });
    }
    let (word, inner) = value.as_object().and_then(|value| value.iter().next()).ok_or_else(wrong)?;
    Ok(match word.as_str() {
        "list" => Kind::List { of: Box::new(kind(inner)?), empty: true },
        "map" => Kind::Map(Box::new(kind(inner)?)),
        "one" => Kind::One(inner.as_array().ok_or_else(wrong)?.clone()),
        "any" => Kind::Either(inner.as_array().ok_or_else(wrong)?.iter().map(kind).collect::<Result<_, _>>()?),
        "object" => {
            let fields = inner.as_object().ok_or_else(wrong)?;
            Kind::Object(fields.iter().map(|(name, kind)| field(name, kind)).collect::<Result<_, _>>()?)
        }
        _ => return Err(wrong()),
    })
}

fn field(name: &str, value: &Value) -> Result<Field, String> {
    let plain = name.strip_suffix('?');
    Ok(Field {
        name: plain.unwrap_or(name).to_owned(),
        kind: kind(value)?,
        required: plain.is_none(),
        null: plain.is_some(),
        filled: false,
    })
}

impl Kind {
    /// As a person says it: `a text`, `a list`.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Any => "a value".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Integer => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::List { of, .. } => format!("a list of {}", of.plural()),
            Self::Tensor(_) => "lists of numbers".to_owned(),
            Self::Map(_) | Self::Object(_) => "an object".to_owned(),
            Self::One(values) => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                format!("one of {}", values.join(", "))
            }
            Self::Either(kinds) => {
                let mut kinds: Vec<String> = kinds.iter().map(Self::words).collect();
                kinds.dedup();
                kinds.join(" or ")
            }
        }
    }

    fn plural(&self) -> &'static str {
        match self {
            Self::Text => "texts",
            Self::Integer => "whole numbers",
            Self::Number => "numbers",
            Self::List { .. } | Self::Tensor(_) => "lists",
            Self::Map(_) | Self::Object(_) => "objects",
            _ => "values",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_file_is_sound() {
        let shapes = shapes(FILE).unwrap();
        assert!(shapes.len() > 30);
        let file: Value = serde_json::from_str(FILE).unwrap();
        assert_eq!(file["source"]["package"], "@huggingface/tasks");
        // The check of an answer keeps the members it has seen in 64 bits.
        fn widest(kind: &Kind) -> usize {
            match kind {
                Kind::Object(fields) => fields.iter().map(|field| widest(&field.kind)).fold(fields.len(), usize::max),
                Kind::List { of, .. } | Kind::Map(of) => widest(of),
                Kind::Either(kinds) => kinds.iter().map(widest).max().unwrap_or(0),
                _ => 0,
            }
        }
        for shape in &shapes {
            assert!(widest(&shape.output).max(shape.parameters.len()) <= 64, "{}", shape.name);
        }
    }

    #[test]
    fn broken_files_are_told() {
        assert!(shapes("{").is_err());
        assert!(shapes("{}").is_err());
        assert!(shapes(r#"{"tasks":{"a":{"parameters":{"object":{}},"inputs":"stirng","output":"any"}}}"#).is_err());
        assert!(shapes(r#"{"tasks":{"a":{"parameters":"any","inputs":"string","output":"any"}}}"#).is_err());
    }
}
