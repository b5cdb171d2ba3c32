//! Command lines that stand for scenarios, and what helps to write one.

use super::support::{Mock, Says, Server, among_others, classify, counts, outcomes, scenario};
use crate::support::Plimsoll;
use serde_json::{Value, json};

fn line(args: &str) -> Plimsoll {
    Plimsoll::new().args(args.split_whitespace()).timeout(60)
}

#[test]
fn each_puts_load_on_a_server() {
    let _turn = among_others();
    let mock = Mock::start("--ttft 2ms --itl 1ms --tokens 8 --service-time 5ms");
    let url = mock.url();
    let health = line(&format!("http {url}/health --users 2 --run-time 1s --expect-status 200")).run().measured();
    assert!(health.level()["all"]["ok"].as_u64().unwrap() > 10 && mock.requests() == 0);
    for (args, path) in [
        ("task text-classification --model some/bert-sst-2 --iterations 50", "/models/some/bert-sst-2"),
        ("task text-generation --model gpt2 --stream --iterations 50", "/models/gpt2"),
        (
            "task feature-extraction --model some/model --route router --iterations 50 --inputs one --inputs two",
            "/models/some/model/pipeline/feature-extraction",
        ),
        ("chat --model m --iterations 50 --input-tokens 20 --output-tokens 8", "/v1/chat/completions"),
        ("chat --model m --iterations 50 --no-stream --prompt Hello --system Short", "/v1/chat/completions"),
        ("chat --model m --rate 50 --arrival constant --run-time 1s --prompt Hello", "/v1/chat/completions"),
    ] {
        let before = mock.stats();
        let ended = line(&format!("{args} --url {url}")).run().measured();
        let (level, after) = (ended.level(), mock.stats());
        let at = |stats: &Value| -> u64 {
            let paths = stats["paths"].as_object().unwrap().iter();
            paths.filter(|(found, _)| found.ends_with(path)).map(|(_, classes)| counts(classes)["ok"]).sum()
        };
        assert_eq!(outcomes(&level["all"]), [("ok".to_owned(), 50)].into(), "{args}: {level:#}");
        assert_eq!(at(&after) - at(&before), 50, "{args}: {after:#}");
    }
}

#[test]
fn saved_they_are_the_same_plan() {
    let _turn = among_others();
    for args in [
        "http http://127.0.0.1:1/a?b=c -X PUT --json-body {\"x\":[1,2.5,\"{{iteration}}\"]} --header X-Team:search --users 3",
        "task zero-shot-classification --url http://127.0.0.1:1 --model m --rate 600/m --arrival gamma --burstiness 0.5 \
         --max-users 7 --wait-for-model --no-cache --param top_k=2 --timeout 5s --token-env MY_TOKEN",
        "task image-classification --url http://127.0.0.1:1 --model m --stage 5s:10 --stage 5s:0 --think 1s..2s",
        "chat --url http://127.0.0.1:1 --model m --turns 3 --input-tokens 50 --output-tokens 9 --ignore-eos \
         --iterations 9 --users 2 --pacing 1s --threshold p(95)<800ms --threshold ttft@p(50)<1s --warmup 1s",
    ] {
        let args: Vec<String> = args.split_whitespace().map(|arg| arg.replace('@', " ")).collect();
        let direct = Plimsoll::new().args(&args).args(["--seed", "5", "--dry-run", "--quiet"]).run().code(0);
        let direct: Value =
            serde_json::from_str(&direct.stdout).unwrap_or_else(|why| panic!("{why}: {}", direct.stdout));
        let saved =
            Plimsoll::new().args(&args).args(["--seed", "5", "--dry-run", "--save", "saved.toml"]).run().code(0);
        let again = Plimsoll::new();
        std::fs::copy(saved.dir().join("saved.toml"), again.dir().join("saved.toml")).unwrap();
        let again = again.args(["run", "saved.toml", "--dry-run"]).run().code(0);
        let again: Value = serde_json::from_str(&again.stdout).unwrap();
        assert_eq!(direct, again, "{args:?}");
    }
}

#[test]
fn every_kind_of_template_is_a_scenario() {
    let _turn = among_others();
    let unknown = line("init sumarization").run().code(2).says("did you mean `summarization`?").did_nothing();
    let kinds: Vec<&str> = unknown
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("kinds: ").or_else(|| line.strip_prefix("tasks: ")))
        .flat_map(|kinds| kinds.split(", "))
        .collect();
    assert!(kinds.len() > 20 && kinds.contains(&"chat") && kinds.contains(&"text-to-image"), "{kinds:?}");
    let home = Plimsoll::new();
    let folder = home.dir();
    for kind in kinds {
        let file = folder.join(format!("{kind}.toml"));
        let file = file.to_str().unwrap();
        line("init").args([kind, "--output", file]).run().code(0).prints("Wrote");
        let plan = line("run").args([file, "--dry-run"]).run().code(0);
        let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
        let requests = [&plan["scenario"]["request"], &plan["scenario"]["journey"]];
        assert!(requests.iter().any(|requests| requests.is_array()), "{kind}: {plan:#}");
    }
}

