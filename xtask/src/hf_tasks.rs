//! The shapes of Hugging Face's inference tasks, taken from the package that its own clients are made of. Only names,
//! types, what is required, and enumerations are kept.

use crate::{Result, root};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "@huggingface/tasks";
/// Raise it by hand and look at what changes.
const VERSION: &str = "0.21.54";
const OUTPUT: &str = "crates/targets/data/hf-tasks.json";
/// Not tasks that are sent as `{"inputs": …}`: a pattern for authors of tasks, and what the OpenAI API covers.
const LEFT_OUT: [&str; 2] = ["placeholder", "chat-completion"];
/// No task is nested deeper; a schema that refers to itself must end somewhere.
const DEEPEST: usize = 16;

/// Fetches the package and writes the file that the crate `targets` is built with.
pub(crate) fn run() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let tasks = fetch(folder.path())?;
    let common = read(&tasks.join("common-definitions.json"))?;
    let mut lines = Vec::new();
    for name in names(&tasks)? {
        let spec = tasks.join(&name).join("spec");
        let task = task(&read(&spec.join("input.json"))?, &read(&spec.join("output.json"))?, &common)
            .map_err(|what| format!("{name}: {what}"))?;
        lines.push(format!("    {}: {task}", Value::from(name)));
    }
    let source = json!({"package": PACKAGE, "version": VERSION, "license": "MIT"});
    let text = format!("{{\n  \"source\": {source},\n  \"tasks\": {{\n{}\n  }}\n}}\n", lines.join(",\n"));
    let output = root().join(OUTPUT);
    fs::write(&output, text).map_err(|error| format!("{}: {error}", output.display()))?;
    println!("{OUTPUT}: {} tasks of {PACKAGE} {VERSION}", lines.len());
    Ok(())
}

/// Downloads and unpacks the package; the folder that holds the tasks.
fn fetch(folder: &Path) -> Result<PathBuf> {
    let package = format!("{PACKAGE}@{VERSION}");
    command(Command::new("npm").args(["pack", "--silent", &package]).current_dir(folder))?;
    let archive = fs::read_dir(folder)
        .map_err(|error| error.to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .ok_or_else(|| format!("npm pack {package} left no archive"))?;
    command(Command::new("tar").arg("-xzf").arg(archive).current_dir(folder))?;
    Ok(folder.join("package/src/tasks"))
}

fn command(command: &mut Command) -> Result<()> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)))
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn names(tasks: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(tasks).map_err(|error| format!("{}: {error}", tasks.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.path().join("spec/input.json").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !LEFT_OUT.contains(&name.as_str()))
        .collect();
    names.sort();
    Ok(names)
}

/// One task: `inputs`, `parameters`, `output`; `binary` where the inputs may be raw bytes, `root` where the parameters
/// stand beside the inputs.
fn task(input: &Value, output: &Value, common: &Value) -> Result<Value> {
    let reader = Reader { schema: input, common };
    let members = input["properties"].as_object().ok_or("its input has no members")?;
    let inputs = members.get("inputs").ok_or("it has no inputs")?;
    let mut task = Map::new();
    task.insert("inputs".to_owned(), reader.kind(inputs, 0)?);
    if inputs["comment"] == "type=binary" || inputs.get("type").is_none() && inputs.get("oneOf").is_none() {
        task.insert("binary".to_owned(), Value::Bool(true));
    }
    let parameters = match members.get("parameters") {
        Some(parameters) => reader.kind(parameters, 0)?,
        None => {
            task.insert("root".to_owned(), Value::Bool(true));
            let mut rest = input.clone();
            rest["properties"].as_object_mut().map(|members| members.shift_remove("inputs"));
            Reader { schema: input, common }.object(&rest, 0)?
        }
    };
    task.insert("parameters".to_owned(), parameters);
    task.insert("output".to_owned(), Reader { schema: output, common }.kind(output, 0)?);
    Ok(Value::Object(task))
}

struct Reader<'a> {
    schema: &'a Value,
    common: &'a Value,
}

