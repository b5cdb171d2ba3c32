//! `page data.json > report.html`, or without a file the live page: what the binary writes, for the browser tests.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let page = match std::env::args_os().nth(1) {
        Some(path) => plimsoll_web::report(std::fs::read(path)?),
        None => plimsoll_web::live("example-token"),
    };
    std::io::stdout().write_all(page.as_bytes())
}
