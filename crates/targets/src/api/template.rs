//! Texts and JSON values of a scenario that may hold templates.

use super::failure::Failure;
use super::scope::{FUNCTIONS, NAMES, Scope};
use minijinja::{Environment, Error};
use plimsoll_model::scenario::Problem;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Text {
    /// Always the same.
    Constant(String),
    /// Made anew by the template of this name.
    Template(String),
    /// One expression alone, whose value keeps its type.
    Typed(String),
}

/// A JSON value with texts in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Constant(Value),
    Text(Text),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Text {
    pub(super) fn constant(&self) -> Option<&str> {
        match self {
            Self::Constant(text) => Some(text),
            Self::Template(_) | Self::Typed(_) => None,
        }
    }
}

impl Json {
    pub(super) fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }
}

/// The variable that holds the value of a text that is one expression.
const VALUE: &str = "plimsoll_value";

/// Compiles the texts of a scenario.
pub(super) struct Compiler {
    environment: Environment<'static>,
    /// Names of the data sources.
    sources: BTreeSet<String>,
    count: usize,
    /// Names of values that the earlier steps of this journey extract.
    pub extracted: BTreeSet<String>,
    /// Whether `trace` is there.
    pub replay: bool,
}

impl Compiler {
    pub(super) fn new(sources: impl IntoIterator<Item = String>, replay: bool) -> Self {
        let environment = super::scope::environment();
        let sources = sources.into_iter().collect();
        Self { environment, sources, count: 0, extracted: BTreeSet::new(), replay }
    }

