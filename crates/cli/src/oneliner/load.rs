//! How much load, and what else all of these commands have.

use super::*;

/// How much load, and what else all of these commands have.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Virtual users, each waiting for its answer before it goes on (default: 10)
    #[arg(long, value_name = "N", conflicts_with_all = ["rate", "stage"])]
    pub users: Option<u32>,

    /// Users started a second (default: all within a second)
    #[arg(long, value_name = "RATE", conflicts_with_all = ["rate", "stage", "iterations"])]
    pub spawn_rate: Option<Rate>,

    /// How long (default: 10s); with --iterations, the longest that it may take
    #[arg(long, value_name = "TIME", conflicts_with = "stage")]
    pub run_time: Option<Span>,

    /// In place of users: requests started a second (or 600/m), whether or not earlier ones have ended
    #[arg(long, value_name = "RATE", conflicts_with_all = ["iterations", "stage"])]
    pub rate: Option<Rate>,

    /// With --rate: how arrivals are spaced (default: poisson, as unrelated users make them)
    #[arg(long, value_enum)]
    pub arrival: Option<Spacing>,

    /// With --arrival gamma: 1 is Poisson, less is burstier
    #[arg(long, value_name = "SHAPE")]
    pub burstiness: Option<f64>,

    /// With --rate: most requests under way at a time (default: 1000)
    #[arg(long, value_name = "N")]
    pub max_users: Option<u32>,

    /// So many requests in all, as fast as the users can
    #[arg(long, value_name = "N", conflicts_with = "stage")]
    pub iterations: Option<u64>,

    /// Move in a straight line to a number of users (30s:50) or to a rate (30s:5/s); may be repeated
    #[arg(long, value_name = "TIME:LEVEL", value_parser = parse_stage)]
    pub stage: Vec<StageSpec>,

    /// Time from the start that is kept out of the statistics
    #[arg(long, value_name = "TIME")]
    pub warmup: Option<Span>,

    /// What a user waits after an answer: a time, or one drawn between two
    #[arg(long, value_name = "1s|1s..3s", value_parser = parse_think, conflicts_with = "pacing")]
    pub think: Option<Think>,

    /// Let each user start a request every so long, however long the last one took
    #[arg(long, value_name = "TIME")]
    pub pacing: Option<Span>,

    /// Rule that the run must meet: 'p(95) < 800ms', 'rate(failed) < 1%'; may be repeated
    #[arg(long, value_name = "RULE")]
    pub threshold: Vec<String>,

    /// The same, and the run ends as soon as it is broken; may be repeated
    #[arg(long, value_name = "RULE")]
    pub threshold_abort: Vec<String>,

    /// Limit for one request (default: 60s)
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Span>,

    /// Environment variable that holds the token (default: HF_TOKEN for Hugging Face's hosts, if it is set)
    #[arg(long, value_name = "NAME", value_parser = parse_secret)]
    pub token_env: Option<Secret>,

    /// Header of every request; may be repeated
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = parse_secret)]
    pub header: Vec<Secret>,

    /// Seed of every random choice
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Write the scenario that this command line stands for into a file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// See [`ArrivalProcess`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Spacing {
    Constant,
    Poisson,
    Gamma,
}

impl LoadArgs {
    pub(super) fn scenario(
        &self,
        name: &str,
        url: &str,
        data: Option<(String, DataSource)>,
        request: RequestSpec,
    ) -> Result<Scenario, CliError> {
        Ok(Scenario {
            name: Some(name.to_owned()),
            seed: self.seed,
            target: ApiTarget {
                tokenizer: None,
                url: url.to_owned(),
                auth: self.auth(url)?,
                headers: self.headers()?,
                timeout: self.timeout,
                max_response_bytes: None,
                ca_file: None,
                insecure: false,
                new_connections: false,
            },
            data: data.into_iter().collect(),
            requests: vec![request],
            journeys: Vec::new(),
            think: self.think.or(self.pacing.map(|pacing| Think {
                constant: None,
                between: None,
                pacing: Some(pacing),
            })),
            load: self.load()?,
            objectives: Objectives::default(),
            thresholds: threshold_specs(&self.threshold, &self.threshold_abort).collect(),
        })
    }

