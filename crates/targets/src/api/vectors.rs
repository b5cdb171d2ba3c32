//! Embeddings in an answer: their lengths and norms, without keeping a number.

use super::openai::Usage;
use base64::Engine;
use plimsoll_model::Tokens;
use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A vector: how many numbers, and the sum of their squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vector {
    pub length: usize,
    pub squares: f64,
}

/// The vectors of nested lists of numbers, whatever the depth: text-embeddings-inference and the tasks of Hugging Face.
pub(super) fn nested(body: &[u8]) -> Result<Vec<Vector>, String> {
    serde_json::from_slice::<Vectors>(body)
        .map(|vectors| vectors.0)
        .map_err(|error| format!("the answer is not lists of numbers: {error}"))
}

/// The vectors of `/v1/embeddings`, and the tokens that the server counted.
pub(super) fn openai(body: &[u8]) -> Result<(Vec<Vector>, Option<Tokens>), String> {
    #[derive(Deserialize)]
    struct Answer {
        data: Vec<Item>,
        usage: Option<Usage>,
    }
    #[derive(Deserialize)]
    struct Item {
        embedding: Vectors,
    }
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| format!("the answer is not a list of embeddings: {error}"))?;
    let tokens = answer.usage.as_ref().and_then(Usage::of_input);
    Ok((answer.data.into_iter().flat_map(|item| item.embedding.0).collect(), tokens))
}

/// Checks that there are vectors, that none is empty, and their length and Euclidean norm where these are given.
pub(super) fn check(vectors: &[Vector], dimension: Option<u32>, norm: Option<f64>) -> Result<(), String> {
    const CLOSE: f64 = 0.001;
    if vectors.is_empty() || vectors.iter().any(|vector| vector.length == 0) {
        return Err("an embedding is empty".to_owned());
    }
    for (index, vector) in vectors.iter().enumerate() {
        if let Some(dimension) = dimension.filter(|dimension| *dimension as usize != vector.length) {
            return Err(format!("check.dimension: embedding {index} has {} numbers, not {dimension}", vector.length));
        }
        let is = vector.squares.sqrt();
        if let Some(norm) = norm.filter(|norm| (is - norm).abs() > CLOSE) {
            return Err(format!("check.norm: embedding {index} has the norm {is:.4}, not {norm}"));
        }
    }
    Ok(())
}

struct Vectors(Vec<Vector>);

impl<'de> Deserialize<'de> for Vectors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut vectors = Vec::new();
        match (Node { found: &mut vectors }).deserialize(deserializer)? {
            None => Ok(Self(vectors)),
            Some(_) => Err(D::Error::custom("a number stands where a vector should")),
        }
    }
}

/// A number (which it returns), or a list that it looks into.
struct Node<'a> {
    found: &'a mut Vec<Vector>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Option<f64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<f64>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_f64<E>(self, number: f64) -> Result<Option<f64>, E> {
        Ok(Some(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<f64>, E> {
        Ok(Some(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<f64>, E> {
        Ok(Some(number as f64))
    }

    /// `encoding_format = "base64"`: the bytes of 32-bit floats, little end first.
    fn visit_str<E: Error>(self, text: &str) -> Result<Option<f64>, E> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(E::custom)?;
        let (floats, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::custom("an embedding in base64 is cut off"));
        }
        let squares = floats.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)).powi(2)).sum();
        self.found.push(Vector { length: floats.len(), squares });
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<f64>, A::Error> {
        let mut vector = Vector { length: 0, squares: 0.0 };
        let mut nested = false;
        while let Some(item) = list.next_element_seed(Node { found: &mut *self.found })? {
            match item {
                Some(number) => {
                    vector.length += 1;
                    vector.squares += number * number;
                }
                None => nested = true,
            }
        }
        if nested && vector.length > 0 {
            return Err(A::Error::custom("numbers stand beside lists"));
        }
        if !nested {
            self.found.push(vector);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_all_shapes() {
        let one = |length, squares| Vector { length, squares };
        assert_eq!(nested(b"[1, 2.0, -2]").unwrap(), [one(3, 9.0)]);
        assert_eq!(nested(b"[[0.6,0.8],[1,0]]").unwrap(), [one(2, 1.0), one(2, 1.0)]);
        assert_eq!(nested(b"[[[3,4]],[[5]]]").unwrap(), [one(2, 25.0), one(1, 25.0)]);
        let body = br#"{"data":[{"index":0,"embedding":[3,4]},{"embedding":"AABAQAAAgEA="}],"usage":{}}"#;
        assert_eq!(openai(body).unwrap().0, [one(2, 25.0), one(2, 25.0)]);
        for bad in ["", "3", "{}", "[1,[2]]", "[\"x\"]", "[null]"] {
            assert!(nested(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(openai(br#"{"data":[{}]}"#).is_err());
    }

    #[test]
    fn lengths_and_norms() {
        let unit = nested(b"[[0.6,0.8]]").unwrap();
        assert_eq!(check(&unit, Some(2), Some(1.0)), Ok(()));
        assert!(check(&unit, Some(3), None).unwrap_err().contains("check.dimension"));
        assert!(check(&unit, None, Some(1.1)).unwrap_err().contains("check.norm"));
        assert!(check(&nested(b"[[]]").unwrap(), None, None).is_err());
        assert!(check(&[], None, None).is_err());
    }
}
