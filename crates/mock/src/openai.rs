//! Plain (not streamed) answers of the OpenAI protocol, and of TEI and TGI.

use crate::answers::{Answer, vectors_of};
use crate::clock::unix_seconds;
use crate::random::{Random, hash};
use crate::request::{Body, items, text_of};
use crate::vectors::Vectors;
use crate::words::{text, tokens_of};
use serde_json::{Value, json};

/// What every generated answer needs to know.
#[derive(Debug)]
pub(crate) struct Generation<'a> {
    pub id: &'a str,
    pub model: &'a str,
    pub seed: u64,
    pub tokens: u32,
    pub reasoning_tokens: u32,
    pub reasoning_field: &'a str,
    pub prompt_tokens: u32,
    /// `stop` or `length`.
    pub finish: &'static str,
    /// Name of the function to call instead of saying something.
    pub tool: Option<String>,
}

impl Generation<'_> {
    fn usage(&self) -> Value {
        json!({"prompt_tokens": self.prompt_tokens, "completion_tokens": self.tokens,
            "total_tokens": u64::from(self.prompt_tokens) + u64::from(self.tokens)})
    }

    fn answer(&self, value: &Value) -> Answer {
        Answer { tokens: self.tokens, prompt_tokens: self.prompt_tokens, ..Answer::json(value) }
    }

    pub(crate) fn chat(&self) -> Answer {
        let said = text(self.seed.wrapping_add(u64::from(self.reasoning_tokens)), self.tokens - self.reasoning_tokens);
        let mut message = json!({"role": "assistant", "content": said});
        if self.reasoning_tokens > 0 {
            message[self.reasoning_field] = json!(text(self.seed, self.reasoning_tokens));
        }
        let mut finish = self.finish;
        if let Some(name) = &self.tool {
            let arguments = json!({"text": said}).to_string();
            message["content"] = Value::Null;
            message["tool_calls"] = json!([{"id": format!("call_{}", self.id), "type": "function",
                "function": {"name": name, "arguments": arguments}}]);
            finish = "tool_calls";
        }
        self.answer(&json!({"id": format!("chatcmpl-{}", self.id), "object": "chat.completion",
            "created": unix_seconds(), "model": self.model, "system_fingerprint": "plimsoll-mock",
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
            "usage": self.usage()}))
    }

    pub(crate) fn completion(&self) -> Answer {
        self.answer(&json!({"id": format!("cmpl-{}", self.id), "object": "text_completion",
            "created": unix_seconds(), "model": self.model,
            "choices": [{"index": 0, "text": text(self.seed, self.tokens), "logprobs": null, "finish_reason": self.finish}],
            "usage": self.usage()}))
    }

    pub(crate) fn response(&self) -> Answer {
        let value = response_object(self, "completed", Some(&text(self.seed, self.tokens)));
        self.answer(&value)
    }

    /// TGI's `/generate`.
    pub(crate) fn generate(&self, details: bool) -> Answer {
        let mut value = json!({"generated_text": text(self.seed, self.tokens)});
        if details {
            value["details"] = json!({"finish_reason": tgi_finish(self.finish), "generated_tokens": self.tokens,
                "seed": null, "prefill": [], "tokens": []});
        }
        self.answer(&value)
    }
}

/// TGI's word for why a text ended.
pub(crate) fn tgi_finish(finish: &str) -> &'static str {
    if finish == "length" { "length" } else { "eos_token" }
}