    pub(super) fn load(&self) -> Result<LoadSpec, CliError> {
        let by_rate = self.rate.is_some() || self.stage.first().is_some_and(|stage| stage.rate.is_some());
        if self.stage.iter().any(|stage| stage.rate.is_some() != by_rate) {
            return Err(CliError::usage("--stage: the stages are all of users (30s:50) or all of rates (30s:5/s)"));
        }
        for (flag, given) in [
            ("--arrival", self.arrival.is_some()),
            ("--burstiness", self.burstiness.is_some()),
            ("--max-users", self.max_users.is_some()),
        ] {
            if given && !by_rate {
                return Err(CliError::usage(format!("{flag}: it belongs to --rate, or to stages of rates (30s:5/s)")));
            }
        }
        let executor = match (by_rate, self.iterations) {
            (true, _) => Executor::Rate,
            (_, Some(_)) => Executor::Iterations,
            _ => Executor::Users,
        };
        let staged = !self.stage.is_empty();
        let users = match executor {
            // More users than iterations would have nothing to do.
            Executor::Iterations => {
                let most = self.iterations.map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX));
                Some(self.users.unwrap_or(DEFAULT_USERS.min(most.max(1))))
            }
            Executor::Users if !staged => Some(self.users.unwrap_or(DEFAULT_USERS)),
            _ => None,
        };
        let duration = match executor {
            Executor::Iterations => self.run_time,
            _ if staged => None,
            _ => Some(self.run_time.unwrap_or(DEFAULT_RUN_TIME)),
        };
        let spawn_rate = match (executor, users, duration) {
            (Executor::Users, Some(users), Some(duration)) if self.spawn_rate.is_none() => {
                // All at once would be a burst of connections that no such number of users makes.
                let seconds = (duration.0.as_secs_f64() / 10.0).min(1.0);
                (seconds > 0.0).then(|| Rate(f64::from(users) / seconds))
            }
            _ => self.spawn_rate,
        };
        Ok(LoadSpec {
            executor,
            users,
            spawn_rate,
            duration,
            stages: self.stage.clone(),
            rate: self.rate,
            arrival: self.arrival.map(|arrival| match arrival {
                Spacing::Constant => ArrivalProcess::Constant,
                Spacing::Poisson => ArrivalProcess::Poisson,
                Spacing::Gamma => ArrivalProcess::Gamma,
            }),
            burstiness: self.burstiness,
            max_users: self.max_users,
            iterations: self.iterations,
            replay: None,
            sweep_users: Vec::new(),
            sweep_rates: Vec::new(),
            cool_down: None,
            warmup: self.warmup,
            ramp_down: None,
            graceful_stop: None,
        })
    }

    pub(super) fn auth(&self, url: &str) -> Result<Option<AuthSpec>, CliError> {
        let name = match &self.token_env {
            Some(name) if is_variable_name(name.expose()) => name.expose().to_owned(),
            // Not repeated: it may be the token itself.
            Some(_) => {
                let message = "--token-env: this is not the name of an environment variable; \
                               give the name of the variable that holds the token, for example HF_TOKEN";
                return Err(CliError::usage(message));
            }
            None if is_hugging_face(url) && std::env::var_os(HF_TOKEN).is_some_and(|token| !token.is_empty()) => {
                HF_TOKEN.to_owned()
            }
            None => return Ok(None),
        };
        Ok(Some(AuthSpec { bearer_env: Some(name), header: None, query: None, value_env: None }))
    }

    pub(super) fn headers(&self) -> Result<BTreeMap<String, String>, CliError> {
        let mut headers = BTreeMap::new();
        for text in &self.header {
            let Some((name, value)) = text.expose().split_once(':') else {
                return Err(CliError::usage("--header: write it as 'NAME: VALUE'"));
            };
            let name = name.trim();
            if is_secret_name(name) {
                return Err(CliError::usage(format!(
                    "--header {name}: this is a secret, and results keep what the command line says; for a token, put \
                     it into an environment variable and name that with --token-env; for another header, write a \
                     scenario file with auth = {{ header = \"{name}\", value_env = \"MY_SECRET\" }}"
                )));
            }
            headers.insert(name.to_owned(), value.trim().to_owned());
        }
        Ok(headers)
    }

    /// A file's path as the scenario names it. A scenario's paths begin at its folder, so one that is saved elsewhere
    /// needs a whole path.
    pub(super) fn path(&self, path: &Path) -> Result<String, CliError> {
        let elsewhere = self
            .save
            .as_deref()
            .and_then(Path::parent)
            .is_some_and(|folder| !folder.as_os_str().is_empty() && folder != Path::new("."));
        let path = if elsewhere { std::path::absolute(path).map_err(CliError::internal)? } else { path.to_owned() };
        path.to_str().map(str::to_owned).ok_or_else(|| CliError::usage(format!("{}: not UTF-8", path.display())))
    }
}

/// Hosts that tokens of Hugging Face belong to.
pub(super) fn is_hugging_face(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default().to_lowercase();
    let of = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    !authority.contains('@') && (of("huggingface.co") || of("huggingface.cloud"))
}

fn parse_stage(text: &str) -> Result<StageSpec, String> {
    let (time, level) = text.split_once(':').ok_or("write it as TIME:LEVEL, for example 30s:50 or 30s:5/s")?;
    let duration = time.parse()?;
    if level.contains('/') {
        return Ok(StageSpec { duration, users: None, rate: Some(level.parse()?) });
    }
    let users = level.trim().parse().map_err(|_| format!("`{level}` is not a number of users; a rate is 5/s"))?;
    Ok(StageSpec { duration, users: Some(users), rate: None })
}

fn parse_think(text: &str) -> Result<Think, String> {
    let think = Think { constant: None, between: None, pacing: None };
    match text.split_once("..") {
        Some((min, max)) => Ok(Think { between: Some([min.parse()?, max.parse()?]), ..think }),
        None => Ok(Think { constant: Some(text.parse()?), ..think }),
    }
}
