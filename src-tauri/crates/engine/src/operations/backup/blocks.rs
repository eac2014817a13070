//! Cutting what is read into blocks.

use std::io::{self, Read};

/// Blocks of a file, each as long as blocks are but for the last.
///
/// A block that comes out short ends the file, whatever comes behind it: somebody cut the file in this moment, and nothing
/// behind a short block would have its place.
pub(super) struct Blocks<R> {
    reader: R,
    left: u64,
    block_size: u64,
}

impl<R: Read> Blocks<R> {
    /// Of at most `expected` bytes.
    pub(super) fn new(reader: R, expected: u64, block_size: u64) -> Self {
        Self {
            reader,
            left: expected,
            block_size,
        }
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let len = self.left.min(self.block_size);
        if len == 0 {
            return None;
        }
        let mut data = Vec::with_capacity(len as usize);
        if let Err(error) = self.reader.by_ref().take(len).read_to_end(&mut data) {
            self.left = 0;
            return Some(Err(error));
        }
        let is_whole = data.len() as u64 == len;
        self.left = if is_whole { self.left - len } else { 0 };
        (!data.is_empty()).then_some(Ok(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that ends for a moment behind each part, because another program truncates and rewrites it.
    struct CutAgainAndAgain(Vec<&'static [u8]>);

    impl Read for CutAgainAndAgain {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let Some(part) = self.0.first_mut() else {
                return Ok(0);
            };
            let count = part.len().min(out.len());
            out[..count].copy_from_slice(&part[..count]);
            *part = &part[count..];
            if count == 0 {
                self.0.remove(0);
            }
            Ok(count)
        }
    }

    fn blocks(parts: Vec<&'static [u8]>, expected: u64) -> Vec<Vec<u8>> {
        let blocks = Blocks::new(CutAgainAndAgain(parts), expected, 4);
        blocks.map(Result::unwrap).collect()
    }

    #[test]
    fn nothing_follows_a_short_block() {
        assert_eq!(
            blocks(vec![b"aaaabbbbcc"], 10),
            [&b"aaaa"[..], b"bbbb", b"cc"]
        );
        assert_eq!(blocks(vec![b"aaaabb", b"cccc"], 10), [&b"aaaa"[..], b"bb"]);
        assert_eq!(blocks(vec![b"aaaa", b"bbbb"], 8), [b"aaaa"]);
        assert_eq!(blocks(vec![b"aaaabbbbcccc"], 6), [&b"aaaa"[..], b"bb"]);
        assert!(blocks(vec![b"", b"aaaa"], 4).is_empty());
    }
}
