#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]
use plimsoll_lab::*;
use plimsoll_model::*;
use std::{
    path::Path,
    time::{Duration, Instant},
};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let spec = match args[1].as_str() {
        "pinned" => GradioSpec::Pinned,
        p if p.ends_with(".whl") => GradioSpec::Wheel(p.into()),
        p if p.starts_with('/') => GradioSpec::Source(p.into()),
        v => GradioSpec::Version(v.into()),
    };
    let req = args.get(3).map(Path::new);
    let start = Instant::now();
    let env = match ensure(&Request { gradio: &spec, requirements: req }, &mut |l| println!("progress: {l}")) {
        Ok(env) => env,
        Err(e) => {
            println!("{e}");
            std::process::exit(1)
        }
    };
    println!("{env:?} {:?} version {:?}", start.elapsed(), gradio_version_of(&env.python));
    if args[2] == "none" {
        return;
    }
    let workers: u32 = std::env::var("WORKERS").map_or(1, |w| w.parse().unwrap());
    let app = unpack(&args[2]).unwrap();
    let port = free_ports(7900, 1 + workers as u16).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut server = AppServer::start(AppLaunch {
        python: env.python,
        script: app.path,
        port,
        concurrency_limit: ConcurrencyLimit::At(1),
        max_threads: 40,
        num_workers: workers,
        allowed_paths: unpack_sample_inputs().unwrap(),
        log: dir.path().join("app.log"),
        working_dir: None,
        redactor: Redactor::default(),
        on_line: Box::new(|l| println!("app: {l}")),
    })
    .unwrap();
    if let Err(e) = server.wait_ready(Duration::from_secs(60), &mut || {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() { Probe::Ready } else { Probe::NotYet }
    }) {
        println!("{e}");
        std::process::exit(1)
    }
    println!("ready port {port} pid {} at {:?}", server.pid(), start.elapsed());
    let nginx = (workers > 1)
        .then(|| Nginx::start(port, workers, &dir.path().join("ng inx"), &dir.path().join("nginx.log")).unwrap());
    if let Some(n) = &nginx {
        println!("nginx port {} workers {:?} pid {}", n.port(), n.worker_ports(), n.pid());
    }
    println!("SAMPLES {}", unpack_sample_inputs().unwrap().display());
    println!("UP");
    let secs: u64 = std::env::var("STAY").map_or(0, |w| w.parse().unwrap());
    std::thread::sleep(Duration::from_secs(secs));
    if std::env::var("KEEP").is_ok() {
        server.keep();
        return;
    }
    if nginx.is_some() {
        println!("{}", std::fs::read_to_string(dir.path().join("nginx.log")).unwrap());
    }
    drop(nginx);
    let t = Instant::now();
    server.stop();
    println!("stopped {:?} in {:?}", server.exited(), t.elapsed());
}
