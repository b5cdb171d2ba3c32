use super::*;
use crate::api::testdata::{level, mixed, options, run_of};
use crate::page::PageData;
use crate::testdata::{failed, generator, plan, run_with, sample};
use crate::{ApiFold, ApiSummary, ApiWriter, LevelInput, LevelSummary, RunDir, Summary, fold_samples};
use plimsoll_model::{ApiLoad, Clock, FailureClass, Span, Threshold};
use proptest::prelude::*;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// A Gradio run as it leaves its directory.
fn gradio() -> (tempfile::TempDir, RunDir, Summary) {
    let samples = [generator(0, 0), sample(1, 0), failed(0, 1, FailureClass::Timeout, "late"), sample(1, 1)];
    let (folder, run, summary) = run_with(&samples, false);
    summary.write(&run).unwrap();
    let mut manifest = RunManifest::start("plimsoll", &plan(), 7, &Clock::start()).unwrap();
    manifest.end(None);
    manifest.write(&run).unwrap();
    fs::write(
        run.path().join("events.jsonl"),
        "{\"t\":1.5,\"at\":\"x\",\"kind\":\"warning\",\"message\":\"careful\"}\n",
    )
    .unwrap();
    (folder, run, summary)
}

/// The plan of an API run as `run.json` has it.
fn api_plan() -> Value {
    let load = ApiLoad::Users {
        stages: Vec::new(),
        ramp_down: Span::default(),
        warmup: Span(options().warmup),
        graceful_stop: Span::default(),
        think: None,
    };
    json!({
        "scenario": {"name": "mix", "target": {"url": "http://host"}, "objectives": options().objectives,
            "threshold": [{"rule": "p(95) < 1ms"}]},
        "load": load, "shards": 1,
    })
}

/// An API run of one level as it leaves its directory.
fn api() -> (tempfile::TempDir, RunDir, ApiSummary) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path()).unwrap();
    let mut writer = ApiWriter::create(run.path()).unwrap();
    writer.write(&mixed()).unwrap();
    writer.finish().unwrap();
    let fold = fold_samples(run.path(), options()).unwrap();
    let rules = [Threshold::parse("p(95) < 1ms").unwrap()];
    let input = LevelInput { label: "5 users".to_owned(), ..LevelInput::default() };
    let summary = LevelSummary::new(input, &fold, &rules);
    let summary = ApiSummary::new("mix".to_owned(), "http://host".to_owned(), &run, vec![summary], None, Vec::new());
    summary.write(&run).unwrap();
    let mut manifest = RunManifest::start("plimsoll", &api_plan(), 7, &Clock::start()).unwrap();
    manifest.end(None);
    manifest.write(&run).unwrap();
    (folder, run, summary)
}

#[test]
fn an_api_run_is_the_same_again() {
    let (_folder, run, summary) = api();
    let again = refold(run.path()).unwrap();
    let RunFigures::Api(figures) = &again.run.figures else { panic!("{again:?}") };
    assert_eq!(figures.levels[0].requests, summary.levels[0].requests);
    assert_eq!(
        (figures.levels[0].thresholds.clone(), &figures.verdict),
        (summary.levels[0].thresholds.clone(), &summary.verdict)
    );
    let page = PageData::of_run(&again);
    let chat = page.requests.iter().find(|request| request.name == "chat").unwrap();
    let times = summary.levels[0].requests["chat"].metrics[&plimsoll_model::Metric::ResponseTime];
    assert_eq!(
        (chat.p50, chat.p99, chat.mean, chat.max),
        (Some(times.p50), Some(times.p99), Some(times.mean), Some(times.max))
    );
    assert_eq!((page.stages[0].ok, page.stages[0].failed), (summary.levels[0].all.ok, summary.levels[0].all.failed));
    assert_eq!(page.distribution[0].counts.iter().sum::<u64>(), summary.levels[0].all.ok);
    let text = serde_json::to_string(&page).unwrap();
    assert_eq!(serde_json::from_str::<PageData>(&text).unwrap().requests.len(), page.requests.len());
}

