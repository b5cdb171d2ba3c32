//! Who may ask, and how often: tokens, credits, rate limits.

use crate::config::{MockConfig, RateLimit};
use crate::outcome::Class;
use crate::random::hash;
use std::collections::HashMap;

/// A request that is turned away before it is looked at.
#[derive(Debug, PartialEq)]
pub(crate) struct Denial {
    pub status: u16,
    pub class: Class,
    pub body: &'static str,
}

/// What the limits say of one request: a denial or not, and header lines for the answer.
#[derive(Debug)]
pub(crate) struct Ruling {
    pub denial: Option<Denial>,
    pub headers: Vec<u8>,
}

/// Fewer keys than this are remembered, so that inventing tokens does not fill the memory.
const MOST_KEYS: usize = 1_000_000;

/// The state of every bearer token.
#[derive(Debug)]
pub(crate) struct Limits {
    allowed: Vec<String>,
    forbidden: Vec<String>,
    quota: Option<u64>,
    rate: Option<RateLimit>,
    accounts: HashMap<u64, Account>,
}

#[derive(Debug, Clone, Copy)]
struct Account {
    used: u64,
    window_start: u64,
    in_window: u64,
    level: f64,
    filled_at: u64,
}

impl Limits {
    /// The limits of a configuration, if it has any.
    pub(crate) fn new(config: &MockConfig) -> Option<Self> {
        let any = !config.tokens_allowed.is_empty()
            || !config.tokens_forbidden.is_empty()
            || config.quota.is_some()
            || config.rate_limit.is_some();
        any.then(|| Self {
            allowed: config.tokens_allowed.clone(),
            forbidden: config.tokens_forbidden.clone(),
            quota: config.quota,
            rate: config.rate_limit,
            accounts: HashMap::new(),
        })
    }

    /// Counts a request at `now` and says whether it may go on.
    pub(crate) fn ask(&mut self, now: u64, token: Option<&str>) -> Ruling {
        let deny = |status, class, body| Ruling { denial: Some(Denial { status, class, body }), headers: Vec::new() };
        let token = token.unwrap_or_default();
        if self.forbidden.iter().any(|known| known == token) {
            let body = r#"{"error":"This authentication method does not have sufficient permissions to call Inference Providers on behalf of user plimsoll"}"#;
            return deny(403, Class::Auth, body);
        }
        if !self.allowed.is_empty() && !self.allowed.iter().any(|known| known == token) {
            return deny(401, Class::Auth, r#"{"error":"Invalid credentials in Authorization header"}"#);
        }
        if self.accounts.len() >= MOST_KEYS {
            self.accounts.clear();
        }
        let fresh = Account {
            used: 0,
            window_start: now,
            in_window: 0,
            level: self.rate.map_or(0.0, |rate| rate.requests as f64),
            filled_at: now,
        };
        let account = self.accounts.entry(hash(token.as_bytes())).or_insert(fresh);
        if self.quota.is_some_and(|quota| account.used >= quota) {
            let body = r#"{"error":"You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x more monthly included credits."}"#;
            return deny(402, Class::Quota, body);
        }
        let Some(rate) = self.rate else {
            account.used += 1;
            return Ruling { denial: None, headers: Vec::new() };
        };
        let (allowed, remaining, wait) = account.take(now, rate);
        let seconds = wait.div_ceil(1_000_000_000);
        let mut headers = format!(
            "ratelimit: \"api\";r={remaining};t={seconds}\r\nratelimit-policy: \"{}\";\"api\";q={};w={}\r\n",
            if rate.bucket { "token bucket" } else { "fixed window" },
            rate.requests,
            rate.window.as_secs().max(1)
        )
        .into_bytes();
        if allowed {
            account.used += 1;
            return Ruling { denial: None, headers };
        }
        headers.extend_from_slice(format!("retry-after: {}\r\n", seconds.max(1)).as_bytes());
        let body = r#"{"error":"Too Many Requests: you have reached your rate limit."}"#;
        Ruling { denial: Some(Denial { status: 429, class: Class::RateLimited, body }), headers }
    }

    /// Forgets what every token has used.
    pub(crate) fn reset(&mut self) {
        self.accounts.clear();
    }
}

impl Account {
    /// Takes one request out of the allowance: whether there was one, how many are left, and how many nanoseconds until
    /// the window ends or the bucket has another.
    fn take(&mut self, now: u64, rate: RateLimit) -> (bool, u64, u64) {
        let window = u64::try_from(rate.window.as_nanos()).unwrap_or(u64::MAX).max(1);
        if rate.bucket {
            let per_nano = rate.requests as f64 / window as f64;
            let earned = (now - self.filled_at.min(now)) as f64 * per_nano;
            self.level = (self.level + earned).min(rate.requests as f64);
            self.filled_at = now;
            let allowed = self.level >= 1.0;
            if allowed {
                self.level -= 1.0;
            }
            let wait = if self.level >= 1.0 { 0.0 } else { (1.0 - self.level) / per_nano };
            return (allowed, self.level as u64, wait as u64);
        }
        if now - self.window_start.min(now) >= window {
            self.window_start = now;
            self.in_window = 0;
        }
        let allowed = self.in_window < rate.requests;
        if allowed {
            self.in_window += 1;
        }
        (allowed, rate.requests - self.in_window, self.window_start.saturating_add(window) - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn limits(change: impl FnOnce(&mut MockConfig)) -> Limits {
        let mut config = MockConfig::default();
        change(&mut config);
        Limits::new(&config).unwrap()
    }

    fn status(limits: &mut Limits, now: u64, token: Option<&str>) -> u16 {
        limits.ask(now, token).denial.map_or(200, |denial| denial.status)
    }

    #[test]
    fn tokens_and_quota() {
        let mut limits = limits(|config| {
            config.tokens_allowed = vec!["good".to_owned()];
            config.tokens_forbidden = vec!["poor".to_owned()];
            config.quota = Some(2);
        });
        assert_eq!(status(&mut limits, 0, None), 401);
        assert_eq!(status(&mut limits, 0, Some("bad")), 401);
        assert_eq!(status(&mut limits, 0, Some("poor")), 403);
        assert_eq!([0, 1, 2].map(|now| status(&mut limits, now, Some("good"))), [200, 200, 402]);
    }

    #[test]
    fn fixed_window() {
        let mut limits = limits(|config| config.rate_limit = Some("2/10s".parse().unwrap()));
        assert_eq!([0, S, 2 * S].map(|now| status(&mut limits, now, Some("a"))), [200, 200, 429]);
        assert_eq!(status(&mut limits, 3 * S, Some("b")), 200);
        let headers = String::from_utf8(limits.ask(3 * S, Some("a")).headers).unwrap();
        assert!(headers.contains("ratelimit: \"api\";r=0;t=7\r\n"), "{headers}");
        assert!(headers.contains("ratelimit-policy: \"fixed window\";\"api\";q=2;w=10\r\n"), "{headers}");
        assert!(headers.contains("retry-after: 7\r\n"), "{headers}");
        assert_eq!(status(&mut limits, 10 * S, Some("a")), 200);
    }

    #[test]
    fn bucket() {
        let mut limits = limits(|config| config.rate_limit = Some("bucket(2/10s)".parse().unwrap()));
        assert_eq!([0, 0, 0].map(|now| status(&mut limits, now, None)), [200, 200, 429]);
        assert_eq!(status(&mut limits, 4 * S, None), 429);
        assert_eq!(status(&mut limits, 5 * S, None), 200);
        assert_eq!(status(&mut limits, 5 * S, None), 429);
    }
}
