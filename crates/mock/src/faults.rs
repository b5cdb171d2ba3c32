//! What can go wrong on purpose, and on which requests it does.

use crate::outcome::Class;
use crate::random::Random;
use crate::timing::parse_duration;
use serde::Deserialize;
use std::str::FromStr;
use std::time::Duration;

/// The kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An error status (`status`) at once, with the body that status has on Hugging Face; a 502 is HTML.
    Status,
    /// A 200 without a body.
    EmptyBody,
    /// A 200 whose JSON breaks off.
    MalformedJson,
    /// A 200 with `[]`.
    EmptyList,
    /// A 200 with JSON that is not the task's.
    WrongSchema,
    /// An error event half-way through a stream, which then ends.
    StreamError,
    /// Bytes that are not UTF-8 in one event of a stream. The standard has readers replace them: the class stays `ok`.
    InvalidUtf8,
    /// The body in pieces of `size` bytes (default 16), one every `interval` (default 10 ms).
    Drip,
    /// The connection is closed half-way through the body.
    Cut,
    /// The connection is reset instead of an answer.
    Reset,
    /// Half of the body, then silence.
    StallBody,
    /// A correct answer behind `size` bytes (default 10 MB) of white space, with a Content-Length.
    Big,
    /// The same in chunks.
    BigChunked,
    /// A stream without `[DONE]`.
    NoDone,
    /// A stream whose lines end in CR LF.
    Crlf,
    /// A stream with four events in each write.
    Coalesce,
    /// A stream whose every event comes in two writes, `interval` (default 1 ms) apart.
    Split,
    /// No answer at all.
    Hang,
}

impl FaultKind {
    /// The name used in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::EmptyBody => "empty_body",
            Self::MalformedJson => "malformed_json",
            Self::EmptyList => "empty_list",
            Self::WrongSchema => "wrong_schema",
            Self::StreamError => "stream_error",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::Drip => "drip",
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::StallBody => "stall_body",
            Self::Big => "big",
            Self::BigChunked => "big_chunked",
            Self::NoDone => "no_done",
            Self::Crlf => "crlf",
            Self::Coalesce => "coalesce",
            Self::Split => "split",
            Self::Hang => "hang",
        }
    }

    /// Whether the fault has a meaning for a streamed (or a plain) answer.
    fn applies_to(self, stream: bool) -> bool {
        match self {
            Self::Status | Self::Cut | Self::Reset | Self::StallBody | Self::Hang => true,
            Self::StreamError | Self::InvalidUtf8 | Self::NoDone | Self::Crlf | Self::Coalesce | Self::Split => stream,
            Self::EmptyBody
            | Self::MalformedJson
            | Self::EmptyList
            | Self::WrongSchema
            | Self::Drip
            | Self::Big
            | Self::BigChunked => !stream,
        }
    }
}

/// One kind of fault and how often it strikes: exactly one of `probability` and `every` is given. Only requests for
/// inference count that passed authorisation, quota and rate limit, and only those for which the kind has a meaning
/// (faults of streams strike streams). At most one fault strikes a request; the first of the list wins, and an
/// `every` that was due then strikes the next request, so that its count stays exact.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// The status of a `status` fault.
    #[serde(default)]
    pub status: Option<u16>,
    /// Bytes, for the kinds that have a size.
    #[serde(default)]
    pub size: Option<u64>,
    /// Time between writes, for the kinds that have one.
    #[serde(default, deserialize_with = "optional_time")]
    pub interval: Option<Duration>,
    /// Share of requests, from 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Every so many requests: the n-th, the 2n-th, …
    #[serde(default)]
    pub every: Option<u64>,
}

fn optional_time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    crate::timing::from_text(deserializer, "a time such as \"10ms\"", |text| parse_duration(text).map(Some))
}

impl Fault {
    /// A fault that strikes with this probability.
    pub fn random(kind: FaultKind, probability: f64) -> Self {
        Self { kind, status: None, size: None, interval: None, probability: Some(probability), every: None }
    }

