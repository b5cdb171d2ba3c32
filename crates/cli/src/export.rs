//! `export`: the samples of a run as one flat table.

use crate::args_export::{ExportArgs, Format};
use crate::console::Console;
use crate::exit::{CliError, Exit};
use plimsoll_results::{
    CsvWriter, FlatReport, FlatWriter, JsonLayout, JsonWriter, ResultsError, RunDir, read_flat, write_error,
};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Room before a file: fewer, larger writes.
const BUFFER: usize = 256 << 10;

pub(crate) fn run(args: &ExportArgs, console: &Console) -> Result<Exit, CliError> {
    let run = RunDir::open(&args.run).map_err(CliError::usage)?;
    let output = args.output.as_deref().filter(|path| *path != Path::new("-"));
    if args.format == Format::Parquet && !cfg!(feature = "parquet") {
        return Err(CliError::usage(
            "this build writes no Parquet: build one that does with cargo install --features parquet, or export csv or \
             jsonl, which DuckDB, pandas and Polars read as well",
        ));
    }
    if args.format == Format::Parquet && output.is_none() && io::stdout().is_terminal() {
        return Err(CliError::usage("Parquet is not for the eye: name a file with --output samples.parquet"));
    }
    let Some(path) = output else {
        return match table(&run, args.format, io::stdout(), Path::new("standard output")) {
            Ok(report) => Ok(told(&report, console)),
            // Who read it has seen enough.
            Err(error) if is_broken_pipe(&error) => Ok(Exit::Ok),
            Err(error) => Err(CliError::usage(error)),
        };
    };
    // A table that was cut off must not be taken for a whole one.
    let part = PathBuf::from(format!("{}.part", path.display()));
    let made = File::create(&part).map_err(|reason| write_error(&part, reason)).and_then(|file| {
        let report = table(&run, args.format, file, path)?;
        std::fs::rename(&part, path).map_err(|reason| write_error(path, reason))?;
        Ok(report)
    });
    let report = made.map_err(|error| {
        // If it is not there, there is nothing to take away.
        let _ = std::fs::remove_file(&part);
        CliError::usage(error)
    })?;
    let exit = told(&report, console);
    console.note(&format!("{} samples written to {}", report.rows, path.display()));
    Ok(exit)
}

fn table(
    run: &RunDir,
    format: Format,
    out: impl Write + Send + 'static,
    path: &Path,
) -> Result<FlatReport, ResultsError> {
    let out = BufWriter::with_capacity(BUFFER, out);
    let failed = |reason| write_error(path, reason);
    let mut writer: Box<dyn FlatWriter> = match format {
        Format::Csv => Box::new(CsvWriter::new(out)),
        Format::Json => Box::new(JsonWriter::new(out, JsonLayout::Array)),
        Format::Jsonl => Box::new(JsonWriter::new(out, JsonLayout::Lines)),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(plimsoll_results::ParquetWriter::new(out).map_err(failed)?),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(failed(io::ErrorKind::Unsupported.into())),
    };
    let report = read_flat(run, |row| writer.row(row).map_err(failed))?;
    writer.finish().map_err(failed)?;
    Ok(report)
}

fn told(report: &FlatReport, console: &Console) -> Exit {
    if let Some(why) = &report.partial {
        console.warning(&format!("the run is partial: {why}"));
    }
    if report.cut_off_lines > 0 {
        console.warning(&format!("{} lines cut off at the end of a file are left out", report.cut_off_lines));
    }
    Exit::Ok
}

fn is_broken_pipe(error: &ResultsError) -> bool {
    matches!(error, ResultsError::Io { reason, .. } if reason.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(all(test, feature = "parquet"))]
mod tests {
    use super::*;

    #[test]
    fn parquet_has_every_sample() {
        let folder = tempfile::tempdir().unwrap();
        let line =
            "{\"user_id\": 0, \"request_id\": 0, \"latency_ms\": 12.5, \"success\": true, \"upload_ms\": null}\n";
        std::fs::create_dir(folder.path().join("tier_1")).unwrap();
        std::fs::write(folder.path().join("tier_1/client_latencies.jsonl"), line.repeat(3)).unwrap();
        let output = folder.path().join("samples.parquet");
        let args = ExportArgs { run: folder.path().to_owned(), format: Format::Parquet, output: Some(output.clone()) };
        run(&args, &Console::new(true, false)).unwrap();
        let bytes = std::fs::read(&output).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    }
}
