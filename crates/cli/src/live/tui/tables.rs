//! Tables of the views.

use super::charts::{milliseconds, number};
use super::state::{State, plain};
use plimsoll_results::page::PageThreshold;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table};

pub(super) fn block(title: &str) -> Block<'static> {
    Block::new().borders(Borders::ALL).title(format!(" {title} "))
}

fn ms(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), milliseconds)
}

fn table(frame: &mut Frame<'_>, area: Rect, title: &str, head: &[&str], first: u16, rows: Vec<Row<'static>>) {
    let mut widths = vec![Constraint::Min(first)];
    widths.extend(head.iter().skip(1).map(|name| Constraint::Length((name.len() as u16).max(9))));
    let head = Row::new(head.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let table =
        Table::new(rows, widths).header(head.style(Style::new().add_modifier(Modifier::BOLD))).block(block(title));
    frame.render_widget(table, area);
}

/// The requests of each name; of several stages the newest first.
pub(super) fn requests(frame: &mut Frame<'_>, area: Rect, state: &State, scrolled: usize) {
    let several = state.data.stages.len() > 1;
    let mut requests: Vec<_> = state.data.requests.iter().collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.stage));
    let rows = requests.into_iter().skip(scrolled).map(|request| {
        let label = state.data.stages.iter().find(|stage| stage.index == request.stage).map(|stage| &stage.label);
        let name = match label.filter(|_| several) {
            Some(label) => format!("{} ({})", plain(&request.name), plain(label)),
            None => plain(&request.name),
        };
        let row = Row::new([
            name,
            request.ok.to_string(),
            request.failed.to_string(),
            request.throughput_rps.map_or_else(|| "-".to_owned(), number),
            ms(request.p50),
            ms(request.p95),
            ms(request.p99),
            ms(request.max),
        ]);
        if request.failed > 0 { row.style(Style::new().fg(Color::Red)) } else { row }
    });
    let head = ["name", "ok", "failed", "ok/s", "p50", "p95", "p99", "max"];
    table(frame, area, "Requests", &head, 16, rows.collect());
}

pub(super) fn errors(frame: &mut Frame<'_>, area: Rect, state: &State, scrolled: usize) {
    let rows = state.data.errors.iter().skip(scrolled).map(|error| {
        let seconds = error.last_s.map_or_else(|| "-".to_owned(), |last| format!("{last:.0} s"));
        let what = [error.name.as_deref().unwrap_or("all"), &error.example].map(plain);
        Row::new([what.join(": "), error.class.clone(), error.count.to_string(), seconds])
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return frame.render_widget(Paragraph::new("No request has failed.").block(block("Errors")), area);
    }
    let mut widths = vec![Constraint::Min(20)];
    widths.extend([Constraint::Length(16), Constraint::Length(9), Constraint::Length(9)]);
    let head = Row::new(["where and what", "class", "count", "last"]).style(Style::new().add_modifier(Modifier::BOLD));
    frame.render_widget(Table::new(rows, widths).header(head).block(block("Errors")), area);
}

pub(super) fn generator(frame: &mut Frame<'_>, area: Rect, state: &State, scrolled: usize) {
    let rows = state.data.health.iter().skip(scrolled).flat_map(|health| {
        let label = state.data.stages.iter().find(|stage| stage.index == health.stage).map(|stage| plain(&stage.label));
        let row = Row::new([
            label.unwrap_or_default(),
            milliseconds(health.send_lag_p50),
            milliseconds(health.send_lag_p99),
            milliseconds(health.send_lag_max),
            format!("{:.0} %", health.busy * 100.0),
            health.cpu_ms_per_request.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.3} ms")),
            health.lost_samples.to_string(),
        ]);
        let limits = health.limits.iter().map(|limit| Row::new([plain(limit)]).style(Style::new().fg(Color::Red)));
        std::iter::once(row).chain(limits.collect::<Vec<_>>())
    });
    let head = ["load", "lag p50", "lag p99", "lag max", "busy", "CPU/req", "lost"];
    let title = "How the load generator fares (lag: how late requests were sent)";
    table(frame, area, title, &head, 20, rows.collect());
}

pub(super) fn thresholds(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let rules = &state.data.thresholds;
    let text: Vec<Line<'_>> = if rules.is_empty() {
        vec![Line::from("This run has no rules.")]
    } else {
        // The newest stage's rules come last.
        rules.iter().rev().map(rule).collect()
    };
    frame.render_widget(Paragraph::new(text).block(block("Rules")), area);
}

fn rule(rule: &PageThreshold) -> Line<'static> {
    let (mark, colour) = match rule.ok {
        Some(true) if rule.enough => ("met   ", Color::Green),
        Some(true) => ("so far", Color::Yellow),
        Some(false) => ("BROKEN", Color::Red),
        None => ("      ", Color::Gray),
    };
    let scope = rule.scope.as_deref().map(|scope| format!("{}: ", plain(scope))).unwrap_or_default();
    let text = format!("{mark} {scope}{} ({})", plain(&rule.rule), plain(&rule.text));
    Line::styled(text, Style::new().fg(colour))
}

pub(super) fn log(frame: &mut Frame<'_>, area: Rect, state: &State, scrolled: usize) {
    let room = usize::from(area.height.saturating_sub(2));
    let end = state.log.len().saturating_sub(scrolled);
    let lines = state.log.iter().take(end).skip(end.saturating_sub(room)).map(|line| {
        let warns = line.starts_with("WARNING") || line.starts_with("error");
        Line::styled(line.clone(), if warns { Style::new().fg(Color::Yellow) } else { Style::new() })
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block("Log")), area);
}
