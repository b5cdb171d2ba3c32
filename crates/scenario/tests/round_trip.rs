//! Written and read again, a scenario is the same; and the files that we give away are right.

use plimsoll_model::scenario::{
    ApiTarget, ArrivalProcess, Check, DataSource, Executor, Extract, Generator, HfRoute, JourneySpec, JsonCheck,
    Length, LoadSpec, Objectives, OpenAiApi, Order, ReplaySpec, RequestSpec, RetrySpec, StageSpec, Think,
    ThresholdSpec, TraceFormat,
};
use plimsoll_model::scenario::{AuthSpec, Scenario};
use plimsoll_model::{Rate, Span};
use plimsoll_scenario::{
    ExampleInputs, KINDS, Overrides, ScenarioError, parse, read, resolve, schema, task_names, template, to_toml,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![0u64..20_000, (0u64..100_000).prop_map(|seconds| seconds * 1000)]
        .prop_map(|millis| Span(Duration::from_millis(millis)))
}

fn rate() -> impl Strategy<Value = Rate> {
    prop_oneof![(0u32..1000).prop_map(f64::from), 0.0..1e6].prop_map(Rate)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", ".{0,20}", "[\\n\\r\\t'\"\\\\ a{}\u{0}\u{7f}\u{85}é🚢]{0,40}", "(a line\n){2}'''?"]
}

/// JSON without null and without integers that TOML does not have: those come back as templates.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        (0u32..9).prop_map(|n| Value::from(f64::from(n))),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(text(), inner, 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    btree_map(text(), json(), 0..5).prop_map(|members| members.into_iter().collect())
}

prop_compose! {
    fn length()(mean in of(0.0..1e4), stddev in of(0.0..100.0), min in of(any::<u32>()), max in of(any::<u32>())) -> Length {
        Length { mean, stddev, min, max }
    }
}

prop_compose! {
    fn data()(
        list in of(vec(json(), 0..5)), file in of(text()), folder in of(text()), generator in of(prop_oneof![
            Just(Generator::Prompts), Just(Generator::Conversations), Just(Generator::Images), Just(Generator::Audio)
        ]),
        input_tokens in of(length()), turns in of(length()), shared_prefix_tokens in of(any::<u32>()),
        size in of(any::<[u32; 2]>()), seconds in of(0.0..10.0),
        order in of(prop_oneof![Just(Order::Random), Just(Order::Sequential)]),
    ) -> DataSource {
        DataSource {
            list, file, folder, generator, input_tokens, output_tokens: input_tokens, shared_prefix_tokens,
            shared_prefixes: shared_prefix_tokens, turns, size, seconds, rows: shared_prefix_tokens, order,
        }
    }
}

prop_compose! {
    fn check()(
        status in vec(any::<u16>(), 0..3), schema in of(any::<bool>()), contains in of(text()), norm in of(0.0..2.0),
        json in vec((text(), of(json()), of(-5.0..5.0), of(any::<u32>())), 0..3),
    ) -> Check {
        let json = json.into_iter().map(|(at, equals, min, length)| JsonCheck {
            at, equals, min, max: min, min_length: length.map(|length| length as usize), kind: Some("array".into()),
        });
        Check {
            status, schema, matches: contains.clone(), contains, json: json.collect(), min_bytes: Some(1),
            min_tokens: None, dimension: Some(3), norm,
        }
    }
}

prop_compose! {
    fn request()(
        (name, weight, task, path) in (of(text()), of(0.0..10.0), of(text()), of(text())),
        api in of(prop_oneof![Just(OpenAiApi::Chat), Just(OpenAiApi::Rerank)]),
        route in of(prop_oneof![Just(HfRoute::Legacy), Just(HfRoute::Endpoint)]),
        (inputs, json, turns, max_tokens) in (of(json()), of(json()), of(json()), of(json())),
        (parameters, options) in (of(object()), of(object())),
        (headers, form) in (btree_map(text(), text(), 0..4), btree_map(text(), text(), 0..2)),
        extract in btree_map(text(), of(text()), 0..3),
        check in of(check()), timeout in of(span()), times in of(any::<u32>()), stream in of(any::<bool>()),
    ) -> RequestSpec {
        let extract = extract.into_iter().map(|(name, json)| {
            (name, Extract { header: json.is_none().then(|| "x".to_owned()), json, regex: None })
        });
        RequestSpec {
            name, weight, method: task.clone(), body: task.clone(), task, api, path, route, inputs, parameters, options,
            turns, max_tokens, headers, form, json, extract: extract.collect(), check, timeout, stream,
            turn_think: timeout,
            retry: times.map(|times| RetrySpec { times, on: vec![429], backoff: timeout, max_wait: None }),
            ..RequestSpec::default()
        }
    }
}

