//! Values that must never reach a file, a terminal or a log.

use serde::{Serialize, Serializer};
use std::fmt;

const HIDDEN: &str = "***";

/// A value that prints and serialises as `***`. Only [`Secret::expose`] gives it, to the code that sends it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself: for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// Takes known secrets out of text that others wrote: error messages of a server, lines that an app printed.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
}

impl Redactor {
    /// Shorter values are not searched for: they would blank out ordinary words and hide nothing.
    const SHORTEST: usize = 4;

    /// Hides each of these values wherever it occurs. Longer ones first, so that a secret that contains another
    /// is hidden whole.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut secrets: Vec<Secret> =
            secrets.into_iter().filter(|secret| secret.0.len() >= Self::SHORTEST).cloned().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.0.len()));
        Self { secrets }
    }

    /// This one with more values to hide.
    pub fn and<'a>(&self, more: impl IntoIterator<Item = &'a str>) -> Self {
        let more: Vec<Secret> = more.into_iter().map(Secret::new).collect();
        Self::new(self.secrets.iter().chain(&more))
    }

    /// Whether there is nothing to hide in this text.
    pub fn is_clean(&self, text: &str) -> bool {
        self.secrets.iter().all(|secret| !text.contains(&secret.0))
    }

    /// The text with every secret replaced by `***`.
    pub fn clean(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(&secret.0) { text.replace(&secret.0, HIDDEN) } else { text }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "***");
    }

    #[test]
    fn redactor_hides_the_longest_secret_whole() {
        let redactor = Redactor::new(&[Secret::new("token"), Secret::new("token-and-more"), Secret::new("ab")]);
        assert_eq!(redactor.clean("got token-and-more, token, ab"), "got ***, ***, ab");
    }
}
