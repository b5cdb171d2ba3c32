//! Environment variables handed to an app.

use crate::Secret;
use serde::{Serialize, Serializer};

/// Parts of a variable's name, between underscores, that say that its value is not for others.
const SECRET_WORDS: [&str; 11] =
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASS", "PWD", "KEY", "APIKEY", "CREDENTIAL", "CREDENTIALS", "AUTH"];

/// A variable of an app's environment. It prints its value unless its name says that this is a secret (`API_KEY`,
/// `HF_TOKEN`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
}

impl Variable {
    /// Whether its name says that its value must not be shown.
    pub fn is_secret(&self) -> bool {
        self.name.to_uppercase().split('_').any(|word| SECRET_WORDS.contains(&word))
    }

    /// The value, or `***`.
    pub fn shown(&self) -> &str {
        if self.is_secret() { "***" } else { self.value.expose() }
    }
}

/// As an object from names to values, secret ones as `***`.
pub(crate) fn serialize<S: Serializer>(variables: &[Variable], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(variables.iter().map(|variable| (&variable.name, variable.shown())))
}

impl Serialize for Variable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(std::slice::from_ref(self), serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        let of = |name: &str| Variable { name: name.to_owned(), value: Secret::new("value") };
        for name in ["HF_TOKEN", "api_key", "OPENAI_APIKEY", "DB_PASSWORD"] {
            assert_eq!(serde_json::to_string(&of(name)).unwrap(), format!("{{\"{name}\":\"***\"}}"));
        }
        for name in ["SLEEP", "KEYBOARD", "MONKEY_PATCH", "BATCH_SIZE"] {
            assert_eq!(of(name).shown(), "value", "{name}");
        }
    }
}
