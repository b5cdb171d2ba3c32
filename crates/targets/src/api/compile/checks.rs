//! Checks of answers, and what is taken from them.

use super::Steps;
use super::auth::header_name;
use crate::api::check::{Checks, JsonRule, Kind, Source};
use crate::api::step::Call;
use plimsoll_model::scenario::{Check, Extract, JsonCheck, OpenAiApi, Problem};

impl Steps<'_> {
    pub(super) fn checks(&mut self, at: &str, check: Option<&Check>, call: &Call) -> Result<Checks, Problem> {
        let Some(check) = check else { return Ok(Checks { schema: true, ..Checks::default() }) };
        let problem = |key: &str, text: &str| Problem::new(format!("{at}.{key}"), text);
        if let Some(status) = check.status.iter().find(|status| !(200..600).contains(*status)) {
            return Err(problem("status", &format!("{status} is no status of an answer")));
        }
        if check.norm.is_some_and(|norm| !(norm.is_finite() && norm >= 0.0)) {
            return Err(problem("norm", "a norm is a number of at least 0"));
        }
        let vectors = match call {
            Call::Task(call) => call.task.name() == "feature-extraction",
            Call::Model(call) => call.api == OpenAiApi::Embeddings,
            Call::Plain(_) => false,
        };
        let text = match call {
            Call::Task(call) => call.task.name() == "text-generation",
            Call::Model(call) => call.dialect().is_some(),
            Call::Plain(_) => false,
        };
        for (key, there, fits) in [
            ("dimension", check.dimension.is_some(), vectors),
            ("norm", check.norm.is_some(), vectors),
            ("min_tokens", check.min_tokens.is_some(), text),
        ] {
            if there && !fits {
                let whose = if key == "min_tokens" { "requests that generate text" } else { "embeddings" };
                return Err(problem(key, &format!("it belongs to {whose}")));
            }
        }
        let mut json = Vec::new();
        for (index, rule) in check.json.iter().enumerate() {
            json.push(self.rule(&format!("{at}.json.{index}"), rule)?);
        }
        Ok(Checks {
            status: check.status.clone(),
            schema: check.schema.unwrap_or(true),
            contains: self.texts.optional(&format!("{at}.contains"), check.contains.as_deref())?,
            matches: check.matches.as_deref().map(|text| regex(&format!("{at}.matches"), text)).transpose()?,
            json,
            min_bytes: check.min_bytes,
            min_tokens: check.min_tokens,
            dimension: check.dimension,
            norm: check.norm,
        })
    }

    fn rule(&mut self, at: &str, rule: &JsonCheck) -> Result<JsonRule, Problem> {
        let kind = match &rule.kind {
            None => None,
            Some(word) => Some(Kind::parse(word).ok_or_else(|| {
                let text = format!("`{word}` is no JSON type: string, number, boolean, array, object or null");
                Problem::new(format!("{at}.type"), text)
            })?),
        };
        Ok(JsonRule {
            at: pointer(&format!("{at}.at"), &rule.at)?,
            equals: self.optional_json(at, "equals", rule.equals.as_ref())?,
            min: rule.min,
            max: rule.max,
            min_length: rule.min_length,
            kind,
        })
    }
}

pub(super) fn source_of(at: &str, extract: &Extract) -> Result<Source, Problem> {
    match (&extract.json, &extract.header, &extract.regex) {
        (Some(at_json), None, None) => Ok(Source::Json(pointer(&format!("{at}.json"), at_json)?)),
        (None, Some(name), None) => Ok(Source::Header(header_name(&format!("{at}.header"), name)?.as_str().to_owned())),
        (None, None, Some(text)) => Ok(Source::Regex(regex(&format!("{at}.regex"), text)?)),
        _ => Err(Problem::new(at, "give exactly one of `json`, `header` and `regex`")),
    }
}

fn regex(at: &str, text: &str) -> Result<regex::bytes::Regex, Problem> {
    regex::bytes::Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Problem::new(at, format!("`{text}` is not a regular expression: {last}"))
    })
}

fn pointer(at: &str, text: &str) -> Result<String, Problem> {
    if text.is_empty() || text.starts_with('/') {
        return Ok(text.to_owned());
    }
    let text =
        format!("`{text}` is not a JSON pointer: it starts with a slash, for example /{}", text.replace('.', "/"));
    Err(Problem::new(at, text))
}
