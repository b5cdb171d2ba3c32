//! What is sent: one value per input of the endpoint, from a sidecar file, sample files, or made up from what the
//! app says of its inputs.

use super::app::{Endpoint, Input};
use plimsoll_wire::Multipart;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Inputs that cannot be made.
#[derive(Debug, Error)]
pub enum PayloadError {
    /// A file or folder cannot be read.
    #[error("cannot read {what} {path}: {error}")]
    Read {
        /// What it is.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The sidecar is not what it should be.
    #[error(
        "the sidecar {path} {why}. It must be a JSON list: of strings (each replaces the first text input), of lists (each is sent as the inputs), or of objects with a \"path\" (each is a file to upload)"
    )]
    Sidecar {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No file to send.
    #[error("input {number} of {endpoint} takes {article} {kind} file, and {folder} holds none; put some into {folder}/{kind}, or name another folder with --sample-inputs", article = if matches!(kind.chars().next(), Some('a' | 'i')) { "an" } else { "a" })]
    NoFile {
        /// Place of the input, from 1.
        number: usize,
        /// Endpoint name.
        endpoint: String,
        /// Kind of file.
        kind: String,
        /// Folder that was searched.
        folder: String,
    },
}

/// Files to upload, read once and kept as finished upload bodies.
#[derive(Debug, Default)]
pub struct SampleFiles {
    folder: PathBuf,
    files: Vec<SampleFile>,
}

#[derive(Debug)]
pub(super) struct SampleFile {
    /// Folder name right below the root: `image`, `audio`, `video`, …
    kind: String,
    pub name: String,
    pub upload: Multipart,
}

