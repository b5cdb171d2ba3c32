//! Texts made up: prompts and conversations.

use super::length::Draw;
use super::{MOST_BYTES, words};
use plimsoll_model::scenario::Length;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// Letters of a word and the space after it, on average.
const BYTES_A_WORD: u64 = 6;
/// The length of an input of which nothing is said.
const INPUT: Length = Length { mean: Some(128.0), stddev: None, min: None, max: None };
/// Turns of a conversation of which nothing is said.
const TURNS: Length = Length { mean: Some(3.0), stddev: None, min: None, max: None };

/// What texts are to be like; each key as the scenario has it.
#[derive(Debug)]
pub(super) struct Texts {
    input: Draw,
    output: Option<Draw>,
    turns: Draw,
    prefix: u32,
    prefixes: u32,
    seed: u64,
}

/// What a scenario says of texts.
pub(super) struct Wanted<'a> {
    pub(super) input_tokens: Option<&'a Length>,
    pub(super) output_tokens: Option<&'a Length>,
    pub(super) turns: Option<&'a Length>,
    pub(super) shared_prefix_tokens: Option<u32>,
    pub(super) shared_prefixes: Option<u32>,
}

impl Texts {
    /// Checks what is wanted; an error has the key that is wrong.
    pub(super) fn new(wanted: &Wanted<'_>, seed: u64) -> Result<Self, (&'static str, String)> {
        let draw = |key, length| Draw::new(length).map_err(|what| (key, what));
        let input = draw("input_tokens", wanted.input_tokens.unwrap_or(&INPUT))?;
        let prefix = wanted.shared_prefix_tokens.unwrap_or(0);
        if prefix > 0 && prefix >= input.large() {
            let what = format!("leaves nothing of an input of {} tokens that is its own", input.large());
            return Err(("shared_prefix_tokens", what));
        }
        if wanted.shared_prefixes.is_some() && prefix == 0 {
            return Err(("shared_prefixes", "needs `shared_prefix_tokens`".to_owned()));
        }
        if wanted.shared_prefixes == Some(0) {
            return Err(("shared_prefixes", "must be at least 1".to_owned()));
        }
        Ok(Self {
            input,
            output: wanted.output_tokens.map(|length| draw("output_tokens", length)).transpose()?,
            turns: draw("turns", wanted.turns.unwrap_or(&TURNS))?,
            prefix,
            prefixes: wanted.shared_prefixes.unwrap_or(1),
            seed,
        })
    }

    /// Whether so many rows fit into memory.
    pub(super) fn fit(&self, rows: u32, turns: bool) -> bool {
        let turns = if turns { self.turns.large() } else { 1 };
        // None of the three is above ten million, but their product may be too large.
        let tokens = u64::from(rows).saturating_mul(u64::from(turns)).saturating_mul(u64::from(self.input.large()));
        tokens.saturating_mul(BYTES_A_WORD) <= MOST_BYTES
    }

    /// A prompt. A row depends on its number and the seed alone.
    pub(super) fn prompt(&self, row: u32) -> Value {
        let mut rng = self.rng(row);
        let tokens = self.input.draw(&mut rng);
        let mut prompt = json!({"text": self.text(&mut rng, tokens, true), "input_tokens": tokens});
        if let Some(output) = &self.output {
            prompt["max_tokens"] = output.draw(&mut rng).into();
        }
        prompt
    }

    /// A conversation; what is shared stands at its beginning.
    pub(super) fn conversation(&self, row: u32) -> Value {
        let mut rng = self.rng(row);
        let turns: Vec<String> = (0..self.turns.draw(&mut rng))
            .map(|turn| {
                let tokens = self.input.draw(&mut rng);
                self.text(&mut rng, tokens, turn == 0)
            })
            .collect();
        json!({ "turns": turns })
    }

