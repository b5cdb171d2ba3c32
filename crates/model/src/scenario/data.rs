//! The `[data.NAME]` tables: where payloads come from.

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::fmt;

/// A named source of payloads: exactly one of `list`, `file`, `folder` and `generator`. Templates see the row drawn for
/// this iteration under the source's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// The rows themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<Vec<Value>>,
    /// A file, from the scenario file's folder: `.jsonl` (a row each line), `.json` (an array), `.csv` (a row each line,
    /// keys from the header), anything else is text (a row each non-empty line). A ShareGPT-like `.json` gives
    /// conversations: rows with `turns`, the texts of the human side in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A folder of images or audio files, from the scenario file's folder: rows with `name`, `mime`, `base64`,
    /// `data_url` and the bytes themselves for binary bodies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Rows made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Generator>,
    /// `prompts`, `conversations`: tokens of the input (of each turn).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<Length>,
    /// `prompts`: tokens of the output, which the row's `max_tokens` then asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<Length>,
    /// `prompts`, `conversations`: tokens at the start of each input that it shares with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_prefix_tokens: Option<u32>,
    /// `prompts`, `conversations`: how many different shared prefixes there are; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_prefixes: Option<u32>,
    /// `conversations`: turns of the human side; 3 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<Length>,
    /// `images`: width and height in pixels; 256 × 256 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[u32; 2]>,
    /// `audio`: seconds; 2 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Different rows that a generator makes before it begins again; 1,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u32>,
    /// In what order rows are drawn; `random` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
}

/// Rows made up, from the scenario's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Generator {
    /// Texts of given lengths: rows with `text`, `input_tokens` (about) and `max_tokens`.
    Prompts,
    /// Conversations: rows with `turns`.
    Conversations,
    /// PNG images of noise over a gradient, as the rows of a folder.
    Images,
    /// WAV files, as the rows of a folder.
    Audio,
}

/// In what order rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Independently of each other.
    #[default]
    Random,
    /// The first row for iteration 0, the next for iteration 1, and from the start again at the end.
    Sequential,
}

/// A length in tokens (or turns): one number, or a distribution. `mean` and `stddev` make a normal distribution, cut at
/// `min` and `max`; `min` and `max` alone a uniform one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(with = "LengthSchema")]
pub struct Length {
    /// Mean; alone it is the length of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Standard deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stddev: Option<f64>,
    /// Smallest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// Largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// The table form of [`Length`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LengthTable {
    /// Mean; alone it is the length of all.
    #[serde(default)]
    mean: Option<f64>,
    /// Standard deviation.
    #[serde(default)]
    stddev: Option<f64>,
    /// Smallest.
    #[serde(default)]
    min: Option<u32>,
    /// Largest.
    #[serde(default)]
    max: Option<u32>,
}

/// What a schema says of [`Length`].
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum LengthSchema {
    Number(f64),
    Table(LengthTable),
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrTable;

        impl<'de> Visitor<'de> for NumberOrTable {
            type Value = Length;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a table such as { mean = 500, stddev = 100 }")
            }

            fn visit_f64<E: Error>(self, mean: f64) -> Result<Length, E> {
                Ok(Length { mean: Some(mean), stddev: None, min: None, max: None })
            }

            fn visit_i64<E: Error>(self, mean: i64) -> Result<Length, E> {
                self.visit_f64(mean as f64)
            }

            fn visit_u64<E: Error>(self, mean: u64) -> Result<Length, E> {
                self.visit_f64(mean as f64)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Length, A::Error> {
                let LengthTable { mean, stddev, min, max } = LengthTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Length { mean, stddev, min, max })
            }
        }

        deserializer.deserialize_any(NumberOrTable)
    }
}
