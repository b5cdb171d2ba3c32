//! Prompts for requests of which a trace keeps no text.

use crate::api::data::words;
use plimsoll_model::TraceRequest;

/// Letters of a word and the space after it, on average.
const BYTES_A_WORD: usize = 6;
/// Tokens of an input of which the trace says nothing.
const UNKNOWN: u32 = 128;

/// A text of about the recorded number of tokens. Each block has a text of its own, the same in every request, so that
/// requests which share leading blocks share that much of their prompts. What lies outside of blocks belongs to the
/// request: it depends on its time, its tokens and its session.
pub fn prompt_of(trace: &TraceRequest, seed: u64) -> String {
    let tokens = trace.input_tokens.unwrap_or_else(|| whole_blocks(trace).unwrap_or(UNKNOWN));
    let mut text = String::with_capacity(tokens as usize * BYTES_A_WORD);
    let mut left = tokens;
    for block in &trace.blocks {
        let here = left.min(trace.block_tokens);
        // The last may be cut: a shorter text of the same seed is the beginning of the longer one.
        words::append(&mut text, words::mix(seed, *block), here);
        left -= here;
    }
    if left > 0 {
        let own = [
            trace.at.as_nanos() as u64,
            u64::from(tokens),
            u64::from(trace.output_tokens.unwrap_or(0)),
            trace.session.as_deref().map_or(0, |session| words::seed_of(seed, session)),
        ];
        // Turned around, so that it is never the seed of a block.
        words::append(&mut text, own.into_iter().fold(!seed, words::mix), left);
    }
    text
}

fn whole_blocks(trace: &TraceRequest) -> Option<u32> {
    let blocks = u32::try_from(trace.blocks.len()).ok().filter(|blocks| *blocks > 0)?;
    Some(blocks.saturating_mul(trace.block_tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn request(tokens: u32, blocks: &[u64]) -> TraceRequest {
        TraceRequest {
            input_tokens: Some(tokens),
            blocks: blocks.to_vec(),
            block_tokens: if blocks.is_empty() { 0 } else { 512 },
            ..TraceRequest::default()
        }
    }

    fn words_of(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn equal_leading_blocks_are_equal_prefixes() {
        let (one, two) = (prompt_of(&request(1300, &[1, 2, 3]), 9), prompt_of(&request(1536, &[1, 2, 4]), 9));
        let (one, two) = (words_of(&one), words_of(&two));
        assert_eq!((one.len(), two.len()), (1300, 1536));
        assert_eq!(one[..1024], two[..1024]);
        assert_ne!(one[1024..1100], two[1024..1100]);
        // A block that is cut is the beginning of the whole one.
        let whole = prompt_of(&request(1536, &[1, 2, 3]), 9);
        assert!(whole.starts_with(&prompt_of(&request(1300, &[1, 2, 3]), 9)));
    }

    #[test]
    fn prompts_without_blocks_differ_by_request() {
        let at = |seconds| TraceRequest { at: Duration::from_secs(seconds), ..request(100, &[]) };
        assert_eq!(words_of(&prompt_of(&at(1), 9)).len(), 100);
        assert_eq!(prompt_of(&at(1), 9), prompt_of(&at(1), 9));
        assert_ne!(prompt_of(&at(1), 9), prompt_of(&at(2), 9));
        assert_ne!(prompt_of(&at(1), 9), prompt_of(&at(1), 8));
    }

    #[test]
    fn tokens_that_blocks_do_not_cover_are_filled_up() {
        assert_eq!(words_of(&prompt_of(&request(700, &[5]), 9)).len(), 700);
        assert_eq!(words_of(&prompt_of(&TraceRequest::default(), 9)).len(), 128);
        assert_eq!(words_of(&prompt_of(&TraceRequest { input_tokens: None, ..request(0, &[5]) }, 9)).len(), 512);
        assert_eq!(prompt_of(&request(0, &[5]), 9), "");
    }
}