    /// A fault that strikes every so many requests.
    pub fn every(kind: FaultKind, every: u64) -> Self {
        Self { kind, status: None, size: None, interval: None, probability: None, every: Some(every) }
    }

    /// The same with a status; for [`FaultKind::Status`].
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// How a client should count a request that it struck. (A cut and a silence both depend on the client: it sees a
    /// closed connection, or runs into its own limit.)
    pub fn class(&self) -> Class {
        match self.kind {
            FaultKind::Status => Class::of_status(self.status.unwrap_or(500)),
            FaultKind::EmptyBody | FaultKind::MalformedJson | FaultKind::EmptyList | FaultKind::WrongSchema => {
                Class::InvalidResponse
            }
            FaultKind::StreamError => Class::AppError,
            FaultKind::Cut | FaultKind::Reset => Class::Connect,
            FaultKind::StallBody | FaultKind::Hang => Class::Timeout,
            // JSON is UTF-8 (RFC 8259, section 8.1).
            FaultKind::InvalidUtf8 => Class::Protocol,
            FaultKind::Drip
            | FaultKind::Big
            | FaultKind::BigChunked
            | FaultKind::NoDone
            | FaultKind::Crlf
            | FaultKind::Coalesce
            | FaultKind::Split => Class::Ok,
        }
    }

    /// The name under which it is counted: the kind, and the status where there is one.
    pub fn label(&self) -> String {
        match self.status {
            Some(status) if self.kind == FaultKind::Status => format!("status_{status}"),
            _ => self.kind.as_str().to_owned(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let label = self.label();
        match (self.probability, self.every) {
            (Some(share), None) if (0.0..=1.0).contains(&share) => {}
            (None, Some(every)) if every > 0 => {}
            (Some(_), None) => return Err(format!("fault {label}: the probability must be between 0 and 1")),
            (None, Some(_)) => return Err(format!("fault {label}: `every` must be at least 1")),
            _ => return Err(format!("fault {label}: give either `probability` or `every`")),
        }
        match (self.kind == FaultKind::Status, self.status) {
            (true, Some(400..=599)) | (false, None) => {}
            (true, _) => return Err("fault status: give a `status` between 400 and 599".to_owned()),
            (false, Some(_)) => return Err(format!("fault {label}: only `status` faults have a status")),
        }
        if self.size.is_some_and(|size| size == 0 || size > 1 << 40) {
            return Err(format!("fault {label}: the size must be between 1 byte and 1 TB"));
        }
        Ok(())
    }
}

impl FromStr for Fault {
    type Err = String;

    /// Reads `KIND=SHARE` or `KIND=1/N`, KIND being a status (`503`) or a name (`cut`), with an optional size or
    /// interval behind a colon: `503=0.01`, `hang=1/100`, `big:5MB=0.1`, `drip:20ms=0.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a fault; write for example 503=0.01, cut=1/100 or big:10MB=0.1");
        let (what, rate) = text.split_once('=').ok_or_else(wrong)?;
        let (name, detail) = what.split_once(':').map_or((what, None), |(name, detail)| (name, Some(detail)));
        let name = name.trim().replace('-', "_");
        let (kind, status) = match name.parse::<u16>() {
            Ok(status) => (FaultKind::Status, Some(status)),
            Err(_) => {
                let name = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&name);
                (FaultKind::deserialize(name).map_err(|_| wrong())?, None)
            }
        };
        let (probability, every) = match rate.trim().strip_prefix("1/") {
            Some(every) => (None, Some(every.trim().parse().map_err(|_| wrong())?)),
            None => (Some(rate.trim().parse().map_err(|_| wrong())?), None),
        };
        let mut fault = Self { kind, status, size: None, interval: None, probability, every };
        if let Some(detail) = detail {
            match (parse_size(detail), parse_duration(detail)) {
                (Some(size), _) => fault.size = Some(size),
                (None, Ok(interval)) => fault.interval = Some(interval),
                _ => return Err(wrong()),
            }
        }
        fault.check()?;
        Ok(fault)
    }
}

