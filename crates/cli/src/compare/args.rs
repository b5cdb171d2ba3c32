//! `compare` and `history` as typed.

use crate::report_args::ComparisonReportArgs;
use clap::Args;
use plimsoll_results::Kind;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Run directories of the base, or folders that hold them; the folder of an `ab` experiment stands for both sides
    #[arg(required = true, value_name = "BASE")]
    pub base: Vec<PathBuf>,

    /// Run directories of the branch, after `--`
    #[arg(last = true, value_name = "BRANCH")]
    pub branch: Vec<PathBuf>,

    /// The runs belong together in the order given: the first base run with the first branch run, and so on
    #[arg(long)]
    pub paired: bool,

    /// Smaller effects do not matter
    #[arg(long, default_value = "5%", value_name = "PERCENT", value_parser = parse_share)]
    pub threshold: f64,

    /// Only this figure, which then decides, for example p50 or ttft_p95; may be repeated
    #[arg(long, value_name = "NAME", value_parser = parse_metric)]
    pub metric: Vec<Kind>,

    /// Print the comparison as JSON
    #[arg(long)]
    pub json: bool,

    /// End with 0 whatever comes out
    #[arg(long)]
    pub exit_zero: bool,

    #[command(flatten)]
    pub reports: ComparisonReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Folders with the runs
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,

    /// Only this figure, for example p50 or ttft_p95; may be repeated
    #[arg(long, value_name = "NAME", value_parser = parse_metric)]
    pub metric: Vec<Kind>,

    /// A change must be larger than this
    #[arg(long, default_value = "0%", value_name = "PERCENT", value_parser = parse_share_or_none)]
    pub min_change: f64,

    /// A change must have a smaller p value
    #[arg(long, default_value_t = 0.001, value_name = "P", value_parser = parse_p)]
    pub max_p: f64,

    /// Print the changes as JSON
    #[arg(long)]
    pub json: bool,

    /// Also write the series as a CSV file that Apache Otava reads
    #[arg(long, value_name = "FILE")]
    pub otava_csv: Option<PathBuf>,
}

/// `5%` or `5` as 0.05.
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    match parse_share_or_none(text)? {
        share if share > 0.0 => Ok(share),
        _ => Err("this must be more than nothing".to_owned()),
    }
}

fn parse_share_or_none(text: &str) -> Result<f64, String> {
    text.trim()
        .trim_end_matches('%')
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|percent| (0.0..=1000.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("`{text}` is not a percentage from 0 to 1000; write for example 5%"))
}

fn parse_p(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|p| *p > 0.0 && *p < 1.0)
        .ok_or_else(|| format!("`{text}` is not a probability between 0 and 1"))
}

pub(crate) fn parse_metric(text: &str) -> Result<Kind, String> {
    let word = text.trim().replace(['-', ' '], "_").to_lowercase();
    Kind::parse(&word).ok_or_else(|| {
        let near = Kind::ALL
            .into_iter()
            .map(|kind| (strsim::jaro_winkler(kind.as_str(), &word), kind))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, kind)| format!("did you mean `{}`? ", kind.as_str()))
            .unwrap_or_default();
        let known = Kind::ALL.map(Kind::as_str).join(", ");
        format!("there is no such figure; {near}known are {known}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_figures() {
        assert_eq!((parse_share("5%"), parse_share(" 2.5 "), parse_share_or_none("0")), (Ok(0.05), Ok(0.025), Ok(0.0)));
        for text in ["", "0%", "-1", "x", "NaN", "5%%x"] {
            assert!(parse_share(text).is_err(), "{text}");
        }
        assert_eq!(parse_metric("queue-wait"), Ok(Kind::QueueWait));
        let error = parse_metric("ttf_p50").unwrap_err();
        assert!(error.contains("did you mean `ttft_p50`?") && error.contains("throughput"), "{error}");
    }
}
