//! The apps, prompts and sample files that come with Plimsoll.

use crate::LabError;
use crate::cache::{cache_dir, create_dir, write_whole};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

struct App {
    name: &'static str,
    description: &'static str,
    source: &'static str,
    /// Inputs to send: a JSON list, in a file beside the app.
    prompts: Option<&'static str>,
}

macro_rules! app {
    ($name:literal, $description:literal) => {
        App {
            name: $name,
            description: $description,
            source: include_str!(concat!("../../../apps/", $name, ".py")),
            prompts: None,
        }
    };
    ($name:literal, $description:literal, prompts) => {
        App {
            prompts: Some(include_str!(concat!("../../../apps/", $name, ".prompts.json"))),
            ..app!($name, $description)
        }
    };
}

/// Sorted by name.
const APPS: [App; 10] = [
    app!("audio_to_audio", "Returns the sound it is given: upload, decoding, encoding, download"),
    app!("echo_text", "Returns the text it is given: what Gradio itself costs"),
    app!("file_heavy", "Answers a text with a 256 x 256 image of noise: writing and serving files"),
    app!("image_to_image", "Returns the image it is given: upload, decoding, encoding, download"),
    app!("image_to_image_async", "Returns the image it is given, from a function on the server's event loop"),
    app!("llm_chat", "A streamed chat with a model behind Hugging Face's inference providers", prompts),
    app!("stateful_counter", "Counts in the session's state: keeping and copying state"),
    app!("streaming_chat", "Repeats the message in about five growing pieces: streaming and differences"),
    app!("text_to_image", "An image for a prompt, from Hugging Face's inference providers", prompts),
    app!("video_to_video", "Returns the video it is given: larger files, copied and hashed"),
];

const NAMES: [&str; APPS.len()] = {
    let mut names = [""; APPS.len()];
    let mut index = 0;
    while index < APPS.len() {
        names[index] = APPS[index].name;
        index += 1;
    }
    names
};

macro_rules! sample {
    ($path:literal) => {
        ($path, include_bytes!(concat!("../../../apps/sample-inputs/", $path)).as_slice())
    };
}

const SAMPLE_INPUTS: [(&str, &[u8]); 6] = [
    sample!("audio/sweep.wav"),
    sample!("audio/tone_440hz.wav"),
    sample!("image/meadow.png"),
    sample!("image/sunset.png"),
    sample!("video/gradient.mp4"),
    sample!("video/pattern.mp4"),
];

/// A built-in app as a file that Python can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpackedApp {
    /// The app.
    pub path: PathBuf,
    /// The inputs to send to it, where it comes with some.
    pub sidecar: Option<PathBuf>,
}

/// The names of the built-in apps, sorted.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// One line about a built-in app.
pub fn description(name: &str) -> Option<&'static str> {
    find(name).map(|app| app.description)
}

/// Writes a built-in app into the cache, if it is not there yet.
pub fn unpack(name: &str) -> Result<UnpackedApp, LabError> {
    unpack_into(&cache_dir()?, name)
}

/// Writes the sample files into the cache, if they are not there yet. The folder has one folder for each kind: `image`,
/// `audio`, `video`.
pub fn unpack_sample_inputs() -> Result<PathBuf, LabError> {
    write_files(&cache_dir()?, "sample-inputs", &SAMPLE_INPUTS)
}

fn find(name: &str) -> Option<&'static App> {
    static TABLE: [App; 10] = APPS;
    TABLE.iter().find(|app| app.name == name)
}

fn unpack_into(cache: &Path, name: &str) -> Result<UnpackedApp, LabError> {
    let app = find(name).ok_or_else(|| LabError::UnknownApp { name: name.to_owned(), known: NAMES.join(", ") })?;
    let (script, sidecar) = (format!("{name}.py"), format!("{name}.prompts.json"));
    let mut files = vec![(script.as_str(), app.source.as_bytes())];
    files.extend(app.prompts.map(|prompts| (sidecar.as_str(), prompts.as_bytes())));
    let folder = write_files(&cache.join("apps"), name, &files)?;
    Ok(UnpackedApp { path: folder.join(&script), sidecar: app.prompts.map(|_| folder.join(&sidecar)) })
}

/// Writes files into a folder named after their content, so that a newer Plimsoll beside an older one never changes a
/// file that the other is using. Each file is written whole; two processes at once write the same.
fn write_files(parent: &Path, name: &str, files: &[(&str, &[u8])]) -> Result<PathBuf, LabError> {
    let mut hash = Sha256::new();
    for (path, content) in files {
        hash.update((path.len() as u64).to_le_bytes());
        hash.update(path);
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    let folder = parent.join(format!("{name}-{}", crate::requirements::short_hex(&hash.finalize())));
    for (path, content) in files {
        let path = folder.join(path);
        create_dir(path.parent().unwrap_or(&folder))?;
        write_whole(&path, content)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_are_sorted_and_described() {
        assert!(names().is_sorted());
        assert_eq!(names().len(), 10);
        assert!(names().iter().all(|name| description(name).is_some_and(|text| !text.is_empty())));
        assert_eq!(description("nothing"), None);
    }

    #[test]
    fn unpacking_twice_gives_the_same_path_and_mends_it() {
        let cache = tempfile::tempdir().unwrap();
        let first = unpack_into(cache.path(), "llm_chat").unwrap();
        fs::write(&first.path, "damaged").unwrap();
        let second = unpack_into(cache.path(), "llm_chat").unwrap();
        assert_eq!(first, second);
        assert!(fs::read_to_string(&second.path).unwrap().contains("chat_completion"));
        let prompts: Vec<String> = serde_json::from_slice(&fs::read(second.sidecar.unwrap()).unwrap()).unwrap();
        assert_eq!(prompts.len(), 12);
        assert_eq!(unpack_into(cache.path(), "echo_text").unwrap().sidecar, None);
    }

    #[test]
    fn unpacking_from_several_threads_agrees() {
        let cache = tempfile::tempdir().unwrap();
        let unpack = || unpack_into(cache.path(), "echo_text").unwrap();
        std::thread::scope(|scope| {
            let others: Vec<_> = (0..8).map(|_| scope.spawn(unpack)).collect();
            for other in others {
                assert_eq!(other.join().unwrap(), unpack());
            }
        });
    }

    #[test]
    fn samples_lie_in_a_folder_for_each_kind() {
        let cache = tempfile::tempdir().unwrap();
        let folder = write_files(cache.path(), "sample-inputs", &SAMPLE_INPUTS).unwrap();
        for kind in ["image", "audio", "video"] {
            assert_eq!(fs::read_dir(folder.join(kind)).unwrap().count(), 2);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let cache = tempfile::tempdir().unwrap();
        let error = unpack_into(cache.path(), "ecoh_text").unwrap_err().to_string();
        assert!(error.contains("echo_text"), "{error}");
    }
}
