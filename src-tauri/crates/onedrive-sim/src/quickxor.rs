//! quickXorHash, the one content hash OneDrive gives for every kind of account.
//!
//! The state is a ring of 160 bits. Byte number `i` is turned left by `11 * i` bits in the ring and XORed in; at the
//! end the length (64-bit little endian) is XORed into the last eight bytes. Bytes 160 apart share their turn, so
//! the bytes are first collected in 160 columns and turned once at the end.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Columns with a turn of their own, and also the bits of the ring.
const RING: usize = 160;
/// Bits each byte is turned further than the one before it.
const SHIFT: usize = 11;

/// A quickXorHash being computed over a stream of bytes.
#[derive(Debug, Clone)]
pub struct QuickXor {
    columns: [u8; RING],
    length: u64,
}

impl QuickXor {
    /// Starts with no bytes seen.
    pub fn new() -> Self {
        Self {
            columns: [0; RING],
            length: 0,
        }
    }

    /// Adds the next bytes of the stream; how it is cut up makes no difference.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let column = (self.length % RING as u64) as usize;
            let (now, later) = rest.split_at(rest.len().min(RING - column));
            for (sum, byte) in self.columns[column..].iter_mut().zip(now) {
                *sum ^= byte;
            }
            self.length += now.len() as u64;
            rest = later;
        }
    }

    /// The hash of everything seen, as the 28 characters of base64 that Graph shows.
    pub fn finish(&self) -> String {
        let mut ring = [0u8; RING / 8];
        for (column, value) in self.columns.iter().enumerate() {
            let bit = column * SHIFT % RING;
            let turned = u16::from(*value) << (bit % 8);
            ring[bit / 8] ^= turned as u8;
            ring[(bit / 8 + 1) % ring.len()] ^= (turned >> 8) as u8;
        }
        for (slot, byte) in ring[12..].iter_mut().zip(self.length.to_le_bytes()) {
            *slot ^= byte;
        }
        STANDARD.encode(ring)
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

    fn hash(bytes: &[u8]) -> String {
        let mut state = QuickXor::new();
        state.update(bytes);
        state.finish()
    }

    #[test]
    fn known_inputs_give_the_known_hashes() {
        let counted: Vec<u8> = (0..327_680u32).map(|i| (i % 251) as u8).collect();

        assert_eq!(hash(b""), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(hash(b"hello world"), "aCgDG9jwBhDc4Q1yawMZAAAAAAA=");
        assert_eq!(hash(&[0xff; 16]), "HOfHP/7xj3/84x//6Mc//vGPf/w=");
        assert_eq!(hash(&counted), "dVxjLVlWbbPTEZb19aiSkx+BLpI=");
    }

    #[test]
    fn the_cut_of_the_stream_makes_no_difference() {
        let bytes: Vec<u8> = (0..2000u32).map(|i| (i * 7) as u8).collect();
        let mut pieces = QuickXor::new();
        for piece in bytes.chunks(37) {
            pieces.update(piece);
        }

        assert_eq!(pieces.finish(), hash(&bytes));
    }
}
