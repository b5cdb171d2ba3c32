//! The tables, and whether the project's promises hold.

use super::spread::Spread;
use super::tools::{Measured, Tool};
use super::verdict;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The tier that the promises about CPU are made for.
const CPU_GOAL_USERS: u32 = 100;
const CPU_AGAINST_BARE: f64 = 1.3;
const CPU_AGAINST_HF_PERFTEST: f64 = 1.0 / 8.0;

/// Every run, by users and tool, in the order of the repeats.
#[derive(Default)]
pub(super) struct Runs(BTreeMap<u32, BTreeMap<Tool, Vec<Measured>>>);

impl Runs {
    pub(super) fn add(&mut self, users: u32, tool: Tool, measured: Measured) {
        self.0.entry(users).or_default().entry(tool).or_default().push(measured);
    }
}

type Tier = BTreeMap<Tool, Vec<Measured>>;

pub(super) fn markdown(runs: &Runs, facts: &[(String, String)]) -> String {
    let mut text = String::from(
        "Figures are medians over the repeats; in brackets the least and the greatest. *bare* and *bare again* are two \
         runs of the same client in each repeat. CPU is that of the tool's own process over the measured requests.\n\n",
    );
    for (name, value) in facts {
        let _ = writeln!(text, "- {name}: {value}");
    }
    for (&users, tier) in &runs.0 {
        let plural = if users == 1 { "" } else { "s" };
        let _ = write!(text, "\n### {users} user{plural}\n\n{}", table(tier));
        let goals = goals(users, tier);
        if !goals.is_empty() {
            let _ = write!(text, "\n{goals}");
        }
    }
    text
}

fn table(tier: &Tier) -> String {
    let mut text = String::from(
        "| tool | CPU ms/request | CPU against bare | p50 ms | p90 ms | p99 ms | requests/s |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    for (&tool, runs) in tier {
        let of = |get: fn(&Measured) -> f64| Spread::of(runs.iter().map(get));
        let (cpu, p50) = (of(|run| run.cpu_ms_per_request), of(|run| run.p50_ms));
        let ratio = ratios(tier, tool, Tool::Bare, |run| run.cpu_ms_per_request)
            .map_or_else(|| "–".to_owned(), |ratio| format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.min, ratio.max));
        let _ = writeln!(
            text,
            "| {} | {:.3} ({:.3}–{:.3}) | {ratio} | {:.1} ({:.1}–{:.1}) | {:.1} | {:.1} | {:.1} |",
            tool.name(),
            cpu.median,
            cpu.min,
            cpu.max,
            p50.median,
            p50.min,
            p50.max,
            of(|run| run.p90_ms).median,
            of(|run| run.p99_ms).median,
            of(|run| run.rps).median,
        );
    }
    text
}

fn goals(users: u32, tier: &Tier) -> String {
    let mut text = String::new();
    let cpu = |against| ratios(tier, Tool::Plimsoll, against, |run| run.cpu_ms_per_request);
    if users == CPU_GOAL_USERS {
        if let Some(ratio) = cpu(Tool::Bare) {
            let _ = writeln!(
                text,
                "- CPU at most {CPU_AGAINST_BARE} × bare: {:.2} ×, **{}**",
                ratio.median,
                verdict(ratio.median <= CPU_AGAINST_BARE)
            );
        }
        if let Some(ratio) = cpu(Tool::HfPerftest) {
            let _ = writeln!(
                text,
                "- CPU at most 1/8 of hf-perftest's: 1/{:.1}, **{}**",
                1.0 / ratio.median,
                verdict(ratio.median <= CPU_AGAINST_HF_PERFTEST)
            );
        }
    }
    let p50 = |tool| ratios(tier, tool, Tool::Bare, |run| run.p50_ms);
    if let (Some(ours), Some(noise)) = (p50(Tool::Plimsoll), p50(Tool::BareAgain)) {
        let limit = noise.max.ln().abs().max(noise.min.ln().abs());
        let _ = writeln!(
            text,
            "- p50 within the noise between two bare runs: Plimsoll/bare {:.3} (median of the repeats' ratios), noise \
             up to a factor of {:.3} (the largest |log ratio| of bare again and bare of the same repeat), **{}**",
            ours.median,
            limit.exp(),
            verdict(ours.median.ln().abs() <= limit)
        );
    }
    text
}

/// Ratios of two tools' runs, each pair from the same repeat: what the machine did in that repeat cancels out.
fn ratios(tier: &Tier, tool: Tool, against: Tool, get: fn(&Measured) -> f64) -> Option<Spread> {
    let (ours, theirs) = (tier.get(&tool)?, tier.get(&against)?);
    Some(Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| get(ours) / get(theirs))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(cpu: f64, p50: f64) -> Measured {
        Measured { cpu_ms_per_request: cpu, p50_ms: p50, p90_ms: p50 * 2.0, p99_ms: p50 * 3.0, rps: 40.0 }
    }

    fn runs(users: u32, plimsoll_p50: f64) -> Runs {
        let mut runs = Runs::default();
        for factor in [1.0, 2.0, 4.0] {
            runs.add(users, Tool::Bare, run(factor, 100.0 * factor));
            runs.add(users, Tool::BareAgain, run(factor, 95.0 * factor));
            runs.add(users, Tool::Plimsoll, run(1.2 * factor, plimsoll_p50 * factor));
            runs.add(users, Tool::HfPerftest, run(9.0 * factor, 130.0 * factor));
        }
        runs
    }

    #[test]
    fn promises_about_cpu_are_judged_at_their_tier() {
        let text = markdown(&runs(100, 102.0), &[("Kernel".to_owned(), "6".to_owned())]);
        assert!(text.contains("- Kernel: 6\n\n### 100 users\n"), "{text}");
        assert!(text.contains("| plimsoll | 2.400 (1.200–4.800) | 1.20 (1.20–1.20) | 204.0 (102.0–408.0) |"), "{text}");
        assert!(text.contains("1.20 ×, **holds**"), "{text}");
        assert!(text.contains("1/7.5, **does not hold**"), "{text}");
        assert!(!markdown(&runs(10, 102.0), &[]).contains("CPU at most"));
    }

    #[test]
    fn latency_is_judged_against_the_noise() {
        // Two bare runs differ by 5 % (a factor of 1.053 the other way).
        let text = markdown(&runs(1, 102.0), &[]);
        assert!(text.contains("### 1 user\n"), "{text}");
        assert!(text.contains("Plimsoll/bare 1.020") && text.contains("factor of 1.053"), "{text}");
        assert!(text.contains("**holds**"), "{text}");
        assert!(markdown(&runs(1, 90.0), &[]).contains("**does not hold**"));
    }

    #[test]
    fn a_tool_left_out_leaves_its_promises_out() {
        let mut runs = Runs::default();
        runs.add(100, Tool::Plimsoll, run(1.0, 5.0));
        let text = markdown(&runs, &[]);
        assert!(text.contains("| – |") && !text.contains("holds"), "{text}");
    }
}
