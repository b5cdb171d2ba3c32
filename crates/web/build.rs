//! Makes the dashboard into one HTML file in `OUT_DIR`, with Node when it is there, else the plain page.
//!
//! Sources are copied and built in `OUT_DIR`: a build writes nothing into the source tree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What the page is made of. Tests, fixtures and installed packages are not.
const SOURCES: [&str; 6] =
    ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.mjs", "src"];
const LEAST_NODE: (u32, u32) = (20, 19);

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dashboard = here.join("../../dashboard");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", dashboard.join(source).display());
    }
    println!("cargo::rerun-if-changed={}", here.join("src/plain.html").display());
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PLIMSOLL_PAGE");

    let made = match env::var_os("PLIMSOLL_PAGE") {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", Path::new(&path).display());
            fs::read_to_string(&path).map_err(|e| format!("PLIMSOLL_PAGE={}: {e}", Path::new(&path).display()))
        }
        None => build(&dashboard, &out.join("dashboard")),
    };
    let (page, charts) = match made {
        Ok(page) => (page, "yes"),
        Err(reason) => {
            // Try again at the next build, when Node may be there: a file that never is counts as changed.
            println!("cargo::rerun-if-changed={}", out.join("try-again").display());
            println!("cargo::warning=the page in this build has tables but no charts: {reason}");
            println!(
                "cargo::warning=for the full page, install Node {}.{} or later with npm and build again, or set \
                 PLIMSOLL_PAGE to a page file built elsewhere (dashboard/dist/index.html)",
                LEAST_NODE.0, LEAST_NODE.1
            );
            (fs::read_to_string(here.join("src/plain.html"))?, "no")
        }
    };
    fs::write(out.join("page.html"), &page)?;
    println!("cargo::rustc-env=PLIMSOLL_PAGE_CHARTS={charts}");
    println!("cargo::rustc-env=PLIMSOLL_SCRIPT_HASHES={}", hashes(&page, "<script type=\"module\"", "</script>"));
    println!("cargo::rustc-env=PLIMSOLL_STYLE_HASHES={}", hashes(&page, "<style", "</style>"));
    Ok(())
}

fn build(dashboard: &Path, work: &Path) -> Result<String, String> {
    if !dashboard.join("package-lock.json").is_file() {
        return Err(format!("its source is not at {}", dashboard.display()));
    }
    check_node()?;
    let lock = fs::read(dashboard.join("package-lock.json")).map_err(|e| e.to_string())?;
    let installed = work.join("node_modules");
    let stamp = work.join("installed.lock");
    // Packages are kept between builds until the lock file changes.
    let fresh = installed.is_dir() && fs::read(&stamp).is_ok_and(|was| was == lock);
    let _ = fs::remove_dir_all(work.join("src"));
    fs::create_dir_all(work).map_err(|e| e.to_string())?;
    for source in SOURCES {
        copy(&dashboard.join(source), &work.join(source)).map_err(|e| format!("{source}: {e}"))?;
    }
    if !fresh {
        let _ = fs::remove_file(&stamp);
        npm(
            work,
            &["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000"],
        )?;
        fs::write(&stamp, lock).map_err(|e| e.to_string())?;
    }
    npm(work, &["run", "--silent", "bundle"])?;
    fs::read_to_string(work.join("dist/index.html")).map_err(|e| format!("dist/index.html: {e}"))
}

fn check_node() -> Result<(), String> {
    let answer = Command::new("node").arg("--version").output().map_err(|_| "there is no node on PATH".to_owned())?;
    let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    let mut numbers = text.trim_start_matches('v').split('.').map_while(|n| n.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= LEAST_NODE => Ok(()),
        _ => Err(format!("node is {text}, which is too old")),
    }
}

fn npm(work: &Path, args: &[&str]) -> Result<(), String> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let answer =
        Command::new(program).args(args).current_dir(work).output().map_err(|e| format!("npm does not start: {e}"))?;
    if answer.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer.stderr);
    let told: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).take(4).collect();
    Err(format!("npm {} failed: {}", args.join(" "), told.join("; ")))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// The hashes of all elements that begin with `open`, as a content security policy wants them.
fn hashes(page: &str, open: &str, close: &str) -> String {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find(open) {
        let Some(start) = rest[at..].find('>').map(|n| at + n + 1) else { break };
        let Some(end) = rest[start..].find(close).map(|n| start + n) else { break };
        found.push(format!("'sha256-{}'", STANDARD.encode(Sha256::digest(&rest.as_bytes()[start..end]))));
        rest = &rest[end..];
    }
    if found.is_empty() { "'none'".to_owned() } else { found.join(" ") }
}
