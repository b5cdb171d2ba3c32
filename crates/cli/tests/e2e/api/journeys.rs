//! Requests that depend on each other.

use super::support::{Asked, Mock, Says, Server, among_others, example_without_load, lock, scenario};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;

const LOAD: &str = "[load]\nexecutor = \"iterations\"\niterations = 80\nusers = 4\n";

/// The help desk of the guide's journey: it lets in only those who bring what it gave them.
#[derive(Default)]
struct Desk {
    /// Each session's user, and the answer that it was given.
    sessions: BTreeMap<String, (String, Option<String>)>,
    closed: bool,
}

impl Desk {
    fn answer(&mut self, asked: &Asked) -> Result<Says, String> {
        let way: Vec<&str> = asked.path.split('/').collect();
        if asked.path == "/" {
            return Ok(Says::json(&json!({})));
        }
        let wrong = |what: &str| Err(format!("{what}: {asked:?}"));
        if asked.path == "/login" {
            let Some(user) = asked.body.strip_prefix("user=user%2D") else { return wrong("form") };
            let session = format!("session-{}", self.sessions.len());
            self.sessions.insert(session.clone(), (user.to_owned(), None));
            return Ok(Says::json(&json!({ "session": session })));
        }
        let session = asked.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let count = self.sessions.len();
        let Some((_, given)) = session.and_then(|session| self.sessions.get_mut(session)) else {
            return wrong("session");
        };
        let body = asked.json();
        match way[..] {
            ["", "questions"] if self.closed => Ok(Says::status(500, "closed")),
            ["", "questions"] => {
                let texts = (body["topic"].as_str(), body["text"].as_str());
                let ("invoice" | "delivery" | "account", Some(_)) = (texts.0.unwrap_or_default(), texts.1) else {
                    return wrong("question");
                };
                let id = format!("answer-{count}-{}", given.is_some());
                *given = Some(id.clone());
                Ok(Says::json(&json!({ "id": id, "text": "Yes." })))
            }
            ["", "answers", id, "rating"] if given.as_deref() == Some(id) => match body["stars"].as_u64() {
                Some(1..=5) => Ok(Says::status(204, "")),
                _ => wrong("stars"),
            },
            _ => wrong("address"),
        }
    }
}

fn visit(closed: bool) -> (BTreeMap<String, u64>, Vec<String>, Value) {
    let desk = Mutex::new(Desk { closed, ..Desk::default() });
    let server = Server::start(move |asked| lock(&desk).answer(asked).unwrap_or_else(|why| Says::status(418, &why)));
    let text = example_without_load("journey").replace("step_think = \"2s\"", "step_think = \"5ms\"") + LOAD;
    let ended = scenario(&text).args(["--url", &server.url(), "--seed", "1"]).run();
    let level = ended.level();
    let counts = level["requests"].as_object().unwrap().iter();
    let counts = counts.map(|(name, figures)| (name.clone(), figures["count"].as_u64().unwrap())).collect();
    (counts, server.asked().into_iter().map(|asked| asked.path).collect(), level)
}

#[test]
fn what_one_step_is_given_the_next_one_brings() {
    let _turn = among_others();
    let (counts, paths, level) = visit(false);
    assert_eq!(level["all"]["failed"], 0, "{level:#}");
    assert_eq!(level["iterations"], 80);
    let (asked, looked) = (counts["Log in"], counts["Start page"]);
    assert_eq!((asked + looked, counts["Ask a question"], counts["Rate the answer"]), (80, asked, asked));
    // Three of four, to within four standard deviations.
    assert!((44..=76).contains(&asked), "{counts:?}");
    assert_eq!(paths.len() as u64, 3 * asked + looked);
}

#[test]
fn a_step_that_fails_ends_the_journey() {
    let _turn = among_others();
    let (counts, paths, level) = visit(true);
    assert_eq!(level["requests"]["Ask a question"]["errors"]["server_error"]["count"], counts["Log in"], "{level:#}");
    assert!(
        !counts.contains_key("Rate the answer") && !paths.iter().any(|path| path.ends_with("/rating")),
        "{level:#}"
    );
    assert_eq!(level["all"]["failed"], counts["Log in"], "{level:#}");
}

