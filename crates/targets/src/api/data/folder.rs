//! Rows from a folder of files.

use super::{MOST_BYTES, Row, media, too_large};
use bytes::Bytes;
use std::fs;
use std::io;
use std::path::Path;

/// What a file is, by the end of its name.
const TYPES: [(&str, &str); 18] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("bmp", "image/bmp"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("avif", "image/avif"),
    ("wav", "audio/wav"),
    ("flac", "audio/flac"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("m4a", "audio/mp4"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
    ("mov", "video/quicktime"),
];

fn mime(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?;
    TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension)).map(|(_, mime)| *mime)
}

/// Reads the files right in a folder that are media, by name.
pub(super) fn read(folder: &Path) -> Result<Vec<Row>, String> {
    let fail = |path: &Path, error: io::Error| format!("cannot read {}: {error}", path.display());
    let entries =
        fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(|error| fail(folder, error))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let mut rows = Vec::new();
    let mut size = 0_u64;
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(mime) = mime(&path).filter(|_| !name.starts_with('.') && path.is_file()) else { continue };
        size += fs::metadata(&path).map_err(|error| fail(&path, error))?.len();
        if size > MOST_BYTES {
            return Err(too_large(&folder.display().to_string()));
        }
        let bytes = fs::read(&path).map_err(|error| fail(&path, error))?;
        if bytes.is_empty() {
            return Err(format!("{} is empty", path.display()));
        }
        rows.push(media::row(&name, mime, Bytes::from(bytes)));
    }
    if rows.is_empty() {
        let known: Vec<&str> = TYPES.iter().map(|(extension, _)| *extension).collect();
        return Err(format!("{} holds no file that ends in {}", folder.display(), known.join(", ")));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_are_read_by_name_and_the_rest_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("b.PNG", "b"), ("a.wav", "a"), ("notes.txt", "-"), (".hidden.png", "-")] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        fs::create_dir(folder.path().join("deep.png")).unwrap();
        let rows = read(folder.path()).unwrap();
        let found: Vec<_> = rows.iter().map(|row| row.binary.as_ref().unwrap().mime.as_str()).collect();
        assert_eq!(found, ["audio/wav", "image/png"]);
        assert_eq!(rows[1].json["name"], "b.PNG");
    }

    #[test]
    fn a_folder_without_media_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().contains("holds no file"));
        assert!(read(&folder.path().join("none")).unwrap_err().contains("cannot read"));
        fs::write(folder.path().join("a.png"), "").unwrap();
        assert!(read(folder.path()).unwrap_err().contains("a.png is empty"));
    }
}
