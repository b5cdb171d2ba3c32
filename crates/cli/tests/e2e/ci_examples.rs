//! The workflow files that users copy: they can be read, and their command lines are right.

use crate::support::{Plimsoll, python};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// A file of `examples/ci`, read by the YAML reader that every Gradio environment has.
fn example(name: &str) -> Value {
    let path = format!("{}/../../examples/ci/{name}", env!("CARGO_MANIFEST_DIR"));
    let script = "import json, sys, yaml; json.dump(yaml.load(open(sys.argv[1]), yaml.BaseLoader), sys.stdout)";
    let output = Command::new(python()).args(["-c", script, &path]).output().unwrap();
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The shell lines of these keys, continued lines as one.
fn shell_lines(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), member) {
                    ("run" | "script", Value::String(script)) => push_lines(script, lines),
                    ("script", Value::Array(scripts)) => {
                        scripts.iter().filter_map(Value::as_str).for_each(|script| push_lines(script, lines));
                    }
                    _ => shell_lines(member, lines),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| shell_lines(item, lines)),
        _ => {}
    }
}

fn push_lines(script: &str, lines: &mut Vec<String>) {
    lines.extend(script.replace("\\\n", " ").lines().map(|line| line.trim().to_owned()));
}

/// A command line as a shell splits it: words, and texts in single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn command_lines_are_right() {
    let mut found = 0;
    for name in ["github.yml", "gitlab.yml"] {
        let mut lines = Vec::new();
        shell_lines(&example(name), &mut lines);
        for line in lines.iter().filter(|line| line.starts_with("plimsoll ")) {
            let call = Plimsoll::new();
            let dir = call.dir();
            fs::create_dir(dir.join("base")).unwrap();
            for file in ["app.py", "base/app.py"] {
                fs::write(dir.join(file), "import gradio\n").unwrap();
            }
            let scenario = format!("{}/../../examples/sentiment.toml", env!("CARGO_MANIFEST_DIR"));
            fs::copy(scenario, dir.join("load-test.toml")).unwrap();
            call.args(&words(line)[1..]).arg("--dry-run").run().code(0);
            found += 1;
        }
    }
    assert_eq!(found, 3);
}

#[test]
fn the_files_say_what_ci_systems_expect() {
    let github = example("github.yml");
    let steps = github["jobs"]["load"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["id"] == "load") && github["on"].get("pull_request").is_some());
    let gitlab = &example("gitlab.yml")["load-test"];
    assert_eq!(
        (&gitlab["artifacts"]["reports"]["junit"], &gitlab["artifacts"]["when"]),
        (&"junit.xml".into(), &"always".into())
    );
    assert_eq!(gitlab["allow_failure"]["exit_codes"][0], "3");
}
