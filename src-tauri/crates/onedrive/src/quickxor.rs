use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bits of the state, in which bytes are rotated.
const BITS: usize = 160;
/// Additional bits of rotation for each byte.
const SHIFT: usize = 11;

/// Microsoft's quickXorHash, the one hash that every OneDrive account reports.
///
/// Bytes that are 160 apart are rotated alike, so they are XORed into 160 columns first and rotated once at the end.
/// It detects accidental corruption, not forgery.
#[derive(Debug, Clone)]
pub struct QuickXor {
    columns: [u8; BITS],
    length: u64,
}

impl QuickXor {
    /// A hash of no bytes.
    pub fn new() -> Self {
        Self {
            columns: [0; BITS],
            length: 0,
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, data: &[u8]) {
        let start = (self.length % BITS as u64) as usize;
        let (head, rest) = data.split_at(data.len().min((BITS - start) % BITS));
        for (column, byte) in self.columns[start..].iter_mut().zip(head) {
            *column ^= byte;
        }
        for row in rest.chunks(BITS) {
            for (column, byte) in self.columns.iter_mut().zip(row) {
                *column ^= byte;
            }
        }
        self.length += data.len() as u64;
    }

    /// The hash in base64, as in Graph.
    pub fn finish(&self) -> String {
        let mut out = [0_u8; BITS / 8];
        for (number, byte) in self.columns.iter().enumerate() {
            let bit = number * SHIFT % BITS;
            let (at, by) = (bit / 8, bit % 8);
            let wide = u16::from(*byte) << by;
            out[at] ^= wide as u8;
            out[(at + 1) % out.len()] ^= (wide >> 8) as u8;
        }
        for (byte, length) in out[12..].iter_mut().zip(self.length.to_le_bytes()) {
            *byte ^= length;
        }
        STANDARD.encode(out)
    }
}

impl Default for QuickXor {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(data: &[u8]) -> String {
        let mut hash = QuickXor::new();
        for part in data.chunks(7_919) {
            hash.update(part);
        }
        hash.finish()
    }

    #[test]
    fn known_values() {
        let pattern = |len: usize| (0..len).map(|i| (i % 251) as u8).collect::<Vec<_>>();
        assert_eq!(hash(b""), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(hash(b"a"), "YQAAAAAAAAAAAAAAAQAAAAAAAAA=");
        assert_eq!(hash(b"hello world"), "aCgDG9jwBhDc4Q1yawMZAAAAAAA=");
        assert_eq!(hash(&[0xff; 16]), "HOfHP/7xj3/84x//6Mc//vGPf/w=");
        assert_eq!(hash(&[1; 160]), "////////////////X/////////8=");
        assert_eq!(hash(&[1; 320]), "AAAAAAAAAAAAAAAAQAEAAAAAAAA=");
        assert_eq!(hash(&pattern(327_680)), "dVxjLVlWbbPTEZb19aiSkx+BLpI=");
        assert_eq!(hash(&pattern(10_485_760)), "HzHa6uC4H1eGHsvneyLLI+WiCqw=");
    }
}