prop_compose! {
    fn load()(
        executor in prop_oneof![Just(Executor::Users), Just(Executor::Rate), Just(Executor::Sweep), Just(Executor::Replay)],
        (users, iterations) in (of(any::<u32>()), of(0..i64::MAX as u64)), rate in of(rate()), duration in of(span()),
        stages in vec((span(), of(any::<u32>()), of(rate())), 0..8), burstiness in of(0.0..3.0),
        replay in of((text(), of(0.0..9.0), any::<bool>())), sweep_users in vec(any::<u32>(), 0..9),
        sweep_rates in vec(rate(), 0..4),
    ) -> LoadSpec {
        let stage = |(duration, users, rate)| StageSpec { duration, users, rate };
        let replay = replay.map(|(file, speed, spread)| ReplaySpec {
            file, format: Some(TraceFormat::Azure), speed, start: duration, end: None, spread, limit: None,
            max_input_tokens: users, max_output_tokens: None,
        });
        LoadSpec {
            executor, users, spawn_rate: rate, duration, stages: stages.into_iter().map(stage).collect(), rate,
            arrival: Some(ArrivalProcess::Gamma), burstiness, max_users: users, iterations, replay, sweep_users,
            sweep_rates, cool_down: duration, warmup: duration, ramp_down: None, graceful_stop: duration,
        }
    }
}

prop_compose! {
    fn scenario()(
        name in of(text()), seed in of(0..i64::MAX as u64), url in text(), headers in btree_map(text(), text(), 0..6),
        insecure in any::<bool>(), timeout in of(span()), data in btree_map(text(), data(), 0..3),
        requests in vec(request(), 0..3), journeys in vec((text(), of(span()), vec(request(), 0..3)), 0..3),
        think in of((of(span()), of([span(), span()]), of(span()))), load in load(), ttft in of(span()),
        thresholds in vec((text(), of(text()), of(1u32..9), any::<bool>()), 0..3),
    ) -> Scenario {
        Scenario {
            name: name.clone(), seed,
            target: ApiTarget {
                tokenizer: None,
                url, headers, timeout, max_response_bytes: seed, ca_file: name.clone(), insecure,
                new_connections: !insecure,
                auth: name.map(|name| AuthSpec { bearer_env: Some(name), header: None, query: None, value_env: None }),
            },
            data, requests, load,
            journeys: journeys.into_iter().map(|(name, step_think, steps)| {
                JourneySpec { name, weight: None, step_think, steps }
            }).collect(),
            think: think.map(|(constant, between, pacing)| Think { constant, between, pacing }),
            objectives: Objectives { ttft, ..Objectives::default() },
            thresholds: thresholds.into_iter().map(|(rule, request, level, abort)| ThresholdSpec { rule, request, level, abort }).collect(),
        }
    }
}

proptest! {
    #[test]
    fn written_and_read(scenario in scenario()) {
        let text = to_toml(&scenario);
        match parse(&text, "written.toml") {
            Ok(again) => prop_assert_eq!(again, scenario, "{}", text),
            Err(error) => prop_assert!(false, "{error}\n{text}"),
        }
    }
}

#[test]
fn what_toml_lacks_becomes_a_template() {
    let mut scenario = parse(&template("http", None).unwrap(), "http.toml").unwrap();
    scenario.requests[0].json = Some(json!({ "a": null, "b": [u64::MAX] }));
    let again = parse(&to_toml(&scenario), "http.toml").unwrap();
    let expected = json!({ "a": "{{ none }}", "b": ["{{ 18446744073709551615 }}"] });
    assert_eq!(again.requests[0].json, Some(expected));
}

#[test]
fn readable() {
    let scenario = read(&examples().join("journey.toml")).unwrap();
    insta::assert_snapshot!("journey", to_toml(&scenario));
    let scenario = read(&examples().join("text-generation.toml")).unwrap();
    insta::assert_snapshot!("text-generation", to_toml(&scenario));
}

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"))
}

fn right(name: &str, text: &str) -> Scenario {
    let shown = |error: ScenarioError| panic!("{error}\n{text}");
    let scenario = parse(text, name).unwrap_or_else(shown);
    match resolve(&scenario, &Overrides::default()) {
        Ok((resolved, _)) => resolved,
        Err(problem) => shown(ScenarioError::of_problem(text, name, problem)),
    }
}

#[test]
fn examples_are_right() {
    let mut count = 0;
    for entry in std::fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let scenario = right(&path.display().to_string(), &text);
            assert_eq!(scenario.name.as_deref(), path.file_stem().and_then(|stem| stem.to_str()));
            fits_schema(&text);
            count += 1;
        }
    }
    assert!(count >= 7, "{count}");
}

#[test]
fn templates_are_right() {
    for kind in KINDS.into_iter().chain(task_names()) {
        let text = template(kind, None).unwrap();
        let scenario = right(kind, &text);
        assert_eq!(scenario.name.as_deref(), Some(kind));
        let wide = text.lines().find(|line| line.starts_with('#') && line.chars().count() > 120);
        assert_eq!(wide, None);
        fits_schema(&text);
    }
    assert_eq!(template("chta", None), None);
}

