//! The values as columns over time, for charts.

use super::fold::grown;
use super::{FILE, ServerMetricKind, ServerMetricRecord, title};
use crate::{ResultsError, RunDir, lines};
use std::collections::BTreeMap;

/// One series over time.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerColumn {
    /// `name{label=value}`; labels only where several series have the name. Of a counter with `/s` at its end.
    pub title: String,
    /// Time in seconds since the run's start, and the value: of a counter its growth a second since the reading before.
    pub points: Vec<(f64, f64)>,
}

/// The target's own metrics of a run, one column a series, by name; none where there is no file. Series that are 0
/// throughout are left out.
///
/// # Errors
/// [`ResultsError::Io`] or [`ResultsError::BadLine`].
pub fn read_server_metrics(run: &RunDir) -> Result<Vec<ServerColumn>, ResultsError> {
    let path = run.path().join(FILE);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut series: BTreeMap<(String, BTreeMap<String, String>), Points> = BTreeMap::new();
    lines::read(&path, |record: ServerMetricRecord| {
        let points = series.entry((record.name, record.labels)).or_default();
        match record.kind {
            ServerMetricKind::Gauge => points.out.push((record.t, record.value)),
            ServerMetricKind::Counter => {
                points.counter = true;
                if let Some((t, value)) = points.before.filter(|(t, _)| *t < record.t) {
                    points.out.push((record.t, grown(value, record.value) / (record.t - t)));
                }
                points.before = Some((record.t, record.value));
            }
        }
        Ok(())
    })?;
    let names: Vec<String> = series.keys().map(|(name, _)| name.clone()).collect();
    let columns = series.into_iter().filter(|(_, points)| points.out.iter().any(|(_, value)| *value != 0.0));
    let column = |((name, labels), points): ((String, BTreeMap<String, String>), Points)| {
        let alone = names.iter().filter(|other| **other == name).count() == 1;
        let mut title = if alone { name } else { title(&name, &labels) };
        if points.counter {
            title += "/s";
        }
        ServerColumn { title, points: points.out }
    };
    Ok(columns.map(column).collect())
}

#[derive(Default)]
struct Points {
    counter: bool,
    before: Option<(f64, f64)>,
    out: Vec<(f64, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerMetricsWriter;

    #[test]
    fn counters_become_rates_and_what_is_cut_off_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path()).unwrap();
        assert_eq!(read_server_metrics(&run).unwrap(), []);
        let mut writer = ServerMetricsWriter::create(&run).unwrap();
        let record = |t, name: &str, kind, value| ServerMetricRecord {
            t,
            name: name.to_owned(),
            labels: BTreeMap::from([("m".to_owned(), "a".to_owned())]),
            kind,
            value,
        };
        for (t, total) in [(1.0, 10.0), (3.0, 30.0), (4.0, 5.0)] {
            let gauge = record(t, "g", ServerMetricKind::Gauge, t);
            let zero = record(t, "z", ServerMetricKind::Gauge, 0.0);
            writer.write(&[gauge, zero, record(t, "c_total", ServerMetricKind::Counter, total)]).unwrap();
        }
        let path = run.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"t\": 5")).unwrap();
        let columns = read_server_metrics(&run).unwrap();
        assert_eq!(columns[0], ServerColumn { title: "c_total/s".to_owned(), points: vec![(3.0, 10.0), (4.0, 5.0)] });
        assert_eq!(columns[1].points, [(1.0, 1.0), (3.0, 3.0), (4.0, 4.0)]);
        assert_eq!(columns.len(), 2);
    }
}
