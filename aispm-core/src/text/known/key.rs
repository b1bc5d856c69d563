//! The key of an index, and what is derived from it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use siphasher::sip::SipHasher24;

use super::words::Powers;
use crate::asset::{Error, ErrorKind, Result};

/// Fewest bytes of a key.
const SHORTEST: usize = 16;
/// Letters and digits that are not mistaken for one another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Groups of a canary, and characters of each: 125 bits.
const CANARY: (usize, usize) = (5, 5);

/// A secret that indexes are made and opened with: 16 random bytes or more, such as `openssl rand -hex 32` writes.
/// Whoever has it can try guesses against an index, so it is to be kept like the data.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key of these bytes; white space around it does not count. Errors never quote it.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self> {
        let secret = secret.as_ref().trim_ascii();
        if secret.len() < SHORTEST {
            let message = format!("the key is shorter than {SHORTEST} bytes: `openssl rand -hex 32` makes one");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Self(secret.to_vec()))
    }

    /// So many strings to plant in a data set, e.g. one to a file, so that a model that repeats one is known to have
    /// learnt from it. The same for the same key and asset; nobody without the key can tell them.
    #[must_use]
    pub fn canaries(&self, asset: &str, count: usize) -> Vec<String> {
        (0..count).map(|index| canary(&self.derive(&format!("canary {index}"), asset))).collect()
    }

    /// HMAC-SHA-256 of a purpose and the asset.
    fn derive(&self, purpose: &str, asset: &str) -> [u8; 32] {
        authenticate(&self.0, &[b"aispm known data 1\0", purpose.as_bytes(), b"\0", asset.as_bytes()])
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What one index is made with: a polynomial hash at a secret point, whose result SipHash-2-4 makes unpredictable. Two
/// runs of other words collide with probability 2⁻⁵¹ at most, and without the key nothing can be told from the outcome.
pub(super) struct Secrets {
    pub(super) powers: Powers,
    value: SipHasher24,
    quote: SipHasher24,
    canary: SipHasher24,
    seal: [u8; 32],
}

impl Secrets {
    pub(super) fn new(key: &Key, asset: &str) -> Self {
        let sip =
            |purpose| SipHasher24::new_with_key(&key.derive(purpose, asset).first_chunk().copied().unwrap_or_default());
        let point = u64::from_le_bytes(key.derive("point", asset).first_chunk().copied().unwrap_or_default());
        Self {
            powers: Powers::new(point),
            value: sip("value"),
            quote: sip("quote"),
            canary: sip("canary"),
            seal: key.derive("seal", asset),
        }
    }

    pub(super) fn value(&self, run: u64) -> u64 {
        self.value.hash(&run.to_le_bytes())
    }

    pub(super) fn quote(&self, run: u64) -> u64 {
        self.quote.hash(&run.to_le_bytes())
    }

    pub(super) fn canary(&self, run: u64) -> u64 {
        self.canary.hash(&run.to_le_bytes())
    }

    /// The tag of an index.
    pub(super) fn seal(&self, bytes: &[u8]) -> [u8; 32] {
        authenticate(&self.seal, &[bytes])
    }
}

fn authenticate(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn canary(bytes: &[u8; 32]) -> String {
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).map_or('0', |letter| char::from(*letter));
    let groups = bytes.chunks(CANARY.1).take(CANARY.0);
    groups.map(|group| group.iter().map(letter).collect::<String>()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canaries_depend_on_key_and_asset_only() {
        let (a, b) = (Key::new("0123456789abcdef").unwrap(), Key::new("0123456789abcdeg").unwrap());
        let three = a.canaries("s3://one", 3);
        assert_eq!(three, Key::new(" 0123456789abcdef\n").unwrap().canaries("s3://one", 3));
        let all: std::collections::BTreeSet<_> =
            [three, a.canaries("s3://two", 3), b.canaries("s3://one", 3)].concat().into_iter().collect();
        assert_eq!(all.len(), 9);
        assert!(all.iter().all(|canary| canary.len() == 29), "{all:?}");
    }

    #[test]
    fn a_short_key_is_refused_unquoted() {
        let error = Key::new("  swordfish ").unwrap_err();
        assert!(!error.to_string().contains("swordfish"));
        assert_eq!(format!("{:?}", Key::new([7; 32]).unwrap()), "Key(…)");
    }
}
