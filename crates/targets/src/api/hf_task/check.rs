//! Whether JSON has a shape. It is read once, and nothing of it is kept: answers are checked between two requests.

use super::schema::{Field, Kind};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// What is wrong, and where.
#[derive(Debug, Default)]
struct Fault {
    what: Option<String>,
    /// From the inside out.
    path: Vec<String>,
}

impl Fault {
    /// The first fault counts; those that come of it do not.
    fn set<E: Error>(&mut self, what: impl FnOnce() -> String) -> E {
        self.what.get_or_insert_with(what);
        E::custom("")
    }

    fn told(mut self, otherwise: &serde_json::Error) -> String {
        self.path.reverse();
        match (self.what, self.path.is_empty()) {
            (None, _) if otherwise.is_data() => format!("has another shape ({otherwise})"),
            (None, _) => format!("is not JSON ({otherwise})"),
            (Some(what), true) => what,
            (Some(what), false) => format!("`{}` {what}", self.path.join(".")),
        }
    }
}

/// Checks the bytes of an answer.
pub(super) fn bytes(kind: &Kind, body: &[u8]) -> Result<(), String> {
    let mut fault = Fault::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let checked = Checker { kind, filled: false, null: false, templates: false, fault: &mut fault }
        .deserialize(&mut json)
        .and_then(|()| json.end());
    checked.map_err(|error| fault.told(&error))
}

/// Checks a value of a scenario. A text with a template in it may become anything.
pub(super) fn value(kind: &Kind, value: &Value) -> Result<(), String> {
    let mut fault = Fault::default();
    let checked = Checker { kind, filled: false, null: false, templates: true, fault: &mut fault }.deserialize(value);
    checked.map_err(|error| fault.told(&error))
}

/// Whether a text of a scenario is filled in when it is sent.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

struct Checker<'a> {
    kind: &'a Kind,
    /// Whether an empty text fails.
    filled: bool,
    /// Whether null will do.
    null: bool,
    /// Whether texts may be templates.
    templates: bool,
    fault: &'a mut Fault,
}

impl<'a> Checker<'a> {
    /// Goes on with the first alternative that a value of this JSON type can be.
    fn settle(&mut self, fits: impl Fn(&Kind) -> bool) {
        while let Kind::Either(kinds) = self.kind {
            match kinds.iter().find(|kind| fits(kind) || matches!(kind, Kind::Either(_))) {
                Some(kind) => self.kind = kind,
                None => return,
            }
        }
    }

    fn wrong<E: Error>(self, is: &str) -> Result<(), E> {
        Err(self.fault.set(|| format!("is {is}, not {}", self.kind.words())))
    }

    fn one_of<E: Error>(self, is: &Value) -> Result<(), E> {
        match self.kind {
            Kind::One(values) if values.contains(is) => Ok(()),
            _ => self.wrong(&is.to_string()),
        }
    }

    fn child<'b>(&'b mut self, kind: &'b Kind, filled: bool, null: bool) -> Checker<'b> {
        Checker { kind, filled, null, templates: self.templates, fault: self.fault }
    }

