//! The words of which generated text is made, and a few ways of writing text into bytes.

/// One token each, with the space that a tokenizer would keep in front. No character needs escaping in JSON.
const WORDS: [&str; 64] = [
    " the", " line", " on", " a", " hull", " shows", " how", " much", " load", " ship", " may", " carry", " in",
    " each", " sea", " and", " season", " before", " it", " is", " no", " longer", " safe", " to", " sail", " so",
    " we", " measure", " what", " users", " wait", " for", " when", " many", " of", " them", " come", " at", " once",
    " until", " answer", " takes", " too", " long", " then", " mark", " that", " point", " with", " care", " because",
    " water", " rises", " slowly", " while", " trust", " sinks", " fast", " keep", " your", " cargo", " below",
    " this", " mark",
];

/// Token number `index` of the text that starts at `seed`.
pub(crate) fn word(seed: u64, index: u32) -> &'static str {
    WORDS[(seed.wrapping_add(u64::from(index)) % 64) as usize]
}

/// The whole text.
pub(crate) fn text(seed: u64, tokens: u32) -> String {
    (0..tokens).map(|index| word(seed, index)).collect()
}

/// A guess at how many tokens so many bytes of text are; a real tokenizer is not what is being tested.
pub(crate) fn tokens_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(4)).unwrap_or(u32::MAX).max(1)
}

/// Writes a number in decimal; cheaper than the formatting machinery where every token needs one.
pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes a number in hexadecimal, as chunk sizes are.
pub(crate) fn push_hex(out: &mut Vec<u8>, number: usize) {
    let start = (usize::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..start).rev() {
        out.push(b"0123456789abcdef"[number >> (4 * digit) & 15]);
    }
}

/// Writes text as a JSON string, quotes included.
pub(crate) fn push_json_string(out: &mut Vec<u8>, text: &str) {
    // Writing to memory cannot fail, and neither can a string.
    let _ = serde_json::to_writer(out, text);
}

/// Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let shown = digit <= group.len();
            text.push(if shown { char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_base64() {
        let written = |write: fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(|out| push_number(out, 0)), "0");
        assert_eq!(written(|out| push_number(out, u64::MAX)), u64::MAX.to_string());
        assert_eq!(written(|out| push_hex(out, 0)), "0");
        assert_eq!(written(|out| push_hex(out, 0xabc0)), "abc0");
        assert_eq!(written(|out| push_json_string(out, "a\"b\n")), r#""a\"b\n""#);
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
