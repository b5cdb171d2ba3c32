//! What happened when, over a whole run: the page's series.

use super::column::{Column, Named};
use super::edges;
use super::model::{OTHER, PageHeat, PageNameSeries, PageSeries};
use super::row::Row;
use crate::api::{Line, SeriesRow, micros};
use crate::steps::Steps;
use crate::{ApiSampleRecord, LatencyRecord, Phases, phases_of};
use plimsoll_model::{Clock, FailureClass, Metric, Outcome, Sample};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Most names with rows of their own.
const MOST_NAMES: usize = 20;

/// Most columns from outside.
const MOST_TOLD: usize = 100;

/// Which time of a request is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBasis {
    /// From the actual send: what the tables of Gradio runs show. Phases are shown too.
    Latency,
    /// From the intended start: what the tables of API runs show.
    Response,
}

impl TimeBasis {
    /// The metric that has it.
    pub(crate) fn metric(self) -> Metric {
        match self {
            Self::Latency => Metric::ServiceTime,
            Self::Response => Metric::ResponseTime,
        }
    }
}

/// The rows of a run, across all its tiers or levels: a second each, and two after an hour, and so on, so that their room
/// is bounded. Warm-up is in them too. Requests given up because the run was stopped are not.
#[derive(Debug)]
pub struct Rows {
    basis: TimeBasis,
    /// Its wall clock is of no use here; a record asks for one.
    clock: Clock,
    steps: Steps<Row>,
    names: Vec<Arc<str>>,
    classes: Vec<FailureClass>,
    told: Vec<Told>,
    stages: Vec<Mark>,
    /// Lowest row that has changed since [`Rows::take_new`].
    changed: Option<usize>,
    /// Length of a row then.
    taken_step: u64,
    /// Room for the times of a sample's chunks.
    chunks: Vec<u64>,
    /// Whether to count the requests under way.
    concurrency: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Told {
    name: String,
    server: bool,
}

/// A tier or level on the time line, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Mark {
    stage: usize,
    from: u64,
    measured_from: u64,
    to: Option<u64>,
}

/// What a row keeps of a request. Times in microseconds.
pub(crate) struct Seen<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) time: u64,
    pub(crate) lag: u64,
    pub(crate) output_tokens: u32,
    pub(crate) chunks: &'a [u64],
}

impl Rows {
    /// No rows.
    pub fn new(basis: TimeBasis) -> Self {
        Self {
            basis,
            clock: Clock::start(),
            steps: Steps::default(),
            names: Vec::new(),
            classes: Vec::new(),
            told: Vec::new(),
            stages: Vec::new(),
            changed: None,
            taken_step: 1,
            chunks: Vec::new(),
            concurrency: false,
        }
    }

    /// Rows of a run that is over: how many requests were under way, on average over a row, is their column `active`. It
    /// follows from when requests began and ended, so that while a run goes on the newest rows would have too few.
    #[must_use]
    pub fn with_concurrency(mut self) -> Self {
        self.concurrency = true;
        self
    }

    /// Whether no request has been added.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// A stage begins, or its warm-up has turned out to be another one.
    pub fn begin(&mut self, stage: usize, at: Duration, warmup: Duration) {
        let (from, measured_from) = (micros(at), micros(at.saturating_add(warmup)));
        self.stages.retain(|mark| mark.stage != stage);
        self.stages.push(Mark { stage, from, measured_from, to: None });
        self.touch(from);
    }

    /// The stage that began last is over.
    pub fn end(&mut self, at: Duration) {
        let at = micros(at);
        if let Some(mark) = self.stages.last_mut() {
            mark.to = Some(at.max(mark.from));
            self.touch(at);
        }
    }

    /// Adds a request as it was measured.
    pub fn add(&mut self, sample: &Sample) {
        let mut chunks = std::mem::take(&mut self.chunks);
        self.add_line(&Line::of(sample, &mut chunks));
        self.chunks = chunks;
        if self.basis == TimeBasis::Latency && sample.outcome.is_ok() {
            self.add_phases(micros(sample.end), &phases_of(&LatencyRecord::new(sample, &self.clock), None, false));
        }
    }

    /// Adds a line of an API run's `samples.jsonl`.
    pub fn add_record(&mut self, record: &ApiSampleRecord) {
        self.add_line(&record.line());
    }

