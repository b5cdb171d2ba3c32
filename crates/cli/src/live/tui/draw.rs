//! The screen.

use super::state::{Mode, State, View, plain};
use super::{charts, tables};
use plimsoll_results::page::PageStatus;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Flex, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};

const HELP: &str = "\
Tab, arrows, 1-5   another view
up, down, page     scroll
a                  set a note beside the run
q, Ctrl-C          stop the run, with its results; asks once
                   a second Ctrl-C after that ends it at once
?                  this help

Any key goes back.";

pub(super) fn draw(frame: &mut Frame<'_>, state: &State) {
    let [head, tiles, body, foot] =
        Layout::vertical([Constraint::Length(2), Constraint::Length(3), Constraint::Min(3), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(header(state)), head);
    draw_tiles(frame, tiles, state);
    match state.view {
        View::Overview => overview(frame, body, state),
        View::Requests => tables::requests(frame, body, state, state.scrolled),
        View::Errors => tables::errors(frame, body, state, state.scrolled),
        View::Generator => tables::generator(frame, body, state, state.scrolled),
        View::Log => tables::log(frame, body, state, state.scrolled),
    }
    frame.render_widget(Paragraph::new(footer(state)), foot);
    match &state.mode {
        Mode::Help => window(frame, "Keys", HELP, 64),
        Mode::Sure => {
            window(frame, "Stop the run?", "Its results so far are written.\n\ny  stop     any other key  go on", 44)
        }
        Mode::Note(text) => {
            window(frame, "A note beside the run", &format!("{text}_\n\nEnter  set it     Esc  leave it"), 64);
        }
        Mode::Look => {}
    }
}

fn header(state: &State) -> Vec<Line<'static>> {
    let run = &state.data.run;
    let seconds = state.elapsed.as_secs();
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let stage = state.data.stages.last().map(|stage| plain(&stage.label)).unwrap_or_default();
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut first =
        vec![Span::styled(plain(&run.title), bold), Span::raw(format!("  {}  {clock}  {stage}", plain(&run.target)))];
    if state.stopping {
        first.push(Span::styled("  stopping; Ctrl-C ends it at once", Style::new().fg(Color::Yellow)));
    }
    let banner = state.data.banner.as_deref().map(plain).unwrap_or_default();
    let views = View::ALL.iter().enumerate().map(|(index, view)| {
        let style = if *view == state.view { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        Span::styled(format!(" {} {} ", index + 1, view.title()), style)
    });
    let mut second: Vec<Span<'_>> = views.collect();
    second.push(Span::styled(format!("  {banner}"), Style::new().fg(Color::Red)));
    vec![Line::from(first), Line::from(second)]
}

fn draw_tiles(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let tiles = &state.data.tiles;
    if tiles.is_empty() {
        let waiting = Paragraph::new("Nothing has been measured yet.");
        return frame.render_widget(waiting.block(tables::block("Figures")), area);
    }
    // As many as there is room for.
    let room = (usize::from(area.width) / 18).clamp(1, tiles.len());
    let areas = Layout::horizontal(vec![Constraint::Ratio(1, room as u32); room]).split(area);
    for (tile, area) in tiles.iter().zip(areas.iter()) {
        let colour = match tile.status {
            Some(PageStatus::Ok) => Color::Green,
            Some(PageStatus::Bad) => Color::Red,
            Some(PageStatus::Unknown) => Color::Yellow,
            None => Color::Reset,
        };
        let text = Paragraph::new(plain(&tile.text)).alignment(Alignment::Center);
        let style = Style::new().fg(colour).add_modifier(Modifier::BOLD);
        frame.render_widget(text.style(style).block(tables::block(&plain(&tile.label))), *area);
    }
}

fn overview(frame: &mut Frame<'_>, area: Rect, state: &State) {
    if area.height < 14 {
        return charts::draw(frame, area, state);
    }
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Percentage(50), Constraint::Percentage(30), Constraint::Min(4)]).areas(area);
    charts::draw(frame, top, state);
    let [left, right] = Layout::horizontal([Constraint::Percentage(65), Constraint::Percentage(35)]).areas(middle);
    tables::requests(frame, left, state, 0);
    tables::thresholds(frame, right, state);
    tables::log(frame, bottom, state, state.scrolled);
}

fn footer(state: &State) -> Line<'static> {
    let newest = state.data.health.last();
    let lag = newest.map(|health| charts::milliseconds(health.send_lag_p99)).unwrap_or_else(|| "-".to_owned());
    let failed: u64 = state.data.errors.iter().map(|error| error.count).sum();
    let keys = "Tab views   a note   q stop   ? keys";
    Line::styled(format!("{keys}    errors {failed}   send lag p99 {lag}"), Style::new().fg(Color::Gray))
}

fn window(frame: &mut Frame<'_>, title: &str, text: &str, width: u16) {
    let all = frame.area();
    let width = width.min(all.width);
    // Long text goes on in the next line.
    let rows = text.lines().map(|line| 1 + line.chars().count() / usize::from(width.saturating_sub(2).max(1)));
    let height = u16::try_from(rows.sum::<usize>() + 2).unwrap_or(u16::MAX).min(all.height);
    let [row] = Layout::vertical([Constraint::Length(height)]).flex(Flex::Center).areas(all);
    let [area] = Layout::horizontal([Constraint::Length(width)]).flex(Flex::Center).areas(row);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }).block(tables::block(title)), area);
}

#[cfg(test)]
mod tests;
