//! What mistakes look like to the user.

use plimsoll_scenario::{Overrides, Problem, ScenarioError, parse, resolve};

/// A scenario that is right, but for what a test puts in place of a part of it.
const GOOD: &str = r#"name = "shop"

[target]
url = "http://127.0.0.1:8000"
timeout = "20s"

[data.texts]
list = ["one", "two"]

[[request]]
name = "Search"
path = "/search"

[[request]]
name = "Buy"
path = "/buy"
json = { text = "{{ texts }}" }
check = { status = [200], json = [{ at = "/id" }] }

[think]
between = ["1s", "3s"]

[load]
executor = "users"
users = 10
duration = "1m"

[[threshold]]
rule = "p(95) < 800ms"
"#;

/// The error that the scenario gives with a part replaced.
fn mistake(part: &str, with: &str) -> String {
    assert!(GOOD.contains(part), "{part}");
    error(&GOOD.replacen(part, with, 1), &Overrides::default())
}

fn error(text: &str, overrides: &Overrides) -> String {
    let error = match parse(text, "shop.toml") {
        Err(error) => error,
        Ok(scenario) => match resolve(&scenario, overrides) {
            Err(problem) => ScenarioError::of_problem(text, "shop.toml", problem),
            Ok(_) => panic!("it is right:\n{text}"),
        },
    };
    assert!(error.render(true).contains('\u{1b}'));
    error.to_string()
}

#[test]
fn good_is_good() {
    resolve(&parse(GOOD, "shop.toml").unwrap(), &Overrides::default()).unwrap();
}

/// Each group of mistakes is one snapshot.
macro_rules! mistakes {
    ($name:ident: $(($part:expr, $with:expr)),* $(,)?) => {
        #[test]
        fn $name() {
            let shown = [$(mistake($part, $with)),*].join("\n\n");
            insta::assert_snapshot!(shown);
        }
    };
}

mistakes!(syntax:
    ("name = \"shop\"", "name = \"shop"),
    ("users = 10", "users = "),
    ("duration = \"1m\"", "duration = 1m"),
    ("users = 10", "users = 10\nusers = 20"),
    ("[load]", "[load"),
    ("rule = \"p(95) < 800ms\"\n", "rule = \"p(95) < 800ms\"\nrequest = ["),
    ("users = 10", "users = inf"),
    ("\"{{ texts }}\"", "2026-01-01"),
);

mistakes!(unknown_keys:
    ("path = \"/search\"", "pth = \"/search\""),
    ("users = 10", "user = 10"),
    ("users = 10", "think_time = 10"),
    ("users = 10", "spawn-rate = 10"),
    ("path = \"/search\"", "path = \"/search\"\nduration = \"1s\""),
    ("timeout = \"20s\"", "think = { constant = \"1s\" }"),
    ("timeout = \"20s\"", "seed = 3"),
    ("timeout = \"20s\"", "bearer_env = \"HF_TOKEN\""),
    ("{ at = \"/id\" }", "{ at = \"/id\", equal = 3 }"),
    ("name = \"shop\"", "users = 3"),
    ("name = \"shop\"", "requests = []"),
    ("name = \"shop\"", "frequency = 3"),
    ("list = [\"one\", \"two\"]", "lines = [\"one\", \"two\"]"),
);

mistakes!(wrong_types:
    ("url = \"http://127.0.0.1:8000\"", "url = 8000"),
    ("users = 10", "users = \"ten\""),
    ("users = 10", "users = -1"),
    ("users = 10", "users = 1.5"),
    ("path = \"/search\"", "weight = \"high\"\npath = \"/search\""),
    ("[200]", "200"),
    ("[200]", "[70000]"),
    ("[load]", "[[load]]"),
    ("[[threshold]]", "[threshold]"),
    ("[think]\nbetween = [\"1s\", \"3s\"]", "[think]\nbetween = \"1s\""),
    ("[\"1s\", \"3s\"]", "[\"1s\"]"),
    ("[\"1s\", \"3s\"]", "[\"1s\", \"2s\", \"3s\"]"),
    ("[data.texts]\nlist", "[data]\ntexts"),
    ("list = [\"one\", \"two\"]", "generator = \"prompts\"\ninput_tokens = \"long\""),
    ("executor = \"users\"", "executor = \"user\""),
    ("path = \"/search\"", "path = \"/search\"\nretry = 3"),
);

