use super::*;
use plimsoll_model::Span;
use proptest::prelude::*;
use std::time::Duration;

const BURST_1: &str = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,GPT-4,1087,0,1087,API log
45.5,ChatGPT,417,276,693,Conversation log
";
const BURST_2: &str = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
45.5,s2,3.2,ChatGPT,417,276,693,Conversation log
5,,2.1,ChatGPT,472,18,490,API log
";
const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109";
const MOONCAKE: &str = r#"{"timestamp": 3000, "input_length": 1030, "output_length": 52, "hash_ids": [46, 47, 48]}
{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [46, 49]}
"#;
const OWN: &str = "timestamp,input_tokens,request,session,note\n1.5,10,ask,a,x\n1.25,,,,\n";

fn text(text: &str) -> Result<Vec<TraceRequest>, Problem> {
    parse(None, text.as_bytes())
}

fn times(requests: &[TraceRequest]) -> Vec<f64> {
    requests.iter().map(|request| request.at.as_secs_f64()).collect()
}

fn spec() -> ReplaySpec {
    serde_json::from_str(r#"{"file": "trace"}"#).unwrap()
}

/// Chooses from a trace as a scenario does.
fn replay(content: &str, spec: ReplaySpec) -> Result<Trace, Problem> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("trace"), content).unwrap();
    load(&spec, folder.path())
}

#[test]
fn burstgpt_is_read_in_both_versions() {
    let requests = text(BURST_1).unwrap();
    assert_eq!(times(&requests), [0.0, 40.5]);
    assert_eq!((requests[1].input_tokens, requests[1].output_tokens), (Some(417), Some(276)));
    let requests = text(BURST_2).unwrap();
    assert_eq!(times(&requests), [0.0, 40.5]);
    assert_eq!((requests[0].session.as_deref(), requests[1].session.as_deref()), (None, Some("s2")));
    assert_eq!(replay(BURST_1, spec()).unwrap().failures, 1);
}

#[test]
fn azure_is_read_to_the_tenth_of_a_microsecond() {
    let requests = text(AZURE).unwrap();
    assert_eq!(requests[1].at, Duration::from_nanos(4_314_579_000));
    assert_eq!((requests[1].input_tokens, requests[1].output_tokens), (Some(396), Some(109)));
    // A later year's has a zone, and more columns.
    let later = "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,1,2162,5\n\
                 2024-05-10 00:00:01+00:00,0,2399,6\n";
    assert_eq!(text(later).unwrap()[1].at, Duration::from_nanos(990_070_000));
}

#[test]
fn mooncake_is_read_with_its_blocks() {
    let requests = text(MOONCAKE).unwrap();
    assert_eq!(times(&requests), [0.0, 3.0]);
    assert_eq!((requests[1].blocks.as_slice(), requests[1].block_tokens), (&[46, 47, 48][..], 512));
    let (one, two) = (prompt_of(&requests[0], 1), prompt_of(&requests[1], 1));
    assert!(one.split(' ').zip(two.split(' ')).take(512).all(|(one, two)| one == two));
}

#[test]
fn our_own_has_what_it_has() {
    let requests = text(OWN).unwrap();
    assert_eq!(times(&requests), [0.0, 0.25]);
    assert_eq!(requests[0].input_tokens, None);
    assert_eq!(requests[1].request.as_deref(), Some("ask"));
    assert_eq!(requests[1].session.as_deref(), Some("a"));
    assert_eq!(text("timestamp\n1e3\n1001\n").unwrap().len(), 2);
}

#[test]
fn broken_traces_are_told_with_their_line() {
    for (content, what) in [
        ("", "is empty"),
        ("time,tokens\n1,2\n", "begins with \"time,tokens\""),
        ("timestamp\n", "has no requests"),
        ("timestamp\n1\nsoon\n", "has a line 3 whose time \"soon\" is not a number of seconds"),
        ("timestamp\nNaN\n", "is not a number of seconds"),
        ("timestamp\n1e300\n", "is not a number of seconds"),
        ("timestamp,input_tokens\n1,2\n2\n", "has a line 3 of 1 cells, and 2 in its first line"),
        ("timestamp,input_tokens\n1,-2\n", "has a line 2 where \"-2\" is not a number of tokens"),
        ("timestamp,input_tokens\n1,99999999\n", "is not a number of tokens"),
        ("Timestamp,Model,Request tokens\n1,GPT-4,3\n", "has no column `response tokens`"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n16/11/2023,1,1\n", "has a line 2 whose time"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,,1\n", "without its tokens"),
        (
            "{\"timestamp\": 1, \"input_length\": 3}\n\n{\"timestamp\": 1}\n",
            "has a line 3 that is not as it should be: missing",
        ),
        ("{\"timestamp\": 1, \"input_length\": 99999999}\n", "more than 10000000 tokens"),
        ("Timestamp,Model,Request tokens,Response tokens\n1,GPT-4,3,0\n", "no requests but 1 that failed"),
    ] {
        let problem = text(content).unwrap_err();
        assert_eq!(problem.at, "load.replay.file");
        assert!(problem.message.contains(what), "{content:?}: {problem}");
    }
    assert!(parse(None, &[0x1f, 0x8b, 8]).unwrap_err().message.contains("unpack"));
    assert!(parse(None, b"timestamp\n\xff").unwrap_err().message.contains("line 2"));
    let problem = read(&spec(), Path::new("/nowhere")).unwrap_err();
    assert_eq!(problem.to_string(), "load.replay.file: /nowhere/trace is not there");
}

