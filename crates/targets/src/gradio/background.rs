//! Mixed traffic: what else a server does while it predicts. Users who look at the page, upload and download.

use super::config::MOST_BYTES;
use super::exchange::{note, upload};
use super::failure::Failure;
use super::outputs::file_request;
use super::user::{UserSettings, get_text};
use crate::{Behaviour, Iteration, Record, VirtualUser};
use plimsoll_model::{FailureClass, Outcome, Sample, Traffic};
use plimsoll_wire::{Client, Connector, Request};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// The three kinds of background user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackgroundKind {
    /// Looks at a document, the config, the API info, the theme or a linked asset.
    PageLoads,
    /// Uploads a sample file.
    Uploads,
    /// Downloads a file.
    Downloads,
}

impl BackgroundKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::PageLoads, Self::Uploads, Self::Downloads];

    /// How many of them go with so many predicting users: two page loaders, one uploader and two downloaders for
    /// each, at most 50 of a kind (hf-perftest's numbers).
    pub fn users_for(self, users: u32) -> u32 {
        let per_user = if self == Self::Uploads { 1 } else { 2 };
        (users * per_user).clamp(1, 50)
    }

    /// The pause between two requests of one user, drawn uniformly (hf-perftest's numbers).
    pub fn pause(self) -> (Duration, Duration) {
        let least = if self == Self::Uploads { 100 } else { 50 };
        (Duration::from_millis(least), Duration::from_millis(500))
    }

    /// How long one request may take (hf-perftest's numbers).
    pub fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::PageLoads => 10,
            Self::Uploads => 60,
            Self::Downloads => 30,
        })
    }

    fn traffic(self) -> Traffic {
        match self {
            Self::PageLoads => Traffic::PageLoad,
            Self::Uploads => Traffic::Upload,
            Self::Downloads => Traffic::Download,
        }
    }
}

/// What background users ask for, found out once before the first tier.
pub struct BackgroundSources {
    pages: Vec<String>,
    downloads: Vec<String>,
}

impl BackgroundSources {
    /// Looks at the page for the assets that it links, and uploads each sample file once so that there is
    /// something to download.
    pub async fn find(client: &mut Client, settings: &UserSettings) -> Self {
        let prefix = &settings.app.api_prefix;
        let mut pages = vec!["/".to_owned(), "/config".to_owned(), format!("{prefix}/info"), "/theme.css".to_owned()];
        if let Some(html) = get_text(client, "/").await {
            pages.extend(linked_assets(&html));
        }
        let mut downloads = Vec::new();
        let files = settings.payloads.files();
        for index in 0..files.len() {
            let mut sample = Sample::begin(Traffic::Upload, "".into(), (0, 0), Duration::ZERO, Duration::ZERO);
            if let Ok(path) = upload(client, prefix, &files.get(index).upload, &mut sample).await {
                downloads.push(file_request(prefix, &path).path);
            }
        }
        Self { pages, downloads }
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        format!("{} page addresses, {} files to download", self.pages.len(), self.downloads.len())
    }
}

/// The paths of the scripts, styles and other files that a page links from its own server, without the page's base
/// path.
fn linked_assets(html: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for attribute in ["src=\"", "href=\""] {
        for rest in html.split(attribute).skip(1) {
            let link = rest.split('"').next().unwrap_or_default();
            // Relative (`./assets/x.js`) or below some base (`/sub/assets/x.js`); never on another host.
            if link.contains("://") || link.starts_with("//") {
                continue;
            }
            if let Some(at) = ["assets/", "static/"].iter().find_map(|folder| link.find(folder)) {
                found.insert(format!("/{}", &link[at..]));
            }
        }
    }
    found.into_iter().collect()
}

/// Makes background users of one kind.
pub struct Background {
    kind: BackgroundKind,
    settings: Rc<UserSettings>,
    sources: Rc<BackgroundSources>,
    connector: Rc<Connector>,
}

