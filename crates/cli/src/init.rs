//! `init`: a commented scenario to start from.

use crate::console::Console;
use crate::exit::{CliError, Exit};
use clap::Args;
use plimsoll_scenario::{ExampleInputs, KINDS, nearest, task_names, template};
use plimsoll_targets::api::hf_task::Task;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// chat, completions, embeddings, responses, rerank, http, journey, or the name of a Hugging Face task
    pub kind: String,

    /// File to write (default: KIND.toml)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
}

/// Writes the template.
pub(crate) fn run(args: &InitArgs, console: &Console) -> Result<Exit, CliError> {
    let text = text(&args.kind)?;
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.toml", args.kind)));
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(&path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => CliError::usage(format!(
            "{} is there already; give another name with --output, or write over it with --force",
            path.display()
        )),
        _ => CliError::usage(format!("cannot write {}: {error}", path.display())),
    })?;
    console.result(&format!("Wrote {}", path.display()));
    Ok(Exit::Ok)
}

fn text(kind: &str) -> Result<String, CliError> {
    let inputs = Task::find(kind).ok().map(|task| {
        let (inputs, parameters) = task.example_inputs();
        ExampleInputs { inputs, parameters }
    });
    template(kind, inputs).ok_or_else(|| {
        let near = nearest(kind, KINDS.into_iter().chain(task_names()))
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        let tasks: Vec<&str> = task_names().collect();
        CliError::usage(format!(
            "there is no template for `{kind}`{near}\nkinds: {}\ntasks: {}",
            KINDS.join(", "),
            tasks.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_scenario::{Overrides, ScenarioError, parse, resolve};
    use plimsoll_targets::api::ApiPlanned;
    use std::path::Path;

    /// Goes all the way to the requests.
    fn right(name: &str, text: &str) {
        let fail = |error: ScenarioError| panic!("{error}\n{text}");
        let scenario = parse(text, name).unwrap_or_else(fail);
        let checked = resolve(&scenario, &Overrides::default()).and_then(|(mut scenario, _)| {
            // Making more takes long in a build for tests.
            let made_up = scenario.data.values_mut().filter(|source| source.generator.is_some());
            made_up.for_each(|source| source.rows = Some(1));
            ApiPlanned::compile(&scenario, Path::new("."), |_| Some("secret".to_owned()))
        });
        if let Err(problem) = checked {
            // There is no folder of videos here.
            if problem.at != "data.videos.folder" {
                fail(ScenarioError::of_problem(text, name, problem));
            }
        }
    }

    #[test]
    fn every_template_can_be_run() {
        for kind in KINDS.into_iter().chain(Task::all().map(Task::name)) {
            right(kind, &text(kind).unwrap_or_else(|error| panic!("{}", error.message)));
        }
        assert!(text("sumarization").is_err_and(|error| error.message.contains("did you mean `summarization`?")));
    }

    #[test]
    fn every_example_can_be_run() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                right(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let console = Console::new(true, true);
        let path = folder.path().join("a.toml");
        let args = |force| InitArgs { kind: "chat".to_owned(), output: Some(path.clone()), force };
        assert_eq!(run(&args(false), &console).ok(), Some(Exit::Ok));
        std::fs::write(&path, "mine").unwrap();
        let error = run(&args(false), &console).expect_err("it is there");
        assert!(error.message.contains("--force"), "{}", error.message);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(run(&args(true), &console).ok(), Some(Exit::Ok));
        assert!(std::fs::read_to_string(&path).unwrap().contains("[target]"));
    }
}
