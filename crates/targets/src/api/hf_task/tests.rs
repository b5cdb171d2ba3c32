use super::*;
use plimsoll_model::scenario::HfRoute::{Endpoint, Legacy, Pipeline, Router};
use proptest::prelude::*;
use serde_json::json;

fn task(name: &str) -> Task {
    Task::find(name).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Answers of each task that answers with JSON: those that are right, and those that are not.
const ANSWERS: &[(&str, &[&str], &[&str])] = &[
    (
        "text-classification",
        &[r#"[{"label":"POSITIVE","score":0.98},{"label":"NEGATIVE","score":2e-2}]"#, r#"[[{"label":"a","score":1}]]"#],
        &[
            "[]",
            "[[]]",
            r#"{"label":"a","score":0.5}"#,
            r#"[{"label":"","score":0.5}]"#,
            r#"[{"label":"a"}]"#,
            r#"[{"label":"a","score":NaN}]"#,
            r#"[{"label":"a","score":1e999}]"#,
            r#"[{"label":"a","score":"0.5"}]"#,
        ],
    ),
    (
        "zero-shot-classification",
        &[r#"[{"label":"traffic","score":0.9}]"#, r#"{"sequence":"x","labels":["a","b"],"scores":[0.9,0.1]}"#],
        &["[]", r#"{"labels":[],"scores":[]}"#, r#"{"labels":["a"]}"#, r#"[{"labels":["a"],"scores":[1]}]"#],
    ),
    (
        "token-classification",
        &[
            r#"[{"entity_group":"PER","score":0.99,"word":"Ada","start":0,"end":3}]"#,
            r#"[[{"entity":"B-PER","score":0.99,"word":"Ada","start":null,"end":null,"index":1}]]"#,
            "[]",
        ],
        &[
            r#"[{"entity":"PER","score":0.9,"start":0,"end":3}]"#,
            r#"[{"score":0.9,"word":"Ada","start":0.5,"end":3}]"#,
            r#"{"entities":[]}"#,
        ],
    ),
    (
        "question-answering",
        &[
            r#"{"answer":"18 minutes","score":0.7,"start":3,"end":13}"#,
            r#"[{"answer":"18 minutes","score":0.7,"start":3,"end":13}]"#,
            r#"{"answer":"","score":0.9,"start":0,"end":0}"#,
        ],
        &["[]", r#"{"answer":null,"score":0.7,"start":3,"end":13}"#, r#"{"score":0.7,"start":3,"end":13}"#],
    ),
    (
        "document-question-answering",
        &[
            r#"[{"answer":"1 May","score":0.7,"start":3,"end":4}]"#,
            r#"[[{"answer":"1 May","score":0.7,"start":3,"end":4}]]"#,
            r#"{"answer":"1 May","score":0.7,"start":3,"end":4}"#,
        ],
        &["[]", r#"[{"answer":"1 May","score":0.7}]"#, r#"["1 May"]"#],
    ),
    (
        "visual-question-answering",
        &[r#"[{"answer":"red","score":0.7}]"#],
        &["[]", r#"[{"answer":"red"}]"#, r#"[{"answer":"","score":0.7}]"#],
    ),
    (
        "table-question-answering",
        &[
            r#"{"answer":"SUM > 8","coordinates":[[1,1]],"cells":["8"],"aggregator":"SUM"}"#,
            r#"[{"answer":"8","coordinates":[[1,1]],"cells":["8"]}]"#,
            r#"{"answer":"8","coordinates":[],"cells":[],"aggregator":null}"#,
        ],
        &["[]", r#"{"answer":"8","coordinates":[[1,"a"]],"cells":["8"]}"#, r#"{"answer":"8","cells":["8"]}"#],
    ),
    (
        "fill-mask",
        &[
            r#"[{"score":0.2,"token":2644,"token_str":"station","sequence":"the station"}]"#,
            r#"[[{"score":0.2,"token":1,"token_str":"","sequence":"a b"}],[{"score":0.2,"token":2,"sequence":"a b"}]]"#,
        ],
        &["[]", r#"[{"score":0.2,"token":"station","sequence":"x"}]"#, r#"[{"score":null,"token":1,"sequence":"x"}]"#],
    ),
    (
        "summarization",
        &[r#"{"summary_text":"A tram."}"#, r#"[{"summary_text":"A tram."}]"#],
        &["[]", r#"[{"summary_text":"  "}]"#, r#"[{"generated_text":"A tram."}]"#, r#""A tram.""#],
    ),
    (
        "translation",
        &[r#"{"translation_text":"Un tram."}"#, r#"[{"translation_text":"Un tram."}]"#],
        &["[]", r#"{"translation_text":""}"#, r#"{"translation_text":["Un tram."]}"#],
    ),
    (
        "text-generation",
        &[
            r#"[{"generated_text":"Once"}]"#,
            r#"{"generated_text":"Once","details":{"finish_reason":"length","generated_tokens":1,"seed":null,"prefill":[],"tokens":[{"id":1,"text":"Once","logprob":-1.5,"special":false}]}}"#,
            r#"{"generated_text":"Once","details":null}"#,
        ],
        &[
            "[]",
            r#"{"generated_text":""}"#,
            r#"{"generated_text":"Once","details":{"finish_reason":"bored","generated_tokens":1,"prefill":[],"tokens":[]}}"#,
        ],
    ),
    (
        "image-to-text",
        &[r#"[{"generated_text":"a tram"}]"#, r#"{"generated_text":"a tram"}"#],
        &["[]", "{}", r#"[{"generated_text":null}]"#, r#"{"text":"a tram"}"#],
    ),
    (
        "feature-extraction",
        &["[0.1,-2,3e-4]", "[[0.1,0.2],[0.3,0.4]]", "[[[0.1],[0.2]]]"],
        &["[]", "[[]]", "[0.1,[0.2]]", "[[[[0.1]]]]", "[null]", r#"["a"]"#, "[0.1,Infinity]", r#"{"embedding":[0.1]}"#],
    ),
    ("sentence-similarity", &["[0.7,0.1]"], &["[]", "[[0.7]]", "[null]", r#"{"scores":[0.7]}"#]),
    (
        "audio-classification",
        &[r#"[{"label":"bell","score":0.9}]"#],
        &["[]", r#"[{"score":0.9}]"#, r#"{"label":"bell","score":0.9}"#],
    ),
    (
        "automatic-speech-recognition",
        &[r#"{"text":"hello"}"#, r#"{"text":"hello","chunks":[{"text":"hello","timestamp":[0.0,null]}]}"#],
        &[r#"{"text":""}"#, "{}", r#"{"text":"hello","chunks":[{"text":"hello"}]}"#],
    ),
    (
        "image-classification",
        &[r#"[{"label":"tram","score":0.9}]"#],
        &["[]", r#"[{"label":3,"score":0.9}]"#, r#"["tram"]"#],
    ),
    (
        "zero-shot-image-classification",
        &[r#"[{"label":"tram","score":0.9}]"#],
        &["[]", r#"[{"label":"tram"}]"#, "null"],
    ),
    (
        "video-classification",
        &[r#"[{"label":"running","score":0.9}]"#],
        &["[]", r#"[{"label":"running","score":true}]"#, "{}"],
    ),
    (
        "object-detection",
        &[
            r#"[{"label":"tram","score":0.9,"box":{"xmin":1,"ymin":2,"xmax":30,"ymax":40}}]"#,
            r#"[{"label":"tram","score":0.9,"box":{"xmin":1.5,"ymin":2,"xmax":30,"ymax":40}}]"#,
            "[]",
        ],
        &[
            r#"[{"label":"tram","score":0.9}]"#,
            r#"[{"label":"tram","score":0.9,"box":[1,2,30,40]}]"#,
            r#"[{"label":"tram","score":0.9,"box":{"xmin":1}}]"#,
        ],
    ),
    (
        "zero-shot-object-detection",
        &[r#"[{"label":"tram","score":0.9,"box":{"xmin":1,"ymin":2,"xmax":30,"ymax":40}}]"#, "[]"],
        &[
            "{}",
            r#"[{"label":"tram","box":{"xmin":1,"ymin":2,"xmax":30,"ymax":40}}]"#,
            r#"[{"label":"tram","score":0.9,"box":null}]"#,
        ],
    ),
    (
        "image-segmentation",
        &[r#"[{"label":"road","mask":"iVBORw0KGgo=","score":null}]"#, "[]"],
        &[r#"[{"label":"road","score":0.9}]"#, r#"[{"label":"road","mask":""}]"#, r#"{"mask":"iVBORw0KGgo="}"#],
    ),
    ("depth-estimation", &[r#"{"predicted_depth":[[0.1]],"depth":"iVBORw0KGgo="}"#], &["{}", r#"{"depth":""}"#, "[]"]),
    ("text-to-image", &[r#"{"image":"iVBORw0KGgo="}"#], &["{}", r#"{"image":""}"#, r#"{"image":null}"#]),
    ("image-to-image", &[r#"{"image":"iVBORw0KGgo="}"#], &["{}", r#"{"image":""}"#, "[]"]),
    ("image-text-to-image", &[r#"{"image":"iVBORw0KGgo="}"#], &["{}", r#"{"images":["a"]}"#, r#"{"image":" "}"#]),
    (
        "text-to-audio",
        &[r#"{"audio":"UklGRg==","sampling_rate":16000}"#],
        &["{}", r#"{"audio":"UklGRg=="}"#, r#"{"audio":"","sampling_rate":16000}"#],
    ),
    ("text-to-speech", &[r#"{"audio":"UklGRg=="}"#], &["{}", r#"{"audio":""}"#, r#"{"sampling_rate":16000}"#]),
    ("text-to-video", &[r#"{"video":"AAAA"}"#], &["{}", r#"{"video":""}"#, r#"{"image":"AAAA"}"#]),
    ("image-to-video", &[r#"{"video":"AAAA"}"#], &["{}", r#"{"video":""}"#, "[]"]),
    ("image-text-to-video", &[r#"{"video":"AAAA"}"#], &["{}", r#"{"video":null}"#, "[]"]),
];

#[test]
fn answers_are_told_right_from_wrong() {
    let known: Vec<&str> = ANSWERS.iter().map(|(name, ..)| *name).collect();
    for task in Task::all() {
        assert!(known.contains(&task.name()), "{task:?}");
    }
    for (name, right, wrong) in ANSWERS {
        let task = task(name);
        let json = Some("application/json");
        assert!(wrong.len() >= 3, "{name}");
        for answer in *right {
            assert_eq!(task.check_answer(json, answer.as_bytes()), Ok(()), "{answer}");
        }
        let always = ["", "<html>502 Bad Gateway</html>", "3", "null", r#"{"error":"overloaded"}"#, "[{\"label\""];
        for answer in wrong.iter().chain(&always) {
            assert!(task.check_answer(json, answer.as_bytes()).is_err(), "{name}: {answer}");
        }
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let wrong = |name: &str, body: &str| task(name).check_answer(None, body.as_bytes()).unwrap_err();
    for (name, body, told) in [
        (
            "text-classification",
            r#"[{"label":"a","score":1},{"label":"b","score":"1"}]"#,
            "is wrong: `1.score` is a text, not a number",
        ),
        ("text-classification", r#"[{"label":"a"}]"#, "`0` has no `score`"),
        ("text-classification", "[]", "the answer to text-classification is an empty list"),
        (
            "text-classification",
            r#"[{"label":"a","score":NaN}]"#,
            "is not JSON (expected value at line 1 column 23); JSON has no NaN",
        ),
        ("text-classification", "<html>", "it begins with \"<html>\""),
        ("text-classification", r#"{"error":"Model too busy"}"#, "is an error: Model too busy"),
        ("summarization", r#"[{"summary_text":""}]"#, "`0.summary_text` is an empty text"),
        ("translation", r#""x""#, "is a text, not an object or a list of objects"),
        ("object-detection", r#"[{"label":"a","score":1,"box":{"xmin":null}}]"#, "`0.box.xmin` is null, not a number"),
        (
            "text-generation",
            r#"{"generated_text":"a","details":{"finish_reason":"bored"}}"#,
            "`details.finish_reason` is \"bored\", not one of \"length\"",
        ),
        ("feature-extraction", "[[0.1],[0.2,true]]", "has another shape"),
        ("feature-extraction", "[[0.1],[0.2,[0.3]]]", "`1` mixes numbers and lists"),
        ("depth-estimation", "{}", "has none of `predicted_depth`, `depth`"),
    ] {
        let error = wrong(name, body);
        assert!(error.contains(told), "{body}: {error}");
    }
}

#[test]
fn media_are_known_by_their_header_and_their_first_bytes() {
    const WEBP: &[u8] = b"RIFF\x10\0\0\0WEBPVP8 ";
    const WAV: &[u8] = b"RIFF\x10\0\0\0WAVEfmt ";
    const MP4: &[u8] = b"\0\0\0\x18ftypisom";
    let png = b"\x89PNG\r\n\x1a\n\0";
    for (name, said, body, right) in [
        ("text-to-image", Some("image/png"), &png[..], true),
        ("text-to-image", Some("IMAGE/PNG; q=1"), png, true),
        ("text-to-image", None, png, true),
        ("text-to-image", Some("application/octet-stream"), b"\xff\xd8\xff\xe0", true),
        ("text-to-image", Some("image/webp"), WEBP, true),
        ("text-to-image", Some("image/png"), b"", false),
        ("text-to-image", Some("image/png"), b"<html>", false),
        ("text-to-image", Some("image/png"), WAV, false),
        ("text-to-image", Some("text/html"), png, false),
        ("text-to-image", Some("audio/wav"), png, false),
        ("text-to-image", None, br#" {"image":"aGk="}"#, true),
        ("text-to-image", None, br#"{"error":"busy"}"#, false),
        ("depth-estimation", Some("image/png"), png, true),
        ("text-to-speech", Some("audio/wav"), WAV, true),
        ("text-to-speech", None, b"fLaC\0", true),
        ("text-to-speech", None, b"ID3\x04", true),
        ("text-to-speech", None, b"\xff\xfb\x90", true),
        ("text-to-speech", Some("audio/ogg"), b"OggS\0", true),
        ("text-to-speech", Some("audio/mp4"), MP4, true),
        ("text-to-speech", None, MP4, false),
        ("text-to-speech", None, png, false),
        ("text-to-video", Some("video/mp4"), MP4, true),
        ("text-to-video", Some("video/webm"), b"\x1a\x45\xdf\xa3", true),
        ("text-to-video", None, b"GIF89a", true),
        ("text-to-video", Some("video/mp4"), png, false),
        // A picture in place of a list of labels.
        ("image-classification", Some("image/png"), png, false),
    ] {
        let checked = task(name).check_answer(said, body);
        assert_eq!(checked.is_ok(), right, "{name}, {said:?}, {}: {checked:?}", body.escape_ascii());
    }
}

#[test]
fn every_task_has_an_example_that_passes() {
    for task in Task::all() {
        let (inputs, parameters) = task.example_inputs();
        task.check_inputs(&inputs).unwrap();
        let warnings = task.check_parameters(&parameters.clone().unwrap_or_default());
        assert!(warnings.is_empty(), "{task:?}: {warnings:?}");
        let text = inputs.to_string();
        let source = ["images.", "audio.", "videos."].iter().find(|source| text.contains(*source)).copied();
        let wanted = task.takes().map(|media| match media {
            Media::Image => "images.",
            Media::Audio => "audio.",
            Media::Video => "videos.",
        });
        assert_eq!(source, wanted, "{task:?}");
        assert!(!task.takes_binary() || wanted.is_some(), "{task:?}");
    }
}

#[test]
fn doubtful_inputs_are_told() {
    for (name, right) in [
        ("text-classification", json!(["one", "two"])),
        ("feature-extraction", json!(["one", "two"])),
        ("question-answering", json!("{{ row }}")),
        ("table-question-answering", json!({"question": "q", "table": {"a": ["1"]}})),
    ] {
        assert_eq!(task(name).check_inputs(&right), Ok(()), "{name}");
    }
    for (name, wrong, told) in [
        ("text-classification", json!({"text": "a"}), "is an object, not a text"),
        ("question-answering", json!({"question": "q"}), "has no `context`"),
        ("sentence-similarity", json!({"source_sentence": "a", "sentences": "b"}), "`sentences` is a text, not a list"),
        ("table-question-answering", json!({"question": "q", "table": {"a": [1]}}), "`table.a.0` is a number"),
        ("summarization", json!([]), "is a list"),
    ] {
        let error = task(name).check_inputs(&wrong).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn doubtful_parameters_are_told() {
    for (name, parameters, told) in [
        ("text-classification", json!({"top_k": 3, "function_to_apply": "softmax"}), &[][..]),
        ("text-classification", json!({"top_k": "{{ random_int(1, 5) }}", "function_to_apply": null}), &[]),
        (
            "text-classification",
            json!({"topk": 3}),
            &["`topk` is not a parameter of text-classification; did you mean `top_k`?"],
        ),
        ("text-classification", json!({"frobnicate": 3}), &["which has `function_to_apply`, `top_k`"]),
        ("text-classification", json!({"top_k": 1.5}), &["`top_k` is a fraction, not a whole number"]),
        ("text-classification", json!({"top_k": "3"}), &["`top_k` is a text, not a whole number"]),
        (
            "text-classification",
            json!({"function_to_apply": "max"}),
            &["is \"max\", not one of \"sigmoid\", \"softmax\", \"none\""],
        ),
        (
            "zero-shot-classification",
            json!({}),
            &["zero-shot-classification needs `candidate_labels`: a list of texts"],
        ),
        ("zero-shot-classification", json!({"candidate_labels": []}), &["`candidate_labels` is an empty list"]),
        (
            "zero-shot-classification",
            json!({"candidate_labels": ["a", 1]}),
            &["`candidate_labels`: `1` is a number, not a text"],
        ),
        ("zero-shot-classification", json!({"candidate_labels": "{{ labels }}"}), &[]),
        ("text-to-speech", json!({"temperature": 1}), &["it belongs in `generation_parameters`"]),
        (
            "text-to-speech",
            json!({"generation_parameters": {"temprature": 1, "early_stopping": true}}),
            &["in `generation_parameters`: `temprature`"],
        ),
        ("sentence-similarity", json!({"x": 1}), &["which has none"]),
        ("summarization", json!({"generate_parameters": {"max_length": 10}}), &[]),
        ("text-generation", json!({"grammar": {"type": "regex", "value": "a+"}, "stop": ["\n"]}), &[]),
        (
            "text-generation",
            json!({"grammar": {"type": "regex"}, "stop": "\n"}),
            &["`grammar` is of another shape", "`stop` is a text"],
        ),
        ("document-question-answering", json!({"word_boxes": ["a", [0, 0, 1, 1]]}), &[]),
        ("feature-extraction", json!({"normalize": 1}), &["`normalize` is a number, not true or false"]),
    ] {
        let warnings = task(name).check_parameters(&object(parameters.clone()));
        assert_eq!(warnings.len(), told.len(), "{parameters}: {warnings:?}");
        for (warning, told) in warnings.iter().zip(told) {
            assert!(warning.contains(told), "{warning}");
        }
    }
}

#[test]
fn tasks_are_found_or_the_near_one_is_named() {
    assert_eq!(task("fill-mask").name(), "fill-mask");
    for (name, told) in [
        ("text-clasification", "did you mean `text-classification`?"),
        ("Text_Classification", "did you mean `text-classification`?"),
        ("sentiment-analysis", "did you mean `text-classification`?"),
        ("ner", "did you mean `token-classification`?"),
        ("embeddings", "did you mean `feature-extraction`?"),
        ("conversational", "a chat is `api = \"chat\"`"),
        ("qwertz", "The tasks are listed at https://"),
    ] {
        let error = Task::find(name).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
    for (alias, name) in ALIASES {
        assert!(Task::find(alias).is_err() && Task::find(name).is_ok(), "{alias}");
    }
}

#[test]
fn addresses_are_those_of_the_routes() {
    let model = Some("org/some model");
    for (name, route, path) in [
        ("fill-mask", Router, "/hf-inference/models/org/some%20model"),
        ("feature-extraction", Router, "/hf-inference/models/org/some%20model/pipeline/feature-extraction"),
        ("fill-mask", Legacy, "/models/org/some%20model"),
        ("fill-mask", Pipeline, "/pipeline/fill-mask/org/some%20model"),
        ("fill-mask", Endpoint, "/"),
    ] {
        assert_eq!(task(name).path(route, model).as_deref(), Ok(path));
    }
    assert_eq!(task("fill-mask").path(Endpoint, None).as_deref(), Ok("/"));
    assert!(task("fill-mask").path(Router, None).unwrap_err().contains("fill-mask needs a `model`"));
    for wrong in ["", "/", "org//x", "../x"] {
        assert!(task("fill-mask").path(Legacy, Some(wrong)).is_err(), "{wrong}");
    }
    for (host, with, without) in [
        ("router.huggingface.co", Router, Router),
        ("API-inference.huggingface.co.", Legacy, Legacy),
        ("abc.us-east-1.aws.endpoints.huggingface.cloud", Endpoint, Endpoint),
        ("127.0.0.1", Legacy, Endpoint),
        ("evil-endpoints.huggingface.cloud.example.org", Legacy, Endpoint),
    ] {
        assert_eq!((Task::guess_route(host, model), Task::guess_route(host, None)), (with, without), "{host}");
    }
}

#[test]
fn bodies_have_parameters_where_servers_want_them() {
    let (parameters, options) = (object(json!({"top_k": 2})), object(json!({"wait_for_model": true})));
    assert_eq!(
        task("fill-mask").body(json!("a"), Some(&parameters), Some(&options)),
        json!({"inputs": "a", "parameters": {"top_k": 2}, "options": {"wait_for_model": true}})
    );
    assert_eq!(task("fill-mask").body(json!("a"), Some(&Map::new()), None), json!({"inputs": "a"}));
    let normalize = object(json!({"normalize": true, "inputs": "not this"}));
    assert_eq!(
        task("feature-extraction").body(json!(["a"]), Some(&normalize), None),
        json!({"inputs": ["a"], "normalize": true})
    );
}

#[test]
fn what_a_task_takes_and_gives() {
    for (name, takes, binary, gives, accept) in [
        ("text-classification", None, false, None, None),
        ("image-classification", Some(Media::Image), true, None, None),
        ("zero-shot-image-classification", Some(Media::Image), false, None, None),
        ("visual-question-answering", Some(Media::Image), false, None, None),
        ("automatic-speech-recognition", Some(Media::Audio), true, None, None),
        ("video-classification", Some(Media::Video), true, None, None),
        ("text-to-image", None, false, Some(Media::Image), Some("image/png")),
        ("depth-estimation", Some(Media::Image), true, Some(Media::Image), None),
        ("text-to-speech", None, false, Some(Media::Audio), None),
        ("image-to-video", Some(Media::Image), true, Some(Media::Video), None),
    ] {
        let task = task(name);
        assert_eq!(
            (task.takes(), task.takes_binary(), task.answers_with(), task.accept()),
            (takes, binary, gives, accept),
            "{name}"
        );
    }
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(bytes: Vec<u8>, text in "[\\[\\]{}\",:a0-9.\\-]{0,60}") {
        for task in Task::all() {
            let _ = task.check_answer(None, &bytes);
            let _ = task.check_answer(Some("image/png"), &bytes);
            let _ = task.check_answer(Some("application/json"), text.as_bytes());
        }
    }
}
