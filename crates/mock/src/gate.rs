//! Who is served when: servers, the queue before them, cold starts, and replicas that come and go.
//!
//! Nothing here reads a clock or sleeps: the loops say what time it is and are told whom to start.

use crate::config::MockConfig;
use std::collections::VecDeque;

/// A waiting request: its loop, its connection there, and the mark that tells it from the connection's next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub worker: usize,
    pub key: usize,
    pub tag: u64,
}

/// What becomes of a request that arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Arrival {
    /// It is served at once.
    Start,
    /// It waits; [`Gate`] names it when its turn comes.
    Queued,
    /// The queue is full.
    Full,
    /// The model is loading and the request does not want to wait: so many nanoseconds to go.
    Loading(u64),
}

/// The state of capacity. Times are nanoseconds of one clock.
#[derive(Debug)]
pub(crate) struct Gate {
    servers: u64,
    queue_limit: usize,
    min: u32,
    max: u32,
    cold_start: u64,
    scale_to_zero: Option<u64>,
    scale_lag: u64,
    scale_down_after: u64,
    ready: u32,
    /// When the replicas that are on their way will be there, the first one first.
    coming: VecDeque<u64>,
    busy: u64,
    queue: VecDeque<Ticket>,
    idle_since: u64,
    /// Since when fewer replicas would have been enough.
    spare_since: Option<u64>,
    cold_starts: u64,
}

fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX >> 2)
}

impl Gate {
    /// The gate of a configuration, if it needs one.
    pub(crate) fn new(config: &MockConfig) -> Option<Self> {
        let cold = !config.cold_start.is_zero() || config.scale_to_zero.is_some();
        if config.servers.is_none() && !cold {
            return None;
        }
        Some(Self {
            servers: config.servers.map_or(u64::MAX >> 16, u64::from),
            queue_limit: config.queue.map_or(usize::MAX, |queue| queue as usize),
            min: config.min_replicas,
            max: config.max_replicas,
            cold_start: nanos(config.cold_start),
            scale_to_zero: config.scale_to_zero.map(nanos),
            scale_lag: nanos(config.scale_lag),
            scale_down_after: nanos(config.scale_down_after),
            ready: if config.cold_start.is_zero() { config.min_replicas } else { 0 },
            coming: VecDeque::new(),
            busy: 0,
            queue: VecDeque::new(),
            idle_since: u64::MAX,
            spare_since: None,
            cold_starts: 0,
        })
    }

    /// A request arrives. With `hold` it would rather wait for a cold start than be turned away.
    pub(crate) fn arrive(&mut self, now: u64, ticket: Ticket, hold: bool) -> Arrival {
        self.advance(now);
        if self.ready == 0 && self.coming.is_empty() {
            self.cold_starts += 1;
            self.coming.extend((0..self.min).map(|_| now + self.cold_start));
            self.advance(now);
        }
        if self.ready == 0 && !hold {
            return Arrival::Loading(self.coming.front().map_or(0, |at| at.saturating_sub(now)));
        }
        let arrival = if self.busy < self.capacity() && self.queue.is_empty() {
            self.busy += 1;
            Arrival::Start
        } else if self.queue.len() < self.queue_limit {
            self.queue.push_back(ticket);
            Arrival::Queued
        } else {
            Arrival::Full
        };
        self.scale_up(now);
        arrival
    }

    /// A request that was started is done; whoever starts now is added to `started`.
    pub(crate) fn finish(&mut self, now: u64, started: &mut VecDeque<Ticket>) {
        self.busy = self.busy.saturating_sub(1);
        self.tick(now, started);
        if self.busy == 0 {
            self.idle_since = now;
        }
    }

    /// A waiting request gives up. False if it no longer waits here.
    pub(crate) fn cancel(&mut self, ticket: Ticket) -> bool {
        let place = self.queue.iter().position(|waiting| *waiting == ticket);
        place.is_some_and(|place| self.queue.remove(place).is_some())
    }

    /// Time has passed: replicas may be there now.
    pub(crate) fn tick(&mut self, now: u64, started: &mut VecDeque<Ticket>) {
        self.advance(now);
        while self.busy < self.capacity() {
            let Some(ticket) = self.queue.pop_front() else { break };
            self.busy += 1;
            started.push_back(ticket);
        }
    }

    /// When [`tick`](Self::tick) has something to do next.
    pub(crate) fn next_event(&self) -> Option<u64> {
        self.coming.front().copied()
    }

