//! Where payloads come from: the rows of a `[data.NAME]` table. They are read or made once, before the run, and kept.

mod conversation;
mod file;
mod folder;
mod generate;
mod length;
mod media;
mod picture;
mod sound;
pub(in crate::api) mod words;

use bytes::Bytes;
pub(super) use file::text_of;
use generate::{Texts, Wanted};
use plimsoll_model::scenario::{DataSource, Generator, Order, Problem};
use rand::{Rng, RngExt};
use std::path::Path;

/// Rows are kept in memory: more than this would push out what is being measured.
const MOST_BYTES: u64 = 1 << 30;
/// The default of [`DataSource::rows`].
const ROWS: u32 = 1_000;
/// The default of [`DataSource::size`].
const SIZE: [u32; 2] = [256, 256];
/// Most pixels along one side of a picture.
const LARGEST_SIDE: u32 = 16_384;
/// The default of [`DataSource::seconds`].
const SECONDS: f64 = 2.0;
/// The longest recording.
const LONGEST: f64 = 3_600.0;

/// The rows of one data source.
#[derive(Debug)]
pub struct DataSet {
    rows: Vec<Row>,
    order: Order,
}

/// One row.
#[derive(Debug)]
pub struct Row {
    /// As templates see it.
    pub value: minijinja::Value,
    /// As JSON. Of a file it has `name`, `mime` and `size`: templates see its base64 text, which is made when asked for.
    pub json: serde_json::Value,
    /// The bytes of a file.
    pub binary: Option<Binary>,
}

/// A file to send as it is.
#[derive(Debug, Clone)]
pub struct Binary {
    /// Its media type.
    pub mime: String,
    /// Its content.
    pub bytes: Bytes,
}

impl Row {
    fn new(json: serde_json::Value) -> Self {
        Self { value: minijinja::value::Serde(&json).into(), json, binary: None }
    }
}

impl DataSet {
    /// Reads or makes the rows of the source `name`. The same seed makes the same rows.
    pub fn load(name: &str, source: &DataSource, base_dir: &Path, seed: u64) -> Result<Self, Problem> {
        let problem = |key: &str, what: String| {
            let at = if key.is_empty() { format!("data.{name}") } else { format!("data.{name}.{key}") };
            Problem::new(at, what)
        };
        check_keys(source).map_err(|(key, what)| problem(key, what))?;
        let rows = if let Some(list) = &source.list {
            if list.is_empty() {
                return Err(problem("list", "is empty".to_owned()));
            }
            list.iter().cloned().map(Row::new).collect()
        } else if let Some(file) = &source.file {
            let rows = file::read(&base_dir.join(file)).map_err(|what| problem("file", what))?;
            rows.into_iter().map(Row::new).collect()
        } else if let Some(folder) = &source.folder {
            folder::read(&base_dir.join(folder)).map_err(|what| problem("folder", what))?
        } else if let Some(generator) = source.generator {
            generate(generator, source, words::seed_of(seed, name)).map_err(|(key, what)| problem(key, what))?
        } else {
            Vec::new()
        };
        Ok(Self { rows, order: source.order.unwrap_or_default() })
    }

    /// How many rows there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// A row by its number, from 0.
    pub fn row(&self, index: usize) -> &Row {
        &self.rows[index]
    }

    /// The row for an iteration: by its number or by chance, as the source's order says.
    pub fn draw(&self, sequence: u64, rng: &mut impl Rng) -> &Row {
        match self.order {
            Order::Random => &self.rows[rng.random_range(0..self.rows.len())],
            Order::Sequential => &self.rows[(sequence % self.rows.len() as u64) as usize],
        }
    }
}

