//! The Python environment of the apps and of hf-perftest, made once.

use crate::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of hf-perftest that is measured.
pub(super) const HF_PERFTEST: &str = "0.4.0";

/// The environment's Python. Makes the environment in `folder` unless one with these versions is there.
pub(super) fn environment(folder: &Path, base: &Path, gradio: &str) -> Result<PathBuf> {
    let requirements = [format!("hf-perftest=={HF_PERFTEST}"), format!("gradio=={gradio}")];
    let environment = folder.join("hf-perftest-env");
    let python = environment.join("bin/python");
    // Written last, so that an environment that was cut off is made anew.
    let finished = environment.join("finished.txt");
    let wanted = requirements.join("\n");
    if std::fs::read_to_string(&finished).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    eprintln!("making {} with {}", environment.display(), requirements.join(" "));
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    succeed(Command::new(base).args(["-m", "venv", "--clear"]).arg(&environment))?;
    succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(&requirements))?;
    std::fs::write(&finished, wanted).map_err(|error| format!("{}: {error}", finished.display()))?;
    Ok(python)
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command.status().map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} failed: {status}")) }
}
