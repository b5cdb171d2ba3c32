//! Answers that are a picture, a sound or a film: as raw bytes, or in JSON.

use super::check;
use super::schema::{Kind, Shape};

/// What kind of medium something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// A picture.
    Image,
    /// A sound.
    Audio,
    /// A film.
    Video,
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    /// What a task of this output answers with, if not with JSON alone.
    pub(super) fn answered(output: &Kind) -> Option<Self> {
        let Kind::Object(fields) = output else { return None };
        fields.iter().filter(|field| field.kind == Kind::Any).find_map(|field| match field.name.as_str() {
            "image" | "depth" => Some(Self::Image),
            "audio" => Some(Self::Audio),
            "video" => Some(Self::Video),
            _ => None,
        })
    }

    /// What the bytes are, by how they begin.
    fn of(bytes: &[u8]) -> Option<Self> {
        let at = |start: usize, word: &[u8]| bytes.get(start..).is_some_and(|rest| rest.starts_with(word));
        let riff = at(0, b"RIFF");
        if at(0, b"\x89PNG\r\n\x1a\n") || at(0, b"\xff\xd8\xff") || at(0, b"GIF8") || riff && at(8, b"WEBP") {
            return Some(Self::Image);
        }
        if at(4, b"ftypavif") || at(0, b"II*\0") || at(0, b"MM\0*") {
            return Some(Self::Image);
        }
        if riff && at(8, b"WAVE") || at(0, b"fLaC") || at(0, b"OggS") || at(0, b"ID3") || at(4, b"ftypM4A") {
            return Some(Self::Audio);
        }
        // MP3 and AAC without tags begin with eleven set bits.
        if bytes.first() == Some(&0xff) && bytes.get(1).is_some_and(|byte| byte & 0xe0 == 0xe0) {
            return Some(Self::Audio);
        }
        let film = at(4, b"ftyp") || at(0, b"\x1a\x45\xdf\xa3") || riff && at(8, b"AVI ");
        film.then_some(Self::Video)
    }

    /// Checks an answer of a task that answers with this.
    pub(super) fn check(self, shape: &Shape, content_type: Option<&str>, body: &[u8]) -> Result<(), String> {
        let name = self.name();
        let said = content_type.unwrap_or_default().trim().to_ascii_lowercase();
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        if said.contains("json") || said.is_empty() && first.is_some_and(|byte| b"{[".contains(byte)) {
            return check::bytes(&shape.output, body);
        }
        if body.is_empty() {
            return Err(format!("is empty, not {name}"));
        }
        // Files of Ogg, WebM and MP4 are either.
        let moving = |media| matches!(media, Self::Audio | Self::Video);
        // What the header leaves open, the bytes have to say.
        let open = said.is_empty() || said.starts_with("application/octet-stream");
        if !open && !said.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')) {
            return Err(format!("is said to be {said}, not {name}"));
        }
        match Self::of(body) {
            Some(media) if media == self || !open && moving(media) && moving(self) => Ok(()),
            // An animation does for a film.
            Some(Self::Image) if self == Self::Video && body.starts_with(b"GIF8") => Ok(()),
            Some(media) => Err(format!("holds {}, not {name}", media.name())),
            None => Err(format!("does not begin as any {name} format that is known")),
        }
    }
}
