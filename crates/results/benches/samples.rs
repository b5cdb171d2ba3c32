//! What writing and folding a sample costs: `cargo bench -p plimsoll-results`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement's whole interface")]

use plimsoll_model::{Sample, TokenSource, Tokens, Traffic};
use plimsoll_results::{ApiFold, ApiFoldOptions, ApiWriter, fold_samples};
use std::time::{Duration, Instant};

const ROUNDS: u32 = 200;

fn samples(chunks: u32) -> Vec<Sample> {
    (0..1000_u32)
        .map(|index| {
            let sent = Duration::from_secs(1);
            let mut sample = Sample::begin(Traffic::Prediction, "embed".into(), (index % 100, index), sent, sent);
            sample.timeline.first_byte = Some(sent + Duration::from_millis(2));
            sample.timeline.chunks =
                (0..chunks).map(|chunk| sent + Duration::from_millis(40 + 10 * u64::from(chunk))).collect();
            sample.tokens = (chunks > 0).then_some(Tokens {
                input: 12,
                output: chunks,
                reasoning: 0,
                cached: 0,
                source: TokenSource::Server,
            });
            sample.end = sent + Duration::from_micros(20_000 + u64::from(index * 37 % 5_000));
            sample.status = Some(200);
            sample
        })
        .collect()
}

fn main() {
    for (what, chunks) in [("plain", 0), ("128 chunks", 128)] {
        let samples = samples(chunks);
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ApiWriter::create(folder.path()).unwrap();
        let mut fold = ApiFold::new(ApiFoldOptions::default());
        let (mut write, mut add) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            writer.write(&samples).unwrap();
            let middle = Instant::now();
            samples.iter().for_each(|sample| fold.add(sample));
            (write, add) = (write + (middle - start), add + middle.elapsed());
        }
        writer.finish().unwrap();
        let each = |time: Duration| time.as_nanos() / (u128::from(ROUNDS) * samples.len() as u128);
        let start = Instant::now();
        fold_samples(folder.path(), ApiFoldOptions::default()).unwrap();
        let again = each(start.elapsed());
        println!("{what}: write {} ns, add {} ns, fold again {again} ns a sample", each(write), each(add));
    }
}
