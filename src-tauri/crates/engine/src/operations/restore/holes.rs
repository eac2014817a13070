//! Zeros that are not written, so that files with holes come back with holes.
//!
//! Files are new when they are written, and what was not written in them reads as zeros. NTFS keeps holes only of files
//! that are marked as sparse, which the standard library cannot do: there the zeros take their room, but are not written.

use std::fs::File;
use std::io;

/// Bytes of the pieces that are looked at, which lie in the file at multiples of it: what file systems leave out as a rule.
const PIECE: usize = 4096;
/// Fewest pieces in a row that make a hole: all that lie for certain within 64 KiB of zeros.
const FEWEST: usize = 15;
/// Fewest at the edge of a block, where the neighbors most often go on with them.
const FEWEST_AT_EDGE: usize = 4;

/// Writes `data` at `offset` of a new file, but for what can be a hole. Returns whether it ends with one, so that the
/// file may be shorter than it should be.
pub(super) fn write(file: &File, offset: u64, data: &[u8]) -> io::Result<bool> {
    let mut written = 0;
    for (start, end) in parts_with_data(offset, data) {
        write_all_at(file, &data[start..end], offset + start as u64)?;
        written = end;
    }
    Ok(written < data.len())
}

#[cfg(unix)]
fn write_all_at(file: &File, data: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, data, offset)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut data: &[u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !data.is_empty() {
        match file.seek_write(data, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                data = &data[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where `data` is not a hole.
fn parts_with_data(offset: u64, data: &[u8]) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let (mut from, mut zeros_from, mut at) = (0, None, 0);
    let mut has_data = false;
    // The first piece is shorter when the block does not begin at a multiple.
    let mut end = PIECE - (offset % PIECE as u64) as usize;
    while at < data.len() {
        let piece = &data[at..end.min(data.len())];
        if is_zero(piece) {
            zeros_from.get_or_insert(at);
        } else {
            has_data = true;
            if let Some(zeros) = zeros_from.take()
                && at - zeros >= least(zeros == 0)
            {
                if zeros > from {
                    parts.push((from, zeros));
                }
                from = at;
            }
        }
        at += piece.len();
        end = at + PIECE;
    }
    if !has_data {
        return Vec::new();
    }
    let last = match zeros_from {
        Some(zeros) if data.len() - zeros >= least(true) => zeros,
        _ => data.len(),
    };
    parts.push((from, last));
    parts
}

/// Bytes that make a hole.
fn least(is_at_edge: bool) -> usize {
    let pieces = if is_at_edge { FEWEST_AT_EDGE } else { FEWEST };
    pieces * PIECE
}

fn is_zero(piece: &[u8]) -> bool {
    // By words that the compiler can take many of at once.
    piece
        .chunks(64)
        .all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};

    use super::*;

    const KIB: usize = 1024;

    #[test]
    fn zeros_of_64_kib_are_holes_wherever_they_begin() {
        for (before, offset) in [(1, 0), (4096, 0), (5000, 0), (5000, 1000), (70_000, 12_345)] {
            let mut data = vec![1; before];
            data.resize(before + 64 * KIB, 0);
            data.extend([1; 100]);

            let written: usize = parts_with_data(offset, &data)
                .iter()
                .map(|(start, end)| end - start)
                .sum();

            assert!(written <= before + 100 + 2 * PIECE, "{before} {offset}");
        }
    }

    #[test]
    fn few_zeros_are_written() {
        let mut data = vec![1; 100];
        data.resize(40 * KIB, 0);
        data.push(1);

        assert_eq!(parts_with_data(0, &data), [(0, data.len())]);
        data.truncate(16 * KIB);
        assert_eq!(parts_with_data(0, &data), [(0, data.len())]);
    }

    #[test]
    fn a_block_of_zeros_is_a_hole_whatever_its_size() {
        assert_eq!(parts_with_data(0, &[0; 100]), []);
        assert_eq!(parts_with_data(1000, &[0; 100 * KIB]), []);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_what_was_given(
            offset in 0_u64..10_000,
            runs in proptest::collection::vec((0_u8..2, 1_usize..100_000), 1..6),
        ) {
            let data: Vec<u8> = runs.iter().flat_map(|(byte, len)| vec![*byte; *len]).collect();
            let mut file = tempfile::tempfile().unwrap();

            write(&file, offset, &data).unwrap();

            let end = offset + data.len() as u64;
            file.set_len(end).unwrap();
            file.seek(SeekFrom::Start(offset)).unwrap();
            let mut found = Vec::new();
            io::Read::read_to_end(&mut file, &mut found).unwrap();
            proptest::prop_assert!(found == data);
        }
    }
}
