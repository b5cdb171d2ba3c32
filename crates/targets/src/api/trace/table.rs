//! Traces that are CSV: BurstGPT's, Azure's, and our own. Columns are found by their names, so that the versions of a
//! format are one.

use super::{MOST_TOKENS, Recorded, Recording, nanoseconds};
use csv::StringRecord;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use plimsoll_model::TraceRequest;
use plimsoll_model::scenario::TraceFormat;

/// The columns of a format. All but the time may be absent, unless it is said otherwise.
struct Columns {
    format: &'static str,
    time: &'static str,
    input: &'static str,
    output: &'static str,
    session: &'static str,
    request: &'static str,
    /// Whether the tokens must be there.
    tokens: bool,
    /// Whether no output says that the request failed.
    failures: bool,
    /// Whether times are dates and not seconds.
    dates: bool,
}

const BURSTGPT: Columns = Columns {
    format: "burstgpt",
    time: "timestamp",
    input: "request tokens",
    output: "response tokens",
    session: "session id",
    request: "",
    tokens: true,
    failures: true,
    dates: false,
};

const AZURE: Columns = Columns {
    format: "azure",
    time: "timestamp",
    input: "contexttokens",
    output: "generatedtokens",
    session: "",
    request: "",
    tokens: true,
    failures: false,
    dates: true,
};

const OWN: Columns = Columns {
    format: "csv",
    time: "timestamp",
    input: "input_tokens",
    output: "output_tokens",
    session: "session",
    request: "request",
    tokens: false,
    failures: false,
    dates: false,
};

/// Which format a header belongs to.
pub(super) fn guess(header: &str) -> Option<TraceFormat> {
    let names: Vec<String> = header.split(',').map(plain).collect();
    let has = |name: &str| names.iter().any(|known| known == name);
    if !has("timestamp") {
        None
    } else if has(BURSTGPT.input) {
        Some(TraceFormat::Burstgpt)
    } else if has(AZURE.input) {
        Some(TraceFormat::Azure)
    } else {
        Some(TraceFormat::Csv)
    }
}

fn plain(name: &str) -> String {
    name.trim().trim_matches('"').to_ascii_lowercase()
}

pub(super) fn read(format: TraceFormat, text: &str) -> Result<Recording, String> {
    let columns = match format {
        TraceFormat::Burstgpt => &BURSTGPT,
        TraceFormat::Azure => &AZURE,
        TraceFormat::Csv | TraceFormat::Mooncake => &OWN,
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().map_err(|error| wrong_csv(&error))?.iter().map(plain).collect();
    let place = |name: &str| header.iter().position(|known| known == name);
    let needed = |name: &str| {
        place(name).ok_or_else(|| {
            format!("has no column `{name}` in its first line, which the format {} needs", columns.format)
        })
    };
    let tokens = |name: &str| if columns.tokens { needed(name).map(Some) } else { Ok(place(name)) };
    let row = Row {
        columns,
        time: needed(columns.time)?,
        input: tokens(columns.input)?,
        output: tokens(columns.output)?,
        session: place(columns.session),
        request: place(columns.request),
    };
    let mut recording = Recording::default();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| wrong_csv(&error))? {
        let read = row
            .read(&record)
            .map_err(|what| format!("has a line {} {what}", record.position().map_or(0, csv::Position::line)))?;
        if columns.failures && read.request.output_tokens == Some(0) {
            recording.failures += 1;
        } else {
            recording.requests.push(read);
        }
    }
    Ok(recording)
}

/// Where a record has what.
struct Row<'a> {
    columns: &'a Columns,
    time: usize,
    input: Option<usize>,
    output: Option<usize>,
    session: Option<usize>,
    request: Option<usize>,
}

impl Row<'_> {
    fn read(&self, record: &StringRecord) -> Result<Recorded, String> {
        let cell = |place: Option<usize>| place.and_then(|place| record.get(place)).filter(|cell| !cell.is_empty());
        let tokens = |place| cell(place).map(tokens).transpose();
        let time = cell(Some(self.time)).unwrap_or_default();
        let request = TraceRequest {
            input_tokens: tokens(self.input)?,
            output_tokens: tokens(self.output)?,
            session: cell(self.session).map(Into::into),
            request: cell(self.request).map(Into::into),
            ..TraceRequest::default()
        };
        if self.columns.tokens && (request.input_tokens.is_none() || request.output_tokens.is_none()) {
            return Err("without its tokens".to_owned());
        }
        let at = if self.columns.dates { date(time) } else { time.parse().ok().and_then(nanoseconds) };
        let kind = if self.columns.dates { "a date such as 2023-11-16 18:15:46.68" } else { "a number of seconds" };
        let at = at.ok_or_else(|| format!("whose time {time:?} is not {kind}"))?;
        Ok(Recorded { at, request })
    }
}

/// A number of tokens. Some tools write whole numbers as `12.0`.
fn tokens(cell: &str) -> Result<u32, String> {
    let number = match cell.parse::<u32>() {
        Ok(number) => Some(number),
        Err(_) => cell
            .parse::<f64>()
            .ok()
            .filter(|number| number.fract() == 0.0 && (0.0..=f64::from(MOST_TOKENS)).contains(number))
            .map(|number| number as u32),
    };
    number
        .filter(|number| *number <= MOST_TOKENS)
        .ok_or_else(|| format!("where {cell:?} is not a number of tokens (at most {MOST_TOKENS})"))
}

/// A date with or without a zone; without one it is taken for UTC, as only distances count.
fn date(text: &str) -> Option<i64> {
    let timestamp = match text.parse::<jiff::Timestamp>() {
        Ok(timestamp) => timestamp,
        Err(_) => TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok()?,
    };
    i64::try_from(timestamp.as_nanosecond()).ok()
}

fn wrong_csv(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("has a line {line} of {len} cells, and {expected_len} in its first line")
        }
        _ => format!("is not valid CSV: {error}"),
    }
}
