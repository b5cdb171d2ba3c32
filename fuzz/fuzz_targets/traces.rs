//! Whatever a trace file holds, reading it ends with requests in order, or with an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_model::scenario::TraceFormat;
use plimsoll_targets::api::trace;

fuzz_target!(|input: (u8, &[u8])| {
    let format = match input.0 % 5 {
        0 => None,
        1 => Some(TraceFormat::Burstgpt),
        2 => Some(TraceFormat::Azure),
        3 => Some(TraceFormat::Mooncake),
        _ => Some(TraceFormat::Csv),
    };
    if let Ok(requests) = trace::parse(format, input.1) {
        assert!(requests.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }
});
