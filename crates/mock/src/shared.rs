//! What all event loops of a server share.

use crate::config::MockConfig;
use crate::faults::{Fault, FaultPlan};
use crate::gate::{Gate, Ticket};
use crate::limits::Limits;
use crate::stats::{MockStats, Moment, Stats};
use crate::truth::Truth;
use crate::vectors::Vectors;
use mio::Waker;
use mio::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one loop tells another.
#[derive(Debug)]
pub(crate) enum Letter {
    /// A new connection to look after.
    Connection(TcpStream),
    /// A waiting request's turn has come.
    Start(Ticket),
}

/// Where a loop's letters lie, and the bell beside it.
#[derive(Debug)]
pub(crate) struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    pub waker: Waker,
}

impl Mailbox {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { letters: Mutex::default(), waker }
    }

    pub(crate) fn put(&self, letter: Letter) {
        lock(&self.letters).push(letter);
        // The pipe behind it is full only when the loop is about to wake anyway.
        let _ = self.waker.wake();
    }

    pub(crate) fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut lock(&self.letters))
    }
}

/// A panic in one loop must not take the others down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server, less its loops. Everything that most servers do not model is absent, so that it costs nothing.
pub(crate) struct Shared {
    pub config: MockConfig,
    pub vectors: Vectors,
    pub gate: Option<Mutex<Gate>>,
    pub limits: Option<Mutex<Limits>>,
    faults: Option<Mutex<FaultPlan>>,
    fault_labels: Vec<String>,
    pub stats: Vec<Mutex<Stats>>,
    pub truth: Option<Arc<Truth>>,
    pub mailboxes: Vec<Mailbox>,
    pub stopping: AtomicBool,
    pub in_flight: AtomicI64,
    number: AtomicU64,
    /// When the first inference request came; 0 before that.
    first: AtomicU64,
}

impl Shared {
    pub(crate) fn new(config: MockConfig, mailboxes: Vec<Mailbox>, truth: Option<Arc<Truth>>) -> Self {
        Self {
            vectors: Vectors::new(config.dimension),
            gate: Gate::new(&config).map(Mutex::new),
            limits: Limits::new(&config).map(Mutex::new),
            faults: (!config.faults.is_empty()).then(|| Mutex::new(FaultPlan::new(&config.faults, config.seed))),
            fault_labels: config.faults.iter().map(Fault::label).collect(),
            stats: (0..config.threads).map(|_| Mutex::new(Stats::new(config.faults.len()))).collect(),
            truth,
            mailboxes,
            stopping: AtomicBool::new(false),
            in_flight: AtomicI64::new(0),
            number: AtomicU64::new(0),
            first: AtomicU64::new(0),
            config,
        }
    }

    /// The place of a request in the order of arrival: what its random choices are drawn for.
    pub(crate) fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn next_fault(&self, stream: bool) -> Option<(usize, Fault)> {
        let index = lock(self.faults.as_ref()?).next(stream)?;
        Some((index, self.config.faults[index]))
    }

    pub(crate) fn fault_labels(&self) -> &[String] {
        &self.fault_labels
    }

    /// Remembers when the first request came, where a stall is counted from it.
    pub(crate) fn note_arrival(&self, now: u64) {
        if self.config.stall_at.is_some() && self.first.load(Ordering::Relaxed) == 0 {
            let _ = self.first.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// The end of the stall, if there is one at `now`.
    pub(crate) fn stalled_until(&self, now: u64) -> Option<u64> {
        let after = self.config.stall_at?;
        let first = self.first.load(Ordering::Relaxed);
        let start = first.saturating_add(u64::try_from(after.as_nanos()).ok()?);
        let end = start.saturating_add(u64::try_from(self.config.stall_for.as_nanos()).ok()?);
        (first > 0 && (start..end).contains(&now)).then_some(end)
    }

    pub(crate) fn moment(&self) -> Moment {
        let mut moment = Moment {
            in_flight: u64::try_from(self.in_flight.load(Ordering::Relaxed)).unwrap_or(0),
            truth_lost: self.truth.as_ref().map_or(0, |truth| truth.lost()),
            ..Moment::default()
        };
        if let Some(gate) = &self.gate {
            let gate = lock(gate);
            moment.waiting = gate.waiting() as u64;
            moment.replicas = Some(gate.replicas());
            moment.cold_starts = gate.cold_starts();
        }
        moment
    }

    /// The sum of what the loops have counted.
    pub(crate) fn total(&self) -> Stats {
        let mut total = Stats::new(self.config.faults.len());
        for stats in &self.stats {
            total.merge(&lock(stats));
        }
        total
    }

    pub(crate) fn report(&self) -> MockStats {
        self.total().report(&self.fault_labels, self.moment())
    }

    /// Forgets all counts, allowances, fault positions and the stall's start. Requests in flight and replicas stay.
    pub(crate) fn reset(&self) {
        for stats in &self.stats {
            *lock(stats) = Stats::new(self.config.faults.len());
        }
        if let Some(faults) = &self.faults {
            lock(faults).reset();
        }
        if let Some(limits) = &self.limits {
            lock(limits).reset();
        }
        self.number.store(0, Ordering::Relaxed);
        self.first.store(0, Ordering::Relaxed);
    }
}
