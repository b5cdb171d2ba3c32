//! Answers of the Hugging Face tasks, each as its specification has it and always the same for the same input.

use crate::random::{Random, hash};
use crate::request::{Body, Parameters, field, items, text_of};
use crate::task::Task;
use crate::vectors::Vectors;
use crate::words::{base64, text, tokens_of};
use serde_json::{Value, json};

/// A picture of 8 by 8 pixels.
const PNG: &[u8] = include_bytes!("pixels.png");
/// The start of an MP4 file: enough to be recognised, nothing to be played.
const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08mdat";

/// A body and what it is.
#[derive(Debug)]
pub(crate) struct Answer {
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// Tokens that were generated, for the tasks that generate.
    pub tokens: u32,
    pub prompt_tokens: u32,
}

impl Answer {
    pub(crate) fn json(value: &Value) -> Self {
        // A value of strings and numbers always has a text.
        Self::json_bytes(serde_json::to_vec(value).unwrap_or_default())
    }

    pub(crate) fn json_bytes(body: Vec<u8>) -> Self {
        Self { content_type: "application/json", body, tokens: 0, prompt_tokens: 0 }
    }

    fn binary(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { content_type, body, tokens: 0, prompt_tokens: 0 }
    }
}

/// What a task is given: a JSON body, or bytes of some type.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    Json(&'a Body<'a>),
    Bytes(&'a [u8]),
}

/// Answers a task, or says what is wrong with the request.
pub(crate) fn answer(task: Task, input: &Input<'_>, tokens: u32, vectors: &Vectors) -> Result<Answer, String> {
    let (inputs, parameters) = match input {
        Input::Json(body) => (body.inputs, body.parameters()?),
        Input::Bytes(_) => (None, Parameters::default()),
    };
    let wanted = inputs.map(serde_json::value::RawValue::get);
    let bytes = match (input, wanted) {
        (Input::Bytes(bytes), _) if !bytes.is_empty() => *bytes,
        (_, Some(text)) => text.as_bytes(),
        _ => return Err("Input validation error: `inputs` is missing".to_owned()),
    };
    let seed = hash(bytes);
    let top_k = parameters.top_k.unwrap_or(5) as usize;
    let words = || text(seed, tokens).trim_start().to_owned();
    let mut answer = match task {
        // The servers nest these lists one level; the specification does not. Clients have to accept both.
        Task::TextClassification => Answer::json(&json!([scored(&["POSITIVE", "NEGATIVE"], seed, top_k)])),
        Task::ZeroShotClassification | Task::ZeroShotImageClassification => {
            Answer::json(&Value::Array(scored(&labels(&parameters)?, seed, usize::MAX)))
        }
        Task::ImageClassification => {
            Answer::json(&Value::Array(scored(&["ship", "harbour", "sea", "gull", "lighthouse"], seed, top_k)))
        }
        Task::AudioClassification => {
            Answer::json(&Value::Array(scored(&["calm", "happy", "neutral", "sad"], seed, top_k)))
        }
        Task::VideoClassification => {
            Answer::json(&Value::Array(scored(&["sailing", "rowing", "swimming"], seed, top_k)))
        }
        Task::TokenClassification => entities(&inputs.map(text_of).unwrap_or_default(), &parameters),
        Task::QuestionAnswering => {
            let context = field(inputs, "context").ok_or("Input validation error: `inputs.context` is missing")?;
            field(inputs, "question").ok_or("Input validation error: `inputs.question` is missing")?;
            let end = context.split_whitespace().next().map_or(0, |word| word.chars().count());
            let word: String = context.trim_start().chars().take(end).collect();
            Answer::json(&json!({"answer": word, "score": score(seed), "start": 0, "end": end}))
        }
        Task::TableQuestionAnswering => table(inputs)?,
        Task::FillMask => {
            let text = inputs.map(text_of).unwrap_or_default();
            let guesses = scored(&["ship", "sea", "line", "load", "hull"], seed, top_k);
            let filled = guesses.iter().enumerate().map(|(index, guess)| {
                let word = guess["label"].as_str().unwrap_or_default();
                let sequence = text.replace("[MASK]", word).replace("<mask>", word);
                json!({"sequence": sequence, "score": guess["score"], "token": 1_000 + index, "token_str": word})
            });
            Answer::json(&Value::Array(filled.collect()))
        }
        Task::Summarization => Answer::json(&json!([{"summary_text": words()}])),
        Task::Translation => Answer::json(&json!([{"translation_text": words()}])),
        Task::ImageToText => Answer::json(&json!([{"generated_text": words()}])),
        Task::TextGeneration | Task::ChatCompletion => {
            let mut one = json!({"generated_text": text(seed, tokens)});
            if parameters.details == Some(true) {
                one["details"] = json!({"finish_reason": "length", "generated_tokens": tokens, "seed": null, "prefill": [], "tokens": []});
            }
            Answer::json(&json!([one]))
        }
        Task::FeatureExtraction => vectors_of(&inputs.map(items).unwrap_or_default(), vectors),
        Task::SentenceSimilarity => {
            let sentences = inputs
                .and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok())
                .and_then(|value| value["sentences"].as_array().map(Vec::len))
                .ok_or("Input validation error: `inputs.sentences` is missing")?;
            let mut random = Random::new(seed, 2, 0);
            Answer::json(&json!((0..sentences).map(|_| rounded(random.unit())).collect::<Vec<_>>()))
        }
        Task::ObjectDetection => Answer::json(&json!(boxes(&["boat", "person"], seed))),
        Task::ZeroShotObjectDetection => Answer::json(&json!(boxes(&labels(&parameters)?, seed))),
        Task::ImageSegmentation => Answer::json(&json!([
            {"label": "ship", "score": score(seed), "mask": base64(PNG)},
            {"label": "sea", "score": score(seed ^ 1), "mask": base64(PNG)}
        ])),
        Task::DepthEstimation => {
            Answer::json(&json!({"predicted_depth": [[0.1, 0.2], [0.3, 0.4]], "depth": base64(PNG)}))
        }
        Task::VisualQuestionAnswering => Answer::json(&json!([
            {"answer": "yes", "score": 0.75}, {"answer": "no", "score": 0.25}
        ])),
        Task::DocumentQuestionAnswering => {
            Answer::json(&json!([{"answer": "42", "score": score(seed), "start": 3, "end": 3}]))
        }
        Task::AutomaticSpeechRecognition => {
            let mut heard = json!({"text": words()});
            if parameters.return_timestamps == Some(true) {
                heard["chunks"] = json!([{"text": heard["text"], "timestamp": [0.0, 1.5]}]);
            }
            Answer::json(&heard)
        }
        Task::TextToSpeech | Task::TextToAudio => Answer::binary("audio/wav", wav()),
        Task::TextToImage | Task::ImageToImage | Task::ImageTextToImage => Answer::binary("image/png", PNG.to_vec()),
        Task::TextToVideo | Task::ImageToVideo | Task::ImageTextToVideo => Answer::binary("video/mp4", MP4.to_vec()),
    };
    if generates(task) {
        answer.tokens = tokens;
    }
    answer.prompt_tokens = tokens_of(bytes.len());
    Ok(answer)
}

