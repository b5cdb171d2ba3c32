//! What the screen looks like.

use super::*;
use plimsoll_results::page::{
    Column, Named, PageData, PageError, PageHealth, PageRequest, PageSeries, PageStage, PageThreshold, PageTick,
    PageTile,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::time::Duration;

fn state() -> State {
    let mut data = PageData::default();
    data.run.title = "checkout".to_owned();
    data.run.target = "https://api.example".to_owned();
    let mut state = State::new(data);
    let stage = PageStage { label: "50 users".to_owned(), ..PageStage::default() };
    let request = PageRequest {
        name: "chat\u{1b}[2J".to_owned(),
        ok: 1200,
        failed: 3,
        throughput_rps: Some(118.0),
        p50: Some(41.5),
        p95: Some(120.25),
        ..PageRequest::default()
    };
    let error = PageError {
        class: "timeout".to_owned(),
        count: 3,
        example: "no answer\nin time".to_owned(),
        ..PageError::default()
    };
    let rule = |rule: &str, ok, enough| PageThreshold {
        rule: rule.to_owned(),
        ok,
        enough,
        text: "120 ms".to_owned(),
        ..PageThreshold::default()
    };
    let tile = |label: &str, text: &str, status| PageTile {
        label: label.to_owned(),
        text: text.to_owned(),
        status,
        ..PageTile::default()
    };
    let rows = |values: [f64; 5]| values.into_iter().map(Some).collect::<Column>();
    let columns = [("ok", [100.0, 110.0, 120.0, 118.0, 3.0]), ("p50", [40.0, 42.0, 41.0, 45.0, 1.0])];
    let columns = columns.into_iter().map(|(name, values)| (name.to_owned(), rows(values)));
    state.tick(&PageTick {
        tiles: Some(vec![tile("Median", "41.5 ms", Some(PageStatus::Ok)), tile("Failed", "0.25 %", None)]),
        stages: Some(vec![stage]),
        requests: Some(vec![request]),
        errors: Some(vec![error]),
        thresholds: Some(vec![rule("p(95) < 100ms", Some(false), true), rule("rate(failed) < 1%", Some(true), false)]),
        health: Some(vec![PageHealth { send_lag_p99: 0.31, busy: 0.12, ..PageHealth::default() }]),
        append: Some(PageSeries {
            step_s: 1.0,
            t: rows([0.0, 1.0, 2.0, 3.0, 4.0]),
            columns: columns.collect::<Named<Column>>(),
            ..PageSeries::default()
        }),
        ..PageTick::default()
    });
    state.line("--- 50 users ---\nWARNING: the pool of ports is small");
    state.elapsed = Duration::from_secs(3725);
    state
}

fn screen(state: &State, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state)).unwrap();
    let cells = terminal.backend().buffer().content.chunks(usize::from(width));
    let line = |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect::<String>();
    cells.map(|row| line(row).trim_end().to_owned() + "\n").collect()
}

#[test]
fn every_view() {
    let mut state = state();
    let mut all = String::new();
    for view in View::ALL {
        state.view = view;
        all += &screen(&state, 110, if view == View::Overview { 36 } else { 14 });
    }
    insta::assert_snapshot!(all);
}

#[test]
fn questions_lie_over_it() {
    let mut state = state();
    state.view = View::Log;
    let mut all = String::new();
    for mode in [Mode::Sure, Mode::Note("the cache is warm".to_owned()), Mode::Help] {
        state.mode = mode;
        all += &screen(&state, 90, 18);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn no_terminal_is_too_small_and_no_run_too_empty() {
    let empty = State::new(PageData::default());
    for mode in [Mode::Look, Mode::Help, Mode::Note("x".repeat(500))] {
        for view in View::ALL {
            for (width, height) in [(1, 1), (5, 40), (200, 3), (20, 6), (80, 24)] {
                let state = State { mode: mode.clone(), view, ..state() };
                screen(&state, width, height);
            }
        }
    }
    assert!(screen(&empty, 80, 24).contains("Nothing has been measured yet."));
}