    fn text(&self, rng: &mut StdRng, tokens: u32, begins: bool) -> String {
        let mut text = String::with_capacity(tokens as usize * BYTES_A_WORD as usize);
        let shared = if begins { self.prefix.min(tokens) } else { 0 };
        if shared > 0 {
            // Seeds of prefixes are apart from those of rows.
            let prefix = rng.random_range(0..self.prefixes);
            words::append(&mut text, words::mix(!self.seed, u64::from(prefix)), shared);
        }
        words::append(&mut text, rng.random(), tokens - shared);
        text
    }

    fn rng(&self, row: u32) -> StdRng {
        StdRng::seed_from_u64(words::mix(self.seed, u64::from(row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Wanted<'_> = Wanted {
        input_tokens: None,
        output_tokens: None,
        turns: None,
        shared_prefix_tokens: None,
        shared_prefixes: None,
    };

    fn fixed(tokens: f64) -> Length {
        Length { mean: Some(tokens), stddev: None, min: None, max: None }
    }

    fn tokens(text: &Value) -> usize {
        text.as_str().unwrap().split(' ').count()
    }

    #[test]
    fn prompts_have_their_lengths() {
        let output = Length { mean: None, stddev: None, min: Some(10), max: Some(20) };
        let wanted = Wanted { input_tokens: Some(&fixed(50.0)), output_tokens: Some(&output), ..NOTHING };
        let texts = Texts::new(&wanted, 1).unwrap();
        for row in 0..50 {
            let prompt = texts.prompt(row);
            assert_eq!(tokens(&prompt["text"]), 50);
            assert_eq!(prompt["input_tokens"], 50);
            assert!((10..=20).contains(&prompt["max_tokens"].as_u64().unwrap()));
        }
        assert_eq!(texts.prompt(3), Texts::new(&wanted, 1).unwrap().prompt(3));
        assert_ne!(texts.prompt(3), Texts::new(&wanted, 2).unwrap().prompt(3));
        assert!(Texts::new(&NOTHING, 1).unwrap().prompt(0).get("max_tokens").is_none());
    }

    #[test]
    fn prefixes_are_shared_and_the_rest_is_not() {
        let wanted = Wanted { shared_prefix_tokens: Some(100), shared_prefixes: Some(4), ..NOTHING };
        let texts = Texts::new(&wanted, 1).unwrap();
        let rows: Vec<Value> = (0..60).map(|row| texts.prompt(row)["text"].clone()).collect();
        let mut starts: Vec<String> =
            rows.iter().map(|row| row.as_str().unwrap().split(' ').take(100).collect::<Vec<_>>().join(" ")).collect();
        starts.sort();
        starts.dedup();
        assert_eq!(starts.len(), 4);
        assert!(rows.iter().all(|row| tokens(row) == 128));
        let mut rows: Vec<&str> = rows.iter().filter_map(Value::as_str).collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 60);
    }

    #[test]
    fn conversations_have_turns() {
        let conversation = Texts::new(&Wanted { shared_prefix_tokens: Some(8), ..NOTHING }, 1).unwrap().conversation(5);
        let turns = conversation["turns"].as_array().unwrap();
        assert_eq!(turns.len(), 3);
        assert!(turns.iter().all(|turn| tokens(turn) == 128));
    }

    #[test]
    fn wrong_wishes_are_told() {
        let wrong = |wanted: Wanted<'_>| Texts::new(&wanted, 1).unwrap_err();
        assert_eq!(wrong(Wanted { shared_prefix_tokens: Some(128), ..NOTHING }).0, "shared_prefix_tokens");
        assert_eq!(wrong(Wanted { shared_prefixes: Some(2), ..NOTHING }).0, "shared_prefixes");
        assert_eq!(wrong(Wanted { turns: Some(&fixed(0.0)), ..NOTHING }).0, "turns");
        let many = Texts::new(&Wanted { input_tokens: Some(&fixed(1e6)), ..NOTHING }, 1).unwrap();
        assert!(!many.fit(1000, false) && many.fit(100, false));
        assert!(!many.fit(u32::MAX, true));
    }
}