#[test]
fn headers_and_texts_are_taken_too() {
    let _turn = among_others();
    let server = Server::start(|asked| match asked.path.as_str() {
        "/start" => Says(200, "X-Next: a/b?c=1\r\n".to_owned(), "<a id=7 href=\"/seven\">".to_owned()),
        "/a/b?c=1&id=7" => Says::json(&json!({ "all": [1, { "of": "it" }] })),
        "/last" if asked.json() == json!({ "all": [1, { "of": "it" }], "of": "it/7" }) => Says::status(200, ""),
        "/missing" => Says::json(&json!({})),
        _ => Says::status(404, "unexpected"),
    });
    let text = format!(
        r#"
        [target]
        url = "{}"
        [[journey]]
        name = "Way"
        [[journey.step]]
        name = "First"
        path = "/start"
        extract = {{ next = {{ header = "x-next" }}, id = {{ regex = 'id=(\d+)' }} }}
        [[journey.step]]
        name = "Second"
        path = "/{{{{ next }}}}&id={{{{ id }}}}"
        extract = {{ all = {{ json = "/all" }}, of = {{ json = "/all/1/of" }} }}
        [[journey.step]]
        name = "Third"
        path = "/last"
        json = {{ all = "{{{{ all }}}}", of = "{{{{ of }}}}/{{{{ id }}}}" }}
        [[journey.step]]
        name = "Fourth"
        path = "/missing"
        extract = {{ nothing = {{ json = "/not/there" }} }}
        [[journey.step]]
        name = "Never"
        path = "/never"
        [load]
        executor = "iterations"
        iterations = 3
        users = 1
        "#,
        server.url()
    );
    let level = scenario(&text).run().level();
    let all = &level["all"];
    assert_eq!((&all["ok"], &all["errors"]["invalid_response"]["count"]), (&9.into(), &3.into()), "{level:#}");
    assert_eq!(all["count"], 12, "{level:#}");
    assert!(level["requests"]["Fourth"]["errors"].to_string().contains("nothing"), "{level:#}");
}

/// Replies to the last thing said, and refuses whoever does not remember its earlier replies.
fn reply(asked: &Asked) -> Says {
    let body = asked.json();
    let messages = body["messages"].as_array().unwrap();
    let content = |message: &Value| message["content"].as_str().unwrap().to_owned();
    let said = |message: &Value| format!("You said \"{}\",\nü.", content(message));
    for (index, message) in messages.iter().enumerate() {
        let (role, expected) = match index {
            0 => ("system", "Be kind.".to_owned()),
            _ if index % 2 == 1 => ("user", format!("turn {}", index / 2)),
            _ => ("assistant", said(&messages[index - 1])),
        };
        if (message["role"].as_str().unwrap(), content(message)) != (role, expected) {
            return Says::status(418, &format!("message {index}: {body}"));
        }
    }
    let reply = said(messages.last().unwrap());
    if body["stream"] != true {
        let message = json!({ "role": "assistant", "content": reply });
        return Says::json(&json!({ "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } }));
    }
    let mut events = String::new();
    for piece in reply.chars() {
        let delta = json!({ "choices": [{ "index": 0, "delta": { "content": piece.to_string() } }] });
        events += &format!("data: {delta}\n\n");
    }
    Says(200, "content-type: text/event-stream\r\n".to_owned(), events + "data: [DONE]\n\n")
}

#[test]
fn a_conversation_carries_the_real_replies() {
    let _turn = among_others();
    for stream in [false, true] {
        let server = Server::start(reply);
        let text = format!(
            r#"
            [target]
            url = "{}"
            [[request]]
            name = "Talk"
            api = "chat"
            model = "m"
            stream = {stream}
            system = "Be kind."
            turns = ["turn 0", "turn 1", "turn 2"]
            [load]
            executor = "iterations"
            iterations = 12
            users = 3
            "#,
            server.url()
        );
        let level = scenario(&text).run().level();
        assert_eq!((&level["all"]["ok"], &level["all"]["failed"]), (&36.into(), &0.into()), "{stream}: {level:#}");
        let mut lengths = BTreeMap::new();
        for asked in server.asked() {
            *lengths.entry(asked.json()["messages"].as_array().unwrap().len()).or_insert(0) += 1;
        }
        assert_eq!(lengths, BTreeMap::from([(2, 12), (4, 12), (6, 12)]));
    }
}

#[test]
fn a_conversation_with_the_stand_in() {
    let _turn = among_others();
    let mock = Mock::start("--ttft 1ms --itl 0ms --tokens 5");
    let call = crate::support::Plimsoll::new().args(["chat", "--url", &mock.url(), "--model", "m", "--turns", "3"]);
    let level = call.args(["--iterations", "8", "--input-tokens", "10"]).run().measured().level();
    assert_eq!((&level["all"]["ok"], &level["all"]["failed"]), (&24.into(), &0.into()), "{level:#}");
    assert_eq!(level["all"]["tokens"]["output"], 120, "{level:#}");
}
