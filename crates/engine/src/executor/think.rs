//! What a user does between two iterations.

use plimsoll_model::scenario::Think;
use rand::RngExt;
use rand::rngs::StdRng;
use std::time::Duration;

/// How late the runtime's timer may be by its nature (it ticks each millisecond). A user who wakes within this time of
/// its pause starts when it wakes: the pause's exact length means nothing. Beyond it the generator is late.
const TIMER: Duration = Duration::from_millis(2);

/// When the next iteration is due, after one that was due at `last` and ended at `now`. One that overran its pacing is
/// followed at once, and without catching up, as in Locust.
pub(super) fn next_due(think: Option<Think>, last: Duration, now: Duration, rng: &mut StdRng) -> Duration {
    match think {
        Some(Think { constant: Some(time), .. }) => now + time.0,
        Some(Think { between: Some([least, most]), .. }) => now + rng.random_range(least.0..=most.0.max(least.0)),
        Some(Think { pacing: Some(time), .. }) => now.max(last + time.0),
        _ => now,
    }
}

/// The moment that counts as intended, for a user who was due at `due` and woke at `woke`.
pub(super) fn intended(due: Duration, woke: Duration) -> Duration {
    if woke < due + TIMER { woke.max(due) } else { due }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Span;
    use rand::SeedableRng;

    #[test]
    fn pauses() {
        let ms = Duration::from_millis;
        let mut rng = StdRng::seed_from_u64(1);
        let none = Think { constant: None, between: None, pacing: None };
        let mut next = |think, last, now| next_due(think, ms(last), ms(now), &mut rng);
        assert_eq!(next(None, 0, 70), ms(70));
        assert_eq!(next(Some(Think { constant: Some(Span(ms(30))), ..none }), 0, 70), ms(100));
        let pacing = Some(Think { pacing: Some(Span(ms(100))), ..none });
        assert_eq!((next(pacing, 0, 70), next(pacing, 0, 170)), (ms(100), ms(170)));
        let between = Some(Think { between: Some([Span(ms(10)), Span(ms(20))]), ..none });
        for _ in 0..100 {
            let due = next(between, 0, 70);
            assert!(due >= ms(80) && due <= ms(90));
        }
        assert_eq!(intended(ms(10), ms(11)), ms(11));
        assert_eq!(intended(ms(10), ms(15)), ms(10));
    }
}
