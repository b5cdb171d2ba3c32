//! Command lines and the scenarios they stand for.

use super::load::is_hugging_face;
use super::*;
use clap::Parser;
use plimsoll_scenario::{Overrides, parse, resolve, to_toml};
use plimsoll_targets::api::ApiPlanned;

#[derive(Debug, Parser)]
enum Line {
    Task(Box<TaskArgs>),
    Chat(Box<ChatArgs>),
    Http(Box<HttpArgs>),
}

fn line(words: &[&str]) -> Result<Scenario, String> {
    let words = ["plimsoll"].iter().chain(words);
    match Line::try_parse_from(words).map_err(|error| error.to_string())? {
        Line::Task(args) => args.scenario(),
        Line::Chat(args) => args.scenario(),
        Line::Http(args) => args.scenario(),
    }
    .map_err(|error| error.message)
}

/// The scenario of a command line, after it went all the way to requests and back through a file.
fn right(words: &[&str]) -> Scenario {
    let scenario = line(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let text = to_toml(&scenario);
    let again = parse(&text, "saved.toml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again, scenario, "{text}");
    let (mut resolved, _) = resolve(&scenario, &Overrides::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    // Making more takes long in a build for tests.
    resolved.data.values_mut().filter(|source| source.generator.is_some()).for_each(|source| source.rows = Some(1));
    let planned = ApiPlanned::compile(&resolved, Path::new("."), |_| Some("secret".to_owned()));
    planned.map(drop).unwrap_or_else(|error| panic!("{error}\n{text}"));
    scenario
}

fn wrong(words: &[&str], says: &str) {
    let error = line(words).expect_err(says);
    assert!(error.contains(says), "{error}");
    assert!(!error.contains("hf_secret"), "{error}");
}

#[test]
fn every_task_has_an_example() {
    for task in Task::all().filter(|task| task.takes() != Some(Media::Video)) {
        right(&["task", task.name(), "--model", "org/model"]);
        right(&["task", task.name(), "--model", "org/model", "--wait-for-model", "--param", "top_k=3"]);
    }
    wrong(&["task", "video-classification", "--model", "m"], "name a folder");
    wrong(&["task", "text-clasification"], "did you mean `text-classification`?");
}

#[test]
fn tasks_take_texts_json_files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let of = |task: &str, inputs: &[&str]| {
        let words: Vec<&str> = inputs.iter().flat_map(|text| ["--inputs", text]).collect();
        right(&[&["task", task, "--url", "http://127.0.0.1:1"], &words[..]].concat())
    };
    let one = of("text-classification", &["a {curious} text"]);
    assert_eq!(one.requests[0].inputs, Some(json!("a {curious} text")));
    let two = of("summarization", &["one", "two"]);
    assert_eq!(two.data["inputs"].list, Some(vec![json!("one"), json!("two")]));
    let object = of("question-answering", &[r#"{"question": "Who?", "context": "Ada."}"#]);
    assert_eq!(object.requests[0].inputs, Some(json!({"question": "Who?", "context": "Ada."})));
    let lines = file("lines.txt", "one\ntwo\n");
    assert_eq!(of("summarization", &[&lines]).requests[0].inputs, Some(json!("{{ inputs }}")));
    let rows = file("rows.jsonl", "{\"id\": 1, \"text\": \"one\"}\n{\"id\": 2, \"text\": \"two\"}\n");
    assert_eq!(of("summarization", &[&rows]).requests[0].inputs, Some(json!("{{ inputs.text }}")));
    wrong(&["task", "summarization", "--inputs", &lines, "--inputs", "x"], "one file alone");
    let other = file("other.csv", "a,b\n1,2\n");
    wrong(&["task", "summarization", "--inputs", &other], "its rows have a, b");
    file("a.png", "\u{89}PNG");
    let pictures = tempfile::tempdir().unwrap();
    std::fs::write(pictures.path().join("a.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let pictures = pictures.path().to_str().unwrap();
    let folder = of("image-classification", &[pictures]);
    assert_eq!(folder.requests[0].binary.as_deref(), Some("images"));
    wrong(&["task", "summarization", "--inputs", pictures], "takes no files");
}

#[test]
fn chats() {
    let url = ["chat", "--url", "http://127.0.0.1:1", "--model", "m"];
    let with = |more: &[&str]| right(&[&url, more].concat());
    let made_up = with(&["--input-tokens", "50", "--output-tokens", "20", "--ignore-eos"]);
    assert_eq!(made_up.data["prompts"].input_tokens.and_then(|length| length.mean), Some(50.0));
    assert_eq!(made_up.requests[0].max_tokens, Some(json!("{{ prompts.max_tokens }}")));
    let one = with(&["--prompt", "Hello", "--max-tokens", "9", "--no-stream"]);
    assert_eq!((one.requests[0].prompt.as_deref(), one.requests[0].stream), (Some("Hello"), Some(false)));
    assert_eq!(one.requests[0].max_tokens, Some(json!(9)));
    with(&["--prompt", "Hello", "--prompt", "Bye", "--system", "Be brief"]);
    assert!(with(&["--turns", "3"]).requests[0].turns.is_some());
    wrong(&[&url[..], &["--prompt", "x", "--turns", "3"]].concat(), "cannot be used with");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("share.json");
    std::fs::write(&path, r#"[{"id": "a", "conversations": [{"from": "human", "value": "Hello"}]}]"#).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(with(&["--prompts", path]).requests[0].turns, Some(json!("{{ prompts.turns }}")));
}

#[test]
fn http() {
    let bare = right(&["http", "http://127.0.0.1:1/a/b?c=d#e"]);
    assert_eq!(bare.target.url, "http://127.0.0.1:1");
    assert_eq!(bare.requests[0].path.as_deref(), Some("/a/b?c=d"));
    assert_eq!((bare.load.users, bare.load.duration), (Some(10), Some(DEFAULT_RUN_TIME)));
    assert_eq!(right(&["http", "https://x?a=1"]).requests[0].path.as_deref(), Some("/?a=1"));
    let body = ["-X", "put", "-H", "Accept: a/b", "--json-body", r#"{"a": 1.0}"#];
    let expected = ["--expect-status", "200,201", "--contains", "ok"];
    let post = right(&[&["http", "https://x/y"][..], &body, &expected].concat());
    assert_eq!(post.requests[0].check.as_ref().map(|check| check.status.as_slice()), Some(&[200, 201][..]));
    wrong(&["http", "localhost/x"], "must begin with http");
    wrong(&["http", "http://x", "--json-body", "{a}"], "this is not JSON");
}

#[test]
fn loads() {
    let with = |more: &[&str]| right(&[&["http", "http://x"], more].concat()).load;
    assert_eq!(with(&["--rate", "600/m", "--arrival", "constant"]).executor, Executor::Rate);
    let some = with(&["--iterations", "3", "--threshold", "GET /: p95 < 1s"]);
    assert_eq!((some.executor, some.users, some.duration), (Executor::Iterations, Some(3), None));
    let users = with(&["--users", "50", "--run-time", "1m", "--warmup", "5s", "--think", "1s..3s", "--seed", "4"]);
    assert_eq!((users.users, users.spawn_rate), (Some(50), Some(Rate(50.0))));
    with(&["--users", "5", "--run-time", "500ms"]);
    with(&["--users", "5", "--spawn-rate", "5", "--pacing", "3s"]);
    assert_eq!(with(&["--stage", "30s:50", "--stage", "1m:0"]).executor, Executor::Users);
    assert_eq!(with(&["--stage", "30s:5/s"]).executor, Executor::Rate);
    with(&["--rate", "5", "--arrival", "gamma", "--burstiness", "0.3", "--max-users", "7"]);
    wrong(&["http", "http://x", "--stage", "30s:5", "--stage", "3s:5/s"], "all of users");
    wrong(&["http", "http://x", "--rate", "5", "--users", "5"], "cannot be used with");
    wrong(&["http", "http://x", "--arrival", "constant"], "belongs to --rate");
}

#[test]
fn secrets_are_refused() {
    wrong(&["http", "http://x", "-H", "Authorization: Bearer hf_secret"], "--token-env");
    wrong(&["http", "http://x", "-H", "x-api-key: hf_secret"], "value_env");
    wrong(&["http", "http://x?api_key=hf_secret"], "query = \"api_key\"");
    wrong(&["http", "http://x", "--token-env", "hf_secret_of_a_certain_length"], "not the name");
    let auth = right(&["http", "http://x", "--token-env", "MY_TOKEN"]).target.auth;
    assert_eq!(auth.and_then(|auth| auth.bearer_env).as_deref(), Some("MY_TOKEN"));
}

#[test]
fn hosts_of_hugging_face() {
    for url in [ROUTER, "https://huggingface.co/api", "https://a.eu.aws.endpoints.huggingface.cloud:443/x"] {
        assert!(is_hugging_face(url), "{url}");
    }
    for url in [
        "http://router.huggingface.co",
        "https://huggingface.co.evil.example",
        "https://nothuggingface.co",
        "https://huggingface.co@evil.example",
        "https://evil.example/huggingface.co",
    ] {
        assert!(!is_hugging_face(url), "{url}");
    }
}
