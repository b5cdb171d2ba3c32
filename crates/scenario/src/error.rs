//! An error in a scenario file, shown with the line that it stands in.

use std::fmt;
use std::ops::Range;
use unicode_width::UnicodeWidthChar;

/// Widest part of a source line that is shown.
const WIDEST: usize = 100;

/// What is wrong with a scenario file, where, and what to do. Prints without colours; [`ScenarioError::render`] has
/// them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    file: String,
    message: String,
    help: Option<String>,
    place: Option<Box<Place>>,
}

/// A place in the file, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// The part of the line that is shown, without anything that would disturb a terminal.
    source: String,
    /// Terminal columns in front of the carets.
    indent: usize,
    /// Carets.
    carets: usize,
}

impl ScenarioError {
    /// An error that concerns the whole file.
    pub(crate) fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), message: message.into(), help: None, place: None }
    }

    /// An error at these bytes of the text.
    pub(crate) fn at(text: &str, file: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { place: Some(Box::new(Place::find(text, span))), ..Self::of_file(file, message) }
    }

    /// The same without what is marked: a secret is not repeated on a terminal or in a log.
    pub(crate) fn hidden(mut self) -> Self {
        if let Some(place) = &mut self.place {
            place.hide();
        }
        self
    }

    /// The same with advice.
    pub(crate) fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Line and column, both from 1; nothing when the whole file is meant.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }

    /// The message, the place, the line with carets below it, and the advice; with ANSI colours if wanted. It begins
    /// with the message itself: whoever prints it puts `error: ` in front.
    pub fn render(&self, colours: bool) -> String {
        let paint = |code: &str, text: &str| {
            if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
        };
        let (bold, blue, red, cyan) = ("1", "1;34", "1;31", "1;36");
        let mut out = paint(bold, &visible(&self.message));
        let file = visible(&self.file);
        let gutter = self.place.as_ref().map_or(1, |place| place.line.to_string().len());
        let bar = paint(blue, &format!("{:gutter$} |", ""));
        match &self.place {
            // What the command line got wrong stands in no file.
            None if self.message.starts_with("--") => {}
            Some(place) if self.file.is_empty() => {
                let carets = paint(red, &"^".repeat(place.carets));
                out += format!("\n{bar}\n{bar} {}", place.source).trim_end();
                out += &format!("\n{bar} {:indent$}{carets}", "", indent = place.indent);
            }
            None => out += &format!("\n {} {file}", paint(blue, "-->")),
            Some(place) => {
                let arrow = paint(blue, &format!("{:gutter$}-->", ""));
                out += &format!("\n{arrow} {file}:{}:{}\n{bar}\n", place.line, place.column);
                out += format!("{} {}", paint(blue, &format!("{} |", place.line)), place.source).trim_end();
                let carets = paint(red, &"^".repeat(place.carets));
                out += &format!("\n{bar} {:indent$}{carets}", "", indent = place.indent);
            }
        }
        if let Some(help) = &self.help {
            if self.place.is_some() {
                out += &format!("\n{bar}");
            }
            for (index, line) in help.lines().enumerate() {
                let label = if index == 0 { paint(cyan, "help:") } else { "     ".to_owned() };
                out += &format!("\n{:gutter$} {label} {}", "", visible(line));
            }
        }
        out
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ScenarioError {}

impl Place {
    fn find(text: &str, span: Range<usize>) -> Self {
        let start = floor(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[line_start..line_end].trim_end_matches('\r');
        // A span over several lines is shown to the end of its first one.
        let end = floor(text, span.end).clamp(start, line_start + line.len().max(start - line_start));
        let before = text[line_start..start].chars().count();
        let marked = text[start..end].chars().count();
        let shown = Window::around(line, before, marked);
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: before + 1,
            source: shown.text,
            indent: shown.indent,
            carets: shown.carets,
        }
    }
}

impl Place {
    fn hide(&mut self) {
        let mut shown = 0;
        let kept = |c: &char| {
            shown += columns(*c);
            shown <= self.indent
        };
        self.source = self.source.chars().take_while(kept).chain(['…']).collect();
        self.carets = 1;
    }
}

/// The part of a line around what is marked in it.
struct Window {
    text: String,
    indent: usize,
    carets: usize,
}

impl Window {
    /// `before` and `marked` count characters.
    fn around(line: &str, before: usize, marked: usize) -> Self {
        let chars: Vec<char> = line.chars().collect();
        let width: usize = chars.iter().map(|c| columns(*c)).sum();
        // What comes before the mark may take a third of the width; a base64 image is not shown whole.
        let first = if width <= WIDEST { 0 } else { before.saturating_sub(WIDEST / 3) };
        let mut window = Self { text: String::new(), indent: 0, carets: 0 };
        if first > 0 {
            window.push_str("…");
        }
        window.indent = window.columns();
        for (index, c) in chars.iter().enumerate().skip(first) {
            if window.columns() + columns(*c) > WIDEST {
                window.push_str("…");
                break;
            }
            window.push_char(*c);
            if index < before {
                window.indent += columns(*c);
            } else if index < before + marked {
                window.carets += columns(*c);
            }
        }
        window.carets = window.carets.max(1);
        window
    }

    fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn push_char(&mut self, c: char) {
        match c {
            '\t' => self.push_str("    "),
            _ if is_hidden(c) => self.text.push('\u{fffd}'),
            _ => self.text.push(c),
        }
    }

    fn columns(&self) -> usize {
        self.text.chars().map(columns).sum()
    }
}

/// Terminal columns that a character takes once it is shown.
fn columns(c: char) -> usize {
    match c {
        '\t' => 4,
        _ if is_hidden(c) => 1,
        _ => c.width().unwrap_or(0),
    }
}

/// Control characters and marks that turn the direction of writing: a file must not write to the terminal with them.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text of ours that may quote the file's.
fn visible(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

/// The start of the character that this byte is in.
fn floor(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_under_what_is_meant() {
        let text = "a = 1\n\tπ = \"日本\" # x\r\nend";
        let at = text.find("\"日").unwrap();
        let error = ScenarioError::at(text, "f.toml", at.."a = 1\n\tπ = \"日本\"".len(), "wrong");
        assert_eq!(error.position(), Some((2, 6)));
        let shown = error.to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines, ["wrong", " --> f.toml:2:6", "  |", "2 |     π = \"日本\" # x", "  |         ^^^^^^"]);
    }

    #[test]
    fn any_span_can_be_shown() {
        for text in ["", "é", "a\n", "a\r\n", "日本\n語", "\u{1b}[31m\n", &"x".repeat(130)] {
            for start in 0..text.len() + 2 {
                for end in 0..text.len() + 2 {
                    let error = ScenarioError::at(text, "f", start..end, "m");
                    assert!(!error.to_string().contains('\u{1b}') && error.to_string().contains('^'));
                    assert!(error.render(true).contains('^'));
                }
            }
        }
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("inputs = \"{}\" x", "é".repeat(5000));
        let shown = ScenarioError::at(&text, "f", text.len() - 1..text.len(), "m").to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[3].chars().count() < 60 && lines[3].ends_with("\" x"), "{shown}");
        assert_eq!(lines[3].find('x').map(|at| lines[3][..at].chars().count()), lines[4].find('^'));
        let shown = ScenarioError::at(&text, "f", 9..9000, "m").to_string();
        assert!(shown.lines().all(|line| line.chars().count() < 120), "{shown}");
    }
}
