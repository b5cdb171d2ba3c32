//! What is drawn, and what templates make of it.

use super::support::{Kept, Server, compile, iteration, json, run, with_user};
use crate::VirtualUser;
use plimsoll_model::TraceRequest;
use serde_json::json;

const DATA: &str = "seed = 7\n[data.d]\nlist = [{ t = 'a', n = 1 }, { t = 'b', n = 2 }, { t = 'c', n = 3 }]\n";

/// The bodies that so many iterations send.
fn bodies(text: &str, iterations: u64) -> Vec<serde_json::Value> {
    let server = Server::saying(&[json("{}")]);
    let samples = run(compile(&server.url, text).unwrap(), iterations);
    for sample in samples {
        assert!(sample.outcome.is_ok(), "{:?}", sample.error);
    }
    server.bodies()
}

#[test]
fn one_expression_alone_keeps_its_type() {
    let text = format!(
        "{DATA}[[request]]\npath = '/x'\n[request.json]\nrow = '{{{{ d }}}}'\nnumber = '{{{{ d.n * 2 }}}}'\n\
         text = 'n {{{{ d.n }}}}'\nboth = '{{{{ d.n }}}}{{{{ d.n }}}}'\nflag = '{{{{ d.n > 0 }}}}'\nlist = ['{{{{ [1, vu] }}}}', 'x']\n\
         nothing = '{{{{ none }}}}'\nkept = \"line\\n\"\nset = '{{{{ {{\"a\": {{\"b\": 1}}}} }}}}'"
    );
    let body = &bodies(&text, 1)[0];
    let n = body["row"]["n"].as_u64().unwrap();
    assert_eq!(body["number"], 2 * n);
    assert_eq!(body["text"], format!("n {n}"));
    assert_eq!(body["both"], format!("{n}{n}"));
    assert_eq!(body["flag"], true);
    assert_eq!(body["list"], json!([[1, 3], "x"]));
    assert_eq!(body["nothing"], json!(null));
    assert_eq!(body["kept"], "line\n");
    assert_eq!(body["set"], json!({"a": {"b": 1}}));
}

#[test]
fn the_same_seed_gives_the_same_requests() {
    let text = format!(
        "{DATA}[[request]]\npath = '/x'\nweight = 2\n[request.json]\nd = '{{{{ d.t }}}}'\npick = \"{{{{ pick('d').n }}}}\"\n\
         some = \"{{{{ sample('d', 2) }}}}\"\nint = '{{{{ random_int(1, 1000) }}}}'\nid = '{{{{ uuid() }}}}'\n\
         one = '{{{{ choice([1, 2, 3]) }}}}'\nit = '{{{{ iteration }}}}'\n\
         [[request]]\npath = '/y'\njson = {{ d = '{{{{ d.t }}}}' }}"
    );
    let first = bodies(&text, 40);
    assert_eq!(first, bodies(&text, 40));
    assert_ne!(first, bodies(&text.replace("seed = 7", "seed = 8"), 40));
    let full = first.iter().find(|body| body.get("id").is_some()).unwrap();
    let id = full["id"].as_str().unwrap();
    assert!(id.len() == 36 && id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
    assert_ne!(full["some"][0], full["some"][1]);
    // The row of an iteration is the same in all its texts, and what it is does not hang on other requests.
    let alone = format!("{DATA}[[request]]\npath = '/x'\njson = {{ d = '{{{{ d.t }}}}', again = '{{{{ d.t }}}}' }}");
    let alone = bodies(&alone, 40);
    assert!(alone.iter().all(|body| body["d"] == body["again"]));
    assert!(alone.iter().zip(&first).all(|(a, b)| a["d"] == b["d"]));
    assert!(alone.iter().any(|body| body["d"] != alone[0]["d"]));
}

#[test]
fn ways_are_drawn_by_their_weights() {
    let planned = compile(
        "http://127.0.0.1:9",
        "seed = 3\n[[request]]\npath = '/a'\nweight = 1\n[[request]]\npath = '/b'\nweight = 2\n[[request]]\npath = '/c'\nweight = 0.5\n\
         [[journey]]\nname = 'j'\nweight = 6.5\n[[journey.step]]\npath = '/d'",
    )
    .unwrap();
    const DRAWS: u64 = 20_000;
    let weights = [("GET /a", 0.1), ("GET /b", 0.2), ("GET /c", 0.05), ("j", 0.65)];
    let mut counts = [0u64; 4];
    for sequence in 0..DRAWS {
        let name = &planned.draw(sequence).name;
        counts[weights.iter().position(|(known, _)| *known == &**name).unwrap()] += 1;
    }
    let squares = counts.iter().zip(weights).map(|(count, (_, weight))| {
        let expected = weight * DRAWS as f64;
        (*count as f64 - expected).powi(2) / expected
    });
    // The 99.9 % quantile of the chi-square distribution with three degrees of freedom.
    assert!(squares.sum::<f64>() < 16.27, "{counts:?}");
}

#[test]
fn a_replay_sends_what_the_trace_says() {
    let server = Server::saying(&[json(r#"{"choices":[{"message":{"content":"x"}}]}"#)]);
    let text = "seed = 1\n[load]\nexecutor = 'replay'\n[load.replay]\nfile = 'x'\n[[request]]\napi = 'chat'\nstream = false\n\
                [[request]]\nname = 'own'\napi = 'chat'\nstream = false\nprompt = 'p{{ trace.input_tokens }}'\nmax_tokens = 5";
    let planned = compile(&server.url, text).unwrap();
    let trace = |request: &str| TraceRequest {
        input_tokens: Some(20),
        output_tokens: Some(9),
        request: Some(request.into()),
        ..TraceRequest::default()
    };
    let samples = with_user(planned, async |mut user, _| {
        let kept = Kept::default();
        for name in ["chat", "own", "none"] {
            user.iterate(iteration(0, Some(trace(name))), &kept).await;
        }
        kept.0.into_inner()
    });
    let bodies = server.bodies();
    assert_eq!(bodies[0]["max_tokens"], 9);
    assert!(bodies[0]["messages"][0]["content"].as_str().unwrap().len() > 20);
    assert_eq!((&bodies[1]["max_tokens"], &bodies[1]["messages"][0]["content"]), (&json!(5), &json!("p20")));
    assert_eq!(bodies.len(), 2);
    assert!(samples[2].error.as_ref().unwrap().contains("`none`"));
}