/// Whether a task's answer is made token by token, so that it takes a generation's time.
pub(crate) fn generates(task: Task) -> bool {
    matches!(task, Task::TextGeneration | Task::ChatCompletion)
}

/// One vector per item.
pub(crate) fn vectors_of(items: &[&serde_json::value::RawValue], vectors: &Vectors) -> Answer {
    let mut out = Vec::new();
    let mut separator = b'[';
    for item in items {
        out.push(separator);
        separator = b',';
        vectors.push_json(&mut out, hash(item.get().as_bytes()));
    }
    if items.is_empty() {
        out.push(b'[');
    }
    out.push(b']');
    Answer::json_bytes(out)
}

fn labels<'a>(parameters: &'a Parameters<'_>) -> Result<Vec<&'a str>, String> {
    match parameters.candidate_labels.as_ref().map(crate::request::Labels::list) {
        Some(labels) if !labels.is_empty() => Ok(labels),
        _ => Err("Input validation error: `parameters.candidate_labels` is missing".to_owned()),
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

fn score(seed: u64) -> f64 {
    rounded(0.5 + Random::new(seed, 3, 0).unit() / 2.0)
}

/// Labels with scores that fall and add up to one.
fn scored(labels: &[&str], seed: u64, most: usize) -> Vec<Value> {
    let mut random = Random::new(seed, 1, 0);
    let weights: Vec<f64> = labels.iter().map(|_| -(1.0 - random.unit()).ln() + 1e-6).collect();
    let sum: f64 = weights.iter().sum();
    let mut pairs: Vec<_> = labels.iter().zip(weights).map(|(label, weight)| (*label, rounded(weight / sum))).collect();
    pairs.sort_by(|a, b| b.1.total_cmp(&a.1));
    pairs.into_iter().take(most.max(1)).map(|(label, score)| json!({"label": label, "score": score})).collect()
}

fn boxes(labels: &[&str], seed: u64) -> Vec<Value> {
    let mut random = Random::new(seed, 4, 0);
    let places = labels.iter().map(|label| {
        let (x, y) = (random.next() % 400, random.next() % 300);
        let place =
            json!({"xmin": x, "ymin": y, "xmax": x + 1 + random.next() % 200, "ymax": y + 1 + random.next() % 200});
        json!({"label": label, "score": rounded(0.5 + random.unit() / 2.0), "box": place})
    });
    places.collect()
}

/// Words with a capital letter are taken for names. Positions count characters, as the specification says.
fn entities(text: &str, parameters: &Parameters<'_>) -> Answer {
    let grouped = parameters.aggregation_strategy.as_deref() != Some("none");
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if word.chars().next().is_some_and(char::is_uppercase) {
            let (key, label) = if grouped { ("entity_group", "PER") } else { ("entity", "B-PER") };
            found.push(json!({key: label, "score": score(hash(word.as_bytes())), "word": word, "start": at, "end": at + length}));
        }
        at += length + 1;
    }
    Answer::json(&Value::Array(found))
}

fn table(inputs: Option<&serde_json::value::RawValue>) -> Result<Answer, String> {
    let missing = "Input validation error: `inputs.table` is missing";
    let value: Value = serde_json::from_str(inputs.ok_or(missing)?.get()).map_err(|error| error.to_string())?;
    let table = value["table"].as_object().ok_or(missing)?;
    let cell = table.values().next().and_then(|column| column.as_array()?.first()).cloned().unwrap_or(json!(""));
    let cell = cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
    Ok(Answer::json(&json!({"answer": cell, "coordinates": [[0, 0]], "cells": [cell], "aggregator": "NONE"})))
}

/// A tenth of a second of silence: 8 kHz, 16 bits, one channel.
fn wav() -> Vec<u8> {
    const SAMPLES: u32 = 800;
    let mut out = Vec::with_capacity(44 + 2 * SAMPLES as usize);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + 2 * SAMPLES).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend_from_slice(&8_000u32.to_le_bytes());
    out.extend_from_slice(&16_000u32.to_le_bytes());
    out.extend_from_slice(b"\x02\0\x10\0data");
    out.extend_from_slice(&(2 * SAMPLES).to_le_bytes());
    out.resize(44 + 2 * SAMPLES as usize, 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(task: Task, body: &str) -> Result<Value, String> {
        let parsed = Body::parse(body.as_bytes()).unwrap();
        let answer = answer(task, &Input::Json(&parsed), 8, &Vectors::new(16))?;
        Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::String(answer.content_type.to_owned())))
    }

    #[test]
    fn every_task_answers_as_specified() {
        let text = r#"{"inputs":"Ada sails [MASK] north"}"#;
        assert!(ask(Task::TextClassification, text).unwrap()[0][0]["score"].as_f64().unwrap() >= 0.5);
        assert_eq!(ask(Task::TokenClassification, text).unwrap()[0]["word"], "Ada");
        assert!(ask(Task::FillMask, text).unwrap()[0]["sequence"].as_str().unwrap().starts_with("Ada sails "));
        assert_eq!(ask(Task::FillMask, text).unwrap().as_array().unwrap().len(), 5);
        assert!(ask(Task::Summarization, text).unwrap()[0]["summary_text"].is_string());
        assert!(ask(Task::Translation, text).unwrap()[0]["translation_text"].is_string());
        assert!(ask(Task::TextGeneration, text).unwrap()[0]["generated_text"].is_string());
        assert_eq!(ask(Task::FeatureExtraction, text).unwrap()[0].as_array().unwrap().len(), 16);
        assert_eq!(ask(Task::FeatureExtraction, r#"{"inputs":["a","b"]}"#).unwrap().as_array().unwrap().len(), 2);
        let zero = r#"{"inputs":"x","parameters":{"candidate_labels":["a","b","c"]}}"#;
        assert_eq!(ask(Task::ZeroShotClassification, zero).unwrap().as_array().unwrap().len(), 3);
        assert!(ask(Task::ZeroShotClassification, text).unwrap_err().contains("candidate_labels"));
        let question = r#"{"inputs":{"question":"who?","context":"Ada sails"}}"#;
        assert_eq!(ask(Task::QuestionAnswering, question).unwrap()["answer"], "Ada");
        let table = r#"{"inputs":{"query":"how many?","table":{"Stars":["7","8"]}}}"#;
        assert_eq!(ask(Task::TableQuestionAnswering, table).unwrap()["cells"][0], "7");
        let similar = r#"{"inputs":{"source_sentence":"a","sentences":["b","c"]}}"#;
        assert_eq!(ask(Task::SentenceSimilarity, similar).unwrap().as_array().unwrap().len(), 2);
        assert_eq!(ask(Task::TextToImage, text).unwrap(), "image/png");
        assert_eq!(ask(Task::TextToSpeech, text).unwrap(), "audio/wav");
        assert!(ask(Task::TextClassification, "{}").unwrap_err().contains("inputs"));
    }

    #[test]
    fn bytes_are_inputs_too() {
        let ask = |task| {
            let answer = answer(task, &Input::Bytes(PNG), 8, &Vectors::new(16)).unwrap();
            serde_json::from_slice::<Value>(&answer.body).unwrap()
        };
        assert_eq!(ask(Task::ImageClassification).as_array().unwrap().len(), 5);
        assert!(ask(Task::ObjectDetection)[0]["box"]["xmax"].is_u64());
        assert!(ask(Task::ImageSegmentation)[0]["mask"].is_string());
        assert!(ask(Task::AutomaticSpeechRecognition)["text"].is_string());
        assert!(ask(Task::DepthEstimation)["depth"].is_string());
        assert!(ask(Task::ImageToText)[0]["generated_text"].is_string());
    }

    #[test]
    fn the_same_text_the_same_answer() {
        let text = r#"{"inputs":"one"}"#;
        assert_eq!(ask(Task::TextClassification, text), ask(Task::TextClassification, text));
        assert_ne!(ask(Task::FeatureExtraction, text), ask(Task::FeatureExtraction, r#"{"inputs":"two"}"#));
        assert_eq!(wav().len(), 1_644);
    }
}
