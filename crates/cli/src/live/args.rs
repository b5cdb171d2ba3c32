//! Flags of what shows a run while it goes on.

use clap::Args;
use plimsoll_web::WebAddress;

/// What shows a run while it goes on.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LiveArgs {
    /// Serve a live page, at a port or address of your choice (default: 127.0.0.1:8390, or a free port)
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "default", value_parser = parse_address)]
    pub web: Option<WebAddress>,

    /// With --web: keep the page after the run, until Ctrl-C
    #[arg(long, requires = "web")]
    pub web_wait: bool,

    /// With --web: a name by which the page is also asked for, as that of a proxy; may be repeated
    #[arg(long, requires = "web", value_name = "NAME")]
    pub web_host: Vec<String>,

    /// Show the run on the whole terminal
    #[arg(long)]
    pub tui: bool,
}

fn parse_address(text: &str) -> Result<WebAddress, String> {
    if text == "default" { Ok(WebAddress::default()) } else { text.parse() }
}
