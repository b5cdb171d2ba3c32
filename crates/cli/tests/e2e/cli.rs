//! The command line itself, as far as it needs no Gradio.

use crate::support::{Plimsoll, can_mount, files, text};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const APPS: [&str; 10] = [
    "echo_text",
    "file_heavy",
    "image_to_image",
    "image_to_image_async",
    "streaming_chat",
    "stateful_counter",
    "llm_chat",
    "text_to_image",
    "audio_to_audio",
    "video_to_video",
];

fn both() -> [Plimsoll; 2] {
    [Plimsoll::new(), Plimsoll::hf_perftest()]
}

#[test]
fn list_apps() {
    for (call, name) in both().into_iter().zip(["plimsoll", "hf-perftest"]) {
        let ended = call.arg("list-apps").run().code(0).prints(&format!("{name} run --app"));
        let listed: Vec<&str> = ended
            .stdout
            .lines()
            .filter(|line| line.starts_with("  "))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(listed.len(), 10, "{listed:?}");
        assert!(APPS.iter().all(|app| listed.contains(app)), "{listed:?}");
    }
}

#[test]
fn result_schema() {
    for call in both() {
        let ended = call.arg("result-schema").run().code(0).prints("tier_1/").prints("client_latencies.jsonl");
        ended.prints("summary.json").did_nothing();
    }
}

/// The one test here that needs Gradio: what is written is what `result-schema` and the documentation say.
#[test]
fn what_is_written_is_documented() {
    let ended = Plimsoll::app("echo_text").args(["--tiers", "1", "--requests-per-user", "1", "--warmup", "1"]).run();
    let ended = ended.measured();
    let schema = Plimsoll::new().arg("result-schema").run().code(0).stdout;
    let docs = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/results.md"));
    let summary = ended.summary();
    let mut missing = Vec::new();
    let mut look = |what: &str, value: &Value, texts: &[(&str, &String)]| {
        for key in value.as_object().unwrap().keys() {
            for (name, text) in texts {
                if !text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == key) {
                    missing.push(format!("{key} of {what} in {name}"));
                }
            }
        }
    };
    let both = [("result-schema", &schema), ("results.md", &docs)];
    look("summary.json", &summary, &both);
    look("a tier", &summary["tiers"][0], &both);
    look("a tier's health", &summary["tiers"][0]["health"], &both);
    look("run.json", &ended.manifest(), &both[1..]);
    look("a request", &ended.requests(1)[0], &both[1..]);
    assert!(missing.is_empty(), "not documented:\n{}", missing.join("\n"));
}

