//! What real servers answer beside a task's own shape. Only these are let through.

use super::schema::{Field, Kind};

/// One thing that is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leeway {
    /// A list in the list, as one of several inputs would have it.
    Nested,
    /// One item without its list.
    Alone,
    /// The object in a list, as one of several inputs would have it.
    Listed,
    /// An empty list.
    Nothing,
    /// An empty text.
    Silent,
    /// Labels and scores in two lists of one object.
    Columns,
    /// Vectors of numbers up to three deep.
    Vectors,
    /// This member null.
    Null(&'static str),
    /// Null at an end of a span of time.
    OpenEnd,
    /// Fractions where the shape has whole pixels.
    Fractions,
}

use Leeway::{Alone, Columns, Fractions, Listed, Nested, Nothing, Null, OpenEnd, Silent, Vectors};

const TABLE: &[(&str, &[Leeway])] = &[
    // The pipelines behind hf-inference and dedicated endpoints see one text as a batch of one.
    ("text-classification", &[Nested]),
    // A text with several masks gets a list for each.
    ("fill-mask", &[Nested]),
    // A text may hold no entity; tokenizers without offsets leave out where one is.
    ("token-classification", &[Nested, Nothing, Null("start"), Null("end")]),
    // Servers older than the shape, and dedicated endpoints still.
    ("zero-shot-classification", &[Columns]),
    // One answer comes without a list unless `top_k` asks for more; "there is none" is an empty text.
    ("question-answering", &[Alone, Silent]),
    ("document-question-answering", &[Alone, Nested, Silent]),
    ("table-question-answering", &[Alone]),
    // Pipelines answer with a list; the shape is what the clients unwrap it to.
    ("summarization", &[Listed]),
    ("translation", &[Listed]),
    ("text-generation", &[Listed]),
    ("image-to-text", &[Listed]),
    // A picture may show nothing that the model knows. Some models give corners between pixels.
    ("object-detection", &[Nothing, Fractions]),
    ("zero-shot-object-detection", &[Nothing, Fractions]),
    ("image-segmentation", &[Nothing]),
    // Whisper leaves the end of the last chunk open when the recording breaks off.
    ("automatic-speech-recognition", &[OpenEnd]),
    // A vector for a text (sentence models), for each text or token, or for each token of each text.
    ("feature-extraction", &[Vectors]),
];

/// Members that a task is there for: empty ones fail.
const FILLED: [&str; 12] = [
    "label",
    "text",
    "generated_text",
    "summary_text",
    "translation_text",
    "answer",
    "sequence",
    "mask",
    "image",
    "audio",
    "video",
    "depth",
];

/// The shape of a task's answer with what is let through.
pub(super) fn apply(task: &str, output: Kind) -> Kind {
    let leeway = TABLE.iter().find(|(name, _)| *name == task).map_or(&[][..], |(_, leeway)| leeway);
    let has = |one| leeway.contains(&one);
    if has(Vectors) {
        return Kind::Tensor(3);
    }
    let (listed, mut item) = match output {
        Kind::List { of, .. } => (true, *of),
        other => (false, other),
    };
    if let Kind::Object(fields) = &mut item {
        for field in fields {
            adjust(field, leeway);
        }
    }
    let list = |of| Kind::List { of: Box::new(of), empty: has(Nothing) };
    let mut shapes = Vec::new();
    if listed {
        let inner = if has(Nested) { Kind::Either(vec![item.clone(), list(item.clone())]) } else { item.clone() };
        shapes.push(list(inner));
        if has(Alone) {
            shapes.push(item);
        }
    } else {
        shapes.push(item.clone());
        if has(Listed) {
            shapes.push(list(item));
        }
    }
    if has(Columns) {
        shapes.push(columns());
    }
    if shapes.len() == 1 { shapes.remove(0) } else { Kind::Either(shapes) }
}

fn adjust(field: &mut Field, leeway: &[Leeway]) {
    let has = |one| leeway.contains(&one);
    field.filled = FILLED.contains(&field.name.as_str()) && !has(Silent);
    // What is left out and what is null are one, but not for what the task is there for.
    field.null &= !field.filled;
    field.null |= leeway.iter().any(|one| matches!(one, Null(name) if *name == field.name));
    match (field.name.as_str(), &mut field.kind) {
        ("box", Kind::Object(corners)) if has(Fractions) => {
            for corner in corners {
                corner.kind = Kind::Number;
            }
        }
        ("chunks", Kind::List { of, .. }) if has(OpenEnd) => {
            if let Kind::Object(fields) = &mut **of
                && let Some(span) = fields.iter_mut().find(|field| field.name == "timestamp")
            {
                span.kind = Kind::List { of: Box::new(Kind::Either(vec![Kind::Number, Kind::Null])), empty: false };
            }
        }
        _ => {}
    }
}

fn columns() -> Kind {
    let column = |name: &str, of| Field {
        name: name.to_owned(),
        kind: Kind::List { of: Box::new(of), empty: false },
        required: true,
        null: false,
        filled: true,
    };
    Kind::Object(vec![column("labels", Kind::Text), column("scores", Kind::Number)])
}

#[cfg(test)]
mod tests {
    use super::super::schema::SHAPES;
    use super::*;

    #[test]
    fn the_table_names_tasks_that_there_are() {
        for (task, leeway) in TABLE {
            let shape = SHAPES.iter().find(|shape| shape.name == *task).unwrap_or_else(|| panic!("{task}"));
            for one in *leeway {
                if let Null(field) = one {
                    assert!(format!("{:?}", shape.output).contains(field), "{task}: {field}");
                }
            }
        }
    }
}
