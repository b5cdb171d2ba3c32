//! The same change points as Apache Otava 0.8.0 finds; `otava/make.py` made the answers.

use plimsoll_stats::{ChangePoint, ChangePointOptions, change_points};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    values: Vec<f64>,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    options: ChangePointOptions,
    points: Vec<ChangePoint>,
}

#[test]
fn agrees_with_otava() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("otava/series.json")).unwrap();
    assert!(cases.len() >= 20);
    for Case { name, values, answers } in &cases {
        for Answer { options, points } in answers {
            let got = change_points(values, options).unwrap();
            let indices = |points: &[ChangePoint]| points.iter().map(|point| point.index).collect::<Vec<_>>();
            assert_eq!(indices(&got), indices(points), "{name}, {options:?}");
            for (got, expected) in got.iter().zip(points) {
                let close = |got: f64, expected: f64| (got - expected).abs() <= 1e-9 * expected.abs() + 1e-12;
                assert!(close(got.mean_before, expected.mean_before), "{name}: {got:?} {expected:?}");
                assert!(close(got.mean_after, expected.mean_after), "{name}: {got:?} {expected:?}");
                assert!(close(got.change, expected.change), "{name}: {got:?} {expected:?}");
                assert!((got.p - expected.p).abs() <= 1e-6 * expected.p + 1e-200, "{name}: {got:?} {expected:?}");
            }
        }
    }
}
