//! Whole exchanges with servers, good and bad.

use super::support::{Server, answer, compile, events, json, run, with_user};
use plimsoll_model::{FailureClass, Outcome, Sample, TokenSource};
use serde_json::json;
use std::io::Write;
use std::time::Duration;

const CHAT: &str = "[[request]]\napi = 'chat'\nmodel = 'm'\nprompt = 'hello'\n";

fn class(sample: &Sample) -> Option<FailureClass> {
    match sample.outcome {
        Outcome::Ok => None,
        Outcome::Failed(class) => Some(class),
    }
}

/// The one sample of a scenario against a server with these answers.
fn one(text: &str, answers: &[String]) -> (Sample, Server) {
    let server = Server::saying(answers);
    let mut samples = run(compile(&server.url, text).unwrap(), 1);
    assert_eq!(samples.len(), 1);
    (samples.remove(0), server)
}

fn said(text: &str) -> String {
    format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#)
}

const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;

#[test]
fn a_chat_is_sent_and_read() {
    let text = format!(
        "[target]\nurl = '$URL/base'\nauth = {{ bearer_env = 'TOKEN' }}\nheaders = {{ X-Own = 'yes' }}\n{CHAT}\
         system = 'be brief'\nmax_tokens = 8\nparameters = {{ temperature = 0 }}\n"
    );
    let (sample, server) = one(&text, &[events(&[&said("Hi"), &said("!"), STOP, USAGE, "[DONE]"])]);
    assert_eq!((class(&sample), sample.status, sample.timeline.chunks.len()), (None, Some(200), 2));
    let tokens = sample.tokens.unwrap();
    assert_eq!((tokens.input, tokens.output, tokens.source), (5, 2, TokenSource::Server));
    let asked = &server.asked()[0];
    assert!(asked.starts_with("POST /base/v1/chat/completions HTTP/1.1\r\n"), "{asked}");
    for header in [
        "authorization: Bearer hf_topsecret",
        "x-own: yes",
        "accept: text/event-stream",
        "content-type: application/json",
    ] {
        assert!(asked.contains(header), "{header}\n{asked}");
    }
    assert_eq!(
        server.bodies()[0],
        json!({"model": "m", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
            "max_tokens": 8, "stream": true, "stream_options": {"include_usage": true}, "temperature": 0})
    );
    assert!(sample.sent <= sample.timeline.chunks[0] && sample.timeline.chunks[1] <= sample.end);
    assert_eq!(sample.bytes_sent, server.bodies()[0].to_string().len() as u64);
}

