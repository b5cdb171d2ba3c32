//! The dialects of event streams and answers.

use super::*;
use crate::api::failure::Failure;
use plimsoll_model::{FailureClass, Timeline, TokenSource};
use proptest::prelude::*;
use std::time::Duration;

/// Reads a stream that comes in these pieces, a millisecond apart.
fn read(dialect: Dialect, pieces: &[&[u8]]) -> Result<(Reading, Timeline), Failure> {
    let mut reader = StreamReader::new(dialect, 1 << 20, true);
    let mut timeline = Timeline::default();
    for (index, piece) in pieces.iter().enumerate() {
        reader.push(Duration::from_millis(index as u64), piece, &mut timeline)?;
    }
    let reading = reader.finish(&mut timeline)?;
    Ok((reading, timeline))
}

fn events(data: &[&str]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

fn delta(delta: &str) -> String {
    format!(r#"{{"id":"1","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,
    "prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}}}"#;

#[test]
fn a_chat_with_usage() {
    let usage = USAGE.replace('\n', " ");
    let all = events(&[
        &delta(r#"{"role":"assistant","content":""}"#),
        &delta(r#"{"reasoning_content":"hm"}"#),
        &delta(r#"{"content":"Hé"}"#),
        &delta(r#"{"content":" y\"ou"}"#),
        &delta(r#"{"content":""}"#),
        STOP,
        &usage,
        "[DONE]",
    ]);
    let (reading, timeline) = read(Dialect::Chat, &[all.as_bytes()]).unwrap();
    assert_eq!((reading.text.as_str(), reading.finish.as_str()), ("Hé y\"ou", "stop"));
    assert_eq!(timeline.chunks.len(), 3, "the role and the empty chunk are no content");
    assert!(timeline.chunk_tokens.is_empty());
    let tokens = reading.tokens.unwrap();
    assert_eq!((tokens.input, tokens.output, tokens.reasoning, tokens.cached), (7, 3, 1, 4));
    assert_eq!(tokens.source, TokenSource::Server);
}

#[test]
fn usage_on_every_chunk_gives_tokens_of_each() {
    let chunk = |text: &str, count: u32| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}],"usage":{{"prompt_tokens":1,"completion_tokens":{count}}}}}"#
        )
    };
    let all = events(&[&chunk("", 0), &chunk("a", 1), &chunk("", 2), &chunk("b", 5), STOP, &chunk("", 6), "[DONE]"]);
    let (reading, timeline) = read(Dialect::Chat, &[all.as_bytes()]).unwrap();
    assert_eq!(timeline.chunk_tokens, [1, 4]);
    assert_eq!(reading.tokens.unwrap().output, 6);
    // On some chunks only, they say nothing of the others.
    let all = events(&[&delta(r#"{"content":"x"}"#), &chunk("b", 5), STOP]);
    let (reading, timeline) = read(Dialect::Chat, &[all.as_bytes()]).unwrap();
    assert!(timeline.chunk_tokens.is_empty());
    assert_eq!(reading.tokens.unwrap().output, 5);
}

#[test]
fn deviations_of_servers_are_taken() {
    let chunks =
        |all: &str| read(Dialect::Chat, &[all.as_bytes()]).map(|(reading, timeline)| (reading, timeline.chunks.len()));
    // CRLF, comments, a named event, no space after the colon, no [DONE], no blank line at the end.
    let all = format!(
        ": ping\r\n\r\nevent: message\r\ndata:{}\r\n\r\n: ping\r\ndata: {STOP}\r\n\r\n: bye",
        delta(r#"{"content":"a"}"#)
    );
    assert_eq!(chunks(&all).unwrap().1, 1);
    // [DONE] without a reason to finish; no count of tokens.
    let (reading, count) = chunks(&events(&[&delta(r#"{"content":"a"}"#), "[DONE]"])).unwrap();
    assert_eq!((count, reading.tokens.unwrap().source), (1, TokenSource::Chunks));
    // A call of a tool, in pieces; its first chunk may have nothing but a name.
    let call =
        |function: &str| delta(&format!(r#"{{"content":null,"tool_calls":[{{"index":0,"function":{function}}}]}}"#));
    let calls =
        [call(r#"{"name":"find","arguments":""}"#), call(r#"{"arguments":"{\"a\""}"#), call(r#"{"arguments":""}"#)];
    let (reading, count) = chunks(&events(&[&calls[0], &calls[1], &calls[2], STOP])).unwrap();
    assert_eq!((count, reading.called, reading.check().is_ok()), (2, true, true));
    // Both words for usage, a content of parts, members that we do not know.
    let odd = r#"{"x":{"y":[1]},"error":null,"usage":{"prompt_tokens":1,"input_tokens":1,"completion_tokens":2,"output_tokens":2},
        "choices":[{"delta":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},"message":null,"finish_reason":"length"}]}"#;
    let (reading, _) = chunks(&events(&[&odd.replace('\n', "")])).unwrap();
    assert_eq!((reading.text.as_str(), reading.tokens.unwrap().output), ("ab", 2));
    // Of several answers, the first is the text; all of them are content.
    let other = r#"{"choices":[{"index":1,"delta":{"content":"zz"}}]}"#;
    let (reading, count) = chunks(&events(&[&delta(r#"{"content":"a"}"#), other, STOP])).unwrap();
    assert_eq!((reading.text.as_str(), count), ("a", 2));
    // What comes after [DONE] does not count.
    assert_eq!(chunks(&events(&[&delta(r#"{"content":"a"}"#), "[DONE]", "{broken"])).unwrap().1, 1);
}

#[test]
fn failures_inside_a_stream() {
    let class = |all: &[u8]| match read(Dialect::Chat, &[all]) {
        Ok((reading, _)) => reading.check().unwrap_err().class,
        Err(failure) => failure.class,
    };
    let hello = delta(r#"{"content":"a"}"#);
    let after = |what: &str| class(format!("data: {hello}\n\n{what}").as_bytes());
    assert_eq!(after("data: {\"error\":{\"message\":\"CUDA\",\"code\":500}}\n\n"), FailureClass::AppError);
    assert_eq!(after("event: error\ndata: out of memory\n\n"), FailureClass::AppError);
    assert_eq!(after("data: {\"error\":\"full\",\"error_type\":\"overloaded\"}\n\n"), FailureClass::Overloaded);
    assert_eq!(after("data: {broken\n\n"), FailureClass::Protocol);
    assert_eq!(class(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xFF\"}}]}\n\n"), FailureClass::Protocol);
    assert_eq!(class(b"data: {\"x\":\"\xFF\"}\n\n"), FailureClass::Protocol);
    assert_eq!(after(""), FailureClass::InvalidResponse, "neither a reason to finish nor [DONE]");
    assert_eq!(class(events(&[STOP, "[DONE]"]).as_bytes()), FailureClass::InvalidResponse, "nothing said");
    assert_eq!(class(b""), FailureClass::InvalidResponse);
    let mut reader = StreamReader::new(Dialect::Chat, 1000, false);
    assert_eq!(
        reader.push(Duration::ZERO, &[b'x'; 1001], &mut Timeline::default()).unwrap_err().class,
        FailureClass::Protocol
    );
}

#[test]
fn the_text_generation_of_tgi() {
    let token = |text: &str, special: bool, rest: &str| {
        format!(r#"{{"index":1,"token":{{"id":5,"text":"{text}","logprob":-0.1,"special":{special}}}{rest}}}"#)
    };
    let end = r#","generated_text":"a b","details":{"finish_reason":"length","generated_tokens":3,"input_length":2}"#;
    let all = events(&[
        &token("a", false, r#","generated_text":null,"details":null"#),
        &token(" b", false, ""),
        &token("</s>", true, end),
    ]);
    let (reading, timeline) = read(Dialect::Generate, &[all.replace("data: ", "data:").as_bytes()]).unwrap();
    assert_eq!((reading.text.as_str(), timeline.chunks.len()), ("a b", 2));
    let tokens = reading.tokens.unwrap();
    assert_eq!((tokens.input, tokens.output), (2, 3));
    let error = br#"data:{"error":"Request failed during generation","error_type":"generation"}

"#;
    assert_eq!(read(Dialect::Generate, &[error]).unwrap_err().class, FailureClass::AppError);
}

#[test]
fn the_events_of_the_responses_api() {
    let all = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\",\"usage\":null,\"error\":null}}\n\n\
        event: response.reasoning_text.delta\ndata: {\"type\":\"response.reasoning_text.delta\",\"delta\":\"hm\"}\n\n\
        event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n\
        event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"text\":\"Hi\"}\n\n\
        event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":3,\"output_tokens\":2,\"input_tokens_details\":{\"cached_tokens\":1},\"output_tokens_details\":{\"reasoning_tokens\":1}}}}\n\n";
    let (reading, timeline) = read(Dialect::Responses, &[all.as_bytes()]).unwrap();
    assert_eq!((reading.text.as_str(), timeline.chunks.len(), reading.finish.as_str()), ("Hi", 2, "completed"));
    let tokens = reading.tokens.unwrap();
    assert_eq!((tokens.input, tokens.output, tokens.reasoning, tokens.cached), (3, 2, 1, 1));
    let failed =
        r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"died"}}}"#;
    let failure = read(Dialect::Responses, &[events(&[failed]).as_bytes()]).unwrap_err();
    assert_eq!((failure.class, failure.text.as_str()), (FailureClass::AppError, "died"));
    let error = r#"{"type":"error","code":"x","message":"gone"}"#;
    assert_eq!(read(Dialect::Responses, &[events(&[error]).as_bytes()]).unwrap_err().text, "gone");
    let cut = &all[..all.find("event: response.completed").unwrap()];
    assert_eq!(read(Dialect::Responses, &[cut.as_bytes()]).unwrap_err().class, FailureClass::InvalidResponse);
}

#[test]
fn whole_answers() {
    let whole = |dialect, body: &str| Reading::of_whole(dialect, body.as_bytes(), true);
    let chat = r#"{"choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let reading = whole(Dialect::Chat, chat).unwrap();
    assert_eq!((reading.text.as_str(), reading.tokens.unwrap().output), ("Hi", 2));
    let call =
        r#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}]}"#;
    assert!(whole(Dialect::Chat, call).unwrap().check().is_ok());
    let empty = whole(Dialect::Chat, r#"{"choices":[{"message":{"content":""}}]}"#).unwrap();
    assert_eq!(empty.check().unwrap_err().class, FailureClass::InvalidResponse);
    assert_eq!(whole(Dialect::Completions, r#"{"choices":[{"text":"x"}]}"#).unwrap().text, "x");
    let list = r#"[{"generated_text":"x"}]"#;
    assert_eq!(whole(Dialect::Generate, list).unwrap().text, "x");
    let details = r#"{"generated_text":"x","details":{"generated_tokens":4,"prefill":[{},{}]}}"#;
    let tokens = whole(Dialect::Generate, details).unwrap().tokens.unwrap();
    assert_eq!((tokens.input, tokens.output), (2, 4));
    let response = r#"{"status":"completed","error":null,"output":[{"type":"reasoning","content":[]},
        {"type":"message","content":[{"type":"output_text","text":"Hi","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":2}}"#;
    let reading = whole(Dialect::Responses, response).unwrap();
    assert_eq!((reading.text.as_str(), reading.tokens.unwrap().output, reading.said), ("Hi", 2, true));
    for (body, class) in [
        ("", FailureClass::InvalidResponse),
        ("<html>", FailureClass::InvalidResponse),
        (r#"{"error":{"message":"no"}}"#, FailureClass::AppError),
    ] {
        for dialect in [Dialect::Chat, Dialect::Completions, Dialect::Responses, Dialect::Generate] {
            assert_eq!(
                whole(dialect, body).and_then(|reading| reading.check()).unwrap_err().class,
                class,
                "{dialect:?} {body}"
            );
        }
    }
    assert_eq!(Reading::of_whole(Dialect::Chat, b"{\"a\":\"\xFF\"}", false).unwrap_err().class, FailureClass::Protocol);
}

#[test]
fn a_stream_is_seen_whole_as_its_api_would_give_it() {
    let all = events(&[&delta(r#"{"content":"Hi"}"#), STOP, &USAGE.replace('\n', ""), "[DONE]"]);
    let (reading, _) = read(Dialect::Chat, &[all.as_bytes()]).unwrap();
    let whole = reading.as_whole(Dialect::Chat);
    assert_eq!(whole.pointer("/choices/0/message/content").unwrap(), "Hi");
    assert_eq!(whole.pointer("/usage/completion_tokens").unwrap(), 3);
    assert_eq!(reading.as_whole(Dialect::Completions).pointer("/choices/0/text").unwrap(), "Hi");
    assert_eq!(reading.as_whole(Dialect::Responses).pointer("/output/0/content/0/text").unwrap(), "Hi");
    assert_eq!(reading.as_whole(Dialect::Generate).pointer("/generated_text").unwrap(), "Hi");
}

proptest! {
    /// However the bytes are cut, the reading is the same.
    #[test]
    fn cuts_do_not_matter(
        texts in proptest::collection::vec("[a-zé\u{1F600}\"\n]{0,5}", 0..8),
        ends in "\n\n|\r\n\r\n|\n: ping\n\n",
        done: bool,
        lengths in proptest::collection::vec(1u8..60, 1..8),
    ) {
        let mut all: String = texts.iter().map(|text| {
            format!("data: {}{ends}", delta(&format!(r#"{{"content":{}}}"#, serde_json::json!(text))))
        }).collect();
        all += &format!("data: {STOP}{ends}");
        if done {
            all += &format!("data: [DONE]{ends}");
        }
        let expected = (texts.concat(), texts.iter().filter(|text| !text.is_empty()).count());
        prop_assert_eq!(read_cut(all.as_bytes(), &lengths, Dialect::Chat), Some(expected));
    }

    /// Nothing that a server sends brings the reader down.
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), lengths in proptest::collection::vec(any::<u8>(), 1..4)) {
        for dialect in [Dialect::Chat, Dialect::Responses, Dialect::Generate] {
            let _ = read_cut(&bytes, &lengths, dialect);
        }
    }
}