    fn number<E: Error>(mut self, whole: bool, value: impl Fn() -> Value) -> Result<(), E> {
        self.settle(|kind| matches!(kind, Kind::Any | Kind::Number | Kind::Integer | Kind::One(_)));
        match self.kind {
            Kind::Any | Kind::Number => Ok(()),
            Kind::Integer if whole => Ok(()),
            Kind::Integer => self.wrong("a fraction"),
            Kind::One(_) => self.one_of(&value()),
            _ => self.wrong("a number"),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Checker<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checker<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.settle(|kind| matches!(kind, Kind::Null));
        if self.null || *self.kind == Kind::Null { Ok(()) } else { self.wrong("null") }
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.settle(|kind| matches!(kind, Kind::Any | Kind::Boolean | Kind::One(_)));
        match self.kind {
            Kind::Any | Kind::Boolean => Ok(()),
            Kind::One(_) => self.one_of(&value.into()),
            _ => self.wrong(if value { "true" } else { "false" }),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(true, || value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(true, || value.into())
    }

    // JSON has no way to write a number that is not finite; too large ones do not get here.
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(value.fract() == 0.0, || value.into())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        if self.templates && is_template(text) {
            return Ok(());
        }
        self.settle(|kind| matches!(kind, Kind::Any | Kind::Text | Kind::One(_)));
        match self.kind {
            Kind::Any | Kind::Text if self.filled && text.trim().is_empty() => {
                Err(self.fault.set(|| "is an empty text".to_owned()))
            }
            Kind::Any | Kind::Text => Ok(()),
            Kind::One(_) => self.one_of(&text.into()),
            _ => self.wrong("a text"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.settle(|kind| matches!(kind, Kind::Any | Kind::List { .. } | Kind::Tensor(_)));
        let (of, empty) = match self.kind {
            Kind::Any => {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(());
            }
            Kind::Tensor(deepest) => return tensor(*deepest, list, self.fault).map(|_| ()),
            Kind::List { of, empty } => (of, *empty),
            _ => return self.wrong("a list"),
        };
        let mut length = 0_usize;
        loop {
            match list.next_element_seed(self.child(of, self.filled, false)) {
                Ok(Some(())) => length += 1,
                Ok(None) if length == 0 && !empty => return Err(self.fault.set(|| "is an empty list".to_owned())),
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.fault.path.push(length.to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if let Kind::Either(kinds) = self.kind
            && kinds.iter().filter(|kind| matches!(kind, Kind::Object(_))).count() > 1
        {
            return self.any_object(kinds, map);
        }
        self.settle(|kind| matches!(kind, Kind::Any | Kind::Map(_) | Kind::Object(_)));
        match self.kind {
            Kind::Any => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(())
            }
            Kind::Map(of) => {
                while let Some(name) = map.next_key::<String>()? {
                    if let Err(error) = map.next_value_seed(self.child(of, false, true)) {
                        self.fault.path.push(name);
                        return Err(error);
                    }
                }
                Ok(())
            }
            Kind::Object(fields) => self.object(fields, map),
            _ => self.wrong("an object"),
        }
    }
}

impl Checker<'_> {
    fn object<'de, A: MapAccess<'de>>(mut self, fields: &[Field], mut map: A) -> Result<(), A::Error> {
        let mut seen = 0_u64;
        while let Some(index) = map.next_key_seed(Name(fields))? {
            let Some(index) = index else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            seen |= 1 << index;
            let field = &fields[index];
            let value = self.child(&field.kind, field.filled, field.null);
            if let Err(error) = map.next_value_seed(value) {
                self.fault.path.push(field.name.clone());
                return Err(error);
            }
        }
        let missing = |index: &usize| fields[*index].required && seen & (1 << *index) == 0;
        if let Some(index) = (0..fields.len()).find(missing) {
            return Err(self.fault.set(|| format!("has no `{}`", fields[index].name)));
        }
        if seen == 0 && !fields.is_empty() && !self.templates {
            let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
            return Err(self.fault.set(|| format!("has none of {}", names.join(", "))));
        }
        Ok(())
    }

    /// Objects that only their members tell apart.
    fn any_object<'de, A: MapAccess<'de>>(self, kinds: &[Kind], map: A) -> Result<(), A::Error> {
        use serde::Deserialize as _;
        let whole = Value::deserialize(MapAccessDeserializer::new(map))?;
        for kind in kinds {
            let mut fault = Fault::default();
            let checker =
                Checker { kind, filled: self.filled, null: false, templates: self.templates, fault: &mut fault };
            if checker.deserialize(&whole).is_ok() {
                return Ok(());
            }
        }
        self.wrong("of another shape")
    }
}

/// Which of the fields a key names.
struct Name<'a>(&'a [Field]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<usize>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|field| field.name == name))
    }
}

/// A list of numbers, or of lists of them; how deep it is.
fn tensor<'de, A: SeqAccess<'de>>(deepest: usize, mut list: A, fault: &mut Fault) -> Result<usize, A::Error> {
    let mut depth = None;
    let mut length = 0_usize;
    loop {
        match list.next_element_seed(Part { deepest: deepest - 1, fault }) {
            Ok(None) => break,
            Ok(Some(part)) if depth.is_none_or(|depth| depth == part) => depth = Some(part),
            Ok(Some(_)) => return Err(fault.set(|| "mixes numbers and lists".to_owned())),
            Err(error) => {
                fault.path.push(length.to_string());
                return Err(error);
            }
        }
        length += 1;
    }
    depth.map(|depth| depth + 1).ok_or_else(|| fault.set(|| "is an empty list".to_owned()))
}

/// A number (0 deep), or lists.
struct Part<'a> {
    deepest: usize,
    fault: &'a mut Fault,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<usize, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers or lists of them")
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<usize, A::Error> {
        if self.deepest == 0 {
            return Err(self.fault.set(|| "is nested too deep".to_owned()));
        }
        tensor(self.deepest, list, self.fault)
    }
}