/// The `response` object of the Responses API: without output while in progress, whole at the end.
pub(crate) fn response_object(generation: &Generation<'_>, status: &str, said: Option<&str>) -> Value {
    let output = said.map_or_else(Vec::new, |said| vec![message_item(generation.id, "completed", Some(said))]);
    let usage = said.map(|_| {
        json!({"input_tokens": generation.prompt_tokens, "output_tokens": generation.tokens,
            "total_tokens": u64::from(generation.prompt_tokens) + u64::from(generation.tokens),
            "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}})
    });
    json!({"id": format!("resp_{}", generation.id), "object": "response", "created_at": unix_seconds(),
        "status": status, "model": generation.model, "output": output, "error": null, "usage": usage})
}

/// A message in a response's `output`.
pub(crate) fn message_item(id: &str, status: &str, said: Option<&str>) -> Value {
    let content =
        said.map_or_else(Vec::new, |said| vec![json!({"type": "output_text", "text": said, "annotations": []})]);
    json!({"id": format!("msg_{id}"), "type": "message", "status": status, "role": "assistant", "content": content})
}

/// `/v1/embeddings`.
pub(crate) fn embeddings(body: &Body<'_>, model: &str, vectors: &Vectors) -> Result<Answer, String> {
    let input = body.input.ok_or("you must provide `input`")?;
    // A list of numbers is one text that is already tokenized.
    let items = match items(input) {
        list if list.first().is_some_and(|item| item.get().starts_with(|c: char| c.is_ascii_digit())) => vec![input],
        list => list,
    };
    let base64 = body.encoding_format.as_deref() == Some("base64");
    let mut out = br#"{"object":"list","data":["#.to_vec();
    let mut tokens = 0u32;
    for (index, item) in items.iter().enumerate() {
        let seed = hash(item.get().as_bytes());
        tokens = tokens.saturating_add(tokens_of(item.get().len()));
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        out.extend_from_slice(format!(r#"{{"object":"embedding","index":{index},"embedding":"#).as_bytes());
        if base64 {
            out.push(b'"');
            out.extend_from_slice(vectors.base64(seed).as_bytes());
            out.push(b'"');
        } else {
            vectors.push_json(&mut out, seed);
        }
        out.push(b'}');
    }
    out.extend_from_slice(br#"],"model":"#);
    crate::words::push_json_string(&mut out, model);
    out.extend_from_slice(format!(r#","usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#).as_bytes());
    Ok(Answer { prompt_tokens: tokens, ..Answer::json_bytes(out) })
}

/// TEI's `/embed`.
pub(crate) fn embed(body: &Body<'_>, vectors: &Vectors) -> Result<Answer, String> {
    let inputs = body.inputs.ok_or("missing field `inputs`")?;
    Ok(Answer { prompt_tokens: tokens_of(inputs.get().len()), ..vectors_of(&items(inputs), vectors) })
}

/// TEI's `/rerank` (with `texts`), and Cohere's and vLLM's (with `documents`); best first.
pub(crate) fn rerank(body: &Body<'_>, model: &str) -> Result<Answer, String> {
    let query = body.query.ok_or("missing field `query`")?;
    let texts = body.texts.as_ref().or(body.documents.as_ref()).ok_or("missing field `texts`")?;
    let seed = hash(query.get().as_bytes());
    let mut ranked: Vec<(usize, f64)> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| (index, Random::new(seed, 5, hash(text.get().as_bytes())).unit()))
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let prompt_tokens = tokens_of(texts.iter().map(|text| text.get().len()).sum());
    let list = ranked.iter().map(|(index, score)| {
        if body.texts.is_none() {
            return json!({"index": index, "relevance_score": score});
        }
        let mut one = json!({"index": index, "score": score});
        if body.return_text == Some(true) {
            one["text"] = json!(text_of(texts[*index]));
        }
        one
    });
    let list: Vec<Value> = list.collect();
    let value = if body.texts.is_some() { json!(list) } else { json!({"model": model, "results": list}) };
    Ok(Answer { prompt_tokens, ..Answer::json(&value) })
}

/// `/v1/models`.
pub(crate) fn models(model: &str) -> Value {
    json!({"object": "list", "data": [{"id": model, "object": "model", "created": 1_700_000_000, "owned_by": "plimsoll",
        "max_model_len": 131_072}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.body).unwrap()
    }

    #[test]
    fn generated_answers() {
        let mut generation = Generation {
            id: "1",
            model: "a/\"b",
            seed: 3,
            tokens: 5,
            reasoning_tokens: 2,
            reasoning_field: "reasoning",
            prompt_tokens: 4,
            finish: "stop",
            tool: None,
        };
        let chat = read(&generation.chat());
        assert_eq!(chat["usage"]["total_tokens"], 9);
        assert_eq!(chat["choices"][0]["message"]["reasoning"].as_str().unwrap().split_whitespace().count(), 2);
        assert_eq!(read(&generation.completion())["model"], "a/\"b");
        assert_eq!(read(&generation.response())["output"][0]["content"][0]["type"], "output_text");
        assert_eq!(read(&generation.generate(true))["details"]["generated_tokens"], 5);
        generation.tool = Some("find".to_owned());
        let chat = read(&generation.chat());
        assert_eq!(chat["choices"][0]["finish_reason"], "tool_calls");
        let arguments = chat["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
        assert!(serde_json::from_str::<Value>(arguments).unwrap()["text"].is_string());
    }

    #[test]
    fn embeddings_and_ranks() {
        let vectors = Vectors::new(8);
        let ask = |body: &str| read(&embeddings(&Body::parse(body.as_bytes()).unwrap(), "m", &vectors).unwrap());
        assert_eq!(ask(r#"{"input":["a","b"]}"#)["data"][1]["embedding"].as_array().unwrap().len(), 8);
        assert_eq!(ask(r#"{"input":[1,2,3]}"#)["data"].as_array().unwrap().len(), 1);
        assert!(ask(r#"{"input":"a","encoding_format":"base64"}"#)["data"][0]["embedding"].is_string());
        let rank = |body: &str| read(&rerank(&Body::parse(body.as_bytes()).unwrap(), "m").unwrap());
        let list = rank(r#"{"query":"q","texts":["a","b","c"],"return_text":true}"#);
        assert!(list[0]["score"].as_f64() >= list[2]["score"].as_f64() && list[0]["text"].is_string());
        assert_eq!(rank(r#"{"query":"q","documents":["a"]}"#)["results"][0]["index"], 0);
    }
}
