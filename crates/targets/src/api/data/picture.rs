//! PNG pictures made up: noise over a gradient, so that no two are equal and none is all one colour.

use super::words;
use std::io;

/// Pixels across a square of one shade of noise: finer noise would make the files, and making them, needlessly large.
const GRAIN: u32 = 4;

/// A picture. The same seed gives the same bytes.
pub(super) fn png(width: u32, height: u32, seed: u64) -> Result<Vec<u8>, String> {
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    let [from, to] = [0, 1].map(|corner| words::mix(seed, corner).to_le_bytes());
    let mut noise = Vec::new();
    for y in 0..height {
        if y.is_multiple_of(GRAIN) {
            let square = |x| (words::mix(seed, u64::from(y) << 32 | u64::from(x)) & 63) as u16;
            noise = (0..width.div_ceil(GRAIN)).map(square).collect();
        }
        let down = along(y, height);
        for x in 0..width {
            let at = u16::midpoint(down, along(x, width));
            let noise = noise[(x / GRAIN) as usize];
            for (from, to) in from.iter().zip(to).take(3) {
                // From one corner's colour to the other's; the noise fills what is left of the range.
                let shade = (u16::from(*from) * (255 - at) + u16::from(to) * at) / 255;
                pixels.push((shade * 3 / 4 + noise) as u8);
            }
        }
    }
    encode(width, height, &pixels).map_err(|error| error.to_string())
}

/// How far along a side a pixel is, in 255ths.
fn along(place: u32, side: u32) -> u16 {
    (place * 255 / side) as u16
}

fn encode(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, io::Error> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_png_of_its_size() {
        let file = png(40, 30, 1).unwrap();
        let mut reader = png::Decoder::new(io::Cursor::new(&file)).read_info().unwrap();
        let mut pixels = vec![0; 40 * 30 * 3];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (40, 30));
        let (least, most) = (pixels.iter().min().unwrap(), pixels.iter().max().unwrap());
        assert!(most - least > 30);
        assert_eq!(file, png(40, 30, 1).unwrap());
        assert_ne!(file, png(40, 30, 2).unwrap());
        assert!(png(1, 1, 1).is_ok());
    }
}
