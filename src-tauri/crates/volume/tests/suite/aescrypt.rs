use std::fs::{self, File};
use std::io::{Cursor, Read as _};

use coffer_volume::{Error, Passphrase, aescrypt};

use crate::fixture;

#[test]
fn every_version_of_the_format_is_read() {
    let passphrase = Passphrase::new("pässphrase ✓").unwrap();
    let mut read = 0;
    for file in fs::read_dir(fixture("vectors/duplicati/aescrypt")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let expected: &[u8] = match name.split('.').next().unwrap() {
            "hello" => b"Hello, World!\n",
            "empty" => b"",
            "aligned" => b"0123456789abcdef0123456789abcdef",
            _ => continue,
        };

        let mut plain = Vec::new();
        let mut reader = aescrypt::Reader::open(File::open(&path).unwrap(), &passphrase).unwrap();
        reader.read_to_end(&mut plain).unwrap();

        assert_eq!(plain, expected, "{name}");
        read += 1;
    }
    assert_eq!(read, 18);
}

#[test]
fn a_wrong_passphrase_is_detected_from_the_first_bytes() {
    let stream = fs::read(fixture("vectors/duplicati/aescrypt/hello.v2.aes")).unwrap();
    let right = Passphrase::new("pässphrase ✓").unwrap();
    let wrong = Passphrase::new("passphrase").unwrap();

    assert!(aescrypt::check_passphrase(&stream[..300], &right).unwrap());
    assert!(!aescrypt::check_passphrase(&stream[..300], &wrong).unwrap());
    assert!(aescrypt::check_passphrase(&stream[..20], &right).is_err());
    assert!(matches!(
        aescrypt::Reader::open(Cursor::new(stream), &wrong),
        Err(Error::WrongPassphrase)
    ));
}