impl Reader<'_> {
    /// A JSON schema as one of: a type's name, `{"list": …}`, `{"object": {"name": …, "optional?": …}}`, `{"map": …}`,
    /// `{"one": [values]}`, `{"any": [kinds]}`.
    fn kind(&self, schema: &Value, depth: usize) -> Result<Value> {
        if depth > DEEPEST {
            return Err("it is nested without end".to_owned());
        }
        if let Some(target) = schema["$ref"].as_str() {
            return self.kind(self.target(target)?, depth + 1);
        }
        if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
            return self.kind(only, depth + 1);
        }
        if let Some(values) = schema["enum"].as_array() {
            return Ok(json!({ "one": values }));
        }
        if let Some(value) = schema.get("const") {
            return Ok(json!({"one": [value]}));
        }
        if let Some(choices) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            return self.choices(choices, depth);
        }
        Ok(match schema["type"].as_str() {
            Some("object") => self.object(schema, depth)?,
            Some("array") => json!({"list": self.kind(&schema["items"], depth + 1)?}),
            Some(kind @ ("string" | "integer" | "number" | "boolean")) => kind.into(),
            None if schema.get("type").is_none() => "any".into(),
            _ => return Err(format!("it has the type {}", schema["type"])),
        })
    }

    fn choices(&self, choices: &[Value], depth: usize) -> Result<Value> {
        let kinds = choices.iter().map(|choice| self.kind(choice, depth + 1)).collect::<Result<Vec<_>>>()?;
        // Constants, one by one, are an enumeration.
        let constants: Option<Vec<&Value>> = kinds.iter().map(|kind| kind["one"].as_array()?.first()).collect();
        Ok(constants.map_or_else(|| json!({ "any": kinds }), |values| json!({ "one": values })))
    }

    fn object(&self, schema: &Value, depth: usize) -> Result<Value> {
        let Some(members) = schema["properties"].as_object() else {
            return Ok(match schema.get("additionalProperties").filter(|other| other.is_object()) {
                Some(other) => json!({"map": self.kind(other, depth + 1)?}),
                None => json!({"map": "any"}),
            });
        };
        let required = schema["required"].as_array();
        let mut fields = Map::new();
        for (name, member) in members {
            let required = required.is_some_and(|names| names.contains(&Value::from(name.as_str())));
            let key = if required { name.clone() } else { format!("{name}?") };
            fields.insert(key, self.kind(member, depth + 1)?);
        }
        Ok(json!({ "object": fields }))
    }

    fn target(&self, target: &str) -> Result<&Value> {
        let (file, pointer) = target.split_once('#').ok_or_else(|| format!("it refers to {target}"))?;
        let document = if file.is_empty() { self.schema } else { self.common };
        document.pointer(pointer).ok_or_else(|| format!("it refers to {target}, which is not there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_become_short() {
        let common = json!({"definitions": {"Score": {"type": "number", "description": "prose"}}});
        let input = json!({
            "properties": {
                "inputs": {"type": "string", "comment": "type=binary"},
                "parameters": {"$ref": "#/$defs/P"},
            },
            "$defs": {"P": {"type": "object", "required": ["labels"], "properties": {
                "labels": {"type": "array", "items": {"type": "string"}},
                "mode": {"oneOf": [{"const": "a"}, {"const": "b"}]},
                "extra": {"type": "object"},
            }}},
        });
        let output = json!({"type": "array", "items": {"$ref": "/x.json#/definitions/Score"}});
        assert_eq!(
            task(&input, &output, &common).unwrap(),
            json!({
                "inputs": "string",
                "binary": true,
                "parameters": {"object": {
                    "labels": {"list": "string"}, "mode?": {"one": ["a", "b"]}, "extra?": {"map": "any"},
                }},
                "output": {"list": "number"},
            })
        );
    }

    #[test]
    fn a_schema_without_end_is_told() {
        let schema = json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}});
        assert!(Reader { schema: &schema, common: &Value::Null }.kind(&schema, 0).is_err());
    }
}
