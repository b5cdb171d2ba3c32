//! Where things stand in a TOML document.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys and indices that lead to a value.
pub(crate) type Path = Vec<String>;

/// The bytes at which a dotted path (`request.1.weight`) stands; if it is not there, the nearest that is above it.
/// Nothing for the whole document.
pub(crate) fn find(root: &DeTable<'_>, text: &str, path: &str) -> Option<Range<usize>> {
    let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    in_table(root, text, &parts)
}

fn in_table(table: &DeTable<'_>, text: &str, parts: &[&str]) -> Option<Range<usize>> {
    // A quoted key may hold dots itself, so longer keys are tried too.
    for taken in 1..=parts.len() {
        let name = parts[..taken].join(".");
        if let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name.as_str()) {
            return Some(in_value(value, text, &parts[taken..]).unwrap_or_else(|| entry(key.span(), value, text)));
        }
    }
    None
}

fn in_value(value: &Spanned<DeValue<'_>>, text: &str, parts: &[&str]) -> Option<Range<usize>> {
    let (first, rest) = parts.split_first()?;
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, text, parts),
        DeValue::Array(items) => {
            let item = items.get(first.parse::<usize>().ok()?)?;
            Some(in_value(item, text, rest).unwrap_or_else(|| item.span()))
        }
        _ => None,
    }
}

/// A key with its value if both are in one line. A table that has a header is shown by it.
fn entry(key: Range<usize>, value: &Spanned<DeValue<'_>>, text: &str) -> Range<usize> {
    let value_span = value.span();
    let is_header = value_span.start < key.start;
    let one_line = text.get(key.start..value_span.end).is_some_and(|both| !both.contains('\n'));
    if is_header {
        value_span
    } else if one_line {
        key.start..value_span.end
    } else {
        key
    }
}

/// The path of the key or value that stands exactly at these bytes.
pub(crate) fn path_at(root: &DeTable<'_>, span: &Range<usize>) -> Option<Path> {
    let mut path = Vec::new();
    table_path_at(root, span, &mut path).then_some(path)
}

fn table_path_at(table: &DeTable<'_>, span: &Range<usize>, path: &mut Path) -> bool {
    table.iter().any(|(key, value)| {
        path.push(key.get_ref().to_string());
        let found = key.span() == *span || value_path_at(value, span, path);
        if !found {
            path.pop();
        }
        found
    })
}

fn value_path_at(value: &Spanned<DeValue<'_>>, span: &Range<usize>, path: &mut Path) -> bool {
    // Members first: all tables of `[[request]]` and their array share the first header's bytes.
    let inside = match value.get_ref() {
        DeValue::Table(table) => table_path_at(table, span, path),
        DeValue::Array(items) => items.iter().enumerate().any(|(index, item)| {
            path.push(index.to_string());
            let found = value_path_at(item, span, path);
            if !found {
                path.pop();
            }
            found
        }),
        _ => false,
    };
    inside || value.span() == *span
}

/// The first value for which `wrong` has something to say, with what it says.
pub(crate) fn first<T>(
    table: &DeTable<'_>,
    wrong: &mut dyn FnMut(&DeValue<'_>) -> Option<T>,
) -> Option<(Range<usize>, T)> {
    table.iter().find_map(|(_, value)| first_in(value, wrong))
}

fn first_in<T>(
    value: &Spanned<DeValue<'_>>,
    wrong: &mut dyn FnMut(&DeValue<'_>) -> Option<T>,
) -> Option<(Range<usize>, T)> {
    if let Some(found) = wrong(value.get_ref()) {
        return Some((value.span(), found));
    }
    match value.get_ref() {
        DeValue::Table(table) => first(table, wrong),
        DeValue::Array(items) => items.iter().find_map(|item| first_in(item, wrong)),
        _ => None,
    }
}

/// A path as the file would write it: `[[request]]`, `[load]`, `[[journey.step]]`, `request.check`.
pub(crate) fn table_name(path: &[String]) -> String {
    let is_index = |part: &String| part.bytes().all(|byte| byte.is_ascii_digit());
    let keys: Vec<&str> = path.iter().filter(|part| !is_index(part)).map(String::as_str).collect();
    let name = keys.join(".");
    if path.is_empty() {
        "the top level of the file".to_owned()
    } else if path.last().is_some_and(is_index) {
        format!("`[[{name}]]`")
    } else {
        format!("`[{name}]`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
name = 'x'
think = { constant = '1s' }
[data.'my.prompts']
file = 'a.txt'
[load]
executor = 'users'
[[request]]
task = 'x'
[[request]]
weight = 2
[[journey]]
name = 'j'
[[journey.step]]
path = '/a'
[[journey.step]]
path = '/b'
check.json = [{ at = '' },
  { at = '/x' }]
";

    #[test]
    fn paths_lead_to_places() {
        let root = DeTable::parse(TEXT).unwrap();
        let find = |path: &str| find(root.get_ref(), TEXT, path).map(|span| &TEXT[span]);
        for (path, place) in [
            ("name", Some("name = 'x'")),
            ("request.1.weight", Some("weight = 2")),
            ("request.1.task", Some("[[request]]")),
            ("data.my.prompts.file", Some("file = 'a.txt'")),
            ("data.my.prompts.list", Some("[data.'my.prompts']")),
            ("journey.0.step.1.path", Some("path = '/b'")),
            ("journey.0.step.1.check.json.1.at", Some("at = '/x'")),
            ("journey.0.step.1.check.json", Some("json")),
            ("think.between", Some("think = { constant = '1s' }")),
            ("load.users", Some("[load]")),
            ("load.executor.deeper", Some("executor = 'users'")),
            ("request.7", Some("[[request]]")),
            ("threshold.0.rule", None),
            ("", None),
            ("...", None),
        ] {
            assert_eq!(find(path), place, "{path}");
        }
        let second = super::find(root.get_ref(), TEXT, "request.1.task").unwrap();
        assert_eq!(second.start, TEXT.rfind("[[request]]").unwrap());
    }

    #[test]
    fn places_lead_to_paths() {
        let root = DeTable::parse(TEXT).unwrap();
        let at = |what: &str| {
            let start = TEXT.rfind(what).unwrap();
            path_at(root.get_ref(), &(start..start + what.len())).map(|path| path.join("/"))
        };
        assert_eq!(at("weight").as_deref(), Some("request/1/weight"));
        assert_eq!(at("'/x'").as_deref(), Some("journey/0/step/1/check/json/1/at"));
        assert_eq!(at("[load]").as_deref(), Some("load"));
        assert_eq!(at("[[request]]").as_deref(), Some("request/1"));
        assert_eq!(at("eight"), None);
    }
}
