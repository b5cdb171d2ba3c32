//! A small example for each task, for `plimsoll init`.

use serde_json::{Map, Value, json};

const IMAGE: &str = "{{ images.base64 }}";
const AUDIO: &str = "{{ audio.base64 }}";
const VIDEO: &str = "{{ videos.base64 }}";
const PLAIN: &str = "The new tram line opened on Monday, and it was full by noon.";
const LONG: &str = "The city opened its new tram line on Monday. It runs from the harbour to the university in eighteen \
    minutes, half of what the bus took. The first trams were full by noon, and the operator sent two more in the \
    afternoon. Shops along the line hope for more visitors, though some lost customers while the street was dug up.";

/// Inputs and parameters of a task. Those that take a picture, a sound or a film name a row of the data sources
/// `images`, `audio` and `videos`.
pub(super) fn of(task: &str) -> (Value, Option<Map<String, Value>>) {
    let (inputs, parameters) = match task {
        "text-classification" => (json!("I did not expect to like this film, but I did."), json!({"top_k": 3})),
        "token-classification" => (json!("Ada Lovelace lived in London."), json!({"aggregation_strategy": "simple"})),
        "zero-shot-classification" => (json!(PLAIN), json!({"candidate_labels": ["traffic", "sport", "cooking"]})),
        "question-answering" => {
            (json!({"question": "How long does the tram take?", "context": LONG}), json!({"top_k": 1}))
        }
        "table-question-answering" => (
            json!({
                "question": "How many trams run on line 2?",
                "table": {"line": ["1", "2", "3"], "trams": ["12", "8", "15"]},
            }),
            Value::Null,
        ),
        "fill-mask" => (json!("The tram stops at the [MASK]."), json!({"top_k": 5})),
        "summarization" => (json!(LONG), Value::Null),
        "translation" => (json!(PLAIN), json!({"src_lang": "en", "tgt_lang": "fr"})),
        "text-generation" => (json!("A short history of the tram:"), json!({"max_new_tokens": 64, "temperature": 0.7})),
        "feature-extraction" => (json!(PLAIN), json!({"normalize": true})),
        "sentence-similarity" => (
            json!({
                "source_sentence": PLAIN,
                "sentences": ["Many people took the new tram.", "The bakery sells bread."],
            }),
            Value::Null,
        ),
        "audio-classification" => (json!(AUDIO), json!({"top_k": 3})),
        "automatic-speech-recognition" => (json!(AUDIO), Value::Null),
        "image-classification" => (json!(IMAGE), json!({"top_k": 3})),
        "object-detection" => (json!(IMAGE), json!({"threshold": 0.5})),
        "zero-shot-image-classification" => (json!(IMAGE), json!({"candidate_labels": ["a tram", "a bus", "a tree"]})),
        "zero-shot-object-detection" => (json!(IMAGE), json!({"candidate_labels": ["tram", "bus"]})),
        "visual-question-answering" => (json!({"image": IMAGE, "question": "What colour is it?"}), json!({"top_k": 1})),
        "document-question-answering" => {
            (json!({"image": IMAGE, "question": "What is the date?"}), json!({"top_k": 1}))
        }
        "image-to-image" | "image-text-to-image" => (json!(IMAGE), json!({"prompt": "the same in winter"})),
        "image-to-video" | "image-text-to-video" => (json!(IMAGE), json!({"prompt": "the tram moves off"})),
        "text-to-image" => (
            json!("A tram in the rain, in the style of a woodcut"),
            json!({"width": 512, "height": 512, "num_inference_steps": 20}),
        ),
        "text-to-video" => (json!("A tram crosses a bridge in the rain"), json!({"num_frames": 16})),
        "text-to-speech" => (json!("The next tram leaves in two minutes."), Value::Null),
        "text-to-audio" => (json!("a tram bell, far away"), Value::Null),
        "video-classification" => (json!(VIDEO), json!({"top_k": 3})),
        _ if task.starts_with("text") => (json!(PLAIN), Value::Null),
        _ => (json!(IMAGE), Value::Null),
    };
    match parameters {
        Value::Object(parameters) => (inputs, Some(parameters)),
        _ => (inputs, None),
    }
}
