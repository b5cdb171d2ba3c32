//! Splits a byte stream into server-sent events (WHATWG HTML, section 9.2.6).

use memchr::memchr2;

/// One event of a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The event's type; empty where the stream named none (which means `message`).
    pub name: &'a [u8],
    /// Its data, lines joined by `\n`.
    pub data: &'a [u8],
}

/// Feeds on chunks as they come from the socket, cut anywhere, and calls back for each whole event.
/// `id` and `retry` fields are passed over: none of our targets resumes a stream.
#[derive(Debug)]
pub struct Splitter {
    most_pending: usize,
    /// The line that is not complete yet.
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last line ended in CR at the very end of a chunk: a LF at the start of the next belongs to it.
    after_cr: bool,
    started: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::with_limit(Self::MOST_PENDING)
    }
}

impl Splitter {
    /// Bytes that may wait for the end of their event, where nothing else is said. More means that this is no event
    /// stream.
    pub const MOST_PENDING: usize = 256 << 20;

    /// A splitter that lets so many bytes wait for the end of their event.
    pub fn with_limit(most_pending: usize) -> Self {
        Self {
            most_pending,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            has_data: false,
            after_cr: false,
            started: false,
        }
    }

    /// Takes a chunk; `on_event` sees each event that it completes. `false` once more bytes than the limit wait for
    /// an end that does not come.
    pub fn push(&mut self, mut chunk: &[u8], mut on_event: impl FnMut(Event<'_>)) -> bool {
        if self.after_cr && chunk.first() == Some(&b'\n') {
            chunk = &chunk[1..];
            self.after_cr = false;
        }
        while let Some(end) = memchr2(b'\n', b'\r', chunk) {
            if self.line.is_empty() {
                self.take_line(&chunk[..end], &mut on_event);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&chunk[..end]);
                self.take_line(&line, &mut on_event);
                line.clear();
                self.line = line;
            }
            let pair = chunk[end] == b'\r' && chunk.get(end + 1) == Some(&b'\n');
            self.after_cr = chunk[end] == b'\r' && end + 1 == chunk.len();
            chunk = &chunk[end + 1 + usize::from(pair)..];
        }
        if !chunk.is_empty() {
            self.after_cr = false;
            self.line.extend_from_slice(chunk);
        }
        self.line.len() + self.data.len() <= self.most_pending
    }

    fn take_line(&mut self, line: &[u8], on_event: &mut impl FnMut(Event<'_>)) {
        let line = if self.started { line } else { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) };
        self.started = true;
        if line.is_empty() {
            if self.has_data {
                on_event(Event { name: &self.name, data: &self.data });
            }
            self.name.clear();
            self.data.clear();
            self.has_data = false;
            return;
        }
        let colon = memchr::memchr(b':', line);
        let (field, value) = match colon {
            Some(at) => (&line[..at], line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..])),
            None => (line, &[][..]),
        };
        match field {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&[u8]]) -> Vec<(String, String)> {
        let mut splitter = Splitter::default();
        let mut events = Vec::new();
        for chunk in chunks {
            assert!(splitter.push(chunk, |event| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                events.push((text(event.name), text(event.data)));
            }));
        }
        events
    }

    #[test]
    fn the_standards_examples() {
        let all = b"\xEF\xBB\xBF: comment\n\ndata: YHOO\ndata: +2\ndata: 10\n\nevent: add\rdata:73\r\rdata\n\nid: 1\n\ndata:  two\r\n\r\ndata: cut";
        let expected: Vec<(String, String)> = [("", "YHOO\n+2\n10"), ("add", "73"), ("", ""), ("", " two")]
            .map(|(name, data)| (name.to_owned(), data.to_owned()))
            .to_vec();
        assert_eq!(split(&[all]), expected);
    }

    proptest! {
        /// However the bytes are cut, the events are the same.
        #[test]
        fn cuts_do_not_matter(
            lines in proptest::collection::vec("(data|event|id|x)?:? ?[a-zé\u{1F600}]{0,6}(\n|\r|\r\n)", 0..24),
            cuts in proptest::collection::vec(0usize..200, 0..12),
        ) {
            let bytes = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).filter(|p| !p.is_empty()).collect();
            prop_assert_eq!(split(&pieces), split(&[&bytes]));
        }
    }
}
