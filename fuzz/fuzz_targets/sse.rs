//! However a stream is cut, and whatever is in it, its events and what is read from them are the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_targets::api::{Dialect, read_cut};
use plimsoll_wire::Splitter;

fn events(bytes: &[u8], lengths: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut splitter = Splitter::default();
    let mut events = Vec::new();
    let mut rest = bytes;
    let mut lengths = lengths.iter().cycle().map(|length| usize::from(*length).max(1));
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(lengths.next().unwrap_or(rest.len()).min(rest.len()));
        splitter.push(piece, |event| events.push((event.name.to_vec(), event.data.to_vec())));
        rest = after;
    }
    events
}

fuzz_target!(|input: (u8, Vec<u8>, &[u8])| {
    let (dialect, lengths, bytes) = input;
    assert_eq!(events(bytes, &lengths), events(bytes, &[]));
    let dialect = match dialect % 4 {
        0 => Dialect::Chat,
        1 => Dialect::Completions,
        2 => Dialect::Responses,
        _ => Dialect::Generate,
    };
    assert_eq!(read_cut(bytes, &lengths, dialect), read_cut(bytes, &[], dialect));
});
