//! Streamed answers, one write at a time. What all events of a stream share is written out once, when the request
//! arrives; a token then costs a few copies.

use crate::clock::unix_seconds;
use crate::faults::FaultKind;
use crate::openai::{Generation, message_item, response_object, tgi_finish};
use crate::words::{push_json_string, push_number, text, word};
use serde_json::{Value, json};

/// Whose stream format it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Chat,
    Completion,
    Responses,
    Tgi,
}

/// What the request wants to be told about usage.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// One last event with the counts.
    pub at_end: bool,
    /// The counts in every event.
    pub always: bool,
}

/// What comes after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Another write, when it is due.
    More,
    /// Nothing: the stream is complete.
    End,
    /// The connection is to be closed in the middle.
    Cut,
    /// Nothing, though the stream is not complete.
    Silence,
}

/// A stream that is being sent.
#[derive(Debug)]
pub(crate) struct Stream {
    protocol: Protocol,
    id: Box<str>,
    model: Box<str>,
    seed: u64,
    tokens: u32,
    sent: u32,
    reasoning_tokens: u32,
    reasoning_field: Box<str>,
    prompt_tokens: u32,
    finish: &'static str,
    tool: Option<String>,
    usage: Usage,
    per_event: u32,
    fault: Option<FaultKind>,
    /// An event up to where its own text starts, and from its end on.
    prefix: Vec<u8>,
    suffix: &'static [u8],
    sequence: u64,
}

impl Stream {
    pub(crate) fn new(
        protocol: Protocol,
        generation: Generation<'_>,
        usage: Usage,
        per_event: u32,
        fault: Option<FaultKind>,
    ) -> Self {
        let mut prefix = Vec::with_capacity(256);
        let mut opening = |kind: &str, object: &str, rest: &str| {
            prefix.extend_from_slice(b"data: {\"id\":\"");
            prefix.extend_from_slice(kind.as_bytes());
            prefix.extend_from_slice(generation.id.as_bytes());
            prefix.extend_from_slice(b"\",\"object\":\"");
            prefix.extend_from_slice(object.as_bytes());
            prefix.extend_from_slice(b"\",\"created\":");
            push_number(&mut prefix, unix_seconds());
            prefix.extend_from_slice(b",\"model\":");
            push_json_string(&mut prefix, generation.model);
            prefix.extend_from_slice(rest.as_bytes());
        };
        let suffix: &'static [u8] = match protocol {
            Protocol::Chat => {
                opening(
                    "chatcmpl-",
                    "chat.completion.chunk",
                    ",\"system_fingerprint\":\"plimsoll-mock\",\"choices\":[",
                );
                b",\"logprobs\":null,\"finish_reason\":"
            }
            Protocol::Completion => {
                opening("cmpl-", "text_completion", ",\"choices\":[");
                b",\"logprobs\":null,\"finish_reason\":"
            }
            Protocol::Responses => {
                prefix.extend_from_slice(b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_");
                prefix.extend_from_slice(generation.id.as_bytes());
                prefix.extend_from_slice(b"\",\"output_index\":0,\"content_index\":0,\"delta\":\"");
                b"\",\"sequence_number\":"
            }
            // TGI puts no space behind the colon, which is as good.
            Protocol::Tgi => {
                prefix.extend_from_slice(b"data:{\"index\":");
                b""
            }
        };
        Self {
            protocol,
            id: generation.id.into(),
            model: generation.model.into(),
            seed: generation.seed,
            tokens: generation.tokens,
            sent: 0,
            reasoning_tokens: generation.reasoning_tokens,
            reasoning_field: generation.reasoning_field.into(),
            prompt_tokens: generation.prompt_tokens,
            finish: generation.finish,
            tool: generation.tool,
            usage,
            per_event,
            fault,
            prefix,
            suffix,
            sequence: 0,
        }
    }

    pub(crate) fn sent(&self) -> u32 {
        self.sent
    }

    pub(crate) fn split(&self) -> bool {
        self.fault == Some(FaultKind::Split)
    }