mistakes!(missing_keys:
    ("[target]\nurl = \"http://127.0.0.1:8000\"\ntimeout = \"20s\"\n", ""),
    ("url = \"http://127.0.0.1:8000\"\n", ""),
    ("executor = \"users\"\n", ""),
    ("users = 10\n", ""),
    ("duration = \"1m\"\n", ""),
    ("rule = \"p(95) < 800ms\"\n", "abort = true\n"),
    ("{ at = \"/id\" }", "{ min = 3 }"),
    ("path = \"/search\"\n", ""),
);

mistakes!(times_and_rates:
    ("duration = \"1m\"", "duration = \"soon\""),
    ("duration = \"1m\"", "duration = \"0s\""),
    ("users = 10", "users = 10\nspawn_rate = \"fast\""),
    ("users = 10", "users = 10\nspawn_rate = 0"),
    ("users = 10", "users = 100"),
    ("users = 10", "users = 10\nwarmup = \"1m\""),
    ("[\"1s\", \"3s\"]", "[\"3s\", \"1s\"]"),
    ("between = [\"1s\", \"3s\"]", "between = [\"1s\", \"3s\"]\nconstant = \"1s\""),
);

mistakes!(thresholds:
    ("p(95) < 800ms", "p(95) 800ms"),
    ("p(95) < 800ms", "ttfx p(95) < 1s"),
    ("p(95) < 800ms\"", "rate(failed) < 1%\"\nrequest = \"Serch\""),
    ("p(95) < 800ms", "goodput > 5"),
    ("p(95) < 800ms", "queue_wait p(95) < 5"),
    ("p(95) < 800ms", "p(95) < \\\"8s\\\""),
    ("p(95) < 800ms\"", "p(95) < 800ms\"\nlevel = 2"),
);

mistakes!(executors:
    ("users = 10", "rate = 10"),
    ("executor = \"users\"\nusers = 10", "executor = \"rate\"\nrate = 5"),
    ("executor = \"users\"", "executor = \"sweep\""),
    ("users = 10", "users = 10\nstages = [{ duration = \"1m\", users = 3 }]"),
    ("users = 10\nduration = \"1m\"", "stages = [\n  { duration = \"1m\", users = 3 },\n  { duration = \"1m\", rate = 3 },\n]"),
    ("users = 10", "users = 200000"),
    ("users = 10", "users = 0"),
);

mistakes!(requests_and_target:
    ("name = \"Buy\"", "name = \"Search\""),
    ("path = \"/buy\"", "path = \"/buy\"\nweight = -1"),
    ("http://127.0.0.1:8000", "127.0.0.1:8000"),
    ("http://127.0.0.1:8000", "http://me:pass@127.0.0.1:8000"),
    ("timeout = \"20s\"", "headers = { Authorization = \"Bearer hf_x\" }"),
    ("timeout = \"20s\"", "auth = { header = \"x-api-key\" }"),
    ("timeout = \"20s\"", "auth = { bearer_env = \"hf_abcdefghijklmnopqrstuvwxyz\" }"),
);

#[test]
fn options_that_do_not_fit() {
    let with = |change: &dyn Fn(&mut Overrides)| {
        let mut overrides = Overrides::default();
        change(&mut overrides);
        error(GOOD, &overrides)
    };
    let span = |text: &str| Some(text.parse().unwrap());
    let shown = [
        with(&|o| o.rate = Some("5/s".parse().unwrap())),
        with(&|o| o.iterations = Some(5)),
        with(&|o| o.users = Some(1000)),
        with(&|o| o.users = Some(0)),
        with(&|o| o.warmup = span("2m")),
        with(&|o| o.run_time = span("5s")),
        with(&|o| o.url = Some("localhost".into())),
        with(&|o| o.thresholds = vec!["p95 < 1s".into(), "Byu: p95 < 1s".into()]),
        with(&|o| o.thresholds = vec!["Buy: p95 = 1s".into()]),
        with(&|o| o.aborting = vec!["level 2: p95 < 1s".into()]),
        with(&|o| o.aborting = vec!["Buy: ttfx p95 < 1s".into()]),
        with(&|o| o.seed = Some(u64::MAX)),
    ];
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn problems_of_later_stages() {
    let shown = ["request.1.json.text", "data.texts.file", "journey.0.step.2.path", ""].map(|at| {
        ScenarioError::of_problem(GOOD, "shop.toml", Problem::new(at, "something is wrong\ndo it otherwise"))
            .to_string()
    });
    insta::assert_snapshot!(shown.join("\n\n"));
}
