//! Embeddings: the same vector for the same text, always of length one.
//!
//! One fixed unit vector is written out once. A text's hash turns it round and flips signs, which keeps the length and
//! gives every text its own vector for the price of copying digits.

use crate::random::Random;
use crate::words::base64;

/// The fixed vector, in numbers and in digits.
pub(crate) struct Vectors {
    values: Vec<f32>,
    digits: Vec<Box<[u8]>>,
}

impl Vectors {
    pub(crate) fn new(dimension: usize) -> Self {
        let mut random = Random::new(0, 0x7EC7, 0);
        let raw: Vec<f64> = (0..dimension).map(|_| random.normal().abs() + 1e-3).collect();
        let length = raw.iter().map(|x| x * x).sum::<f64>().sqrt();
        let values: Vec<f32> = raw.iter().map(|x| (x / length) as f32).collect();
        let digits = values.iter().map(|x| format!("{x:.8}").into_bytes().into_boxed_slice()).collect();
        Self { values, digits }
    }

    /// The places and signs of a text's vector.
    fn walk(&self, hash: u64) -> impl Iterator<Item = (usize, bool)> {
        let count = self.values.len();
        let turn = (hash % count as u64) as usize;
        let mut random = Random::new(hash, 0x51, 0);
        let mut bits = 0;
        (0..count).map(move |index| {
            if index % 64 == 0 {
                bits = random.next();
            }
            ((index + turn) % count, bits >> (index % 64) & 1 == 1)
        })
    }

    /// Writes the vector as a JSON array.
    pub(crate) fn push_json(&self, out: &mut Vec<u8>, hash: u64) {
        out.reserve(self.values.len() * 12);
        let mut separator = b'[';
        for (index, negative) in self.walk(hash) {
            out.push(separator);
            separator = b',';
            if negative {
                out.push(b'-');
            }
            out.extend_from_slice(&self.digits[index]);
        }
        out.push(b']');
    }

    /// The vector as OpenAI's `encoding_format: base64` has it: little-endian 32-bit floats.
    pub(crate) fn base64(&self, hash: u64) -> String {
        let bytes: Vec<u8> = self
            .walk(hash)
            .flat_map(|(index, negative)| if negative { -self.values[index] } else { self.values[index] }.to_le_bytes())
            .collect();
        base64(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_length_and_one_per_text() {
        let vectors = Vectors::new(384);
        let read = |hash| {
            let mut out = Vec::new();
            vectors.push_json(&mut out, hash);
            serde_json::from_slice::<Vec<f64>>(&out).unwrap()
        };
        let (one, two) = (read(1), read(2));
        assert_eq!(one.len(), 384);
        assert!((one.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-4);
        assert_eq!(one, read(1));
        assert!(one.iter().zip(&two).map(|(a, b)| a * b).sum::<f64>().abs() < 0.5);
        assert_eq!(vectors.base64(1).len(), 384 * 4 / 3 * 4);
    }
}
