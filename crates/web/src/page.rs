//! The embedded page, and the two ways in which it is filled.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use std::io::Write as _;

const PAGE: &str = include_str!(concat!(env!("OUT_DIR"), "/page.html"));
/// `'sha256-…'` of each script and of each style sheet in the page, from the build script.
const SCRIPT_HASHES: &str = env!("PLIMSOLL_SCRIPT_HASHES");
const STYLE_HASHES: &str = env!("PLIMSOLL_STYLE_HASHES");
const CHARTS: &str = env!("PLIMSOLL_PAGE_CHARTS");

const POLICY_MARK: &str = "<!--plimsoll:csp-->";
const TITLE_MARK: &str = "<title>Plimsoll</title>";
const TOKEN_MARK: &str = r#"<meta name="plimsoll-token" content="">"#;
const DATA_MARK: &str = r#"<script id="run-data" type="application/octet-stream"></script>"#;

/// The page as it was built: no data, no token, no policy.
pub fn page() -> &'static str {
    PAGE
}

/// Whether this build has the full page. Without Node at build time it has a plain one: tables, no charts.
pub fn has_charts() -> bool {
    CHARTS == "yes"
}

/// A report: the page with a run's data (a JSON object) in it. It needs nothing but itself and asks no network.
pub fn report(data: impl AsRef<[u8]>) -> String {
    let data = data.as_ref();
    let encoded = STANDARD.encode(gzip(data));
    let filled = format!(r#"<script id="run-data" type="application/octet-stream">{encoded}</script>"#);
    let title = format!("<title>{}</title>", escape(&title_of(data)));
    fill(&[(POLICY_MARK, &policy("")), (TITLE_MARK, &title), (DATA_MARK, &filled)])
}

/// The live page: it asks the server it came from. With a token it can stop the run and write notes into it.
pub fn live(token: &str) -> String {
    let token = format!(r#"<meta name="plimsoll-token" content="{}">"#, escape(token));
    fill(&[(POLICY_MARK, &policy("; connect-src 'self'")), (TOKEN_MARK, &token)])
}

fn policy(more: &str) -> String {
    format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{}{more}\">", rules())
}

fn rules() -> String {
    format!(
        "default-src 'none'; script-src {SCRIPT_HASHES}; style-src {STYLE_HASHES}; img-src data:; base-uri 'none'; \
         form-action 'none'"
    )
}

/// What the live page may do, as a header: there it can also say that no other page may show it in a frame.
pub(crate) fn live_policy() -> String {
    format!("{}; connect-src 'self'; frame-ancestors 'none'", rules())
}

/// Puts each text where its mark is. A mark stands in the page once, and before the scripts that could hold its like.
fn fill(parts: &[(&str, &str)]) -> String {
    let mut page = PAGE.to_owned();
    for (mark, text) in parts {
        page = page.replacen(mark, text, 1);
    }
    page
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(data.len() / 3), Compression::best());
    // Writing into a vector cannot fail.
    if encoder.write_all(data).is_err() {
        return Vec::new();
    }
    encoder.finish().unwrap_or_default()
}

#[derive(Deserialize)]
struct Titled {
    run: Option<Run>,
}

#[derive(Deserialize)]
struct Run {
    title: Option<String>,
}

fn title_of(data: &[u8]) -> String {
    let title = serde_json::from_slice::<Titled>(data).ok().and_then(|d| d.run).and_then(|r| r.title);
    match title {
        Some(title) if !title.is_empty() => format!("{title} · Plimsoll"),
        _ => "Plimsoll".to_owned(),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use sha2::{Digest as _, Sha256};
    use std::io::Read as _;

    /// The texts between `open…>` and `close`.
    fn inline<'a>(page: &'a str, open: &str, close: &str) -> Vec<&'a str> {
        let mut found = Vec::new();
        let mut rest = page;
        while let Some(at) = rest.find(open) {
            let start = at + rest[at..].find('>').unwrap() + 1;
            let end = start + rest[start..].find(close).unwrap();
            found.push(&rest[start..end]);
            rest = &rest[end..];
        }
        found
    }

    fn data_of(page: &str) -> String {
        let encoded = inline(page, r#"<script id="run-data""#, "</script>")[0].to_owned();
        let mut text = String::new();
        GzDecoder::new(STANDARD.decode(encoded).unwrap().as_slice()).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn every_mark_stands_in_the_page_once() {
        for mark in [POLICY_MARK, TITLE_MARK, TOKEN_MARK, DATA_MARK] {
            assert_eq!(PAGE.matches(mark).count(), 1, "{mark}");
        }
    }

    #[test]
    fn a_report_gives_its_data_back_and_shows_nothing_of_it_as_markup() {
        let json = r#"{"run":{"title":"</title><script>alert(1)</script>"},"series":{"t":[1,2,3]}}"#;
        let page = report(json);
        assert_eq!(data_of(&page), json);
        assert!(page.contains("<title>&lt;/title&gt;&lt;script&gt;alert(1)"));
        assert!(!page.contains("<script>alert(1)"));
    }

    #[test]
    fn a_report_of_anything_is_a_page() {
        assert_eq!(data_of(&report("not json")), "not json");
        assert!(report("[]").contains("<title>Plimsoll</title>"));
        assert_eq!(data_of(&report(r#"{"run":null}"#)), r#"{"run":null}"#);
    }

    #[test]
    fn the_policy_names_the_hash_of_every_script_and_style() {
        let page = report("{}");
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
        for script in inline(PAGE, "<script type=\"module\"", "</script>") {
            assert!(page.contains(&hash(script)));
        }
        for style in inline(PAGE, "<style", "</style>") {
            assert!(page.contains(&hash(style)));
        }
        assert!(!page.contains("unsafe-inline") && !page.contains(" src=\"http"));
    }

    #[test]
    fn only_the_live_page_may_connect_and_carries_the_token() {
        assert!(!report("{}").contains("connect-src"));
        let page = live("a\"b");
        assert!(page.contains("connect-src 'self'"));
        assert!(page.contains(r#"content="a&quot;b""#));
        assert!(page.contains(DATA_MARK));
    }
}