#[test]
fn the_templates_of_apis_run() {
    let _turn = among_others();
    let mock = Mock::start("--ttft 2ms --itl 0ms --tokens 8 --service-time 5ms");
    for kind in ["chat", "completions", "responses", "embeddings", "rerank", "text-generation", "summarization"] {
        let call = line("check scenario.toml --url").arg(mock.url()).env("HF_TOKEN", "hf_secretOfTheTemplates");
        line("init").args([kind, "--output"]).arg(call.dir().join("scenario.toml")).run().code(0);
        call.run().code(0).hides("hf_secretOfTheTemplates");
    }
}

#[test]
fn check_shows_what_goes_out_and_what_comes_back() {
    let _turn = among_others();
    let mock = Mock::start("--token hf_secretOfTheCheck");
    let text = classify(&mock.url()).replace("[[request]]", "auth = { bearer_env = \"HF_TOKEN\" }\n[[request]]")
        + "[load]\nexecutor = \"users\"\nusers = 1\nduration = \"1s\"\n";
    let check = |text: &str| {
        let call = line("check scenario.toml").env("HF_TOKEN", "hf_secretOfTheCheck");
        std::fs::write(call.dir().join("scenario.toml"), text).unwrap();
        call
    };
    let ended = check(&text).run().code(0).prints("=== Classify ===").prints("> authorization: ***");
    let ended =
        ended.prints("> {\"inputs\":\"It does what it says.\"}").prints("< 200").prints("\"label\":\"POSITIVE\"");
    ended.prints("All requests passed their checks").hides("hf_secretOfTheCheck");
    assert_eq!(mock.requests(), 1);
    let picky = text.replace("[load]", "check = { contains = \"no such text\" }\n[load]");
    check(&picky).run().code(99).prints("invalid_response").hides("hf_secretOfTheCheck");
    check(&text).args(["--request", "Nobody"]).run().code(2).says("Nobody").says("Classify");
    check(&text).env("HF_TOKEN", "hf_another").run().code(99).prints("401").hides("hf_another");
}

#[test]
fn the_schema_is_json() {
    let schema: Value = serde_json::from_str(&line("scenario-schema").run().code(0).stdout).unwrap();
    for key in ["target", "data", "request", "journey", "think", "load", "objectives", "threshold"] {
        assert!(schema["properties"][key].is_object(), "no {key}: {schema:#}");
    }
    assert_eq!(schema["additionalProperties"], false);
}

/// Paths and bodies that a server gets, in order.
fn sent(seed: &str, load: &str) -> Vec<(String, String)> {
    let server = Server::start(|_| Says::json(&json!({})));
    let text = r#"
        [target]
        url = "http://127.0.0.1:1"
        [data.prompts]
        generator = "prompts"
        input_tokens = { mean = 30, stddev = 10 }
        output_tokens = { min = 1, max = 50 }
        [data.colours]
        list = ["red", "green", "blue"]
        [[request]]
        weight = 2
        path = "/a"
        json = { text = "{{ prompts.text }}", most = "{{ prompts.max_tokens }}", one = "{{ random_int(1, 1000000) }}" }
        [[request]]
        path = "/b"
        json = { colour = "{{ colours }}", other = '{{ sample("colours", 2) | join("+") }}', id = "{{ uuid() }}" }
        "#;
    scenario(&(text.to_owned() + load)).args(["--url", &server.url(), "--seed", seed]).run().measured();
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.method == "POST"));
    asked.into_iter().map(|asked| (asked.path, asked.body)).collect()
}

#[test]
fn the_same_seed_sends_the_same() {
    let _turn = among_others();
    for (users, load) in [
        (1, "[load]\nexecutor = \"iterations\"\niterations = 60\nusers = 1\n"),
        (8, "[load]\nexecutor = \"iterations\"\niterations = 60\nusers = 8\n"),
        (8, "[load]\nexecutor = \"rate\"\nrate = 60\narrival = \"constant\"\nduration = \"1s\"\n"),
    ] {
        let [mut one, mut again, mut other] = ["7", "7", "8"].map(|seed| sent(seed, load));
        assert_eq!(one.len(), 60);
        if users > 1 {
            // Which of several users comes first is not ours to say.
            [&mut one, &mut again, &mut other].into_iter().for_each(|sent| sent.sort());
        }
        assert_eq!(one, again);
        assert_ne!(one, other);
        one.dedup();
        assert!(one.len() > 55, "the requests differ from each other: {one:#?}");
    }
}
