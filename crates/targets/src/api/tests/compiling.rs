//! What is refused, and how it is told.

use super::support::compile;

const URL: &str = "http://127.0.0.1:9";

fn problem(text: &str) -> String {
    match compile(URL, text) {
        Ok(_) => panic!("taken: {text}"),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn problems_name_their_place_and_what_to_do() {
    for (text, place, says) in [
        ("", "", "neither"),
        ("[[request]]\ntask = 'ner'\ninputs = 'x'", "request.0.task", "token-classification"),
        ("[[request]]\npath = 'x'", "request.0.path", "slash"),
        ("[[request]]\nname = 'x'", "request.0", "exactly one of"),
        ("[[request]]\ntask = 'summarization'\napi = 'chat'", "request.0", "exactly one of"),
        ("[[request]]\npath = '/x'\nprompt = 'y'", "request.0.prompt", "does not belong"),
        ("[[request]]\napi = 'embeddings'\ninputs = 'x'\nstream = true", "request.0.stream", "does not belong"),
        ("[[request]]\napi = 'chat'\nprompt = 'x'\nmessages = []", "request.0", "exactly one of"),
        ("[[request]]\napi = 'chat'", "request.0", "`prompt`"),
        ("[[request]]\napi = 'rerank'\nprompt = 'x'", "request.0", "`inputs`"),
        ("[[request]]\ntask = 'summarization'", "request.0", "`inputs`"),
        ("[[request]]\npath = '/x'\nweight = 0", "request.0.weight", "above 0"),
        ("[[request]]\npath = '/x'\nweight = nan", "request.0.weight", "above 0"),
        ("[[request]]\npath = '/x'\nmethod = 'G T'", "request.0.method", "not an HTTP method"),
        ("[[request]]\npath = '/x'\nheaders = { 'a b' = 'c' }", "request.0.headers.a b", "name of a header"),
        ("[[request]]\npath = '/x'\nheaders = { Content-Length = '1' }", "request.0.headers", "follows from the body"),
        ("[[request]]\npath = '/x'\njson = 1\nbody = 'x'", "request.0", "at most one"),
        ("[[request]]\npath = '/{{ nothing.x }}'", "request.0.path", "`nothing`"),
        ("[[request]]\npath = '/x'\nbody = '{{ vu }'", "request.0.body", "not valid"),
        ("[[request]]\npath = '/x'\nbody = '{{ trace.prompt }}'", "request.0.body", "replay"),
        ("[[request]]\npath = '/x'\nbody = '{{ choice([]) }}'", "request.0", "empty"),
        ("[[request]]\npath = '/x'\nbody = \"{{ pick('no') }}\"", "request.0", "`no`"),
        (
            "[data.d]\nlist = [{ a = 1 }]\n[[request]]\npath = '/x'\nbody = '{{ d.b }}'",
            "request.0",
            "cannot be filled in",
        ),
        (
            "[data.d]\nlist = [{ a = 1 }]\n[[request]]\npath = '/x'\njson = { b = '{{ d.b }}' }",
            "request.0",
            "filled in",
        ),
        ("[data.vu]\nlist = [1]\n[[request]]\npath = '/x'", "data.vu", "our own"),
        ("[data.d]\nlist = []\n[[request]]\npath = '/x'", "data.d", ""),
        ("[[request]]\npath = '/x'\ncheck = { matches = '(' }", "request.0.check.matches", "regular expression"),
        ("[[request]]\npath = '/x'\ncheck = { json = [{ at = 'a.b' }] }", "request.0.check.json.0.at", "/a/b"),
        (
            "[[request]]\npath = '/x'\ncheck = { json = [{ at = '/a', type = 'int' }] }",
            "request.0.check.json.0.type",
            "no JSON type",
        ),
        ("[[request]]\npath = '/x'\ncheck = { dimension = 3 }", "request.0.check.dimension", "embeddings"),
        ("[[request]]\npath = '/x'\ncheck = { min_tokens = 3 }", "request.0.check.min_tokens", "generate text"),
        ("[[request]]\npath = '/x'\ncheck = { status = [99] }", "request.0.check.status", "99"),
        ("[[request]]\npath = '/x'\nretry = { times = 1, on = [403] }", "request.0.retry.on", "never"),
        ("[[request]]\npath = '/x'\nextract = { a = { json = '/a' } }", "request.0.extract", "[[journey]]"),
        ("[[journey]]\nname = 'j'\nstep = []", "journey.0.step", "at least one"),
        (
            "[[journey]]\nname = 'j'\n[[journey.step]]\npath = '/{{ a }}'\n[[journey.step]]\npath = '/x'\nextract = { a = { json = '/a' } }",
            "journey.0.step.0.path",
            "`a`",
        ),
        (
            "[[journey]]\nname = 'j'\n[[journey.step]]\npath = '/x'\nextract = { a = { json = '/a', header = 'b' } }",
            "journey.0.step.0.extract.a",
            "exactly one",
        ),
        ("[[request]]\ntask = 'image-classification'\nbinary = 'pictures'", "request.0.binary", "`pictures`"),
        ("[target]\nurl = 'localhost:1'\n[[request]]\npath = '/x'", "target.url", "http://"),
        (
            "[target]\nurl = '$URL'\nauth = { bearer_env = 'MISSING' }\n[[request]]\npath = '/x'",
            "target.auth.bearer_env",
            "MISSING",
        ),
        ("[target]\nurl = '$URL'\nauth = {}\n[[request]]\npath = '/x'", "target.auth", "exactly one"),
        (
            "[target]\nurl = '$URL'\nauth = { header = 'x-key' }\n[[request]]\npath = '/x'",
            "target.auth.value_env",
            "name the",
        ),
        (
            "[target]\nurl = '$URL'\nheaders = { a = \"x\\ny\" }\n[[request]]\npath = '/x'",
            "target.headers.a",
            "cannot hold",
        ),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(place) && problem.contains(says), "{text}\n-> {problem}");
    }
}

#[test]
fn what_is_right_is_taken_and_named() {
    let planned = compile(
        URL,
        "[target]\nurl = '$URL/base'\nauth = { query = 'api key', value_env = 'SHORT' }\n[data.d]\nlist = ['x', 'y']\n\
         [[request]]\ntask = 'summarization'\ninputs = '{{ d }}'\nparameters = { unknown_one = 1 }\n\
         [[request]]\napi = 'chat'\nprompt = 'x'\n[[request]]\napi = 'chat'\nprompt = 'y'\n\
         [[request]]\nname = 'own'\npath = '/x'\n\
         [[journey]]\nname = 'way'\n[[journey.step]]\npath = '/a'\nextract = { id = { header = 'x-id' } }\n\
         [[journey.step]]\nmethod = 'delete'\npath = '/b/{{ id }}'",
    )
    .unwrap();
    let names = planned.names();
    assert_eq!(
        names.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["summarization", "chat", "own", "GET /a", "DELETE /b/{{ id }}"]
    );
    assert!(planned.has("way") && planned.has("own") && !planned.has("GET /a"));
    assert!(planned.warnings().iter().any(|warning| warning.contains("unknown_one")), "{:?}", planned.warnings());
    // As it is, and as it stands in the address.
    assert_eq!(planned.secrets().iter().map(|secret| secret.expose()).collect::<Vec<_>>(), ["a b", "a%20b"]);
    assert_eq!(planned.origin().to_string(), "http://127.0.0.1:9/base");
}

#[test]
fn threads_share_it() {
    fn shared<T: Send + Sync>() {}
    shared::<crate::api::ApiPlanned>();
}