impl Background {
    /// Users of this kind; `None` where there is nothing for them to do (no files to send or fetch).
    pub fn new(
        kind: BackgroundKind,
        settings: &Rc<UserSettings>,
        sources: &Rc<BackgroundSources>,
        connector: &Rc<Connector>,
    ) -> Option<Self> {
        let possible = match kind {
            BackgroundKind::PageLoads => true,
            BackgroundKind::Uploads => !settings.payloads.files().is_empty(),
            BackgroundKind::Downloads => !sources.downloads.is_empty(),
        };
        possible.then(|| Self {
            kind,
            settings: settings.clone(),
            sources: sources.clone(),
            connector: connector.clone(),
        })
    }
}

impl Behaviour for Background {
    type User = BackgroundUser;

    fn user(&self, vu: u32) -> BackgroundUser {
        let settings = self.settings.clone();
        let client = Client::new(self.connector.clone(), settings.headers.clone(), settings.cookies.clone());
        let rng = StdRng::seed_from_u64(super::payload::mix(settings.seed, vu, u32::MAX - 1 - self.kind as u32));
        BackgroundUser { vu, kind: self.kind, client, settings, sources: self.sources.clone(), rng }
    }

    async fn after_round(&self, _round: u32) {}
}

/// One background user.
pub struct BackgroundUser {
    vu: u32,
    kind: BackgroundKind,
    client: Client,
    settings: Rc<UserSettings>,
    sources: Rc<BackgroundSources>,
    rng: StdRng,
}

impl VirtualUser for BackgroundUser {
    async fn prepare(&mut self) {
        let _ = self.client.open().await;
    }

    async fn iterate(&mut self, iteration: Iteration, record: &impl Record) {
        let clock = self.client.connector().clock();
        let traffic = self.kind.traffic();
        let at = (self.vu, iteration.number);
        let mut sample = Sample::begin(traffic, "".into(), at, iteration.intended, clock.now());
        let result = tokio::time::timeout(iteration.timeout, self.request(&mut sample)).await.unwrap_or_else(|_| {
            let text = format!("no complete answer within {:.0} s", iteration.timeout.as_secs_f64());
            Err(Failure::new(FailureClass::Timeout, text))
        });
        sample.end = clock.now();
        if let Err(failure) = result {
            sample.outcome = Outcome::Failed(failure.class);
            sample.status = failure.status;
            sample.error = Some(self.settings.redactor.clean(&failure.text).into());
        }
        record.record(sample);
    }
}

impl BackgroundUser {
    async fn request(&mut self, sample: &mut Sample) -> Result<(), Failure> {
        let paths = match self.kind {
            BackgroundKind::Uploads => {
                let files = self.settings.payloads.files();
                let file = files.get(self.rng.random_range(0..files.len()));
                sample.name = file.name.as_str().into();
                upload(&mut self.client, &self.settings.app.api_prefix, &file.upload, sample).await?;
                return Ok(());
            }
            BackgroundKind::PageLoads => &self.sources.pages,
            BackgroundKind::Downloads => &self.sources.downloads,
        };
        let path = &paths[self.rng.random_range(0..paths.len())];
        sample.name = path.as_str().into();
        let (response, bytes) = self.client.fetch(Request::get(path), MOST_BYTES).await?;
        note(&response, sample);
        sample.bytes_received += bytes.len() as u64;
        match response.status {
            200 => Ok(()),
            status => Err(Failure::of_status("GET", status, &bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_those_the_page_links_from_its_own_server() {
        let html = r#"<script type="module" src="./assets/index-1.js"></script>
            <link rel="stylesheet" href="/sub/assets/index-2.css"><link href="https://fonts.example/static/f.css">
            <img src="//cdn.example/static/x.png"><link rel="icon" href="static/img/logo.svg"><a href="/about">"#;
        assert_eq!(linked_assets(html), ["/assets/index-1.js", "/assets/index-2.css", "/static/img/logo.svg"]);
    }

    #[test]
    fn as_many_users_as_hf_perftest_has() {
        let counts = |users| BackgroundKind::ALL.map(|kind| kind.users_for(users));
        assert_eq!((counts(1), counts(10), counts(100)), ([2, 1, 2], [20, 10, 20], [50, 50, 50]));
    }
}
