//! Users for the tests of executors: they only wait, and note when they ran.

use plimsoll_model::{Clock, Outcome, Sample, Traffic};
use plimsoll_targets::{Behaviour, Iteration, Record, VirtualUser};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// One iteration that was done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub vu: u32,
    pub number: u32,
    pub sequence: u64,
    pub intended: Duration,
    pub sent: Duration,
}

pub(crate) type Log = Rc<RefCell<Vec<Done>>>;

/// Makes users whose requests take this long and end this way.
#[derive(Clone)]
pub(crate) struct Fake {
    pub clock: Clock,
    pub takes: Duration,
    pub outcome: Outcome,
    pub log: Log,
}

pub(crate) struct FakeUser(u32, Fake);

impl Behaviour for Fake {
    type User = FakeUser;

    fn user(&self, vu: u32) -> FakeUser {
        FakeUser(vu, self.clone())
    }

    async fn after_round(&self, _round: u32) {}
}

impl VirtualUser for FakeUser {
    async fn prepare(&mut self) {}

    async fn iterate(&mut self, iteration: Iteration, record: &impl Record) {
        let Self(vu, fake) = self;
        let Iteration { number, sequence, intended, .. } = iteration;
        let sent = fake.clock.now();
        let mut sample = Sample::begin(Traffic::Prediction, "/p".into(), (*vu, number), intended, sent);
        fake.log.borrow_mut().push(Done { vu: *vu, number, sequence, intended, sent });
        tokio::time::sleep(fake.takes).await;
        sample.end = fake.clock.now();
        sample.outcome = fake.outcome;
        sample.error = Some("no".into());
        record.record(sample);
    }
}