#[test]
fn an_api_run_without_summary_is_made_from_plan_and_samples() {
    let (_folder, run, summary) = api();
    fs::remove_file(run.path().join("summary.json")).unwrap();
    let mut manifest = RunManifest::read(&run).unwrap();
    (manifest.state, manifest.ended_at) = (RunState::Running, None);
    manifest.write(&run).unwrap();
    let again = refold(run.path()).unwrap();
    let RunFigures::Api(figures) = &again.run.figures else { panic!("{again:?}") };
    assert_eq!((figures.state, figures.partial_reason.as_deref()), (RunState::Partial, Some(KILLED)));
    // Its level begins with its first request: the warm-up ends a little later than it did.
    assert_eq!((figures.name.as_str(), figures.levels[0].warmup_seconds), ("mix", summary.levels[0].warmup_seconds));
    assert_eq!(figures.levels[0].thresholds[0].ok, Some(false));
    assert!(figures.levels[0].all.ok > 0 && figures.levels[0].goodput_rps.is_some());
}

#[test]
fn a_gradio_run_is_the_same_again_and_nothing_is_written() {
    let (_folder, run, summary) = gradio();
    let file = run.path().join("tier_2/client_latencies.jsonl");
    // As a killed run leaves it: without phases.
    let bare: String = fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("phases");
            format!("{line}\n")
        })
        .collect();
    fs::write(&file, &bare).unwrap();
    let again = refold(run.path()).unwrap();
    assert_eq!(again.run.figures, RunFigures::Gradio(Box::new(summary.clone())));
    assert_eq!(fs::read_to_string(&file).unwrap(), bare);
    let page = PageData::of_run(&again);
    let client = &summary.tiers[0].client_summary;
    assert_eq!((page.stages[0].p50, page.stages[0].p99, page.requests[0].min), (client.p50, client.p99, client.min));
    assert_eq!((page.annotations[0].t_s, page.annotations[0].text.as_str()), (1.5, "careful"));

    fs::remove_file(run.path().join("summary.json")).unwrap();
    let again = refold(run.path()).unwrap();
    let RunFigures::Gradio(figures) = &again.run.figures else { panic!("{again:?}") };
    assert_eq!((figures.partial_reason.as_deref(), figures.tiers[0].requests_per_user), (Some(NO_SUMMARY), Some(10)));
    assert_eq!(figures.tiers[0].client_summary, summary.tiers[0].client_summary);
}

#[test]
fn addresses_of_this_machine() {
    for here in ["http://localhost:7860/x", "http://me:pw@127.0.0.1", "http://[::1]:80", "127.0.1.1:5"] {
        assert!(is_this_machine(here), "{here}");
    }
    for elsewhere in ["http://host/127.0.0.1", "https://localhost.example.com", ""] {
        assert!(!is_this_machine(elsewhere), "{elsewhere}");
    }
}