    /// How many events one write carries.
    pub(crate) fn events_per_write(&self) -> u32 {
        if self.fault == Some(FaultKind::Coalesce) { 4 } else { 1 }
    }

    /// Whether the opening belongs to the response head, not to the first token.
    pub(crate) fn opens_early(&self, early_role: bool) -> bool {
        self.protocol == Protocol::Responses || (early_role && self.protocol == Protocol::Chat)
    }

    /// What comes before the first token: the role, or that a response was created.
    pub(crate) fn open(&mut self, out: &mut Vec<u8>) {
        let start = out.len();
        match self.protocol {
            Protocol::Chat => {
                self.choice(out, |out, _| out.extend_from_slice(br#"{"role":"assistant","content":""}"#), None);
            }
            Protocol::Responses => {
                let item = message_item(&self.id, "in_progress", None);
                let response = response_object(&self.generation(), "in_progress", None);
                let part = json!({"type": "output_text", "text": "", "annotations": []});
                let item_id = format!("msg_{}", self.id);
                self.typed(out, "response.created", json!({"response": response}));
                self.typed(out, "response.in_progress", json!({"response": response}));
                self.typed(out, "response.output_item.added", json!({"output_index": 0, "item": item}));
                let added = json!({"item_id": item_id, "output_index": 0, "content_index": 0, "part": part});
                self.typed(out, "response.content_part.added", added);
            }
            Protocol::Completion | Protocol::Tgi => {}
        }
        self.end_lines(out, start);
    }

    /// The next write.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> After {
        let start = out.len();
        let after = self.events(out);
        self.end_lines(out, start);
        after
    }

    fn events(&mut self, out: &mut Vec<u8>) -> After {
        let half = self.tokens / 2;
        for _ in 0..self.events_per_write() {
            if self.sent >= half {
                match self.fault {
                    Some(FaultKind::Cut) => return After::Cut,
                    Some(FaultKind::StallBody) => return After::Silence,
                    Some(FaultKind::StreamError) => {
                        self.error(out);
                        return After::End;
                    }
                    _ => {}
                }
            }
            // An event is either reasoning or content.
            let stop = if self.sent < self.reasoning_tokens { self.reasoning_tokens } else { self.tokens };
            let count = self.per_event.min(stop - self.sent);
            let broken = self.fault == Some(FaultKind::InvalidUtf8) && (self.sent..self.sent + count).contains(&half);
            self.event(out, count, broken);
            if self.sent >= self.tokens {
                self.close(out);
                return After::End;
            }
        }
        After::More
    }

    /// One event with `count` tokens.
    fn event(&mut self, out: &mut Vec<u8>, count: u32, broken: bool) {
        let first = self.sent;
        self.sent += count;
        let say = move |out: &mut Vec<u8>, seed: u64| {
            if broken {
                out.extend_from_slice(b"\xff\xfe");
            }
            for index in first..first + count {
                out.extend_from_slice(word(seed, index).as_bytes());
            }
        };
        match self.protocol {
            Protocol::Chat if self.tool.is_some() => {
                self.choice(out, move |out, stream| stream.tool_delta(out, first, say), None)
            }
            Protocol::Chat => {
                let reasoning = first < self.reasoning_tokens;
                let delta = move |out: &mut Vec<u8>, stream: &Self| {
                    out.extend_from_slice(b"{\"");
                    out.extend_from_slice(if reasoning { stream.reasoning_field.as_bytes() } else { b"content" });
                    out.extend_from_slice(b"\":\"");
                    say(out, stream.seed);
                    out.extend_from_slice(b"\"}");
                };
                self.choice(out, delta, None);
            }
            Protocol::Completion => self.choice(out, move |out, stream| say(out, stream.seed), None),
            Protocol::Responses => {
                out.extend_from_slice(&self.prefix);
                say(out, self.seed);
                out.extend_from_slice(self.suffix);
                push_number(out, self.sequence);
                self.sequence += 1;
                out.extend_from_slice(b"}\n\n");
            }
            Protocol::Tgi => {
                for index in first..first + count {
                    self.tgi_event(out, index, broken && index == first);
                }
            }
        }
    }

    /// A fragment of a tool call's arguments; the first names the function, the last closes the JSON.
    fn tool_delta(&self, out: &mut Vec<u8>, first: u32, say: impl FnOnce(&mut Vec<u8>, u64)) {
        out.extend_from_slice(b"{\"tool_calls\":[{\"index\":0,");
        if first == 0 {
            out.extend_from_slice(b"\"id\":\"call_");
            out.extend_from_slice(self.id.as_bytes());
            out.extend_from_slice(b"\",\"type\":\"function\",");
        }
        out.extend_from_slice(b"\"function\":{");
        if first == 0 {
            out.extend_from_slice(b"\"name\":");
            push_json_string(out, self.tool.as_deref().unwrap_or_default());
            out.push(b',');
        }
        out.extend_from_slice(b"\"arguments\":\"");
        if first == 0 {
            out.extend_from_slice(br#"{\"text\":\""#);
        }
        say(out, self.seed);
        if self.sent >= self.tokens {
            out.extend_from_slice(br#"\"}"#);
        }
        out.extend_from_slice(b"\"}}]}");
    }

    /// An event of the OpenAI protocols: what `inner` writes is the delta, or the text.
    fn choice(&self, out: &mut Vec<u8>, inner: impl FnOnce(&mut Vec<u8>, &Self), finish: Option<&str>) {
        out.extend_from_slice(&self.prefix);
        if self.protocol == Protocol::Chat {
            out.extend_from_slice(b"{\"index\":0,\"delta\":");
            inner(out, self);
        } else {
            out.extend_from_slice(b"{\"index\":0,\"text\":\"");
            inner(out, self);
            out.push(b'"');
        }
        out.extend_from_slice(self.suffix);
        match finish {
            Some(finish) => push_json_string(out, finish),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]");
        if self.usage.always {
            self.push_usage(out);
        } else if self.usage.at_end {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn push_usage(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"usage\":{\"prompt_tokens\":");
        push_number(out, u64::from(self.prompt_tokens));
        out.extend_from_slice(b",\"completion_tokens\":");
        push_number(out, u64::from(self.sent));
        out.extend_from_slice(b",\"total_tokens\":");
        push_number(out, u64::from(self.prompt_tokens) + u64::from(self.sent));
        out.push(b'}');
        if self.reasoning_tokens > 0 {
            out.pop();
            out.extend_from_slice(b",\"completion_tokens_details\":{\"reasoning_tokens\":");
            push_number(out, u64::from(self.reasoning_tokens.min(self.sent)));
            out.extend_from_slice(b"}}");
        }
    }

    fn tgi_event(&self, out: &mut Vec<u8>, index: u32, broken: bool) {
        let word = word(self.seed, index);
        out.extend_from_slice(&self.prefix);
        push_number(out, u64::from(index) + 1);
        out.extend_from_slice(b",\"token\":{\"id\":");
        push_number(out, 1_000 + (self.seed.wrapping_add(u64::from(index))) % 64);
        out.extend_from_slice(b",\"text\":\"");
        if broken {
            out.extend_from_slice(b"\xff\xfe");
        }
        out.extend_from_slice(word.as_bytes());
        out.extend_from_slice(b"\",\"logprob\":-0.25,\"special\":false},\"generated_text\":");
        if index + 1 < self.tokens {
            out.extend_from_slice(b"null,\"details\":null}\n\n");
            return;
        }
        push_json_string(out, &text(self.seed, self.tokens));
        let details = json!({"finish_reason": tgi_finish(self.finish), "generated_tokens": self.tokens,
            "seed": null, "input_length": self.prompt_tokens});
        out.extend_from_slice(b",\"details\":");
        out.extend_from_slice(details.to_string().as_bytes());
        out.extend_from_slice(b"}\n\n");
    }

    /// What comes after the last token, in the same write.
    fn close(&mut self, out: &mut Vec<u8>) {
        match self.protocol {
            Protocol::Chat | Protocol::Completion => {
                let finish = if self.tool.is_some() { "tool_calls" } else { self.finish };
                let empty: &[u8] = if self.protocol == Protocol::Chat { b"{}" } else { b"" };
                self.choice(out, |out, _| out.extend_from_slice(empty), Some(finish));
                if self.usage.at_end {
                    out.extend_from_slice(&self.prefix);
                    out.push(b']');
                    self.push_usage(out);
                    out.extend_from_slice(b"}\n\n");
                }
                if self.fault != Some(FaultKind::NoDone) {
                    out.extend_from_slice(b"data: [DONE]\n\n");
                }
            }
            Protocol::Responses => {
                let said = text(self.seed, self.tokens);
                let item_id = format!("msg_{}", self.id);
                let part = json!({"type": "output_text", "text": said, "annotations": []});
                let item = message_item(&self.id, "completed", Some(&said));
                let response = response_object(&self.generation(), "completed", Some(&said));
                let done = json!({"item_id": item_id, "output_index": 0, "content_index": 0, "text": said});
                self.typed(out, "response.output_text.done", done);
                let done = json!({"item_id": item_id, "output_index": 0, "content_index": 0, "part": part});
                self.typed(out, "response.content_part.done", done);
                self.typed(out, "response.output_item.done", json!({"output_index": 0, "item": item}));
                self.typed(out, "response.completed", json!({"response": response}));
            }
            Protocol::Tgi => {}
        }
    }

    /// An error event, as the protocol's servers send it.
    fn error(&mut self, out: &mut Vec<u8>) {
        const WHAT: &str = "Request failed during generation: injected by plimsoll mock";
        match self.protocol {
            Protocol::Chat | Protocol::Completion => {
                let error =
                    json!({"error": {"message": WHAT, "type": "InternalServerError", "param": null, "code": 500}});
                out.extend_from_slice(format!("data: {error}\n\ndata: [DONE]\n\n").as_bytes());
            }
            Protocol::Responses => {
                let mut response = response_object(&self.generation(), "failed", None);
                response["error"] = json!({"code": "server_error", "message": WHAT});
                self.typed(out, "response.failed", json!({"response": response}));
            }
            Protocol::Tgi => {
                let error = json!({"error": WHAT, "error_type": "generation"});
                out.extend_from_slice(format!("data:{error}\n\n").as_bytes());
            }
        }
    }

    /// An event of the Responses API.
    fn typed(&mut self, out: &mut Vec<u8>, name: &str, mut value: Value) {
        value["type"] = json!(name);
        value["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        out.extend_from_slice(format!("event: {name}\ndata: {value}\n\n").as_bytes());
    }

    fn generation(&self) -> Generation<'_> {
        Generation {
            id: &self.id,
            model: &self.model,
            seed: self.seed,
            tokens: self.tokens,
            reasoning_tokens: 0,
            reasoning_field: "",
            prompt_tokens: self.prompt_tokens,
            finish: self.finish,
            tool: None,
        }
    }

    /// Turns line ends into CR LF where the fault asks for it. JSON writes its own line ends as `\n`, in two letters.
    fn end_lines(&self, out: &mut Vec<u8>, start: usize) {
        if self.fault == Some(FaultKind::Crlf) {
            let tail = out.split_off(start);
            for byte in tail {
                if byte == b'\n' {
                    out.push(b'\r');
                }
                out.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(protocol: Protocol, usage: Usage, fault: Option<FaultKind>, tool: bool) -> Stream {
        let generation = Generation {
            id: "7",
            model: "a/b",
            seed: 1,
            tokens: 6,
            reasoning_tokens: if protocol == Protocol::Chat && !tool { 2 } else { 0 },
            reasoning_field: "reasoning",
            prompt_tokens: 3,
            finish: "length",
            tool: tool.then(|| "look".to_owned()),
        };
        Stream::new(protocol, generation, usage, 1, fault)
    }

    /// All writes of a stream, and how it ended.
    fn run(mut stream: Stream) -> (Vec<Vec<u8>>, After) {
        let mut writes = vec![Vec::new()];
        stream.open(&mut writes[0]);
        loop {
            let mut out = Vec::new();
            let after = stream.next(&mut out);
            writes.push(out);
            if after != After::More {
                return (writes, after);
            }
        }
    }

    fn events(writes: &[Vec<u8>]) -> Vec<Value> {
        let text = String::from_utf8(writes.concat()).unwrap();
        text.lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter(|data| data.trim() != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    const USAGE: Usage = Usage { at_end: true, always: false };

    #[test]
    fn chat() {
        let (writes, after) = run(stream(Protocol::Chat, USAGE, None, false));
        assert_eq!((writes.len(), after), (7, After::End));
        let events = events(&writes);
        assert_eq!(events.len(), 9);
        assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
        assert!(events[1]["choices"][0]["delta"]["reasoning"].is_string());
        assert!(events[3]["choices"][0]["delta"]["content"].is_string());
        assert_eq!(events[7]["choices"][0]["finish_reason"], "length");
        assert_eq!(events[8]["choices"].as_array().unwrap().len(), 0);
        assert_eq!(events[8]["usage"]["total_tokens"], 9);
        assert_eq!(events[8]["usage"]["completion_tokens_details"]["reasoning_tokens"], 2);
        assert!(writes[6].ends_with(b"data: [DONE]\n\n"));
    }

    #[test]
    fn usage_all_along_and_tools() {
        let (writes, _) = run(stream(Protocol::Chat, Usage { at_end: true, always: true }, None, true));
        let events = events(&writes);
        assert_eq!(events[3]["usage"]["completion_tokens"], 3);
        let arguments: String = events
            .iter()
            .filter_map(|event| event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str())
            .collect();
        assert!(serde_json::from_str::<Value>(&arguments).unwrap()["text"].is_string(), "{arguments}");
        assert_eq!(events[1]["choices"][0]["delta"]["tool_calls"][0]["function"]["name"], "look");
        assert_eq!(events[7]["choices"][0]["finish_reason"], "tool_calls");
    }

    #[test]
    fn completion_responses_and_tgi() {
        let (writes, _) = run(stream(Protocol::Completion, USAGE, None, false));
        assert!(events(&writes)[0]["choices"][0]["text"].is_string());
        let (writes, _) = run(stream(Protocol::Responses, Usage::default(), None, false));
        let list = events(&writes);
        assert_eq!(list[0]["type"], "response.created");
        assert_eq!(list.iter().filter(|event| event["type"] == "response.output_text.delta").count(), 6);
        assert_eq!(list.last().unwrap()["response"]["usage"]["output_tokens"], 6);
        assert!(list.iter().enumerate().all(|(index, event)| event["sequence_number"] == index));
        let (writes, _) = run(stream(Protocol::Tgi, Usage::default(), None, false));
        let list = events(&writes);
        assert_eq!((list.len(), &list[0]["details"]), (6, &Value::Null));
        assert_eq!(list[5]["details"]["generated_tokens"], 6);
        assert!(list[5]["generated_text"].as_str().unwrap().split_whitespace().count() == 6);
    }

    #[test]
    fn faults() {
        for protocol in [Protocol::Chat, Protocol::Completion, Protocol::Responses, Protocol::Tgi] {
            let run = |fault| run(stream(protocol, USAGE, Some(fault), false));
            assert_eq!(run(FaultKind::Cut).1, After::Cut);
            assert_eq!(run(FaultKind::StallBody).1, After::Silence);
            let (writes, after) = run(FaultKind::StreamError);
            assert_eq!(after, After::End);
            assert!(String::from_utf8(writes.concat()).unwrap().contains("error"));
            assert!(String::from_utf8(run(FaultKind::InvalidUtf8).0.concat()).is_err());
            assert!(!run(FaultKind::NoDone).0.concat().ends_with(b"[DONE]\n\n"));
            assert_eq!(run(FaultKind::Coalesce).0.len(), 3);
            let lines = run(FaultKind::Crlf).0.concat();
            assert_eq!(
                lines.iter().filter(|b| **b == b'\n').count(),
                lines.windows(2).filter(|w| w == b"\r\n").count()
            );
        }
    }
}
