//! A number of users that moves along straight lines.

use super::seconds;
use plimsoll_model::Stage;
use std::time::Duration;

/// How many users there are at each moment, and so when each of them comes and goes. User `i` is there while the line
/// is above `i`: the users that came last go first.
#[derive(Debug, Clone)]
pub struct UserSchedule {
    /// Corners of the line: time in seconds and users.
    corners: Vec<(f64, f64)>,
}

impl UserSchedule {
    /// Users along these stages, from none at the start, and then away over `ramp_down`.
    pub fn new(stages: &[Stage], ramp_down: Duration) -> Self {
        let mut corners = vec![(0.0, 0.0)];
        let mut at = 0.0;
        for stage in stages {
            at += stage.duration.0.as_secs_f64();
            corners.push((at, stage.to));
        }
        // Without a ramp a drop: the line must end at zero for everybody to go.
        corners.push((at + ramp_down.as_secs_f64(), 0.0));
        Self { corners }
    }

    /// Most users at a time.
    pub fn most(&self) -> u32 {
        self.corners.iter().map(|(_, users)| *users).fold(0.0, f64::max).round() as u32
    }

    /// When the load is over.
    pub fn end(&self) -> Duration {
        seconds(self.corners.last().map_or(0.0, |(at, _)| *at))
    }

    /// When this user is there: start and end of each of its stays.
    pub fn stays(&self, user: u32) -> Vec<(Duration, Duration)> {
        let level = f64::from(user);
        let mut stays = Vec::new();
        let mut since = None;
        for pair in self.corners.windows(2) {
            let ((t0, u0), (t1, u1)) = (pair[0], pair[1]);
            let crossing = || if u1 == u0 { t0 } else { t0 + (t1 - t0) * (level - u0) / (u1 - u0) };
            if u0 <= level && u1 > level {
                since = Some(crossing());
            } else if u0 > level
                && u1 <= level
                && let Some(start) = since.take()
            {
                stays.push((seconds(start), seconds(crossing())));
            }
        }
        stays.retain(|(start, end)| end > start);
        stays
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Span;
    use proptest::prelude::*;

    fn stage(seconds: f64, to: f64) -> Stage {
        Stage { duration: Span(Duration::from_secs_f64(seconds)), to }
    }

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn users_come_at_the_spawn_rate_and_leave_together() {
        // 10 users at 2 a second, 20 s in all.
        let schedule = UserSchedule::new(&[stage(5.0, 10.0), stage(15.0, 10.0)], Duration::ZERO);
        assert_eq!((schedule.most(), schedule.end()), (10, s(20.0)));
        assert_eq!(schedule.stays(0), [(s(0.0), s(20.0))]);
        assert_eq!(schedule.stays(9), [(s(4.5), s(20.0))]);
        assert!(schedule.stays(10).is_empty());
    }

    #[test]
    fn all_at_once_and_away_over_a_time() {
        let schedule = UserSchedule::new(&[stage(0.0, 4.0), stage(10.0, 4.0)], s(4.0));
        assert_eq!(schedule.stays(3), [(s(0.0), s(11.0))]);
        assert_eq!(schedule.stays(0), [(s(0.0), s(14.0))]);
    }

    #[test]
    fn a_valley_sends_users_away_and_brings_them_back() {
        let schedule = UserSchedule::new(&[stage(1.0, 10.0), stage(1.0, 0.0), stage(1.0, 10.0)], Duration::ZERO);
        assert_eq!(schedule.stays(5), [(s(0.5), s(1.5)), (s(2.5), s(3.0))]);
    }

    proptest! {
        /// At any moment those who are there are as many as the line says.
        #[test]
        fn stays_add_up_to_the_line(
            stages in proptest::collection::vec((0.0f64..5.0, 0u32..40), 1..6),
            part in 0.01f64..0.99,
        ) {
            let stages: Vec<Stage> = stages.into_iter().map(|(time, to)| stage(time, f64::from(to))).collect();
            let schedule = UserSchedule::new(&stages, Duration::ZERO);
            let at = schedule.end().mul_f64(part).as_secs_f64();
            let there = (0..schedule.most())
                .filter(|user| {
                    schedule.stays(*user).iter().any(|(start, end)| start.as_secs_f64() <= at && at < end.as_secs_f64())
                })
                .count() as f64;
            let (mut t0, mut u0) = (0.0, 0.0);
            let mut line = 0.0;
            for stage in &stages {
                let t1 = t0 + stage.duration.0.as_secs_f64();
                if t0 <= at && at < t1 {
                    line = u0 + (stage.to - u0) * (at - t0) / (t1 - t0);
                }
                (t0, u0) = (t1, stage.to);
            }
            prop_assert!((there - line).abs() <= 1.0 + 1e-6, "{there} {line}");
        }
    }
}
