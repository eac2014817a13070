//! AES Crypt streams: version 2 is written, versions 0 to 3 are read.
//!
//! | field | v0 | v1 | v2 | v3 |
//! |---|---|---|---|---|
//! | `AES`, version | 4 | 4 | 4 | 4 |
//! | next byte | plaintext length mod 16 | 0 | 0 | 0 |
//! | extensions, ended by `00 00` | – | – | yes | yes |
//! | PBKDF2 iterations, big-endian | – | – | – | 4 |
//! | public IV | 16 | 16 | 16 | 16 |
//! | data IV and data key under the header key | – | 48 | 48 | 48 |
//! | HMAC of those under the header key | – | 32 | 32 | 32 |
//! | ciphertext, AES-256-CBC | n | n | n | n |
//! | plaintext length mod 16 | – | 1 | 1 | – |
//! | HMAC-SHA256 of the ciphertext | 32 | 32 | 32 | 32 |
//!
//! Up to version 2 the last block is padded with bytes of the padding's length, and not at all when it is full;
//! version 3 pads like PKCS#7. Nothing is given out before the trailing HMAC was checked.

mod header;
mod reader;
mod writer;

pub use header::check_passphrase;
pub use reader::Reader;
pub use writer::Writer;

/// Bytes of an AES block.
const BLOCK: usize = 16;
/// Bytes of an HMAC-SHA256.
const MAC: usize = 32;