    pub(super) fn finish(self) -> Environment<'static> {
        self.environment
    }

    /// A text of the scenario at this place.
    pub(super) fn text(&mut self, at: &str, text: &str) -> Result<Text, Problem> {
        if !["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
            return Ok(Text::Constant(text.to_owned()));
        }
        let name = format!("t{}", self.count);
        self.count += 1;
        if let Some(expression) = lone_expression(text) {
            let source = format!("{{% set {VALUE} = ({expression}) %}}");
            // What does not compile so is no lone expression: `{{ a }} and {{ b }}`.
            if self.environment.add_template_owned(name.clone(), source).is_ok() {
                self.check_names(at, &name)?;
                return Ok(Text::Typed(name));
            }
        }
        self.environment
            .add_template_owned(name.clone(), text.to_owned())
            .map_err(|error| Problem::new(at, format!("the template is not valid: {}", plain(&error))))?;
        self.check_names(at, &name)?;
        Ok(Text::Template(name))
    }

    pub(super) fn optional(&mut self, at: &str, text: Option<&str>) -> Result<Option<Text>, Problem> {
        text.map(|text| self.text(at, text)).transpose()
    }

    /// A JSON value of the scenario at this place.
    pub(super) fn json(&mut self, at: &str, value: &Value) -> Result<Json, Problem> {
        Ok(match value {
            Value::String(text) => match self.text(at, text)? {
                Text::Constant(text) => Json::Constant(Value::String(text)),
                other => Json::Text(other),
            },
            Value::Array(items) => {
                let items: Result<Vec<Json>, Problem> =
                    items.iter().enumerate().map(|(index, item)| self.json(&format!("{at}.{index}"), item)).collect();
                let items = items?;
                if items.iter().all(Json::is_constant) { Json::Constant(value.clone()) } else { Json::List(items) }
            }
            Value::Object(map) => self.object(at, map)?,
            other => Json::Constant(other.clone()),
        })
    }

    /// An object of the scenario at this place.
    pub(super) fn object(&mut self, at: &str, map: &Map<String, Value>) -> Result<Json, Problem> {
        let mut members = Vec::with_capacity(map.len());
        for (key, value) in map {
            members.push((key.clone(), self.json(&format!("{at}.{key}"), value)?));
        }
        Ok(match members.iter().all(|(_, member)| member.is_constant()) {
            true => Json::Constant(Value::Object(map.clone())),
            false => Json::Object(members),
        })
    }

    fn check_names(&self, at: &str, name: &str) -> Result<(), Problem> {
        let Ok(template) = self.environment.get_template(name) else { return Ok(()) };
        let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
        for used in used {
            let global = self.environment.globals().any(|(global, _)| global == used);
            let named = NAMES.contains(&used.as_str()) && (used != "trace" || self.replay);
            if !global && !named && !self.sources.contains(&used) && !self.extracted.contains(&used) {
                return Err(Problem::new(at, self.unknown(&used)));
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> String {
        if name == "trace" {
            return "the template uses `trace`, which only a replay has (load.executor = \"replay\")".to_owned();
        }
        let mut there: Vec<&str> = self.sources.iter().chain(&self.extracted).map(String::as_str).collect();
        there.extend(NAMES.iter().filter(|name| **name != "trace" || self.replay));
        format!(
            "the template uses `{name}`, which is not there; there are {}, and the functions {}. Data sources are \
             defined as [data.{name}], and values of earlier steps of a journey with `extract`",
            there.join(", "),
            FUNCTIONS.join(", ")
        )
    }
}

/// The expression of a text that is one `{{ … }}`, if it looks like one.
fn lone_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix(['-', '+']).filter(|rest| rest.starts_with(char::is_whitespace)).unwrap_or(inner);
    Some(inner.strip_suffix('-').unwrap_or(inner))
}

/// Fills templates in for one iteration.
pub(super) struct Renderer<'a> {
    environment: &'a Environment<'static>,
    scope: Option<Arc<Scope>>,
    context: minijinja::Value,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(environment: &'a Environment<'static>, scope: Option<&Arc<Scope>>) -> Self {
        let context =
            scope.map_or(minijinja::Value::UNDEFINED, |scope| minijinja::Value::from_dyn_object(scope.clone()));
        Self { environment, scope: scope.cloned(), context }
    }

    pub(super) fn scope(&self) -> Option<&Arc<Scope>> {
        self.scope.as_ref()
    }

    /// The text, whatever type its value has.
    pub(super) fn text<'t>(&self, text: &'t Text) -> Result<Cow<'t, str>, Failure> {
        match text {
            Text::Constant(text) => Ok(Cow::Borrowed(text)),
            Text::Template(name) => {
                let template = self.environment.get_template(name);
                template.and_then(|template| template.render(&self.context)).map(Cow::Owned).map_err(|e| failed(&e))
            }
            Text::Typed(name) => {
                let value = self.value(name)?;
                Ok(Cow::Owned(match value.as_str() {
                    Some(text) => text.to_owned(),
                    None => value.to_string(),
                }))
            }
        }
    }

    /// The JSON value.
    pub(super) fn json(&self, json: &Json) -> Result<Value, Failure> {
        Ok(match json {
            Json::Constant(value) => value.clone(),
            Json::Text(Text::Typed(name)) => serde_json::to_value(self.value(name)?)
                .map_err(|error| Failure::unmade(format!("the value of a template is not JSON: {error}")))?,
            Json::Text(text) => Value::String(self.text(text)?.into_owned()),
            Json::List(items) => Value::Array(items.iter().map(|item| self.json(item)).collect::<Result<_, _>>()?),
            Json::Object(members) => {
                let members = members.iter().map(|(key, member)| Ok((key.clone(), self.json(member)?)));
                Value::Object(members.collect::<Result<_, Failure>>()?)
            }
        })
    }

    fn value(&self, name: &str) -> Result<minijinja::Value, Failure> {
        let captured = self.environment.get_template(name).and_then(|template| template.render_captured(&self.context));
        let value = captured.map_err(|error| failed(&error))?.state().lookup(VALUE).unwrap_or_default();
        if value.is_undefined() {
            return Err(Failure::unmade("the template cannot be filled in: its value is not there"));
        }
        Ok(value)
    }
}

fn failed(error: &Error) -> Failure {
    Failure::unmade(format!("the template cannot be filled in: {}", plain(error)))
}

/// An error of the template engine without the names that we gave the templates.
fn plain(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
