//! Counting tokens where the server does not: on the writer's thread, never on one that measures.

use plimsoll_model::Sample;
use std::path::Path;

/// A tokenizer.
#[cfg(feature = "tokenizers")]
pub(crate) struct TokenCounter(tokenizers::Tokenizer);

#[cfg(feature = "tokenizers")]
impl TokenCounter {
    /// Reads a `tokenizer.json`.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        tokenizers::Tokenizer::from_file(path).map(Self).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Counts the tokens of a sample that nobody has counted. Special tokens that the tokenizer would put around a text
    /// of its own are left out: the server did not send them.
    pub(crate) fn count(&self, sample: &mut Sample) {
        let (Some(text), Some(tokens)) = (sample.uncounted.take(), &mut sample.tokens) else { return };
        if let Ok(encoding) = self.0.encode_fast(&*text, false) {
            tokens.output = u32::try_from(encoding.len()).unwrap_or(u32::MAX);
            tokens.source = plimsoll_model::TokenSource::Tokenizer;
        }
    }
}

/// This build has none.
#[cfg(not(feature = "tokenizers"))]
pub(crate) enum TokenCounter {}

#[cfg(not(feature = "tokenizers"))]
impl TokenCounter {
    pub(crate) fn load(_: &Path) -> Result<Self, String> {
        Err("this build has no tokenizer\nbuild one that has: cargo install --path crates/cli --features tokenizers"
            .to_owned())
    }

    pub(crate) fn count(&self, _: &mut Sample) {
        match *self {}
    }
}

#[cfg(all(test, feature = "tokenizers"))]
mod tests {
    use super::*;
    use plimsoll_model::{TokenSource, Tokens, Traffic};
    use std::time::Duration;

    #[test]
    fn a_text_that_came_in_few_chunks_has_all_its_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        let words = serde_json::json!({
            "version": "1.0", "added_tokens": [], "normalizer": null, "truncation": null, "padding": null,
            "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null, "decoder": null,
            "model": { "type": "WordLevel", "vocab": { "one": 0, "two": 1, "[UNK]": 2 }, "unk_token": "[UNK]" },
        });
        std::fs::write(&path, words.to_string()).unwrap();
        let counter = TokenCounter::load(&path).unwrap();
        let zero = Duration::ZERO;
        let mut sample = Sample::begin(Traffic::Prediction, "chat".into(), (0, 0), zero, zero);
        sample.tokens = Some(Tokens { input: 0, output: 2, reasoning: 0, cached: 0, source: TokenSource::Chunks });
        sample.uncounted = Some("one two two one three".into());
        counter.count(&mut sample);
        let tokens = sample.tokens.unwrap();
        assert_eq!((tokens.output, tokens.source, &sample.uncounted), (5, TokenSource::Tokenizer, &None));
        assert!(TokenCounter::load(folder.path()).is_err());
    }
}