/// `5MB`, `64kB`, `100B`.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.strip_suffix('b')?;
    let (digits, unit) = match digits.as_bytes().last()? {
        b'k' => (&digits[..digits.len() - 1], 1_000),
        b'm' => (&digits[..digits.len() - 1], 1_000_000),
        b'g' => (&digits[..digits.len() - 1], 1_000_000_000),
        _ => (digits, 1),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(unit)
}

/// Decides request by request which fault strikes.
#[derive(Debug)]
pub(crate) struct FaultPlan {
    faults: Vec<Fault>,
    seed: u64,
    seen: Vec<u64>,
    struck: Vec<u64>,
}

impl FaultPlan {
    pub(crate) fn new(faults: &[Fault], seed: u64) -> Self {
        Self { faults: faults.to_vec(), seed, seen: vec![0; faults.len()], struck: vec![0; faults.len()] }
    }

    /// The fault of the next request, by its place in the list.
    pub(crate) fn next(&mut self, stream: bool) -> Option<usize> {
        let mut hit = None;
        for (index, fault) in self.faults.iter().enumerate().filter(|(_, fault)| fault.kind.applies_to(stream)) {
            let seen = self.seen[index];
            self.seen[index] += 1;
            if hit.is_some() {
                continue;
            }
            let due = match (fault.every, fault.probability) {
                (Some(every), _) => self.struck[index] < (seen + 1) / every,
                (None, Some(share)) => Random::new(self.seed, 0xFA17 + index as u64, seen).unit() < share,
                (None, None) => false,
            };
            if due {
                self.struck[index] += 1;
                hit = Some(index);
            }
        }
        hit
    }

    /// Back to the state before the first request.
    pub(crate) fn reset(&mut self) {
        self.seen.fill(0);
        self.struck.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_text() {
        let read = |text: &str| text.parse::<Fault>();
        assert_eq!(read("503=0.01").unwrap(), Fault::random(FaultKind::Status, 0.01).with_status(503));
        assert_eq!(read("cut=1/100").unwrap(), Fault::every(FaultKind::Cut, 100));
        assert_eq!(read("big:5MB=1/2").unwrap().size, Some(5_000_000));
        assert_eq!(read("drip:20ms=0.5").unwrap().interval, Some(Duration::from_millis(20)));
        assert_eq!(read("stall-body=1").unwrap().kind, FaultKind::StallBody);
        for text in ["503", "200=0.1", "cut=2", "cut=1/0", "lost=0.1", "big:x=1", "status=0.1", "cut=-1", "cut=nan"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_is_exact_even_when_two_fall_together() {
        let faults = [Fault::every(FaultKind::Cut, 10), Fault::every(FaultKind::Reset, 10)];
        let mut plan = FaultPlan::new(&faults, 1);
        let mut counts = [0, 0];
        for _ in 0..1_001 {
            if let Some(index) = plan.next(false) {
                counts[index] += 1;
            }
        }
        assert_eq!(counts, [100, 100]);
    }

    #[test]
    fn probability_is_seeded() {
        let faults = [Fault::random(FaultKind::Hang, 0.1), Fault::random(FaultKind::NoDone, 0.1)];
        let run = |seed, stream| {
            let mut plan = FaultPlan::new(&faults, seed);
            (0..10_000).map(|_| plan.next(stream)).collect::<Vec<_>>()
        };
        assert_eq!(run(1, true), run(1, true));
        assert_ne!(run(1, true), run(2, true));
        let hits = run(1, true).iter().filter(|hit| **hit == Some(0)).count();
        assert!((900..1_100).contains(&hits), "{hits}");
        assert!(run(1, false).iter().all(|hit| *hit != Some(1)), "a plain answer has no [DONE] to lose");
    }
}