    /// Adds a line of a Gradio run's `client_latencies.jsonl`.
    pub fn add_latency(&mut self, record: &LatencyRecord) {
        let sample = ApiSampleRecord::from(record);
        self.add_line(&sample.line());
        if let Some(phases) = &record.phases {
            self.add_phases(sample.end, phases);
        } else if record.success {
            self.add_phases(sample.end, &phases_of(record, None, false));
        }
    }

    /// Puts a value from outside into the row of this moment, as a column beside the computed ones: `active`, `busy`, …
    /// The last one in a row counts.
    pub fn set(&mut self, at: Duration, column: &str, value: f64) {
        self.tell(at, column, false, value);
    }

    /// Puts a value that the target told of itself into the row of this moment.
    pub fn set_server(&mut self, at: Duration, metric: &str, value: f64) {
        self.tell(at, metric, true, value);
    }

    /// All rows.
    pub fn series(&self) -> PageSeries {
        self.part(0..self.steps.rows().len())
    }

    /// The rows that are over at this moment and have changed since this was last called, and all after them up to that
    /// moment; `None` when none has. When rows have become longer, these are all rows.
    pub fn take_new(&mut self, until: Duration) -> Option<PageSeries> {
        let mut first = self.changed?;
        if self.steps.step_seconds() != self.taken_step {
            first = 0;
        }
        let rows = self.steps.rows().len();
        let over = usize::try_from(until.as_secs() / self.steps.step_seconds()).unwrap_or(rows).min(rows);
        if first >= over {
            return None;
        }
        self.taken_step = self.steps.step_seconds();
        // The one that goes on comes once it is over.
        self.changed = (over < rows).then_some(over);
        Some(self.part(first..over))
    }

    fn add_line(&mut self, line: &Line<'_>) {
        if line.outcome == Outcome::Failed(FailureClass::Cancelled) {
            return;
        }
        if let Outcome::Failed(class) = line.outcome
            && let Err(at) = self.classes.binary_search(&class)
        {
            self.classes.insert(at, class);
        }
        let name = self.name(line.name);
        let from = if self.basis == TimeBasis::Latency { line.sent } else { line.intended };
        let seen = Seen {
            outcome: line.outcome,
            time: line.end.saturating_sub(from),
            lag: line.sent.saturating_sub(line.intended),
            output_tokens: line.tokens.map_or(0, |tokens| tokens.output),
            chunks: line.chunks,
        };
        self.touch(line.end).add(name, &seen);
        if self.concurrency {
            self.add_under_way(line.sent, line.end);
        }
    }

    /// Every row that a request covers.
    fn add_under_way(&mut self, sent: u64, end: u64) {
        let mut at = sent;
        while at < end {
            let step = self.steps.step_seconds().saturating_mul(1_000_000);
            let next = (at / step + 1).saturating_mul(step).min(end);
            let row = self.steps.row(at / 1_000_000);
            row.under_way = row.under_way.saturating_add(next - at);
            at = next;
        }
    }

    fn add_phases(&mut self, end: u64, phases: &Phases) {
        self.touch(end).add_phases(phases);
    }

    fn tell(&mut self, at: Duration, name: &str, server: bool, value: f64) {
        if !value.is_finite() {
            return;
        }
        let column = match self.told.iter().position(|told| told.server == server && told.name == name) {
            Some(column) => column,
            // More than anybody could look at: a target that names its users in its metrics.
            None if self.told.len() >= MOST_TOLD => return,
            None => {
                self.told.push(Told { name: name.to_owned(), server });
                self.told.len() - 1
            }
        };
        self.touch(micros(at)).tell(column, value);
    }

    /// The place of a name; the place after the last one for names that are too many.
    fn name(&mut self, name: &str) -> usize {
        if let Some(place) = self.names.iter().position(|other| **other == *name) {
            return place;
        }
        if self.names.len() < MOST_NAMES {
            self.names.push(name.into());
            return self.names.len() - 1;
        }
        MOST_NAMES
    }

    /// The row of this moment, which is about to change.
    fn touch(&mut self, at: u64) -> &mut Row {
        let second = at / 1_000_000;
        let rows_before = self.steps.rows().len();
        self.steps.row(second);
        // Less than 3,600. Rows that are made on the way are new as well.
        let index = (second / self.steps.step_seconds()) as usize;
        let first = index.min(rows_before);
        self.changed = Some(self.changed.map_or(first, |changed| changed.min(first)));
        self.steps.row(second)
    }

