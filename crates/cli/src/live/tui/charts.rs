//! Throughput and times of the last minutes.

use super::state::State;
use plimsoll_results::page::Column;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Borders, Chart, Dataset, GraphType};

/// Rows that are drawn: a dot each on a usual terminal.
const ROWS: usize = 180;

type Points = Vec<(f64, f64)>;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let [left, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(area);
    let step = state.data.series.step_s.max(1.0);
    let per_second = |column| points(state, column).into_iter().map(|(t, count)| (t, count / step)).collect::<Points>();
    chart(
        frame,
        left,
        "Requests a second",
        &[("ok", Color::Green, per_second("ok")), ("failed", Color::Red, per_second("failed"))],
        number,
    );
    chart(
        frame,
        right,
        "Time",
        &[
            ("p50", Color::Cyan, points(state, "p50")),
            ("p95", Color::Yellow, points(state, "p95")),
            ("p99", Color::Magenta, points(state, "p99")),
        ],
        milliseconds,
    );
}

/// The last rows of a column.
fn points(state: &State, column: &str) -> Points {
    let series = &state.data.series;
    let none = Column::default();
    let column = series.columns.get(column).unwrap_or(&none);
    let rows = column.0.len();
    let all = series.t.0.iter().zip(&column.0).skip(rows.saturating_sub(ROWS));
    all.filter_map(|(t, value)| Some(((*t)?, (*value)?))).collect()
}

fn chart(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    lines: &[(&str, Color, Points)],
    shown: impl Fn(f64) -> String,
) {
    let all = || lines.iter().flat_map(|(_, _, points)| points);
    let most = all().map(|(_, value)| *value).fold(0.0, f64::max);
    let top = if most > 0.0 { most * 1.1 } else { 1.0 };
    let from = all().map(|(t, _)| *t).fold(f64::INFINITY, f64::min);
    let to = all().map(|(t, _)| *t).fold(0.0, f64::max);
    let (from, to) = if from.is_finite() { (from, to.max(from + 1.0)) } else { (0.0, 1.0) };
    let mut heading = vec![Span::raw(format!(" {title} "))];
    for (name, colour, points) in lines {
        let last = points.last().map_or_else(|| "-".to_owned(), |(_, value)| shown(*value));
        heading.push(Span::styled(format!(" {name} {last} "), Style::new().fg(*colour)));
    }
    let sets = lines.iter().map(|(_, colour, points)| {
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(*colour))
            .data(points)
    });
    let chart = Chart::new(sets.collect())
        .block(Block::new().borders(Borders::ALL).title(Line::from(heading)))
        .x_axis(
            Axis::default()
                .bounds([from, to])
                .labels([format!("{from:.0} s"), format!("{to:.0} s")])
                .labels_alignment(Alignment::Right),
        )
        .y_axis(Axis::default().bounds([0.0, top]).labels(["0".to_owned(), shown(top)]));
    frame.render_widget(chart, area);
}

pub(super) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms >= 10_000.0 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 10.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.2} ms"),
    }
}

pub(super) fn number(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