#[test]
fn a_window_a_limit_a_speed_and_caps_are_kept() {
    let content = "timestamp,input_tokens,output_tokens\n10,100,10\n11,100,10\n12,100,10\n14,100,10\n20,100,10\n";
    let at = |seconds| Some(Span(Duration::from_secs(seconds)));
    let trace = |spec| replay(content, spec).unwrap().requests;
    assert_eq!(times(&trace(spec())), [0.0, 1.0, 2.0, 4.0, 10.0]);
    // Half a second after the window's start is half a second after the replay's.
    let window = ReplaySpec { start: Some(Span(Duration::from_millis(500))), end: at(4), ..spec() };
    assert_eq!(times(&trace(window.clone())), [0.5, 1.5, 3.5]);
    assert_eq!(times(&trace(ReplaySpec { speed: Some(2.0), limit: Some(2), ..window })), [0.25, 0.75]);
    let capped = trace(ReplaySpec { max_input_tokens: Some(60), max_output_tokens: Some(3), ..spec() });
    assert!(capped.iter().all(|request| (request.input_tokens, request.output_tokens) == (Some(60), Some(3))));
    let cut = replay(MOONCAKE, ReplaySpec { max_input_tokens: Some(513), ..spec() }).unwrap().requests;
    assert_eq!(cut[1].blocks, [46, 47]);
    for (wrong, at, what) in [
        (ReplaySpec { speed: Some(0.0), ..spec() }, "speed", "between"),
        (ReplaySpec { speed: Some(f64::NAN), ..spec() }, "speed", "between"),
        (ReplaySpec { limit: Some(0), ..spec() }, "limit", "at least 1"),
        (ReplaySpec { max_input_tokens: Some(0), ..spec() }, "max_input_tokens", "at least 1"),
        (ReplaySpec { start: at(5), end: at(5), ..spec() }, "end", "after the start"),
        (ReplaySpec { start: at(60), ..spec() }, "start", "the trace takes 10.0 s"),
    ] {
        let problem = replay(content, wrong).unwrap_err();
        assert_eq!(problem.at, format!("load.replay.{at}"));
        assert!(problem.message.contains(what), "{problem}");
    }
}

#[test]
fn equal_times_are_spread_up_to_the_next() {
    let trace = |content| times(&replay(content, ReplaySpec { spread: true, ..spec() }).unwrap().requests);
    assert_eq!(trace("timestamp\n0\n0\n0\n3\n4\n4\n"), [0.0, 1.0, 2.0, 3.0, 4.0, 4.5]);
    assert_eq!(trace("timestamp\n7\n7\n"), [0.0, 0.0]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, lines in "[0-9a-z,.:{}\"\\[\\]\n -]{0,80}") {
        let formats = [
            None,
            Some(TraceFormat::Burstgpt),
            Some(TraceFormat::Azure),
            Some(TraceFormat::Mooncake),
            Some(TraceFormat::Csv),
        ];
        for format in formats {
            let _ = parse(format, &bytes);
            for header in ["timestamp,input_tokens\n", "TIMESTAMP,ContextTokens,GeneratedTokens\n", BURST_1, MOONCAKE] {
                let _ = parse(format, format!("{header}{lines}").as_bytes());
            }
        }
    }

    #[test]
    fn times_are_in_order_and_spreading_keeps_order_and_count(seconds in prop::collection::vec(-50..50_i32, 1..60)) {
        let content: String =
            seconds.iter().enumerate().map(|(place, second)| format!("{second},{place}\n")).collect();
        let content = format!("timestamp,input_tokens\n{content}");
        let plain = text(&content).unwrap();
        prop_assert!(plain.is_sorted_by_key(|request| request.at));
        prop_assert_eq!(plain[0].at, Duration::ZERO);
        let spread = replay(&content, ReplaySpec { spread: true, ..spec() }).unwrap().requests;
        prop_assert!(spread.is_sorted_by_key(|request| request.at));
        let places = |requests: &[TraceRequest]| requests.iter().map(|one| one.input_tokens).collect::<Vec<_>>();
        prop_assert_eq!(places(&spread), places(&plain));
        prop_assert!(spread.iter().zip(&plain).all(|(spread, plain)| spread.at >= plain.at));
    }
}