    /// The rows from this one on. Columns are there if any row of the run has a value, so that each of them is in every
    /// part, once it is there.
    fn part(&self, part: Range<usize>) -> PageSeries {
        let (all, step) = (self.steps.rows(), self.steps.step_seconds());
        let rows = &all[part.clone()];
        let starts = (part.start as u64..).map(|index| index * step).take(rows.len());
        let places: Vec<(i64, u8)> = starts.clone().map(|start| self.place(start)).collect();
        let has_names = all.iter().map(|row| row.names.len()).max().unwrap_or(0);
        let names = self.names.iter().map(AsRef::as_ref).chain([OTHER]).take(has_names);
        PageSeries {
            step_s: step as f64,
            t: starts.collect(),
            stage: places.iter().map(|(stage, _)| *stage).collect(),
            warmup: places.iter().map(|(_, warmup)| *warmup).collect(),
            columns: self.columns(part.clone()),
            errors: self
                .classes
                .iter()
                .map(|class| {
                    let counts = rows.iter().map(|row| row.all.failed_with(*class)).collect();
                    (class.as_str().to_owned(), counts)
                })
                .collect(),
            names: names.enumerate().map(|(place, name)| (name.to_owned(), name_series(rows, place))).collect(),
            phases: self.phases(part.clone()),
            heat: PageHeat {
                edges_ms: edges::all_edges(),
                rows: rows.iter().map(|row| edges::sparse(&row.all.times)).collect(),
            },
            server: self.told(part, true).collect(),
        }
    }

    fn columns(&self, part: Range<usize>) -> Named<Column> {
        type Cell = fn(&Row) -> Option<f64>;
        let cells: [(&str, Cell); 12] = [
            ("ok", |row| Some(row.all.ok as f64)),
            ("failed", |row| Some(row.all.failures() as f64)),
            ("p50", |row| row.all.quantile_ms(0.50)),
            ("p90", |row| row.all.quantile_ms(0.90)),
            ("p95", |row| row.all.quantile_ms(0.95)),
            ("p99", |row| row.all.quantile_ms(0.99)),
            ("ttft_p50", |row| Some(row.ttft.quantile(0.50)? as f64 / 1e3)),
            ("ttft_p95", |row| Some(row.ttft.quantile(0.95)? as f64 / 1e3)),
            ("itl_p50", |row| Some(row.gaps.quantile(0.50)? as f64 / 1e3)),
            ("itl_p95", |row| Some(row.gaps.quantile(0.95)? as f64 / 1e3)),
            ("output_tokens", |row| (row.all.output_tokens > 0).then_some(row.all.output_tokens as f64)),
            ("send_lag_p99", |row| Some(row.lag.quantile(0.99)? as f64 / 1e3)),
        ];
        let rows = self.steps.rows();
        let micros = self.steps.step_seconds() as f64 * 1e6;
        let computed = cells
            .into_iter()
            .filter(|(_, cell)| rows.iter().any(|row| cell(row).is_some()))
            .map(|(name, cell)| (name.to_owned(), rows[part.clone()].iter().map(cell).collect()));
        let told = self.told(part.clone(), false).filter(|(name, _)| cells.iter().all(|(other, _)| other != name));
        let active = || {
            ("active".to_owned(), rows[part.clone()].iter().map(|row| Some(row.under_way as f64 / micros)).collect())
        };
        let is_told = self.told.iter().any(|told| !told.server && told.name == "active");
        computed.chain((self.concurrency && !is_told).then(active)).chain(told).collect()
    }

    fn phases(&self, part: Range<usize>) -> Named<Column> {
        let rows = self.steps.rows();
        let happened = |phase: usize| rows.iter().any(|row| row.phase(phase).is_some_and(|mean| mean != 0.0));
        let all = Phases::NAMES.into_iter().enumerate().filter(|(phase, _)| happened(*phase));
        all.map(|(phase, name)| (name.to_owned(), rows[part.clone()].iter().map(|row| row.phase(phase)).collect()))
            .collect()
    }