/// A key of the source, empty for the whole, and what is wrong with it.
type Wrong = (&'static str, String);

/// Exactly one kind of source, and only the keys that belong to it.
fn check_keys(source: &DataSource) -> Result<(), Wrong> {
    let kinds = [
        ("list", source.list.is_some()),
        ("file", source.file.is_some()),
        ("folder", source.folder.is_some()),
        ("generator", source.generator.is_some()),
    ];
    let given: Vec<&str> = kinds.iter().filter(|(_, given)| *given).map(|(kind, _)| *kind).collect();
    match given.as_slice() {
        [_] => {}
        [] => return Err(("", "needs one of `list`, `file`, `folder` and `generator`".to_owned())),
        [first, second, ..] => return Err(("", format!("has both `{first}` and `{second}`; keep one"))),
    }
    let keys = [
        ("input_tokens", source.input_tokens.is_some(), &[Generator::Prompts, Generator::Conversations][..]),
        ("output_tokens", source.output_tokens.is_some(), &[Generator::Prompts]),
        (
            "shared_prefix_tokens",
            source.shared_prefix_tokens.is_some(),
            &[Generator::Prompts, Generator::Conversations],
        ),
        ("shared_prefixes", source.shared_prefixes.is_some(), &[Generator::Prompts, Generator::Conversations]),
        ("turns", source.turns.is_some(), &[Generator::Conversations]),
        ("size", source.size.is_some(), &[Generator::Images]),
        ("seconds", source.seconds.is_some(), &[Generator::Audio]),
        (
            "rows",
            source.rows.is_some(),
            &[Generator::Prompts, Generator::Conversations, Generator::Images, Generator::Audio],
        ),
    ];
    for (key, given, generators) in keys {
        if !given || source.generator.is_some_and(|generator| generators.contains(&generator)) {
            continue;
        }
        let names: Vec<String> = generators.iter().map(|generator| format!("`{}`", name(*generator))).collect();
        let belongs = names.join(" and ");
        return Err((key, format!("belongs to the generator{} {belongs}", if names.len() > 1 { "s" } else { "" })));
    }
    Ok(())
}

fn name(generator: Generator) -> &'static str {
    match generator {
        Generator::Prompts => "prompts",
        Generator::Conversations => "conversations",
        Generator::Images => "images",
        Generator::Audio => "audio",
    }
}

fn generate(generator: Generator, source: &DataSource, seed: u64) -> Result<Vec<Row>, Wrong> {
    let rows = source.rows.unwrap_or(ROWS);
    if rows == 0 {
        return Err(("rows", "must be at least 1".to_owned()));
    }
    let too_many = || ("rows", format!("{rows} rows of this size are more than 1 GiB; ask for fewer or smaller ones"));
    let each = (0..rows).map(|row| (row, words::mix(seed, u64::from(row))));
    match generator {
        Generator::Prompts | Generator::Conversations => {
            let texts = Texts::new(
                &Wanted {
                    input_tokens: source.input_tokens.as_ref(),
                    output_tokens: source.output_tokens.as_ref(),
                    turns: source.turns.as_ref(),
                    shared_prefix_tokens: source.shared_prefix_tokens,
                    shared_prefixes: source.shared_prefixes,
                },
                seed,
            )?;
            let turns = generator == Generator::Conversations;
            if !texts.fit(rows, turns) {
                return Err(too_many());
            }
            let row = |row| if turns { texts.conversation(row) } else { texts.prompt(row) };
            Ok((0..rows).map(|number| Row::new(row(number))).collect())
        }
        Generator::Images => {
            let [width, height] = source.size.unwrap_or(SIZE);
            if ![width, height].iter().all(|side| (1..=LARGEST_SIDE).contains(side)) {
                return Err(("size", format!("must be between 1 and {LARGEST_SIDE} pixels each way")));
            }
            // Even where it does not shrink at all.
            if u64::from(width) * u64::from(height) * 3 * u64::from(rows) > MOST_BYTES {
                return Err(too_many());
            }
            each.map(|(row, seed)| {
                let file = picture::png(width, height, seed).map_err(|what| ("", what))?;
                Ok(media::row(&format!("{row}.png"), "image/png", file.into()))
            })
            .collect()
        }
        Generator::Audio => {
            let seconds = source.seconds.unwrap_or(SECONDS);
            if !(seconds > 0.0 && seconds <= LONGEST) {
                return Err(("seconds", format!("must be above 0 and at most {LONGEST}, not {seconds}")));
            }
            if sound::size(seconds).saturating_mul(u64::from(rows)) > MOST_BYTES {
                return Err(too_many());
            }
            Ok(each
                .map(|(row, seed)| media::row(&format!("{row}.wav"), "audio/wav", sound::wav(seconds, seed).into()))
                .collect())
        }
    }
}

fn too_large(what: &str) -> String {
    format!("{what} has more than 1 GiB, and rows are kept in memory; take a part of it")
}

#[cfg(test)]
mod tests;