impl SampleFiles {
    /// Reads every file below `folder`, in a fixed order. The folders right below it say of what kind they are.
    pub fn read(folder: &Path) -> Result<Self, PayloadError> {
        let mut found = Self { folder: folder.to_owned(), files: Vec::new() };
        found.walk(folder, "")?;
        Ok(found)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(super) fn get(&self, index: usize) -> &SampleFile {
        &self.files[index]
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    fn walk(&mut self, folder: &Path, kind: &str) -> Result<(), PayloadError> {
        let fail = |error| PayloadError::Read { what: "the folder of sample inputs", path: folder.to_owned(), error };
        let mut entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(fail)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if path.is_dir() {
                let kind =
                    if kind.is_empty() { entry.file_name().to_string_lossy().into_owned() } else { kind.to_owned() };
                self.walk(&path, &kind)?;
            } else if !entry.file_name().to_string_lossy().starts_with('.') {
                self.add(&path, kind)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, kind: &str) -> Result<usize, PayloadError> {
        let content = fs::read(path).map_err(|error| PayloadError::Read {
            what: "the sample input",
            path: path.to_owned(),
            error,
        })?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let upload = Multipart::file("files", &name, &content);
        self.files.push(SampleFile { kind: kind.to_owned(), name, upload });
        Ok(self.files.len() - 1)
    }

    fn of_kind(&self, kind: &str) -> Vec<usize> {
        (0..self.files.len()).filter(|&index| kind == "file" || self.files[index].kind == kind).collect()
    }
}

/// Inputs written down beside an app (`app.prompts.json`).
#[derive(Debug)]
pub enum Sidecar {
    /// Each replaces the first text input.
    Texts(Vec<String>),
    /// Each is a complete list of inputs, sent as it is.
    Rows(Vec<Vec<Value>>),
    /// Each is a file for the first file input.
    Files(Vec<PathBuf>),
}

impl Sidecar {
    /// Reads a sidecar file.
    pub fn read(path: &Path) -> Result<Self, PayloadError> {
        let wrong = |why: String| PayloadError::Sidecar { path: path.to_owned(), why };
        let text = fs::read_to_string(path).map_err(|error| PayloadError::Read {
            what: "the sidecar",
            path: path.to_owned(),
            error,
        })?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| wrong(format!("is not valid JSON ({error})")))?;
        let Value::Array(items) = value else { return Err(wrong("is not a list".to_owned())) };
        match items.first() {
            None => Err("is empty".to_owned()),
            Some(Value::String(_)) => each(&items, |item| item.as_str().map(str::to_owned)).map(Self::Texts),
            Some(Value::Array(_)) => each(&items, |item| item.as_array().cloned()).map(Self::Rows),
            Some(Value::Object(_)) => {
                let beside = path.parent().unwrap_or(Path::new("."));
                each(&items, |item| Some(beside.join(item.get("path")?.as_str()?))).map(Self::Files)
            }
            Some(other) => Err(format!("begins with {other}")),
        }
        .map_err(wrong)
    }
}

fn each<T>(items: &[Value], read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, String> {
    items
        .iter()
        .enumerate()
        .map(|(index, item)| read(item).ok_or_else(|| format!("has another kind of entry at number {}", index + 1)))
        .collect()
}

/// Makes the inputs of each request. The same seed, user and iteration give the same inputs.
#[derive(Debug)]
pub struct Payloads {
    slots: Vec<Slot>,
    rows: Vec<String>,
    files: SampleFiles,
    seed: u64,
}

#[derive(Debug, Clone)]
enum Slot {
    /// Always the same JSON.
    Fixed(String),
    /// A short text that names user and iteration, so that no two requests are equal.
    Greeting,
    /// The same, as the text of a multimodal textbox.
    MultimodalGreeting,
    /// One of these texts (JSON strings).
    Texts(Vec<String>),
    /// One of these files.
    File { choices: Vec<usize>, shape: FileShape },
}

/// How the JSON of an uploaded file is wrapped for its component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileShape {
    Plain,
    /// `{"video": file}` (Gradio 4 and 5).
    Video,
    /// A list of files.
    List,
    /// A list of `{"image": file}`.
    Gallery,
}

/// One input of one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Json(&'a str),
    Made(String),
    File(usize, FileShape),
}

impl Payloads {
    /// Decides, once, how each input of an endpoint is filled.
    pub fn new(
        endpoint: &Endpoint,
        mut files: SampleFiles,
        sidecar: Option<(&Path, Sidecar)>,
        seed: u64,
    ) -> Result<Self, PayloadError> {
        if let Some((_, Sidecar::Rows(rows))) = sidecar {
            let rows = rows.into_iter().map(|row| Value::Array(row).to_string()).collect();
            return Ok(Self { slots: Vec::new(), rows, files, seed });
        }
        let mut slots: Vec<Slot> = Vec::new();
        let own_files = match &sidecar {
            Some((_, Sidecar::Files(paths))) => {
                Some(paths.iter().map(|path| files.add(path, "sidecar")).collect::<Result<Vec<_>, _>>()?)
            }
            _ => None,
        };
        for (index, input) in endpoint.inputs.iter().enumerate() {
            slots.push(slot_for(input, &files, own_files.as_ref()).map_err(|kind| PayloadError::NoFile {
                number: index + 1,
                endpoint: endpoint.name.clone(),
                kind,
                folder: files.folder.display().to_string(),
            })?);
        }
        match sidecar {
            Some((path, Sidecar::Texts(texts))) => {
                let first = slots.iter_mut().find(|slot| matches!(slot, Slot::Greeting | Slot::MultimodalGreeting));
                let Some(first) = first else {
                    let why = format!("holds texts, but {} has no text input", endpoint.name);
                    return Err(PayloadError::Sidecar { path: path.to_owned(), why });
                };
                let multimodal = matches!(first, Slot::MultimodalGreeting);
                *first = Slot::Texts(texts.into_iter().map(|text| text_json(text, multimodal)).collect());
            }
            Some((path, Sidecar::Files(_))) if !slots.iter().any(|slot| matches!(slot, Slot::File { .. })) => {
                let why = format!("names files, but {} has no file input", endpoint.name);
                return Err(PayloadError::Sidecar { path: path.to_owned(), why });
            }
            _ => {}
        }
        Ok(Self { slots, rows: Vec::new(), files, seed })
    }

