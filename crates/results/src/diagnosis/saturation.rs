//! Where throughput stops growing with the load.

use super::view::{Step, View};
use super::words::{per_second, times};
use super::{Diagnosis, DiagnosisKind, Severity};
use plimsoll_stats::{Level, saturation as saturation_of};

/// Fewest successes of a step: as many as a tier of one user has.
const LEAST: u64 = 10;
/// How far apart two loads must be to be compared, and the medians at them.
const BEYOND: f64 = 1.5;
const SLOWER: f64 = 1.3;
/// Below this part of the best, throughput falls under more load; below that one it collapses.
const FALLEN: f64 = 0.8;
const COLLAPSED: f64 = 0.5;
/// From this share of refusals by a rate limit on, it is the limit that a throughput shows.
const REFUSED: f64 = 0.05;
/// An open step kept up when it served this part of what was asked for (less the luck of the draw).
const KEPT_UP: f64 = 0.95;

/// Over users: the load from which on throughput hardly grows while the median does. Over arrival rates: the highest rate
/// that was served in full. Steps that the generator or a rate limit set are left out.
pub(super) fn saturation(view: &View) -> Vec<Diagnosis> {
    let usable = |step: &&Step| step.ok >= LEAST && !step.tainted() && step.failed_share("rate_limited") < REFUSED;
    let steps = || view.steps.iter().filter(usable);
    let closed = points(steps(), |step| step.users.filter(|_| step.closed));
    let open = points(steps(), |step| step.rate.filter(|_| !step.closed));
    by_users(&closed).or_else(|| by_rates(&open)).into_iter().collect()
}

struct Point<'a> {
    load: f64,
    step: &'a Step,
    throughput: f64,
    p50: f64,
}

/// By load; of several steps at the same load the one with the best throughput.
fn points<'a>(steps: impl Iterator<Item = &'a Step>, load: impl Fn(&Step) -> Option<f64>) -> Vec<Point<'a>> {
    let point =
        |step: &'a Step| Some(Point { load: load(step)?, step, throughput: step.throughput, p50: step.times?.p50 });
    let mut points: Vec<Point<'_>> = steps.filter_map(point).filter(|point| point.throughput > 0.0).collect();
    points.sort_by(|a, b| a.load.total_cmp(&b.load).then(b.throughput.total_cmp(&a.throughput)));
    points.dedup_by(|later, earlier| later.load <= earlier.load);
    points
}

