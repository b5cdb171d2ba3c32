//! What templates see: rows of the data sources, what earlier steps extracted, and the functions that draw.

use super::data::DataSet;
use super::trace;
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};
use plimsoll_model::TraceRequest;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The scenario's data sources, by name.
pub(super) type Sources = BTreeMap<String, DataSet>;

/// Names that templates see in every iteration.
pub(super) const NAMES: [&str; 3] = ["vu", "iteration", "trace"];

/// Functions of our own.
pub(super) const FUNCTIONS: [&str; 5] = ["random_int", "choice", "pick", "sample", "uuid"];

/// Under this name the functions find the scope that they draw for.
const SELF: &str = "plimsoll scope";

/// Mixes numbers so that neighbouring ones give unrelated streams (the finalizer of SplitMix64).
pub(super) fn mix(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What one iteration's templates see. All that is drawn depends on the seed and the iteration alone.
#[derive(Debug)]
pub(super) struct Scope {
    sources: Arc<Sources>,
    seed: u64,
    sequence: u64,
    vu: u32,
    trace: Option<Arc<TraceRequest>>,
    /// Of the functions.
    rng: Mutex<SmallRng>,
    extracted: Mutex<BTreeMap<String, Value>>,
}

impl Scope {
    pub(super) fn new(
        sources: Arc<Sources>,
        seed: u64,
        sequence: u64,
        vu: u32,
        trace: Option<Arc<TraceRequest>>,
    ) -> Arc<Self> {
        let rng = Mutex::new(SmallRng::seed_from_u64(mix(mix(seed, sequence), FUNCTIONS_STREAM)));
        Arc::new(Self { sources, seed, sequence, vu, trace, rng, extracted: Mutex::default() })
    }

    /// The row of this source that belongs to this iteration.
    pub(super) fn row(&self, source: &str) -> Option<&super::data::Row> {
        let index = self.sources.keys().position(|name| name == source)? as u64;
        // A stream of its own for each source: what is drawn does not depend on which other sources are looked at.
        let mut rng = SmallRng::seed_from_u64(mix(mix(self.seed, self.sequence), SOURCES_STREAM + index));
        Some(self.sources.get(source)?.draw(self.sequence, &mut rng))
    }

    /// Keeps a value for later steps.
    pub(super) fn keep(&self, name: &str, value: Value) {
        locked(&self.extracted).insert(name.to_owned(), value);
    }

    /// The recorded request that this iteration stands for.
    pub(super) fn trace(&self) -> Option<&Arc<TraceRequest>> {
        self.trace.as_ref()
    }

    /// Its prompt, made up.
    pub(super) fn trace_prompt(&self) -> Option<String> {
        self.trace.as_ref().map(|request| trace::prompt_of(request, self.seed))
    }
}

/// Numbers of the streams of one iteration: what is drawn for one purpose does not move what is drawn for another.
const FUNCTIONS_STREAM: u64 = 1;
const SOURCES_STREAM: u64 = 1 << 32;

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "vu" => Some(self.vu.into()),
            "iteration" => Some(self.sequence.into()),
            "trace" => self.trace.is_some().then(|| Value::from_object(TraceView(self.clone()))),
            SELF => Some(Value::from_dyn_object(self.clone())),
            _ => match locked(&self.extracted).get(key) {
                Some(value) => Some(value.clone()),
                None => self.row(key).map(|row| row.value.clone()),
            },
        }
    }
}

/// `trace`: `prompt`, `input_tokens`, `output_tokens`.
#[derive(Debug)]
struct TraceView(Arc<Scope>);

impl Object for TraceView {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let request = self.0.trace.as_ref()?;
        match key.as_str()? {
            "prompt" => self.0.trace_prompt().map(Value::from),
            "input_tokens" => request.input_tokens.map(Value::from),
            "output_tokens" => request.output_tokens.map(Value::from),
            _ => None,
        }
    }
}

/// An environment with our functions, in which a name that is not there is an error.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Neither a newline at the end of a text nor any other character of it is ours to drop.
    if let Ok(syntax) = minijinja::syntax::SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.add_function("random_int", random_int);
    environment.add_function("choice", choice);
    environment.add_function("pick", pick);
    environment.add_function("sample", sample);
    environment.add_function("uuid", uuid);
    environment
}

fn random_int(state: &State<'_, '_>, from: i64, to: i64) -> Result<i64, Error> {
    if from > to {
        return Err(wrong(format!("random_int({from}, {to}): the first number is the larger one")));
    }
    Ok(locked(&scope(state)?.rng).random_range(from..=to))
}

fn choice(state: &State<'_, '_>, list: Value) -> Result<Value, Error> {
    let items: Vec<Value> = list.try_iter()?.collect();
    if items.is_empty() {
        return Err(wrong("choice: the list is empty".to_owned()));
    }
    let index = locked(&scope(state)?.rng).random_range(0..items.len());
    Ok(items[index].clone())
}

fn pick(state: &State<'_, '_>, source: &str) -> Result<Value, Error> {
    let scope = scope(state)?;
    let data = source_of(&scope, source)?;
    let index = locked(&scope.rng).random_range(0..data.len());
    Ok(data.row(index).value.clone())
}

fn sample(state: &State<'_, '_>, source: &str, count: usize) -> Result<Value, Error> {
    let scope = scope(state)?;
    let data = source_of(&scope, source)?;
    if count > data.len() {
        let text = format!("sample: `{source}` has {} rows, {count} different ones are asked for", data.len());
        return Err(wrong(text));
    }
    let mut rng = locked(&scope.rng);
    let indices = rand::seq::index::sample(&mut *rng, data.len(), count);
    Ok(indices.into_iter().map(|index| data.row(index).value.clone()).collect())
}

fn uuid(state: &State<'_, '_>) -> Result<String, Error> {
    let bits: u128 = locked(&scope(state)?.rng).random();
    // Version 4, variant 1 (RFC 9562).
    let bits = bits & !(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

fn scope(state: &State<'_, '_>) -> Result<Arc<Scope>, Error> {
    let scope = state.lookup(SELF).and_then(|value| value.downcast_object::<Scope>());
    scope.ok_or_else(|| wrong("nothing can be drawn here".to_owned()))
}

fn source_of<'a>(scope: &'a Scope, name: &str) -> Result<&'a DataSet, Error> {
    let source = scope.sources.get(name).filter(|data| data.len() > 0);
    source.ok_or_else(|| wrong(format!("`{name}` is not one of the data sources")))
}

fn wrong(text: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, text)
}

/// Nothing panics while one of these is held; and a value half written would still be a value.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