    /// How long a cold start still takes, for whoever waited for it in vain.
    pub(crate) fn loading_left(&self, now: u64) -> u64 {
        self.coming.front().map_or(0, |at| at.saturating_sub(now))
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn replicas(&self) -> u32 {
        self.ready
    }

    pub(crate) fn cold_starts(&self) -> u64 {
        self.cold_starts
    }

    fn capacity(&self) -> u64 {
        u64::from(self.ready) * self.servers
    }

    /// Replicas that the present load needs.
    fn needed(&self) -> u32 {
        let load = self.busy + self.queue.len() as u64;
        u32::try_from(load.div_ceil(self.servers)).unwrap_or(u32::MAX).clamp(self.min, self.max)
    }

    fn scale_up(&mut self, now: u64) {
        // What loads from nothing brings `min` replicas; more are asked for once one is there.
        while self.ready > 0 && self.ready + (self.coming.len() as u32) < self.needed() {
            self.coming.push_back(now + self.scale_lag);
        }
    }

    fn advance(&mut self, now: u64) {
        while self.coming.front().is_some_and(|at| *at <= now) {
            self.coming.pop_front();
            self.ready += 1;
            self.idle_since = if self.busy == 0 { now } else { self.idle_since };
        }
        self.scale_up(now);
        let idle = self.busy == 0 && self.queue.is_empty();
        if let Some(after) = self.scale_to_zero
            && idle
            && self.ready > 0
            && self.idle_since.saturating_add(after) <= now
        {
            self.ready = 0;
            self.coming.clear();
        }
        // A replica goes when it has been one too many all along, which a look at each change can tell.
        if self.ready > self.needed().max(1) {
            let since = *self.spare_since.get_or_insert(now);
            if since + self.scale_down_after <= now {
                self.ready = self.needed();
                self.spare_since = None;
            }
        } else {
            self.spare_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ticket(tag: u64) -> Ticket {
        Ticket { worker: 0, key: 0, tag }
    }

    fn gate(config: MockConfig) -> Gate {
        Gate::new(&config).unwrap()
    }

    const S: u64 = 1_000_000_000;

    #[test]
    fn first_come_first_served_and_a_full_queue() {
        let mut gate = gate(MockConfig { servers: Some(2), queue: Some(2), ..MockConfig::default() });
        assert_eq!(gate.arrive(0, ticket(1), false), Arrival::Start);
        assert_eq!(gate.arrive(0, ticket(2), false), Arrival::Start);
        assert_eq!(gate.arrive(0, ticket(3), false), Arrival::Queued);
        assert_eq!(gate.arrive(0, ticket(4), false), Arrival::Queued);
        assert_eq!(gate.arrive(0, ticket(5), false), Arrival::Full);
        let mut started = VecDeque::new();
        gate.finish(1, &mut started);
        assert_eq!(started, [ticket(3)]);
        assert!(gate.cancel(ticket(4)) && !gate.cancel(ticket(3)));
        gate.finish(2, &mut started);
        gate.finish(2, &mut started);
        assert_eq!((started.len(), gate.busy), (1, 0));
    }

    #[test]
    fn cold_start_and_back_to_zero() {
        let config = MockConfig {
            cold_start: Duration::from_secs(20),
            scale_to_zero: Some(Duration::from_secs(60)),
            ..MockConfig::default()
        };
        let mut gate = gate(config);
        assert_eq!(gate.arrive(0, ticket(1), false), Arrival::Loading(20 * S));
        assert_eq!(gate.arrive(5 * S, ticket(2), false), Arrival::Loading(15 * S));
        assert_eq!(gate.arrive(6 * S, ticket(3), true), Arrival::Queued);
        assert_eq!(gate.next_event(), Some(20 * S));
        let mut started = VecDeque::new();
        gate.tick(20 * S, &mut started);
        assert_eq!(started, [ticket(3)]);
        gate.finish(21 * S, &mut started);
        assert_eq!(gate.arrive(80 * S, ticket(4), false), Arrival::Start);
        gate.finish(81 * S, &mut started);
        assert_eq!(gate.arrive(141 * S, ticket(5), false), Arrival::Loading(20 * S));
        assert_eq!(gate.cold_starts(), 2);
    }

    #[test]
    fn replicas_come_after_the_lag_and_go_when_spare() {
        let config = MockConfig {
            servers: Some(1),
            max_replicas: 3,
            scale_lag: Duration::from_secs(10),
            scale_down_after: Duration::from_secs(30),
            ..MockConfig::default()
        };
        let mut gate = gate(config);
        let mut started = VecDeque::new();
        for tag in 0..5 {
            gate.arrive(0, ticket(tag), false);
        }
        assert_eq!((gate.ready, gate.coming.len()), (1, 2));
        gate.tick(10 * S, &mut started);
        assert_eq!((gate.ready, started.len()), (3, 2));
        for _ in 0..5 {
            gate.finish(11 * S, &mut started);
        }
        assert_eq!((gate.busy, gate.ready), (0, 3));
        gate.arrive(20 * S, ticket(9), false);
        gate.finish(42 * S, &mut started);
        assert_eq!(gate.ready, 1);
    }
}
