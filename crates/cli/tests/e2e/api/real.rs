//! Real servers: llama.cpp's with a tiny random model, and all-MiniLM-L6-v2.

use super::support::{Program, among_others, number, outcomes, scenario};
use crate::support::{Ended, cache, fixture, get, port, text};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
}

/// The Python with what both servers need, and the folder with the model of the chat. Made once for each list of
/// requirements; whoever comes second waits.
fn environment() -> (PathBuf, PathBuf) {
    let lists = ["real_chat/requirements.txt", "real_embeddings/requirements.txt"].map(fixture);
    let alone = fixture("real_embeddings/requirements-no-deps.txt");
    let maker = fixture("real_chat/make_model.py");
    let all: String = lists.iter().chain([&alone, &maker]).map(|file| text(Path::new(file))).collect();
    let folder = cache().join("real-servers");
    fs::create_dir_all(&folder).unwrap();
    // Ends with us.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let (python, made) = (folder.join("venv/bin/python"), folder.join("made"));
    if text(&made) != all {
        let _ = fs::remove_file(&made);
        let _ = fs::remove_dir_all(folder.join("venv"));
        run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")));
        let pip = || {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            pip
        };
        run(pip().args(lists.iter().flat_map(|list| ["-r", list])));
        run(pip().args(["--no-deps", "-r", &alone]));
        run(Command::new(&python).arg(&maker).arg(&folder));
        fs::write(&made, all).unwrap();
    }
    (python, folder)
}

/// A server of `fixtures` on a port of its own.
fn serve(python: &Path, script: &str, folder: Option<&Path>) -> (Program, u16) {
    let port = port();
    let mut program = Program::start(Command::new(python).arg(fixture(script)).args(folder).arg(port.to_string()));
    program.wait_for("answer", |_| get(port, "/health").filter(|(status, _)| *status == 200));
    (program, port)
}

/// A count of the chat server's own.
fn metric(port: u16, name: &str) -> f64 {
    let (_, metrics) = get(port, "/metrics").unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in\n{metrics}")).trim().parse().unwrap()
}

fn all_ok(ended: &Ended) -> Value {
    let level = ended.level();
    let all = level["all"].clone();
    assert_eq!((&all["failed"], &all["cancelled"]), (&0.into(), &0.into()), "{level:#}");
    assert!(all["ok"].as_u64().unwrap() >= 8, "{level:#}");
    all
}

#[test]
fn a_chat() {
    let _turn = among_others();
    let (python, folder) = environment();
    let (_server, port) = serve(&python, "real_chat/serve.py", Some(&folder));
    for stream in [true, false] {
        let predicted = metric(port, "llamacpp:tokens_predicted_total");
        let text = format!(
            r#"
            [target]
            url = "http://127.0.0.1:{port}"
            [data.prompts]
            generator = "prompts"
            input_tokens = {{ min = 5, max = 40 }}
            [[request]]
            name = "Chat"
            api = "chat"
            model = "tiny"
            stream = {stream}
            system = "You are {{{{ vu }}}}."
            prompt = "{{{{ prompts.text }}}}"
            max_tokens = "{{{{ 8 + vu }}}}"
            check = {{ min_tokens = 8 }}
            [load]
            executor = "users"
            users = 8
            spawn_rate = 100
            duration = "3s"
            "#
        );
        let ended = scenario(&text).run().measured();
        let all = all_ok(&ended);
        for sample in ended.samples() {
            // The model never ends a reply by itself.
            let asked = 8 + sample["vu"].as_u64().unwrap();
            let tokens = &sample["tokens"];
            assert_eq!((&tokens["output"], &tokens["source"]), (&asked.into(), &"server".into()), "{sample:#}");
            assert!(tokens["input"].as_u64().unwrap() > 5, "{sample:#}");
            let chunks = sample["chunks"].as_array().map_or(0, Vec::len) as u64;
            assert_eq!(chunks, if stream { asked } else { 0 }, "{sample:#}");
        }
        let told = number(&all["tokens"]["output"]);
        assert_eq!(metric(port, "llamacpp:tokens_predicted_total") - predicted, told, "{all:#}");
        assert_eq!(all["metrics"]["ttft"].is_object(), stream, "{all:#}");
    }
}

#[test]
fn embeddings() {
    let _turn = among_others();
    let (python, _) = environment();
    let (_server, port) = serve(&python, "real_embeddings/serve.py", None);
    for (request, dimension) in [
        ("api = \"embeddings\"\nmodel = \"sentence-transformers/all-MiniLM-L6-v2\"", 384),
        ("task = \"feature-extraction\"\npath = \"/embed\"", 384),
        ("api = \"embeddings\"\nmodel = \"sentence-transformers/all-MiniLM-L6-v2\"", 385),
    ] {
        let text = format!(
            r#"
            [target]
            url = "http://127.0.0.1:{port}"
            [data.texts]
            list = ["A queue grows.", "Numbers without their spread are opinions.", "Two copies share a card."]
            [[request]]
            name = "Embeddings"
            {request}
            inputs = "{{{{ texts }}}} {{{{ iteration }}}}"
            check = {{ dimension = {dimension}, norm = 1.0 }}
            [load]
            executor = "iterations"
            iterations = 100
            users = 8
            "#
        );
        let ended = scenario(&text).run();
        if dimension == 384 {
            assert_eq!(all_ok(&ended.measured())["ok"], 100);
        } else {
            let ended = ended.code(3).prints("384");
            assert_eq!(outcomes(&ended.level()["all"]), [("invalid_response".to_owned(), 100)].into());
        }
    }
}