/// The knee is that of [`plimsoll_stats::saturation`].
fn by_users(points: &[Point<'_>]) -> Option<Diagnosis> {
    let (first, last) = (points.first()?, points.last()?);
    let level = |point: &Point<'_>| Level { load: point.load, throughput: point.throughput, latency: point.p50 };
    let Some(found) = saturation_of(&points.iter().map(level).collect::<Vec<_>>()) else {
        return growing(points);
    };
    let knee = points.get(found.index)?;
    let best = points.iter().map(|point| point.throughput).fold(0.0, f64::max);
    let (rate, load) = (per_second(knee.throughput), knee.step.load());
    let begins = if knee.load > first.load {
        format!("Throughput stops growing at about {load} ({rate})")
    } else if knee.load <= 1.0 {
        format!("One user alone gets all of the throughput ({rate})")
    } else {
        format!("Throughput does not grow beyond that of the lowest load measured, {load} ({rate})")
    };
    let slower = format!("p50 {} is {} that {}", last.step.at, times(last.p50 / knee.p50), knee.step.at);
    let sentence = if last.throughput < FALLEN * best {
        format!("{begins}; it falls under more load, to {} {}; {slower}.", per_second(last.throughput), last.step.at)
    } else {
        format!("{begins}: more users only wait longer; {slower}.")
    };
    let severity = severity(last, best);
    Some(Diagnosis::new(DiagnosisKind::Saturation, severity, sentence, evidence(points)))
}

/// A throughput that collapses under load is more than a limit.
fn severity(point: &Point<'_>, best: f64) -> Severity {
    if point.throughput < COLLAPSED * best { Severity::Warning } else { Severity::Notice }
}

/// There is no knee: the highest two loads tell how far it may be. `None` when they are much alike.
fn growing(points: &[Point<'_>]) -> Option<Diagnosis> {
    let [.., before, last] = points else { return None };
    if last.load < BEYOND * before.load {
        return None;
    }
    let (more, load) = (last.throughput / before.throughput, last.load / before.load);
    let (severity, sentence) = if more - 1.0 >= (load - 1.0) / 2.0 {
        let rate = per_second(last.throughput);
        (
            Severity::Info,
            format!("Throughput still grows up to {} ({rate}): the target's limit lies beyond.", last.step.load()),
        )
    } else if last.p50 >= SLOWER * before.p50 {
        let sentence = format!(
            "From {} to {} throughput grows only {} ({} to {}) for {} the load, and p50 grows {}: the target is at its limit or close to it.",
            before.step.load(),
            last.step.load(),
            times(more),
            per_second(before.throughput),
            per_second(last.throughput),
            times(load),
            times(last.p50 / before.p50),
        );
        (Severity::Notice, sentence)
    } else {
        return None;
    };
    Some(Diagnosis::new(DiagnosisKind::Saturation, severity, sentence, evidence(points)))
}

fn by_rates(points: &[Point<'_>]) -> Option<Diagnosis> {
    // Random arrivals are not exactly as many as asked for: two standard deviations of a Poisson count are allowed.
    let enough = |point: &Point<'_>| {
        let luck = 2.0 / (point.step.count.max(1) as f64).sqrt();
        point.throughput >= (KEPT_UP - luck) * point.load
    };
    let best = points.iter().map(|point| point.throughput).fold(0.0, f64::max);
    let limit = if points.iter().all(enough) { f64::INFINITY } else { best };
    // Where the limit was met, luck is no excuse any more: nothing above the most that was answered can have been kept up.
    let kept_up = |point: &&Point<'_>| enough(point) && KEPT_UP * point.load <= limit;
    let last = points.last().filter(|_| points.len() > 1)?;
    let held = points.iter().take_while(kept_up).last();
    let evidence = evidence(points);
    let Some(beyond) = points.iter().find(|point| !kept_up(point)) else {
        let sentence = format!("The target kept up with every rate up to {}: its limit lies beyond.", last.step.load());
        return Some(Diagnosis::new(DiagnosisKind::Saturation, Severity::Info, sentence, evidence));
    };
    let holds = match held {
        Some(held) => format!("kept up with {} and not with {}", held.step.load(), beyond.step.load()),
        None => format!("did not keep up with {}, the lowest rate measured", beyond.step.load()),
    };
    let rest = if beyond.throughput < FALLEN * best {
        format!("there it answered only {}", per_second(beyond.throughput))
    } else {
        format!("the most it answered was {}", per_second(best))
    };
    let sentence = format!("The target {holds}; {rest}.");
    Some(Diagnosis::new(DiagnosisKind::Saturation, severity(beyond, best), sentence, evidence))
}

fn evidence(points: &[Point<'_>]) -> Vec<String> {
    points.iter().map(|point| point.step.figures()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{closed, open, sentences};
    use super::*;
    use crate::testdata::health;

    fn of(steps: Vec<Step>) -> Vec<String> {
        sentences(saturation, steps)
    }

    #[test]
    fn the_knee_over_users() {
        let steps = vec![closed(1.0, 12.0, 80.0), closed(10.0, 25.4, 390.0), closed(100.0, 25.1, 3_822.0)];
        assert_eq!(
            of(steps.clone()),
            [
                "Throughput stops growing at about 10 users (25.4/s): more users only wait longer; p50 at 100 users is 9.8 \
              times that at 10 users."
            ]
        );
        let found = saturation(&super::super::testdata::run(steps));
        assert_eq!(found[0].evidence[1], "10 users: 25.4/s ok, p50 390 ms, p95 507 ms");
        let flat = of(vec![closed(10.0, 25.0, 400.0), closed(1.0, 24.9, 40.0)]);
        assert!(flat[0].starts_with("One user alone gets all of the throughput (24.9/s): more users only"));
        let fallen = of(vec![closed(1.0, 10.0, 40.0), closed(4.0, 30.0, 60.0), closed(16.0, 20.0, 700.0)]);
        assert!(
            fallen[0].contains("at about 4 users (30/s); it falls under more load, to 20/s at 16 users; p50"),
            "{fallen:?}"
        );
    }

    #[test]
    fn a_limit_that_was_not_reached() {
        assert_eq!(
            of(vec![closed(1.0, 10.0, 80.0), closed(10.0, 99.0, 81.0)]),
            ["Throughput still grows up to 10 users (99/s): the target's limit lies beyond."]
        );
        let near = of(vec![closed(1.0, 10.0, 80.0), closed(10.0, 30.0, 300.0)]);
        assert!(near[0].contains("grows only 3.0 times (10/s to 30/s) for 10 times the load"), "{near:?}");
    }

    #[test]
    fn over_rates() {
        assert_eq!(
            of(vec![open(50.0, 50.2, 20.0), open(150.0, 149.0, 22.0), open(300.0, 201.0, 4_000.0)]),
            ["The target kept up with 150/s and not with 300/s; the most it answered was 201/s."]
        );
        // 518 of 545 is what chance may do, but not when 196/s is the most that there is.
        let lucky = Step { count: 519, ..open(218.0, 191.0, 200.0) };
        let search = of(vec![open(204.0, 196.0, 60.0), lucky, open(400.0, 175.0, 1_800.0)]);
        assert!(search[0].starts_with("The target kept up with 204/s and not with 218/s; the most"), "{search:?}");
        let fallen = of(vec![open(150.0, 149.0, 22.0), open(400.0, 104.0, 4_000.0)]);
        assert!(fallen[0].ends_with("with 400/s; there it answered only 104/s."), "{fallen:?}");
        assert!(of(vec![open(50.0, 50.0, 20.0), open(150.0, 149.0, 22.0)])[0].contains("every rate up to 150/s"));
    }

    #[test]
    fn is_silent_without_a_comparison() {
        assert!(of(vec![closed(10.0, 25.0, 400.0)]).is_empty(), "one level");
        assert!(of(vec![closed(10.0, 25.0, 400.0), closed(11.0, 25.0, 440.0)]).is_empty(), "too close");
        assert!(of(vec![closed(1.0, 0.09, 40.0), closed(10.0, 0.09, 400.0)]).is_empty(), "too few");
        assert!(of(vec![open(50.0, 50.0, 20.0)]).is_empty(), "one rate");
        let mut limited = closed(10.0, 25.0, 400.0);
        limited.health = vec![health(true)];
        assert!(of(vec![closed(1.0, 24.0, 40.0), limited]).is_empty(), "the generator's own limit");
        let mut refused = closed(10.0, 25.0, 400.0);
        refused.errors.insert("rate_limited".to_owned(), 1_000);
        assert!(of(vec![closed(1.0, 24.0, 40.0), refused]).is_empty(), "a rate limit");
        // Users who pause: no throughput to gain, no time lost.
        assert!(of(vec![closed(1.0, 24.0, 40.0), closed(10.0, 25.0, 41.0)]).is_empty());
    }
}
