//! The scenarios of the guide as they are in `examples`, only shorter.

use super::support::{Mock, Says, Server, among_others, counts, example, example_without_load, scenario};
use crate::support::Plimsoll;
use std::collections::BTreeMap;

const TOKEN: &str = "hf_theTokenOfTheGuide";

/// Each with the names of its requests and their paths at the server.
const GUIDE: [(&str, &[(&str, &str)]); 4] = [
    ("sentiment", &[("Sentiment Analysis", SENTIMENT)]),
    ("text-generation", &[("Text Generation", "/models/google/flan-t5-large")]),
    ("mixed", &MIXED),
    ("embeddings", &[("Embeddings", "/pipeline/feature-extraction/sentence-transformers/all-MiniLM-L6-v2")]),
];
const SENTIMENT: &str = "/models/distilbert-base-uncased-finetuned-sst-2-english";
const MIXED: [(&str, &str); 3] = [
    ("Zero-Shot Classification", "/models/facebook/bart-large-mnli"),
    ("Summarization", "/models/facebook/bart-large-cnn"),
    ("Sentiment Analysis", SENTIMENT),
];

#[test]
fn all_four_run() {
    let _turn = among_others();
    let runs = GUIDE.map(|(name, requests)| {
        let mock = Mock::start(&format!("--token {TOKEN}"));
        let call = Plimsoll::new().arg("run").arg(example(name)).args(["--url", &mock.url(), "--seed", "1"]);
        let run = call.args(["--users", "12", "--spawn-rate", "12", "--run-time", "8s"]).env("HF_TOKEN", TOKEN).start();
        (name, requests, mock, run)
    });
    for (name, requests, mock, run) in runs {
        let ended = run.wait().measured();
        let level = ended.level();
        assert_eq!((&level["all"]["failed"], &level["all"]["cancelled"]), (&0.into(), &0.into()), "{name}: {level:#}");
        let stats = mock.stats();
        for (request, path) in requests {
            let figures = &level["requests"][request];
            assert!(figures["ok"].as_u64().unwrap() > 0, "{name}: no {request}\n{level:#}");
            assert_eq!(figures["ok"], stats["paths"][path]["ok"], "{name}: {request}\n{stats:#}");
        }
        assert_eq!(level["requests"].as_object().unwrap().len(), requests.len(), "{name}: {level:#}");
        assert_eq!(level["all"]["ok"], stats["requests"], "{name}: {stats:#}");
        ended.hides(TOKEN);
    }
}

#[test]
fn requests_are_drawn_by_their_weights() {
    let _turn = among_others();
    let mock = Mock::start("--service-time 1ms --ttft 1ms --itl 0ms --tokens 4");
    let text = example_without_load("mixed") + "[load]\nexecutor = \"iterations\"\niterations = 4500\nusers = 16\n";
    for seed in ["1", "2"] {
        let call = scenario(&text).args(["--url", &mock.url(), "--seed", seed]).env("HF_TOKEN", TOKEN);
        let level = call.run().measured().level();
        assert_eq!(level["all"]["ok"], 4500, "{level:#}");
        let chi_square: f64 = [3.0, 2.0, 4.0]
            .iter()
            .zip(MIXED)
            .map(|(weight, (name, _))| {
                let expected = 4500.0 * weight / 9.0;
                (super::support::number(&level["requests"][name]["count"]) - expected).powi(2) / expected
            })
            .sum();
        // Two degrees of freedom: true weights are beyond this in one of 10,000 seeds. A weight of 5 in place of 4
        // gives about 50.
        assert!(chi_square < 18.4, "seed {seed}: {chi_square}\n{:#}", level["requests"]);
    }
    let stats = mock.stats();
    assert_eq!(counts(&stats["classes"]), BTreeMap::from([("ok".to_owned(), 9000)]), "{stats:#}");
}

#[test]
fn without_the_token_nothing_is_sent() {
    let _turn = among_others();
    let server = Server::start(|_| Says::status(200, "[]"));
    for (name, _) in GUIDE {
        for token in [None, Some("")] {
            let call = Plimsoll::new().arg("run").arg(example(name)).args(["--url", &server.url()]);
            let call = token.into_iter().fold(call, |call, token| call.env("HF_TOKEN", token));
            let ended = call.timeout(20).run().code(2).says("HF_TOKEN").did_nothing();
            assert_eq!(ended.stderr.matches("HF_TOKEN").count(), 1, "{}", ended.output());
            assert_eq!(ended.stderr.matches("error:").count(), 1, "{}", ended.output());
        }
    }
    assert!(server.asked().is_empty(), "{:?}", server.asked());
}