    /// The files that requests and mixed traffic may upload.
    pub fn files(&self) -> &SampleFiles {
        &self.files
    }

    /// The inputs of one request.
    pub(super) fn draw(&self, vu: u32, iteration: u32) -> Inputs<'_> {
        let mut rng = StdRng::seed_from_u64(mix(self.seed, vu, iteration));
        if let Some(row) = self.rows.choose(&mut rng) {
            return Inputs::Row(row);
        }
        let parts = self.slots.iter().map(|slot| match slot {
            Slot::Fixed(json) => Part::Json(json),
            Slot::Greeting => Part::Made(text_json(greeting(vu, iteration), false)),
            Slot::MultimodalGreeting => Part::Made(text_json(greeting(vu, iteration), true)),
            Slot::Texts(texts) => Part::Json(&texts[rng.random_range(0..texts.len())]),
            Slot::File { choices, shape } => Part::File(choices[rng.random_range(0..choices.len())], *shape),
        });
        Inputs::Parts(parts.collect())
    }
}

/// The inputs of one request: a finished JSON list, or its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inputs<'a> {
    Row(&'a str),
    Parts(Vec<Part<'a>>),
}

/// hf-perftest's text, so that both tools send the same bytes.
fn greeting(vu: u32, iteration: u32) -> String {
    format!("hello from user {vu} req {iteration}")
}

fn text_json(text: String, multimodal: bool) -> String {
    if multimodal {
        serde_json::json!({"text": text, "files": []}).to_string()
    } else {
        Value::String(text).to_string()
    }
}

/// A seed of its own for each user and iteration (SplitMix64's finaliser over the three numbers).
pub(super) fn mix(seed: u64, vu: u32, iteration: u32) -> u64 {
    let mut z = seed ^ (u64::from(vu) << 32 | u64::from(iteration)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// How one input is filled; the kind of file that is missing, if one is.
fn slot_for(input: &Input, files: &SampleFiles, own_files: Option<&Vec<usize>>) -> Result<Slot, String> {
    if input.hidden {
        return Ok(Slot::Fixed("null".to_owned()));
    }
    let file = |kind: &str, shape| {
        let choices = own_files.cloned().unwrap_or_else(|| files.of_kind(kind));
        if choices.is_empty() { Err(kind.to_owned()) } else { Ok(Slot::File { choices, shape }) }
    };
    let schema = &input.parameter.schema;
    match input.kind.as_str() {
        "textbox" | "textarea" => Ok(Slot::Greeting),
        "multimodaltextbox" => Ok(Slot::MultimodalGreeting),
        "chatbot" => Ok(Slot::Fixed("null".to_owned())),
        "image" | "audio" => file(&input.kind, FileShape::Plain),
        "video" if schema.pointer("/properties/video").is_some() => file("video", FileShape::Video),
        "video" => file("video", FileShape::Plain),
        "gallery" => file("image", FileShape::Gallery),
        "file" | "uploadbutton" if schema.get("type").and_then(Value::as_str) == Some("array") => {
            file("file", FileShape::List)
        }
        "file" | "uploadbutton" => file("file", FileShape::Plain),
        _ => Ok(Slot::Fixed(value_for(input).to_string())),
    }
}

/// The parameter's default, else the app's example, else what stands on the page, else the simplest value that
/// its schema allows. Examples that name a remote file would make the server download it; they are passed over.
fn value_for(input: &Input) -> Value {
    let parameter = &input.parameter;
    if parameter.parameter_has_default && !parameter.parameter_default.is_null() {
        return parameter.parameter_default.clone();
    }
    if !parameter.example_input.is_null() && !parameter.example_input.to_string().contains("http") {
        return parameter.example_input.clone();
    }
    input.value.clone().unwrap_or_else(|| simplest(&parameter.schema))
}

fn simplest(schema: &Value) -> Value {
    if let Some(first) = schema.pointer("/enum/0") {
        return first.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => Value::from("hello"),
        Some("number" | "integer") => schema.get("minimum").cloned().unwrap_or_else(|| Value::from(0)),
        Some("boolean") => Value::Bool(false),
        Some("array") => Value::Array(Vec::new()),
        Some("object") => Value::Object(serde_json::Map::new()),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Parameter;
    use super::*;
    use serde_json::json;

    fn input(kind: &str, parameter: Value) -> Input {
        let parameter: Parameter = serde_json::from_value(parameter).unwrap();
        Input { kind: kind.to_owned(), hidden: kind == "state", value: None, parameter }
    }

    fn endpoint(inputs: Vec<Input>) -> Endpoint {
        Endpoint { name: "/predict".to_owned(), fn_index: 0, queue: true, inputs }
    }

    fn sidecar(text: &str) -> Result<Sidecar, PayloadError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Sidecar::read(file.path())
    }

    #[test]
    fn inputs_come_from_what_the_app_says() {
        let endpoint = endpoint(vec![
            input("textbox", json!({})),
            input("state", json!({})),
            input("slider", json!({"parameter_has_default": true, "parameter_default": 4})),
            input("number", json!({"type": {"type": "number", "minimum": 2}})),
            input("dropdown", json!({"type": {"enum": ["a", "b"], "type": "string"}})),
            input("model3d", json!({"example_input": {"path": "https://example.org/x.obj"}})),
        ]);
        let payloads = Payloads::new(&endpoint, SampleFiles::default(), None, 1).unwrap();
        let Inputs::Parts(parts) = payloads.draw(3, 4) else { panic!("parts") };
        let expected = ["\"hello from user 3 req 4\"", "null", "4", "2", "\"a\"", "null"];
        let texts: Vec<&str> = parts
            .iter()
            .map(|part| match part {
                Part::Json(json) => *json,
                Part::Made(json) => json,
                Part::File(..) => "file",
            })
            .collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn sidecars_of_each_kind() {
        let one = endpoint(vec![input("number", json!({"example_input": 3})), input("textbox", json!({}))]);
        let texts =
            Payloads::new(&one, SampleFiles::default(), Some((Path::new("s"), sidecar(r#"["é"]"#).unwrap())), 1);
        assert_eq!(texts.unwrap().draw(0, 0), Inputs::Parts(vec![Part::Json("3"), Part::Json("\"é\"")]));
        let rows =
            Payloads::new(&one, SampleFiles::default(), Some((Path::new("s"), sidecar("[[1, null]]").unwrap())), 1);
        assert_eq!(rows.unwrap().draw(0, 0), Inputs::Row("[1,null]"));
    }

    #[test]
    fn bad_sidecars_say_what_is_wrong() {
        for (text, why) in [
            ("{", "not valid JSON"),
            ("{}", "is not a list"),
            ("[]", "is empty"),
            ("[3]", "begins with 3"),
            (r#"["a", ["b"]]"#, "another kind of entry at number 2"),
        ] {
            let error = sidecar(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let no_text = endpoint(vec![input("number", json!({}))]);
        let error =
            Payloads::new(&no_text, SampleFiles::default(), Some((Path::new("s"), sidecar(r#"["a"]"#).unwrap())), 1);
        assert!(error.unwrap_err().to_string().contains("has no text input"));
    }

    #[test]
    fn files_are_found_by_kind() {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in [("image/a.png", "png"), ("audio/b.wav", "wav"), (".hidden", "x")] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let files = || SampleFiles::read(folder.path()).unwrap();
        let schema = json!({"type": {"properties": {"video": {}}}});
        let audio = Payloads::new(&endpoint(vec![input("audio", json!({}))]), files(), None, 1).unwrap();
        let Inputs::Parts(parts) = audio.draw(0, 0) else { panic!("parts") };
        let Part::File(index, FileShape::Plain) = parts[0] else { panic!("{parts:?}") };
        assert_eq!(audio.files().get(index).name, "b.wav");
        let error = Payloads::new(&endpoint(vec![input("video", schema)]), files(), None, 1).unwrap_err().to_string();
        assert!(error.contains("takes a video file") && error.contains("--sample-inputs"), "{error}");
    }
}