/// Everything that `report` does, but for the writing. An error must have words.
fn survives(dir: &Path) {
    match refold(dir) {
        Ok(run) => drop(serde_json::to_string(&PageData::of_run(&run)).unwrap()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn files(run: &RunDir) -> Vec<PathBuf> {
    let names = ["run.json", "summary.json", "events.jsonl", "samples.jsonl", "tier_2/client_latencies.jsonl"];
    names.iter().map(|name| run.path().join(name)).filter(|path| path.exists()).collect()
}

#[test]
fn files_cut_at_every_byte_are_no_panic() {
    let ((_one, gradio, _), (_other, api, _)) = (gradio(), api());
    for run in [gradio, api] {
        for file in files(&run) {
            let whole = fs::read(&file).unwrap();
            // Every byte of short files, and of long ones enough.
            for end in (0..whole.len()).step_by(1 + whole.len() / 400) {
                fs::write(&file, &whole[..end]).unwrap();
                survives(run.path());
            }
            fs::write(&file, whole).unwrap();
        }
        assert!(refold(run.path()).is_ok());
    }
}

/// Puts another value in place of the one at this place, counted through the whole tree.
fn change(value: &mut Value, at: &mut usize, other: &Value) {
    if *at == 0 {
        *value = other.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, at, other)),
        Value::Object(members) => members.values_mut().for_each(|member| change(member, at, other)),
        _ => {}
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("text")),
        Just(json!(-1)),
        Just(json!(1e308)),
        Just(json!(-1e308)),
        Just(json!(u64::MAX)),
        Just(json!(i64::MIN)),
        Just(json!(0)),
        any::<f64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn wrong_values_and_bytes_are_no_panic(
        of_api: bool, file in 0usize..4, at in 0usize..300, other in any_value(), bytes in prop::collection::vec(any::<u8>(), 0..40),
        place in 0usize..4000, as_bytes: bool,
    ) {
        let (_folder, run) = if of_api { let (a, b, _) = api(); (a, b) } else { let (a, b, _) = gradio(); (a, b) };
        let files = files(&run);
        let file = &files[file % files.len()];
        let whole = fs::read(file).unwrap();
        let changed = if as_bytes {
            let place = place % (whole.len() + 1);
            [&whole[..place], &bytes, &whole[(place + bytes.len()).min(whole.len())..]].concat()
        } else {
            let text = String::from_utf8(whole).unwrap();
            let mut at = at;
            if file.extension().is_some_and(|extension| extension == "json") {
                let mut value: Value = serde_json::from_str(&text).unwrap();
                change(&mut value, &mut at, &other);
                value.to_string().into_bytes()
            } else {
                let line = |line: &str| {
                    let mut value: Value = serde_json::from_str(line).unwrap();
                    change(&mut value, &mut at, &other);
                    format!("{value}\n")
                };
                text.lines().map(line).collect::<String>().into_bytes()
            }
        };
        fs::write(file, changed).unwrap();
        survives(run.path());
    }
}

#[test]
fn half_an_hour_is_less_than_a_megabyte_of_data() {
    // 20 names, failures, streams: what a report holds before it is compressed and after.
    let mut rows = Rows::new(crate::page::TimeBasis::Response).with_concurrency();
    let mut fold = ApiFold::new(options());
    for second in 0..1800_u64 {
        for turn in 0..60_u64 {
            let random = (second * 60 + turn).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            let mut sample = crate::api::testdata::streamed(&format!("name {}", turn % 20), 0, &[40, 50, 80], 7);
            let took = Duration::from_micros(20_000 + random % 900_000);
            sample.intended = Duration::from_secs(second) + Duration::from_millis(turn * 15);
            sample.sent = sample.intended + Duration::from_micros(random % 300);
            sample.timeline.chunks = vec![sample.sent + took / 3, sample.sent + took / 2, sample.sent + took];
            sample.end = sample.sent + took;
            if random % 50 == 0 {
                let classes = [FailureClass::Timeout, FailureClass::Overloaded, FailureClass::ServerError];
                sample.outcome = plimsoll_model::Outcome::Failed(classes[(random / 50 % 3) as usize]);
            }
            rows.add(&sample);
            fold.add(&sample);
        }
        for column in ["busy", "active"] {
            rows.set(Duration::from_secs(second), column, (second % 17) as f64 / 19.0);
        }
    }
    let (_folder, summary) = run_of(vec![level("5 users", &mixed(), &[])], None);
    let run = Refolded {
        run: crate::LoadedRun { dir: PathBuf::from("x"), manifest: None, figures: RunFigures::Api(Box::new(summary)) },
        rows,
        stages: vec![RefoldedStage { fold: Some(fold), begin: Some(0.0), end: Some(1800.0) }],
        annotations: Vec::new(),
        notes: Vec::new(),
    };
    let json = serde_json::to_vec(&PageData::of_run(&run)).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut gzip, &json).unwrap();
    let packed = gzip.finish().unwrap().len();
    println!("{} KB of JSON, {} KB compressed, {} KB in the page", json.len() / 1000, packed / 1000, packed * 4 / 3000);
    // The page itself has some 130 KB.
    assert!(packed * 4 / 3 < 850_000, "{packed}");
}