#[test]
fn turns_carry_the_real_replies() {
    let text =
        "[[request]]\napi = 'chat'\nstream = false\nturns = ['one', 'two']\nimages = 'data:x'\nturn_think = '20ms'\n";
    let reply = |text: &str| json(&format!(r#"{{"choices":[{{"message":{{"content":"{text}"}}}}]}}"#));
    let server = Server::saying(&[reply("first"), reply("second")]);
    let samples = run(compile(&server.url, text).unwrap(), 1);
    assert_eq!(samples.iter().map(|sample| (&*sample.name, class(sample))).collect::<Vec<_>>(), [("chat", None); 2]);
    let messages = &server.bodies()[1]["messages"];
    let image = json!({"type": "image_url", "image_url": {"url": "data:x"}});
    assert_eq!(
        *messages,
        json!([{"role": "user", "content": [{"type": "text", "text": "one"}, image]},
            {"role": "assistant", "content": "first"}, {"role": "user", "content": "two"}])
    );
    assert_eq!(samples[1].intended, samples[0].end + Duration::from_millis(20));
    assert!(samples[1].sent >= samples[1].intended);
}

#[test]
fn a_journey_uses_what_it_extracts_and_ends_with_a_failure() {
    let text = "[[journey]]\nname = 'j'\nstep_think = '10ms'\n\
                [[journey.step]]\nname = 'make'\npath = '/make'\njson = { a = 1 }\n\
                extract = { id = { json = '/id' }, tag = { header = 'x-tag' }, word = { regex = 'w=(\\w+)' } }\n\
                [[journey.step]]\nname = 'use'\npath = '/use/{{ id }}?t={{ tag }} {{ word }}'\ncheck = { json = [{ at = '/id', equals = '{{ id }}' }] }\n\
                [[journey.step]]\nname = 'end'\npath = '/end'\nform = { a = 'x y' }";
    let made = answer("200 OK", "x-tag: red\r\n", r#"{"id":42,"t":"w=abc"}"#);
    let server = Server::saying(&[made.clone(), json(r#"{"id":42}"#), json("{}"), made, json(r#"{"id":43}"#)]);
    let samples = run(compile(&server.url, text).unwrap(), 2);
    let names: Vec<&str> = samples.iter().map(|sample| &*sample.name).collect();
    assert_eq!(names, ["make", "use", "end", "make", "use"]);
    assert_eq!(samples.iter().filter(|sample| !sample.outcome.is_ok()).count(), 1);
    assert_eq!(samples[4].error.as_deref(), Some("check.json: /id is 43, not 42"));
    let asked = server.asked();
    assert!(asked[1].starts_with("GET /use/42?t=red%20abc HTTP/1.1\r\n"), "{}", asked[1]);
    assert!(asked[2].ends_with("\r\n\r\na=x%20y") && asked[2].contains("x-www-form-urlencoded"));
    assert_eq!(samples[1].intended, samples[0].end + Duration::from_millis(10));
}

#[test]
fn checks_of_answers() {
    let check = |check: &str, body: &str| {
        let text = format!("[[request]]\npath = '/x'\ncheck = {{ {check} }}");
        one(&text, &[json(body)]).0.error.map(String::from)
    };
    for (rule, good, bad, says) in [
        ("contains = 'b c'", "a b c", "abc", "check.contains"),
        ("matches = '^\\d+$'", "123", "12x", "check.matches"),
        ("min_bytes = 3", "abc", "ab", "check.min_bytes"),
        ("json = [{ at = '/a/0' }]", r#"{"a":[1]}"#, r#"{"a":[]}"#, "/a/0 is not there"),
        ("json = [{ at = '/a', equals = 1 }]", r#"{"a":1.0}"#, r#"{"a":2}"#, "/a is 2, not 1"),
        ("json = [{ at = '/a', min = 1, max = 2 }]", r#"{"a":1.5}"#, r#"{"a":2.5}"#, "more than 2"),
        ("json = [{ at = '', min_length = 2 }]", "[1,2]", "[1]", "less than 2"),
        ("json = [{ at = '/a', type = 'string' }]", r#"{"a":""}"#, r#"{"a":null}"#, "of type null"),
        ("json = [{ at = '' }]", "1", "nonsense", "not JSON"),
    ] {
        assert_eq!(check(rule, good), None, "{rule}");
        assert!(check(rule, bad).is_some_and(|error| error.contains(says)), "{rule}");
    }
    let found = one("[[request]]\npath = '/x'\ncheck = { status = [404] }", &[answer("404 Not Found", "", "")]).0;
    assert_eq!((class(&found), found.status), (None, Some(404)));
    let other = one("[[request]]\npath = '/x'\ncheck = { status = [201] }", &[json("{}")]).0;
    assert_eq!(class(&other), Some(FailureClass::InvalidResponse));
}

#[test]
fn embeddings_and_ranks() {
    let embeddings = "[[request]]\napi = 'embeddings'\ninputs = ['a']\ncheck = { dimension = 2, norm = 1 }";
    let body = |vector: &str| json(&format!(r#"{{"data":[{{"embedding":{vector}}}],"usage":{{"prompt_tokens":3}}}}"#));
    let good = one(embeddings, &[body("[0.6,0.8]")]).0;
    assert_eq!((class(&good), good.tokens.unwrap().input), (None, 3));
    for (vector, says) in [("[1]", "check.dimension"), ("[1,1]", "check.norm"), ("[]", "empty"), ("null", "not a list")]
    {
        let bad = one(embeddings, &[body(vector)]).0;
        assert!(bad.error.unwrap().contains(says), "{vector}");
    }
    let rerank = "[[request]]\napi = 'rerank'\nprompt = 'q'\ninputs = ['a']";
    let (good, server) = one(rerank, &[json(r#"[{"index":0,"score":0.5}]"#)]);
    assert_eq!((class(&good), &server.bodies()[0]), (None, &json!({"query": "q", "texts": ["a"]})));
    assert!(server.asked()[0].starts_with("POST /rerank "));
    assert_eq!(class(&one(rerank, &[json("[]")]).0), Some(FailureClass::InvalidResponse));
    let task = "[[request]]\ntask = 'feature-extraction'\nmodel = 'a/b'\ninputs = 'x'\ncheck = { dimension = 3 }";
    assert_eq!(class(&one(task, &[json("[[1,2,3]]")]).0), None);
    assert!(one(task, &[json("[[1,2]]")]).0.error.unwrap().contains("check.dimension"));
}

#[test]
fn tasks_and_other_apis() {
    let ask = |text: &str, body: &str| {
        let (sample, server) = one(text, &[json(body)]);
        let asked = server.asked().remove(0);
        let line = asked.lines().next().unwrap().to_owned();
        (class(&sample), line, asked.split_once("\r\n\r\n").unwrap().1.to_owned())
    };
    let text =
        "[[request]]\ntask = 'summarization'\nmodel = 'a/b'\nroute = 'router'\ninputs = 'x'\nparameters = { seed = 1 }";
    let (failed, line, body) = ask(text, r#"[{"summary_text":"y"}]"#);
    assert_eq!((failed, line.as_str()), (None, "POST /hf-inference/models/a/b HTTP/1.1"));
    assert_eq!(body, r#"{"inputs":"x","parameters":{"seed":1}}"#);
    assert_eq!(ask(text, r#"{"error":"oh"}"#).0, Some(FailureClass::InvalidResponse));
    assert_eq!(ask(&format!("{text}\ncheck = {{ schema = false }}"), "{}").0, None);

    let text = "[data.p]\ngenerator = 'images'\nrows = 2\nsize = [8, 8]\n[[request]]\ntask = 'image-classification'\nbinary = 'p'";
    let (failed, line, body) = ask(text, r#"[{"label":"a","score":1.0}]"#);
    assert!(failed.is_none() && line == "POST / HTTP/1.1" && body.contains("PNG"), "{line}");
    let (failed, _, body) = ask(&format!("{text}\nparameters = {{ top_k = 1 }}"), r#"[{"label":"a","score":1.0}]"#);
    assert!(failed.is_none() && body.starts_with(r#"{"inputs":"iVBOR"#), "{body}");

    let text = "[[request]]\napi = 'completions'\nprompt = 'x'\nstream = false\nmax_tokens = 3\ncheck = { min_tokens = 2, contains = 'y' }";
    let good = r#"{"choices":[{"text":"xyz"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let (failed, line, body) = ask(text, good);
    assert_eq!((failed, line.as_str()), (None, "POST /v1/completions HTTP/1.1"));
    assert_eq!(body, r#"{"prompt":"x","max_tokens":3}"#);
    assert_eq!(ask(text, &good.replace(":2}", ":1}")).0, Some(FailureClass::InvalidResponse));

    let text =
        "[[request]]\napi = 'responses'\nprompt = 'x'\nsystem = 's'\nmax_tokens = 3\nparameters = { stream = false }";
    let (failed, line, body) = ask(
        text,
        r#"{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"y"}]}]}"#,
    );
    assert_eq!((failed, line.as_str()), (None, "POST /v1/responses HTTP/1.1"));
    assert_eq!(body, r#"{"instructions":"s","input":"x","max_output_tokens":3,"stream":false}"#);

    let text = "[target]\nurl = '$URL'\nauth = { query = 'key', value_env = 'SHORT' }\n[[request]]\npath = '/x?a=1'\nmethod = 'post'";
    assert_eq!(ask(text, "{}").1, "POST /x?a=1&key=a%20b HTTP/1.1");
}

#[test]
fn text_generation_streams() {
    let text = "[[request]]\ntask = 'text-generation'\ninputs = 'x'\nstream = true\ncheck = { json = [{ at = '/generated_text', equals = 'ab' }] }";
    let token = |text: &str, rest: &str| format!(r#"{{"token":{{"id":1,"text":"{text}","special":false}}{rest}}}"#);
    let end = r#","generated_text":"ab","details":{"generated_tokens":2,"finish_reason":"length"}"#;
    let (sample, server) = one(text, &[events(&[&token("a", ""), &token("b", end)])]);
    assert_eq!((class(&sample), sample.timeline.chunks.len(), sample.tokens.unwrap().output), (None, 2, 2));
    assert_eq!(server.bodies()[0], json!({"inputs": "x", "stream": true}));
}

#[test]
fn sounds_and_pictures_go_into_the_message() {
    let text = "[data.s]\ngenerator = 'audio'\nrows = 1\nseconds = 0.1\n[data.p]\ngenerator = 'images'\nrows = 1\nsize = [8, 8]\n\
                [[request]]\napi = 'chat'\nprompt = 'x'\naudio = '{{ s.base64 }}'\nimages = ['{{ p.data_url }}', 'http://h/x.png']\n\
                parameters = { stream_options = { continuous_usage_stats = true } }";
    let (sample, server) = one(text, &[events(&[&said("Hi"), STOP])]);
    assert_eq!(class(&sample), None);
    let body = &server.bodies()[0];
    let content = body["messages"][0]["content"].as_array().unwrap();
    let kinds: Vec<&str> = content.iter().map(|part| part["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "image_url", "image_url", "input_audio"]);
    assert!(content[1]["image_url"]["url"].as_str().unwrap().starts_with("data:image/png;base64,iVBOR"));
    assert_eq!(content[3]["input_audio"]["format"], "wav");
    assert_eq!(body["stream_options"], json!({"continuous_usage_stats": true}));
}

#[test]
fn bad_servers() {
    let huge = "[target]\nurl = '$URL'\nmax_response_bytes = 1000000\n[[request]]\npath = '/x'";
    // More than the limit, said before and not said before.
    let server = Server::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n");
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let sample = run(compile(&server.url, huge).unwrap(), 1).remove(0);
    assert_eq!((class(&sample), sample.bytes_received), (Some(FailureClass::Protocol), 0));
    let server = Server::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let sample = run(compile(&server.url, huge).unwrap(), 1).remove(0);
    assert_eq!(class(&sample), Some(FailureClass::Protocol));
    assert!(sample.bytes_received > 1_000_000 && sample.bytes_received < 2_000_000);
    // A stream without an end, and one without an event.
    for piece in
        ["data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", "data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
    {
        let server = Server::new(move |_, stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
            while stream.write_all(piece.repeat(1000).as_bytes()).is_ok() {}
        });
        let text = format!("[target]\nurl = '$URL'\nmax_response_bytes = 1000000\n{CHAT}");
        let sample = run(compile(&server.url, &text).unwrap(), 1).remove(0);
        assert_eq!(class(&sample), Some(FailureClass::Protocol), "{:?}", sample.error);
    }
    // One that says nothing.
    let server = Server::new(|_, _| std::thread::sleep(Duration::from_secs(1)));
    let sample = run(compile(&server.url, "[[request]]\npath = '/x'\ntimeout = '50ms'").unwrap(), 1).remove(0);
    assert_eq!(class(&sample), Some(FailureClass::Timeout));
    assert!(sample.service_time() >= Duration::from_millis(50));
    // A stream that is cut off.
    let cut =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n1000\r\ndata: {}\n\n";
    let server = Server::new(move |_, stream| {
        let _ = stream.write_all(cut.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let sample = run(compile(&server.url, CHAT).unwrap(), 1).remove(0);
    assert_eq!(class(&sample), Some(FailureClass::Connect), "{:?}", sample.error);
    // Nobody there.
    let sample = run(compile("http://127.0.0.1:9", CHAT).unwrap(), 1).remove(0);
    assert_eq!(class(&sample), Some(FailureClass::Connect));
    for (body, expected) in [
        (answer("200 OK", "content-type: text/event-stream\r\n", ""), FailureClass::InvalidResponse),
        (answer("200 OK", "content-type: application/json\r\n", ""), FailureClass::InvalidResponse),
        (json(r#"{"error":{"message":"no"}}"#), FailureClass::AppError),
        (json(r#"{"choices":[{"message":{"content":"x"}}]}"#), FailureClass::InvalidResponse),
        (events(&[&said("x")]), FailureClass::InvalidResponse),
        ("SSH-2.0\r\n".to_owned(), FailureClass::Protocol),
        (answer("200 OK", "content-encoding: gzip\r\n", "x"), FailureClass::Protocol),
        (answer("302 Found", "location: http://elsewhere/?t=1\r\n", ""), FailureClass::Protocol),
    ] {
        let sample = one(CHAT, std::slice::from_ref(&body)).0;
        assert_eq!(class(&sample), Some(expected), "{body} {:?}", sample.error);
        assert!(!sample.error.unwrap().contains("elsewhere"));
    }
    let server = Server::new(|_, stream| {
        let body = b"data: {\"choices\":[{\"delta\":{\"content\":\"\xFF\"}}]}\n\n";
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
        let _ = stream.write_all(body);
    });
    let sample = run(compile(&server.url, CHAT).unwrap(), 1).remove(0);
    assert_eq!(class(&sample), Some(FailureClass::Protocol));
}

#[test]
fn failed_requests_are_sent_again_as_the_scenario_says() {
    let retry = |rule: &str| format!("[[request]]\npath = '/x'\nretry = {{ {rule} }}");
    let busy = answer("429 Too Many", "retry-after: 0\r\n", r#"{"error":"slow down"}"#);
    let (sample, server) = one(&retry("times = 2"), &[busy.clone(), busy.clone(), json("{}")]);
    assert_eq!((class(&sample), sample.retries, server.asked().len(), sample.status), (None, 2, 3, Some(200)));
    let (sample, server) = one(&retry("times = 1"), &[busy.clone(), busy, json("{}")]);
    assert_eq!((class(&sample), sample.retries, server.asked().len()), (Some(FailureClass::RateLimited), 1, 2));
    // Without a word of the server, the waits double.
    let quiet = answer("503 No", "", r#"{"error":"Model m is currently loading","estimated_time":3}"#);
    let (sample, _) = one(&retry("times = 2, backoff = '30ms'"), &[quiet.clone(), quiet.clone(), json("{}")]);
    assert!(class(&sample).is_none() && sample.service_time() >= Duration::from_millis(90));
    assert!(sample.cold && sample.timeline.first_byte.unwrap() > Duration::from_millis(90));
    // Longer than is allowed, another status, and what may never be tried again.
    let later = answer("429 Too Many", "retry-after: 100\r\nratelimit: \"api\";r=0;t=100\r\n", "");
    let (sample, server) = one(&retry("times = 2"), &[later, json("{}")]);
    assert_eq!((server.asked().len(), sample.retries), (1, 0));
    let told = sample.told.unwrap();
    assert_eq!((told.retry_after, told.remaining), (Some(Duration::from_secs(100)), Some(0)));
    for (status, class_) in [("500 Oh", FailureClass::ServerError), ("401 No", FailureClass::Auth)] {
        let (sample, server) = one(&retry("times = 2"), &[answer(status, "", ""), json("{}")]);
        assert_eq!((class(&sample), server.asked().len()), (Some(class_), 1));
    }
    let (sample, _) = one(&retry("times = 0"), &[quiet]);
    assert_eq!(sample.told.unwrap().loading, Some(Duration::from_secs(3)));
}

#[test]
fn secrets_stay_out_of_errors_and_probes() {
    let text = "[target]\nurl = '$URL'\nauth = { header = 'X-Key', value_env = 'TOKEN' }\n[[request]]\nname = 'p'\npath = '/x'\njson = { a = 1 }\n";
    for auth in ["header = 'X-Key'", "query = 'key'"] {
        let text = text.replace("header = 'X-Key'", auth);
        assert!(!format!("{:?}", compile("http://127.0.0.1:9", &text).unwrap()).contains("topsecret"), "{auth}");
    }
    let server = Server::saying(&[answer("403 No", "x-echo: hf_topsecret\r\n", "key hf_topsecret is not allowed")]);
    let probed = with_user(compile(&server.url, text).unwrap(), async |mut user, _| {
        assert!(user.probe("none", Duration::from_secs(5), 10).await.is_none());
        user.probe("p", Duration::from_secs(5), 20).await.unwrap()
    });
    assert!(server.asked()[0].contains("x-key: hf_topsecret"));
    assert!(probed.request_head.starts_with("POST /x HTTP/1.1\n") && probed.request_head.contains("x-key: ***\n"));
    assert_eq!(probed.request_body, br#"{"a":1}"#);
    assert_eq!((probed.status, probed.sample.outcome), (Some(403), Outcome::Failed(FailureClass::Auth)));
    assert_eq!(probed.sample.error.as_deref(), Some("HTTP 403: key *** is not allowed"));
    let all = format!("{probed:?}{}", String::from_utf8_lossy(&probed.body));
    assert!(!all.contains("topsecret"), "{all}");
}

#[test]
fn connections_are_kept_or_made_anew() {
    let text = "[[request]]\npath = '/x'";
    let server = Server::saying(&[json("{}")]);
    let samples = run(compile(&server.url, text).unwrap(), 3);
    assert_eq!(samples.iter().filter(|sample| !sample.timeline.connect.is_zero()).count(), 1);
    let server = Server::saying(&[json("{}")]);
    let anew = format!("[target]\nurl = '$URL'\nnew_connections = true\n{text}");
    let samples = run(compile(&server.url, &anew).unwrap(), 3);
    assert_eq!(samples.iter().filter(|sample| !sample.timeline.connect.is_zero()).count(), 3);
    assert!(samples.iter().all(|sample| sample.outcome.is_ok()));
}
