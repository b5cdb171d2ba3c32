//! What loads come to, every default filled in.

use plimsoll_model::scenario::{ArrivalProcess, Scenario, Think};
use plimsoll_model::{ApiLoad, Arrivals, Figure, Rate, Span, Stage};
use plimsoll_scenario::{Overrides, parse, resolve, thresholds};
use std::time::Duration;

fn scenario(load: &str) -> Scenario {
    let text = format!("[target]\nurl = 'http://x'\n[[request]]\npath = '/a?b=c'\n[load]\n{load}\n");
    parse(&text, "f.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn load(load: &str) -> ApiLoad {
    resolve(&scenario(load), &Overrides::default()).expect("the load is right").1
}

fn changed(load: &str, overrides: &Overrides) -> ApiLoad {
    resolve(&scenario(load), overrides).expect("the change is right").1
}

fn span(seconds: f64) -> Span {
    Span(Duration::from_secs_f64(seconds))
}

fn stage(seconds: f64, to: f64) -> Stage {
    Stage { duration: span(seconds), to }
}

fn stages(load: &ApiLoad) -> &[Stage] {
    match load {
        ApiLoad::Users { stages, .. } | ApiLoad::Rate { stages, .. } => stages,
        _ => panic!("{load:?}"),
    }
}

#[test]
fn users() {
    let expected = ApiLoad::Users {
        stages: vec![stage(10.0, 10.0), stage(50.0, 10.0)],
        ramp_down: span(0.0),
        warmup: span(0.0),
        graceful_stop: span(30.0),
        think: None,
    };
    assert_eq!(load("executor = 'users'\nusers = 10\nduration = '1m'"), expected);
    let fast = load("executor = 'users'\nusers = 10\nspawn_rate = 4\nduration = '2.5s'");
    assert_eq!(stages(&fast), [stage(2.5, 10.0)]);
    let staged = "executor = 'users'\nstages = [{ duration = '0s', users = 5 }, { duration = '10s', users = 0 }]";
    assert_eq!(stages(&load(staged)), [stage(0.0, 5.0), stage(10.0, 0.0)]);
    // One level in place of the stages takes as long as they did.
    let flat = changed(staged, &Overrides { users: Some(2), ..Overrides::default() });
    assert_eq!(stages(&flat), [stage(2.0, 2.0), stage(8.0, 2.0)]);
}

#[test]
fn rates() {
    let expected = ApiLoad::Rate {
        arrivals: Arrivals { process: ArrivalProcess::Poisson, burstiness: 1.0 },
        stages: vec![stage(60.0, 2.0)],
        max_users: 1000,
        warmup: span(5.0),
        graceful_stop: span(30.0),
    };
    assert_eq!(load("executor = 'rate'\nrate = '120/m'\nduration = '1m'\nwarmup = 5"), expected);
    let gamma = load("executor = 'rate'\nrate = 1\nduration = 9\narrival = 'gamma'\nburstiness = 0.5");
    assert!(matches!(gamma, ApiLoad::Rate { arrivals: Arrivals { burstiness: 0.5, .. }, .. }));
    let staged = "executor = 'rate'\nstages = [{ duration = '10s', rate = 5 }, { duration = '10s', rate = 0 }]";
    assert_eq!(stages(&load(staged)), [stage(10.0, 5.0), stage(10.0, 0.0)]);
    let change = Overrides { rate: Some(Rate(3.0)), run_time: Some(span(4.0)), ..Overrides::default() };
    assert_eq!(stages(&changed(staged, &change)), [stage(4.0, 3.0)]);
}

#[test]
fn iterations_and_replay() {
    let ApiLoad::Iterations { iterations, users, duration, .. } =
        load("executor = 'iterations'\niterations = 9\nusers = 3")
    else {
        panic!();
    };
    assert_eq!((iterations, users, duration), (9, 3, None));
    let replay = load("executor = 'replay'\nreplay = { file = 't.csv', speed = 2 }\nduration = '1m'");
    assert!(matches!(replay, ApiLoad::Replay { max_users: 1000, duration: Some(_), .. }));
}

#[test]
fn sweeps() {
    let ApiLoad::Sweep { levels, cool_down } = load("executor = 'sweep'\nsweep_users = [1, 8]\nduration = '5s'") else {
        panic!();
    };
    assert_eq!(cool_down, span(2.0));
    assert_eq!(
        levels.iter().map(stages).collect::<Vec<_>>(),
        [[stage(0.0, 1.0), stage(5.0, 1.0)], [stage(0.0, 8.0), stage(5.0, 8.0)]]
    );
    let rates = load("executor = 'sweep'\nsweep_rates = [1, '120/m']\nduration = '5s'\narrival = 'constant'");
    let ApiLoad::Sweep { levels, .. } = rates else { panic!() };
    assert_eq!(levels.iter().map(stages).collect::<Vec<_>>(), [[stage(5.0, 1.0)], [stage(5.0, 2.0)]]);
}

#[test]
fn mistakes_have_their_place() {
    for (load, at) in [
        ("executor = 'rate'\nrate = 0\nduration = 1", "load.rate"),
        ("executor = 'rate'\nrate = 1\nduration = 1\nburstiness = 2.0", "load.burstiness"),
        ("executor = 'rate'\nrate = 1\nduration = 1\narrival = 'gamma'", "load.arrival"),
        ("executor = 'rate'\nrate = 1\nduration = 1\narrival = 'gamma'\nburstiness = 0.0", "load.burstiness"),
        ("executor = 'rate'\nrate = 1\nduration = 1\nmax_users = 0", "load.max_users"),
        ("executor = 'iterations'\nusers = 1", "load.iterations"),
        ("executor = 'iterations'\nusers = 1\niterations = 0", "load.iterations"),
        ("executor = 'iterations'\nusers = 1\niterations = 5\nduration = 1\nwarmup = 1", "load.warmup"),
        ("executor = 'replay'", "load.replay"),
        ("executor = 'replay'\nreplay = { file = 't', speed = 0 }", "load.replay.speed"),
        ("executor = 'replay'\nreplay = { file = 't', start = 5, end = 5 }", "load.replay.end"),
        ("executor = 'sweep'\nduration = 1", "load"),
        ("executor = 'sweep'\nsweep_users = [1]", "load.duration"),
        ("executor = 'sweep'\nsweep_users = [1, 0]\nduration = 1", "load.sweep_users.1"),
        ("executor = 'sweep'\nsweep_users = [1]\nsweep_rates = [1]\nduration = 1", "load.sweep_rates"),
        ("executor = 'sweep'\nsweep_users = [1]\nmax_users = 5\nduration = 1", "load.max_users"),
        ("executor = 'users'\nstages = [{ duration = 0, users = 5 }]", "load.stages"),
        ("executor = 'users'\nstages = [{ duration = 5, users = 0 }]", "load.stages"),
        ("executor = 'users'\nstages = [{ duration = 5 }]", "load.stages.0"),
        ("executor = 'users'\nstages = [{ duration = 5, users = 1 }]\nduration = 5", "load.duration"),
        ("executor = 'users'\nusers = 1\nduration = 5\nspawn_rate = 0.000000001", "load.users"),
        ("executor = 'users'\nusers = 1\nduration = 5\n[think]", "think"),
        ("executor = 'users'\nusers = 1\nduration = 5\n[think]\npacing = 0", "think.pacing"),
        ("executor = 'users'\nusers = 1\nduration = 5\n[[journey]]\nname = 'j'\nstep = []", "journey.0"),
        ("executor = 'users'\nusers = 1\nduration = 5\n[[request]]\npath = '/a'", "request.1"),
        ("executor = 'users'\nusers = 1\nduration = 5\n[[request]]\nname = ' '\npath = '/a'", "request.1.name"),
        (
            "executor = 'users'\nusers = 1\nduration = 5\n[[journey]]\nname = 'j'\n[[journey.step]]\npath = '/a'",
            "journey.0.step.0",
        ),
    ] {
        let problem = resolve(&scenario(load), &Overrides::default()).expect_err(load);
        assert_eq!(problem.at, at, "{load}\n{problem}");
    }
}

#[test]
fn seeds_and_names_are_set() {
    let (resolved, _) =
        resolve(&scenario("executor = 'users'\nusers = 1\nduration = 5"), &Overrides::default()).unwrap();
    assert!(resolved.seed.is_some());
    assert_eq!(resolved.requests[0].name.as_deref(), Some("GET /a"));
    let overrides = Overrides {
        seed: Some(7),
        url: Some("https://y".into()),
        timeout: Some(span(3.0)),
        thresholds: vec!["p95 < 1s".into(), "GET /a: rate(failed) < 1%".into()],
        ..Overrides::default()
    };
    let (resolved, _) = resolve(&scenario("executor = 'users'\nusers = 1\nduration = 5"), &overrides).unwrap();
    assert_eq!((resolved.seed, resolved.target.url.as_str()), (Some(7), "https://y"));
    assert_eq!(resolved.target.timeout, Some(span(3.0)));
    let rules = thresholds(&resolved).unwrap();
    assert_eq!(rules[1].request.as_deref(), Some("GET /a"));
    assert_eq!(rules[1].figure, Figure::FailureRate(None));
    let again = resolve(&resolved, &Overrides::default()).unwrap().0;
    assert_eq!(again, resolved);
}

#[test]
fn users_think() {
    let thinking = load("executor = 'users'\nusers = 1\nduration = 5\n[think]\nbetween = [1, '3s']");
    let between = Think { constant: None, between: Some([span(1.0), span(3.0)]), pacing: None };
    assert!(matches!(thinking, ApiLoad::Users { think: Some(think), .. } if think == between));
}
