//! WAV files made up: a gliding tone in a little noise. Speech models hear no words in it, and say so.

use super::words;
use std::f64::consts::TAU;

/// What speech models take.
const RATE: u32 = 16_000;
/// Steps of the wave that is looked up in place of a sine for each sample.
const TABLE: usize = 1024;

/// The length of a file in bytes.
pub(super) fn size(seconds: f64) -> u64 {
    44 + 2 * samples(seconds)
}

fn samples(seconds: f64) -> u64 {
    ((seconds * f64::from(RATE)) as u64).max(1)
}

/// 16-bit mono. The same seed gives the same bytes.
pub(super) fn wav(seconds: f64, seed: u64) -> Vec<u8> {
    let samples = samples(seconds);
    let data = 2 * samples as u32;
    let mut file = Vec::with_capacity(44 + data as usize);
    file.extend(b"RIFF");
    file.extend((36 + data).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    // PCM, one channel.
    file.extend([1, 0, 1, 0]);
    file.extend(RATE.to_le_bytes());
    file.extend((2 * RATE).to_le_bytes());
    // Bytes of a frame, bits of a sample.
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(data.to_le_bytes());
    // Between 110 and 365 Hz, where voices are.
    let [low, high] = [0, 1].map(|end| 110.0 + (words::mix(seed, end) & 255) as f64);
    let wave: Vec<f64> = (0..TABLE).map(|step| (TAU * step as f64 / TABLE as f64).sin() * 8_000.0).collect();
    let mut turn = 0.0_f64;
    for sample in 0..samples {
        let along = sample as f64 / samples as f64;
        turn = (turn + (low + (high - low) * along) / f64::from(RATE)).fract();
        let noise = (words::mix(!seed, sample) & 1023) as f64 - 512.0;
        let tone = wave[(turn * TABLE as f64) as usize % TABLE];
        file.extend(((tone + noise) as i16).to_le_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_a_wav_of_its_length() {
        let file = wav(0.5, 1);
        assert_eq!(file.len() as u64, size(0.5));
        assert_eq!((&file[..4], &file[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
        assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize, file.len() - 8);
        assert_eq!(u32::from_le_bytes(file[40..44].try_into().unwrap()), 16_000);
        assert_eq!(file, wav(0.5, 1));
        assert_ne!(file, wav(0.5, 2));
        assert!(file[44..].chunks(2).any(|sample| i16::from_le_bytes([sample[0], sample[1]]) > 7_000));
    }
}