#[test]
fn install_skill() {
    let folder = tempfile::tempdir().unwrap();
    let install = |program: &str, args: &[&str]| {
        let output = Command::new(program).arg("install-skill").args(args).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let agents = folder.path().join("AGENTS.md");
    fs::write(&agents, "# Mine\n\nKeep this.").unwrap();
    let plimsoll = env!("CARGO_BIN_EXE_plimsoll");
    install(plimsoll, &[]);
    let once: Vec<(_, String)> = files(folder.path()).into_iter().map(|file| (file.clone(), text(&file))).collect();
    assert_eq!(once.len(), 3, "{once:?}");
    let shared = text(&agents);
    assert!(shared.starts_with("# Mine\n\nKeep this.") && shared.contains("plimsoll run"), "{shared}");
    assert!(folder.path().join(".claude/skills/plimsoll/SKILL.md").is_file());
    let again = install(env!("CARGO_BIN_EXE_hf-perftest"), &[]);
    assert!(again.contains("already up to date"), "{again}");
    let twice: Vec<(_, String)> = files(folder.path()).into_iter().map(|file| (file.clone(), text(&file))).collect();
    assert_eq!(once, twice);
    // The user writes on, below our part.
    fs::write(&agents, format!("{shared}\nMore of mine.\n")).unwrap();
    install(plimsoll, &["codex"]);
    assert_eq!(text(&agents), format!("{shared}\nMore of mine.\n"));
    let other = Plimsoll::new().args(["install-skill", "cursor"]).run().code(0);
    assert_eq!(files(&other.dir()), [other.dir().join(".cursor/rules/plimsoll.mdc")]);
    Plimsoll::new().args(["install-skill", "emacs"]).run().code(2).says("emacs").did_nothing();
}

#[test]
fn both_programs_take_the_same() {
    let flags = |call: Plimsoll| -> Vec<String> {
        let help = call.args(["run", "--help"]).run().code(0).stdout;
        help.split(|c: char| !c.is_alphanumeric() && c != '-')
            .filter(|word| word.starts_with("--") && word.len() > 2)
            .map(str::to_owned)
            .collect()
    };
    let [ours, theirs] = both().map(flags);
    assert!(ours.len() > 25, "{ours:?}");
    assert_eq!(ours, theirs);
    let plan = |call: Plimsoll| -> Value {
        let args = "run --app echo_text --tiers 1,10,100 --requests-per-user 10 --mode wave --concurrency-limit none \
                    --max-threads 40 --mixed-traffic --num-workers 2 --nginx --port 7860 --api-name /predict \
                    --output-dir benchmark_results --seed 7 --dry-run";
        serde_json::from_str(&call.args(args.split_whitespace()).run().code(0).stdout).unwrap()
    };
    let [ours, theirs] = both().map(plan);
    assert_eq!(ours, theirs);
    assert_eq!(
        ours["load"],
        json!({"kind": "tiers", "tiers": [1, 10, 100], "repeat": {"rounds": 10}, "arrival": "wave"})
    );
}

#[test]
fn a_dry_run_prints_the_plan_and_makes_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let call = Plimsoll::new().args(["run", "--app", "echo_text", "--dry-run", "--seed", "5"]);
    let ended = call.env("PLIMSOLL_CACHE_DIR", cache.path()).run().code(0).did_nothing();
    let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
    // hf-perftest's defaults.
    assert_eq!(plan["load"]["tiers"], json!([1, 10, 100]));
    assert_eq!(plan["load"]["repeat"], json!({"rounds": 10}));
    assert_eq!(plan["load"]["arrival"], "burst");
    assert_eq!(plan["target"]["port"], 7860);
    assert_eq!(plan["target"]["max_threads"], 40);
    assert_eq!(plan["target"]["concurrency_limit"], json!({"at": 1}));
    assert_eq!(plan["target"]["num_workers"], 1);
    assert_eq!(plan["output_dir"], "benchmark_results");
    assert_eq!(
        (&plan["seed"], &plan["session"], &plan["mixed_traffic"]),
        (&json!(5), &json!("per-user"), &json!(false))
    );
    assert_eq!(files(cache.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_unknown_app_suggests_the_near_name() {
    let ended = Plimsoll::app("ecko_text").run().code(2).says("did you mean `echo_text`?").did_nothing();
    assert!(APPS.iter().all(|app| ended.stderr.contains(app)), "{}", ended.stderr);
    let ended = Plimsoll::app("./nothing/here.py").run().code(2).says("./nothing/here.py").did_nothing();
    assert!(!ended.stderr.contains("did you mean"), "{}", ended.stderr);
    Plimsoll::app("/").run().code(2).says("folder").did_nothing();
}

#[test]
fn wrong_flags() {
    let echo = || Plimsoll::app("echo_text");
    for (args, says) in [
        (&["--tiers", "0"][..], "--tiers"),
        (&["--tiers", ""], "--tiers"),
        (&["--tiers", "1,,2"], "--tiers"),
        (&["--tiers", "1,ten"], "ten"),
        (&["--tiers=-1"], "--tiers"),
        (&["--mode", "x"], "burst"),
        (&["--session", "x"], "per-user"),
        (&["--requests-per-user", "0"], "--requests-per-user"),
        (&["--duration", "soon"], "soon"),
        (&["--duration", "0"], "--duration"),
        (&["--duration", "1s", "--requests-per-user", "1"], "cannot be used with"),
        (&["--concurrency-limit", "0"], "--concurrency-limit"),
        (&["--max-threads", "0"], "--max-threads"),
        (&["--num-workers", "0"], "--num-workers"),
        (&["--port", "0"], "--port"),
        (&["--port", "70000"], "--port"),
        (&["--request-timeout=-1s"], "--request-timeout"),
        (&["--url", "http://127.0.0.1:1"], "cannot be used with"),
        (&["--gradio", "newest"], "newest"),
        (&["--gradio", "missing.whl"], "missing.whl"),
        (&["--python", "/nowhere/python"], "/nowhere/python"),
        (&["--sample-inputs", "/nowhere"], "/nowhere"),
        (&["--unknown"], "--unknown"),
        (&["extra"], "cannot be used with"),
    ] {
        echo().args(args).run().code(2).says(says).did_nothing();
    }
    Plimsoll::new().arg("run").run().code(2).says("--app").did_nothing();
    for flag in ["--nginx", "--keep-app", "--num-workers=2", "--port=7860", "--gradio=6.31.0"] {
        Plimsoll::url("http://127.0.0.1:1").arg(flag).run().code(2).says("cannot be used with").did_nothing();
    }
    for call in both() {
        call.arg("walk").run().code(2).says("walk").did_nothing();
    }
    for call in both() {
        call.run().code(2).says("list-apps").did_nothing();
    }
}

#[test]
fn nginx_that_is_not_there() {
    const PLACES: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/bin"];
    let call = Plimsoll::app("echo_text").args(["--num-workers", "2", "--nginx", "--tiers", "1"]);
    let call = call.env("PATH", "/nowhere");
    let installed = PLACES.iter().any(|place| Path::new(place).join("nginx").exists());
    let call = if installed {
        if !can_mount() {
            return;
        }
        // Hides the one that is there, for this call alone. PATH is that of a shell, which finds no program there.
        call.env("PATH", "/usr/bin:/bin").with_mounts(
            "for place in /usr/sbin /usr/local/sbin /sbin; do\n\
             if [ -f $place/nginx ]; then mount --bind /dev/null $place/nginx || exit 99; fi\n\
             done\n\
             exec \"$@\"",
        )
    } else {
        call
    };
    call.run().code(2).says("nginx is not installed").says("--nginx").did_nothing();
}

#[test]
fn version_and_help() {
    let version = env!("CARGO_PKG_VERSION");
    for (call, name) in both().into_iter().zip(["plimsoll", "hf-perftest"]) {
        let ended = call.arg("--version").run().code(0);
        assert_eq!(ended.stdout.trim(), format!("{name} {version}"));
    }
    Plimsoll::new().arg("--help").run().code(0).prints("run").prints("install-skill");
}

/// A reader that goes away, such as `head`, is no reason to panic.
#[test]
fn a_closed_pipe() {
    for args in [
        &["list-apps"][..],
        &["result-schema"],
        &["--help"],
        &["run", "--help"],
        &["--version"],
        &["run", "--app", "echo_text", "--dry-run"],
        &["run", "--app", "ecko_text"],
        &["run", "--tiers", "0"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(closed())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
        let status = child.wait().unwrap();
        assert!(!stderr.contains("panic"), "{args:?}: {stderr}");
        assert!(status.code().is_some_and(|code| code <= 2), "{args:?}: {status}");
        let status = Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(args).stdout(closed()).stderr(closed()).status();
        assert!(status.as_ref().unwrap().code().is_some_and(|code| code <= 2), "{args:?}: {status:?}");
    }
}

/// The writing end of a pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}
