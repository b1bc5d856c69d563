//! The caller's key, and what is computed with it.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::spelling::canonical;
use crate::asset::{Error, ErrorKind, Result};

/// Bytes of a nonce of AES-GCM.
const NONCE: usize = 12;

/// Bound into each ciphertext, so that one of another form is not taken for ours.
const FORM: &[u8] = b"aispm encrypt 1";

/// The secret that the operators `hash`, `fake` and `encrypt` work with. It comes from the caller, never from a file of
/// the policy. Each of them has a key of its own derived from it. Zeroed when dropped.
#[derive(Clone)]
pub struct Key {
    hash: Zeroizing<[u8; 32]>,
    fake: Zeroizing<[u8; 32]>,
    encrypt: Zeroizing<[u8; 32]>,
    nonce: Zeroizing<[u8; 32]>,
}

impl Key {
    /// Fewest bytes of a secret.
    pub const SHORTEST: usize = 16;

    /// A key of these bytes, which should be random: 32 of them, at least [`Key::SHORTEST`].
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self> {
        let secret = secret.as_ref();
        if secret.len() < Self::SHORTEST {
            let message = format!("a key of {} bytes; at least {} are needed", secret.len(), Self::SHORTEST);
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let root = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(secret)));
        let of = |purpose: &str| Zeroizing::new(mac(&root, &[b"aispm", purpose.as_bytes()]));
        Ok(Self { hash: of("hash"), fake: of("fake"), encrypt: of("encrypt"), nonce: of("nonce") })
    }

    /// HMAC-SHA256 of the value and its type, as so many hex digits, at most 64. Spellings of one value have one hash.
    #[must_use]
    pub fn hash(&self, kind: &str, value: &str, digits: usize) -> String {
        let mac = mac(&self.hash, &[kind.as_bytes(), canonical(kind, value).as_bytes()]);
        mac.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(digits).filter_map(hex_digit).collect()
    }

    /// The value under AES-256-GCM, as base64url of nonce, ciphertext and tag. The nonce is an HMAC of the value, since
    /// nothing here is random: equal values give equal texts, which so tells where a value comes again, and the length
    /// tells the value's; nothing else shows. Two values share a nonce only if 96 bits collide (2^48 values).
    pub fn encrypt(&self, value: &str) -> Result<String> {
        let nonce = mac(&self.nonce, &[value.as_bytes()]);
        let (nonce, _) = nonce.split_first_chunk::<NONCE>().ok_or_else(unsealed)?;
        let payload = Payload { msg: value.as_bytes(), aad: FORM };
        let sealed = self.cipher().encrypt(&Nonce::from(*nonce), payload).map_err(|_| unsealed())?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), sealed.as_slice()].concat()))
    }

    /// What [`Key::encrypt`] hid; an error if this key did not write it, or it was changed.
    pub fn decrypt(&self, text: &str) -> Result<String> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| unsealed())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or_else(unsealed)?;
        let payload = Payload { msg: sealed, aad: FORM };
        let value = self.cipher().decrypt(&Nonce::from(*nonce), payload).map_err(|_| unsealed())?;
        String::from_utf8(value).map_err(|_| unsealed())
    }

    /// Numbers drawn from the value and its type, the same for every spelling of it.
    pub(super) fn numbers(&self, kind: &str, value: &str) -> impl FnMut() -> u32 {
        let seed = mac(&self.fake, &[kind.as_bytes(), canonical(kind, value).as_bytes()]);
        let mut block = 0_u64;
        let mut left = Vec::new();
        move || {
            if left.is_empty() {
                let drawn = mac(&seed, &[&block.to_le_bytes()]);
                left.extend(drawn.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)));
                block = block.wrapping_add(1);
            }
            left.pop().unwrap_or_default()
        }
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.encrypt).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

fn unsealed() -> Error {
    Error::new(ErrorKind::Malformed, "not a text that `encrypt` wrote with this key")
}

fn hex_digit(digit: u8) -> Option<char> {
    char::from_digit(digit.into(), 16)
}

/// HMAC-SHA256 (RFC 2104) of the parts, each after its length.
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // a key shorter than the block is filled up with zeros
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_comes_back_with_the_same_key_only() {
        let key = Key::new([7; 32]).unwrap();
        for value in ["", "ann@example.org", "näher 🦀"] {
            let hidden = key.encrypt(value).unwrap();
            assert_eq!(key.decrypt(&hidden).unwrap(), value);
            assert_eq!(key.encrypt(value).unwrap(), hidden);
            assert!(Key::new([8; 32]).unwrap().decrypt(&hidden).is_err());
            let changed = format!("A{}", hidden.get(1..).unwrap());
            assert!(changed == hidden || key.decrypt(&changed).is_err());
        }
        for text in ["", "AAAA", "!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(key.decrypt(text).unwrap_err().kind, ErrorKind::Malformed);
        }
    }

    #[test]
    fn hashes_are_keyed_typed_and_the_same_for_each_spelling() {
        let key = Key::new("0123456789abcdef").unwrap();
        let hash = key.hash("EMAIL_ADDRESS", "ann@example.org", 16);
        assert_eq!(hash.len(), 16);
        assert_eq!(key.hash("EMAIL_ADDRESS", "Ann@Example.org", 16), hash);
        assert_ne!(key.hash("URL", "ann@example.org", 16), hash);
        assert_ne!(Key::new([1; 16]).unwrap().hash("EMAIL_ADDRESS", "ann@example.org", 16), hash);
        assert_eq!(key.hash("X", "y", 99).len(), 64);
    }

    #[test]
    fn the_hash_is_hmac_sha256() {
        // RFC 4231, test case 2, has a key of 4 bytes; zeros behind a key do not count
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mut hmac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(b"Jefe").unwrap();
        hmac.update(&3_u64.to_le_bytes());
        hmac.update(b"abc");
        assert_eq!(mac(&key, &[b"abc"]), <[u8; 32]>::from(hmac.finalize().into_bytes()));
    }

    #[test]
    fn short_keys_are_refused_and_keys_not_shown() {
        assert_eq!(Key::new("too short").unwrap_err().kind, ErrorKind::Usage);
        assert_eq!(format!("{:?}", Key::new([9; 16]).unwrap()), "Key { .. }");
    }
}