    fn told(&self, part: Range<usize>, server: bool) -> impl Iterator<Item = (String, Column)> + '_ {
        let rows = &self.steps.rows()[part];
        let of = move |(_, told): &(usize, &Told)| told.server == server;
        self.told.iter().enumerate().filter(of).map(move |(place, told)| {
            (told.name.clone(), rows.iter().map(|row| row.told.get(place).copied().flatten()).collect())
        })
    }

    /// The stage that covers most of a row, and whether the most of what it covers is warm-up.
    fn place(&self, start: u64) -> (i64, u8) {
        let micros = |second: u64| second.saturating_mul(1_000_000);
        let (from, to) = (micros(start), micros(start + self.steps.step_seconds()));
        let covers = |mark: &Mark| mark.to.unwrap_or(u64::MAX).min(to).saturating_sub(mark.from.max(from));
        // Of equals the later one.
        match self.stages.iter().max_by_key(|mark| covers(mark)).filter(|mark| covers(mark) > 0) {
            Some(mark) => {
                let (from, to) = (mark.from.max(from), mark.to.unwrap_or(u64::MAX).min(to));
                (mark.stage as i64, u8::from(u64::midpoint(from, to) < mark.measured_from))
            }
            None => (-1, 0),
        }
    }
}

fn name_series(rows: &[Row], place: usize) -> PageNameSeries {
    let of = |row: &Row| row.names.get(place).and_then(Option::as_deref).cloned();
    let rows: Vec<Option<SeriesRow>> = rows.iter().map(of).collect();
    let count = |of: fn(&SeriesRow) -> u64| rows.iter().map(|row| row.as_ref().map_or(0, of)).collect();
    let quantile = |q: f64| rows.iter().map(|row| row.as_ref().and_then(|row| row.quantile_ms(q))).collect();
    PageNameSeries {
        ok: count(|row| row.ok),
        failed: count(SeriesRow::failures),
        p50: quantile(0.50),
        p95: quantile(0.95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{failed, generator, sample};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(mut sample: Sample, end: f64) -> Sample {
        let end = Duration::from_secs_f64(end);
        let shift = end.saturating_sub(sample.end);
        for stamp in [&mut sample.intended, &mut sample.sent, &mut sample.end] {
            *stamp += shift;
        }
        sample.timeline.chunks.iter_mut().for_each(|chunk| *chunk += shift);
        sample
    }

    #[test]
    fn a_row_says_what_ended_in_it() {
        let mut rows = Rows::new(TimeBasis::Latency);
        rows.begin(0, Duration::from_millis(1_200), SECOND);
        rows.add(&at(generator(0, 0), 2.5));
        rows.add(&at(failed(0, 1, FailureClass::Timeout, "x"), 3.5));
        rows.add(&at(failed(0, 2, FailureClass::Cancelled, "x"), 9.0));
        rows.set(SECOND * 3, "active", 7.0);
        rows.set(SECOND * 3, "active", 8.0);
        rows.set_server(SECOND * 3, "vllm:num_requests_running", 2.5);
        rows.end(Duration::from_millis(3_900));
        let series = rows.series();
        let column = |name: &str| series.columns.get(name).unwrap().0.clone();
        assert_eq!((series.step_s, series.t.0.len()), (1.0, 4));
        assert_eq!(
            (series.stage.as_slice(), series.warmup.as_slice()),
            ([-1, 0, 0, 0].as_slice(), [0, 1, 0, 0].as_slice())
        );
        assert_eq!(column("ok"), [0.0, 0.0, 1.0, 0.0].map(Some));
        assert_eq!(column("failed"), [0.0, 0.0, 0.0, 1.0].map(Some));
        assert_eq!(column("active"), [None, None, None, Some(8.0)]);
        assert_eq!(series.server.get("vllm:num_requests_running").unwrap().0[3], Some(2.5));
        assert_eq!(series.errors.get("timeout").unwrap().0, [0.0, 0.0, 0.0, 1.0].map(Some));
        let near = |value: Option<f64>, expected: f64| (value.unwrap() / expected - 1.0).abs() < 0.02;
        assert!(near(column("p95")[2], 64.25) && near(column("ttft_p50")[2], 40.0) && near(column("itl_p95")[2], 7.0));
        assert!(
            near(series.phases.get("queue_wait").unwrap().0[2], 20.0) && series.columns.get("output_tokens").is_none()
        );
        assert_eq!((series.names.0.len(), &series.names.0[0].0), (1, &"/predict".to_owned()));
        assert_eq!((series.heat.rows[2].len(), series.heat.rows[3].len()), (2, 0));
    }

    #[test]
    fn new_rows_take_the_place_of_the_newest() {
        let all = Duration::MAX;
        let mut rows = Rows::new(TimeBasis::Response);
        assert!(rows.take_new(all).is_none());
        rows.add(&at(sample(0, 0), 1.5));
        assert_eq!(rows.take_new(all).unwrap().t.0, [Some(0.0), Some(1.0)]);
        assert!(rows.take_new(all).is_none());
        rows.add(&at(sample(0, 1), 1.7));
        rows.add(&at(sample(0, 1), 3.7));
        // The row that goes on is kept back.
        let new = rows.take_new(3 * SECOND + SECOND / 2).unwrap();
        assert_eq!(
            (new.t.0.as_slice(), &new.columns.get("ok").unwrap().0),
            ([1.0, 2.0].map(Some).as_slice(), &[2.0, 0.0].map(Some).to_vec())
        );
        assert!(rows.take_new(3 * SECOND + SECOND / 2).is_none());
        assert_eq!(rows.take_new(4 * SECOND).unwrap().t.0, [Some(3.0)]);
        // So late that rows become longer: all of them are new.
        rows.add(&at(sample(0, 1), 3_600.5));
        let new = rows.take_new(all).unwrap();
        assert_eq!((new.step_s, new.t.0[0], new.t.0.len(), new), (2.0, Some(0.0), 1801, rows.series()));
    }

    #[test]
    fn names_beyond_the_twentieth_are_one() {
        let mut rows = Rows::new(TimeBasis::Response);
        for name in 0..50 {
            rows.add(&Sample { name: format!("name {name}").into(), ..at(sample(0, 0), 1.0) });
        }
        let series = rows.series();
        assert_eq!(series.names.0.len(), MOST_NAMES + 1);
        assert_eq!(series.names.get(OTHER).unwrap().ok.0, [Some(0.0), Some(30.0)]);
    }

    #[test]
    fn the_file_of_a_tier_gives_the_same_rows() {
        let clock = Clock::start();
        let (mut live, mut read) = (Rows::new(TimeBasis::Latency), Rows::new(TimeBasis::Latency));
        for sample in [generator(0, 0), at(sample(1, 0), 2.0), failed(2, 0, FailureClass::QueueFull, "full")] {
            live.add(&sample);
            read.add_latency(&LatencyRecord::new(&sample, &clock));
        }
        assert_eq!(live.series(), read.series());
    }

    #[test]
    fn a_stage_without_warm_up_has_none_wherever_it_begins() {
        let mut rows = Rows::new(TimeBasis::Latency);
        for (stage, from, to) in [(0, 1_800, 2_100), (1, 2_200, 2_400)] {
            rows.begin(stage, Duration::from_millis(from), Duration::ZERO);
            rows.end(Duration::from_millis(to));
        }
        let series = rows.series();
        assert_eq!((series.stage, series.warmup), (vec![-1, 0, 1], vec![0, 0, 0]));
    }

    #[test]
    fn requests_under_way_are_an_average() {
        let mut rows = Rows::new(TimeBasis::Latency).with_concurrency();
        for end in [2.5, 2.0] {
            let mut sample = at(sample(0, 0), end);
            sample.sent = Duration::from_millis(500);
            rows.add(&sample);
        }
        let active = rows.series().columns.get("active").unwrap().0.clone();
        assert_eq!(active, [1.0, 2.0, 0.5].map(Some));
    }

    #[test]
    fn absurd_stamps_are_no_panic() {
        let mut rows = Rows::new(TimeBasis::Response);
        rows.begin(0, Duration::MAX, Duration::MAX);
        rows.set(Duration::MAX, "active", 1.0);
        rows.add_record(&ApiSampleRecord { end: u64::MAX, ..ApiSampleRecord::new(&sample(0, 0)) });
        assert!(rows.series().t.0.len() <= 3600);
        let mut rows = Rows::new(TimeBasis::Response).with_concurrency();
        let always = ApiSampleRecord { sent: 0, end: u64::MAX, ..ApiSampleRecord::new(&sample(0, 0)) };
        (0..2).for_each(|_| rows.add_record(&always));
        assert!(rows.series().t.0.len() <= 3600);
    }
}
