//! What CI systems read of a scenario's run.

use super::support::{Mock, among_others, classify, scenario};
use crate::rules::cases;
use crate::support::{Plimsoll, text};
use std::fs;

const LOAD: &str = "[load]\nexecutor = \"iterations\"\niterations = 60\nusers = 4\n";
const RULES: &str = "[[threshold]]\nrule = \"p(50) < 0.01ms\"\n\n[[threshold]]\nabort = false\nrule = 'p(50) < 20s'\n\
                     request = \"Classify\"\n";

#[test]
fn annotations_stand_at_the_rules_line() {
    let _turn = among_others();
    let mock = Mock::start("");
    let text_of = classify(&mock.url()) + RULES + LOAD;
    let line = 1 + text_of.lines().position(|line| line.contains("0.01ms")).unwrap();
    let call = scenario(&text_of);
    let root = call.dir().parent().unwrap().to_owned();
    let ended = call
        .args(["--threshold", "max < 0.02ms", "--junit", "junit.xml", "--json"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", &root)
        .env("GITHUB_STEP_SUMMARY", "summary.md")
        .env("GITHUB_OUTPUT", "output")
        .run()
        .judged(99);
    if ended.code == Some(3) {
        return;
    }
    // Standard output is the summary's alone.
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let place = format!("::error file=work/scenario.toml,line={line},title=Plimsoll%3A threshold is broken::");
    let ended = ended
        .says(&place)
        .says("::error title=Plimsoll%3A threshold is broken::60 iterations by 4 users: max < 0.02ms");
    let cases = cases(&ended.dir().join("junit.xml"));
    let title = summary["levels"][0]["label"].as_str().unwrap();
    let of = |class: &str, rule: &str| cases[&(format!("classify.{title}{class}"), rule.to_owned())].0.clone();
    assert_eq!(of("", "p(50) < 0.01ms"), "failure");
    assert_eq!(of(".Classify", "p(50) < 20s"), "passed");
    assert!(text(&ended.dir().join("output")).contains("verdict=fail\nexit-code=99\n"));
    assert!(text(&ended.dir().join("summary.md")).contains("`p(50) < 0.01ms`"));
}

#[test]
fn a_history_holds_runs_of_one_plan() {
    let _turn = among_others();
    let mock = Mock::start("");
    let file = tempfile::tempdir().unwrap();
    let history = file.path().join("history.csv");
    let run =
        |load: &str| scenario(&(classify(&mock.url()) + load)).args(["--otava-csv", history.to_str().unwrap()]).run();
    let lines = || text(&history).lines().count();
    run(LOAD).measured();
    let one = lines();
    run(LOAD).measured();
    let two = lines();
    // A run that the busy test machine spoilt is not added.
    assert!(one <= 2 && two <= 3, "{}", text(&history));
    if one == 2 {
        let other = run(&LOAD.replace("users = 4", "users = 5")).says("A history holds runs of one plan");
        assert!(matches!(other.code, Some(1 | 3)), "{}", other.output());
        assert_eq!(lines(), two);
    }
    fs::write(&history, "a,b\n").unwrap();
    run(LOAD).code(2).says("this is another file");
}

#[test]
fn rules_for_one_level() {
    let _turn = among_others();
    let mock = Mock::start("");
    let load = "[load]\nexecutor = \"sweep\"\nsweep_users = [1, 2]\nduration = \"2s\"\n\
                [[threshold]]\nrule = \"p(50) < 20s\"\nlevel = 2\n";
    let ended = scenario(&(classify(&mock.url()) + load)).args(["--threshold", "level 1: rps > 0.01"]).run();
    let levels = ended.summary()["levels"].clone();
    let rules = |index: usize| -> Vec<String> {
        let rules = levels[index]["thresholds"].as_array().unwrap();
        rules.iter().map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((rules(0), rules(1)), (vec!["rps > 0.01".to_owned()], vec!["p(50) < 20s".to_owned()]));
    scenario(&(classify(&mock.url()) + load)).args(["--threshold", "level 3: rps > 1"]).run().code(2).says("1 to 2");
}

#[test]
fn a_search_is_one_case() {
    let _turn = among_others();
    let mock = Mock::start("");
    let call = Plimsoll::new();
    fs::write(call.dir().join("s.toml"), classify(&mock.url()) + LOAD).unwrap();
    let ended = call
        .args(["capacity", "s.toml", "--threshold", "p(50) < 0.001ms", "--window", "3s", "--start", "5"])
        .args(["--max", "10", "--cool-down", "100ms", "--junit", "junit.xml"])
        .timeout(120)
        .run();
    let cases = cases(&ended.dir().join("junit.xml"));
    let names: Vec<&str> = cases.keys().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["load line", "the load generator was not the limit", "the run came to its end"]);
}
