//! Seeded random numbers: splitmix64, good enough for latencies and free to start, since every request has its own.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of one thing (`number`) of one kind (`salt`) under one seed.
    pub(crate) fn new(seed: u64, salt: u64, number: u64) -> Self {
        Self(mix(seed ^ mix(salt ^ mix(number))))
    }

    /// Any 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Evenly in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Spreads the bits of a number over all 64.
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A hash of bytes that is the same in every build and on every machine.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut state = 0xCBF2_9CE4_8422_2325 ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        state = mix(state ^ word).wrapping_mul(0x0000_0100_0000_01B3);
    }
    for byte in chunks.remainder() {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    mix(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_numbers_and_fair_ones() {
        let draw = |seed| {
            let mut random = Random::new(seed, 1, 7);
            (0..4).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        let mut random = Random::new(1, 2, 3);
        let units: Vec<f64> = (0..20_000).map(|_| random.unit()).collect();
        assert!((units.iter().sum::<f64>() / 20_000.0 - 0.5).abs() < 0.01);
        let normals: Vec<f64> = (0..20_000).map(|_| random.normal()).collect();
        assert!((normals.iter().sum::<f64>() / 20_000.0).abs() < 0.03);
        assert!((normals.iter().map(|x| x * x).sum::<f64>() / 20_000.0 - 1.0).abs() < 0.05);
    }

    #[test]
    fn hashes_differ() {
        assert_ne!(hash(b"one"), hash(b"two"));
        assert_ne!(hash(b""), hash(b"\0"));
        assert_eq!(hash(b"12345678abc"), hash(b"12345678abc"));
    }
}