/// What is behind `# key = …` is right as well, in its table.
#[test]
fn alternatives_of_templates_are_right() {
    for kind in KINDS.into_iter().chain(task_names()) {
        let text = template(kind, None).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let Some((key, value)) = line.strip_prefix("# ").and_then(|line| line.split_once(" = ")) else { continue };
            // Behind a header that is taken out as well stands another table.
            let header = lines[..index].iter().rev().find(|line| line.starts_with('[') || line.starts_with("# ["));
            if header.is_some_and(|header| header.starts_with("# [")) || key.contains(' ') {
                continue;
            }
            let changed = format!("{key} = {value}");
            let mut changed_lines = lines.clone();
            // In place of the line with the same key, if there is one in this table.
            let start = lines[..index].iter().rposition(|line| line.starts_with('[')).unwrap_or(0);
            let end = lines[index..].iter().position(|line| line.starts_with('[')).map_or(lines.len(), |at| index + at);
            changed_lines[index] = &changed;
            let same = format!("{key} = ");
            if let Some(at) = (start..end).find(|at| *at != index && lines[*at].starts_with(&same)) {
                changed_lines[at] = "";
            }
            if let Err(error) = parse(&changed_lines.join("\n"), kind) {
                panic!("{error}");
            }
        }
    }
}

#[test]
fn given_inputs_are_used() {
    let given = ExampleInputs {
        inputs: json!({ "question": "Who?", "context": "It was \"Ada\"." }),
        parameters: json!({ "top_k": 2 }).as_object().cloned(),
    };
    let text = template("question-answering", Some(given.clone())).unwrap();
    let request = &right("qa", &text).requests[0];
    assert_eq!(
        (request.inputs.as_ref(), request.parameters.as_ref()),
        (Some(&given.inputs), given.parameters.as_ref())
    );
    let given = ExampleInputs { inputs: json!("a 'b' \"c\"\n"), parameters: None };
    let scenario = right("s", &template("summarization", Some(given)).unwrap());
    assert_eq!(scenario.data["texts"].list, Some(vec![json!("a 'b' \"c\"\n")]));
}

/// As much of a JSON schema validator as the schema needs.
fn fits_schema(text: &str) {
    let schema: Value = serde_json::from_str(&schema()).expect("the schema is JSON");
    let value: Value = toml::from_str::<Value>(text).expect("the text is TOML");
    fits(&value, &schema, &schema).unwrap_or_else(|error| panic!("{error}\n{text}"));
}

fn fits(value: &Value, node: &Value, root: &Value) -> Result<(), String> {
    if let Some(reference) = node["$ref"].as_str() {
        return fits(
            value,
            root.pointer(reference.trim_start_matches('#')).expect("the reference leads somewhere"),
            root,
        );
    }
    if let Some(any) = node["anyOf"].as_array().or(node["oneOf"].as_array()) {
        let tried: Vec<_> = any.iter().map(|node| fits(value, node, root)).collect();
        return if tried.iter().any(Result::is_ok) { Ok(()) } else { Err(format!("{tried:?}")) };
    }
    if let Some(only) = node.get("const") {
        return if value == only { Ok(()) } else { Err(format!("{value} is not {only}")) };
    }
    if let Some(words) = node["enum"].as_array() {
        return if words.contains(value) { Ok(()) } else { Err(format!("{value} is not in {words:?}")) };
    }
    let kinds: Vec<&str> = match &node["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !(kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number")) {
        return Err(format!("{value} is not {kinds:?}"));
    }
    if let Some(members) = value.as_object() {
        for key in node["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            members.get(key).ok_or_else(|| format!("{value} lacks {key}"))?;
        }
        for (key, member) in members {
            match (node["properties"].get(key), node.get("additionalProperties")) {
                (Some(node), _) => fits(member, node, root)?,
                (None, Some(Value::Bool(false))) => return Err(format!("{key} is unknown")),
                (None, Some(node)) => fits(member, node, root)?,
                (None, None) => {}
            }
        }
    }
    for item in value.as_array().into_iter().flatten() {
        if let Some(node) = node.get("items") {
            fits(item, node, root)?;
        }
    }
    Ok(())
}

#[test]
fn the_schema_rejects_what_the_reader_rejects() {
    let schema: Value = serde_json::from_str(&schema()).expect("the schema is JSON");
    let text = std::fs::read_to_string(examples().join("sentiment.toml")).unwrap();
    for (part, with) in [("users = 10", "user = 10"), ("users = 10", "users = \"x\""), ("\"users\"", "\"user\"")] {
        let value: Value = toml::from_str(&text.replacen(part, with, 1)).unwrap();
        assert!(fits(&value, &schema, &schema).is_err(), "{with}");
    }
}
