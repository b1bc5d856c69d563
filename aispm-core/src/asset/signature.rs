//! Ed25519 signatures with keys that the caller brings. No key is made here, and nothing random is needed.

use std::fmt;

use ed25519_dalek::Signer;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};

use super::{Error, ErrorKind, Result, hex};

/// A private key that signs evidence. It is wiped from memory when dropped, and never printed.
///
/// `openssl genpkey -algorithm ed25519 -out key.pem` makes one.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A public key that signatures are checked with.
///
/// `openssl pkey -in key.pem -pubout -out public.pem` writes the one of a private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

/// What a signature is for. It goes into what is signed, so that a signature for one purpose is worth nothing for another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// One entry of a ledger.
    Entry,
    /// The head of a ledger.
    Head,
    /// The manifest of a data pack.
    DataPack,
}

impl SigningKey {
    /// A key as `openssl` writes it (PKCS#8, PEM), or its 32 bytes in hex. Errors never quote the text.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.starts_with("-----") {
            let key = ed25519_dalek::SigningKey::from_pkcs8_pem(text);
            return key
                .map(Self)
                .map_err(|_| invalid("no Ed25519 private key in PKCS#8 (`-----BEGIN PRIVATE KEY-----`)"));
        }
        let bytes = unhex(text).ok_or_else(|| invalid("no private key: expected PKCS#8 in PEM, or 64 hex digits"))?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&bytes)))
    }

    /// The public key to give to those who check.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// The signature, 128 hex digits.
    pub(crate) fn sign(&self, purpose: Purpose, message: &[u8]) -> String {
        hex(&self.0.sign(&purpose.wrap(message)).to_bytes())
    }
}

impl VerifyingKey {
    /// A key as `openssl` writes it (PEM), or its 32 bytes in hex.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let wrong = |_| invalid("no Ed25519 public key");
        if text.starts_with("-----") {
            return ed25519_dalek::VerifyingKey::from_public_key_pem(text)
                .map(Self)
                .map_err(|_| invalid("no Ed25519 public key (`-----BEGIN PUBLIC KEY-----`)"));
        }
        let bytes = unhex(text).ok_or_else(|| invalid("no public key: expected PEM, or 64 hex digits"))?;
        ed25519_dalek::VerifyingKey::from_bytes(&bytes).map(Self).map_err(wrong)
    }

    /// Whether this key made the signature (128 hex digits) for this purpose. Keys and signatures that others than the
    /// owner could pass off are refused.
    pub(crate) fn verifies(&self, purpose: Purpose, message: &[u8], signature: &str) -> bool {
        let signature = unhex::<64>(signature).map(|bytes| ed25519_dalek::Signature::from_bytes(&bytes));
        signature.is_some_and(|signature| self.0.verify_strict(&purpose.wrap(message), &signature).is_ok())
    }
}

impl fmt::Display for VerifyingKey {
    /// 64 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.0.as_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.verifying_key().to_string()).finish()
    }
}

impl Purpose {
    fn wrap(self, message: &[u8]) -> Vec<u8> {
        let purpose: &[u8] = match self {
            Self::Entry => b"aispm/1 ledger entry\n",
            Self::Head => b"aispm/1 ledger head\n",
            Self::DataPack => b"aispm/1 data pack\n",
        };
        [purpose, message].concat()
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

/// `N` bytes from lower-case hex.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // the first test vector of RFC 8032, 7.1
    const SECRET: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn keys_are_read_from_hex_and_pem() {
        let key = SigningKey::parse(SECRET).unwrap();
        assert_eq!(key.verifying_key().to_string(), PUBLIC);
        // as `openssl` writes this key
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";
        assert_eq!(SigningKey::parse(pem).unwrap().verifying_key(), key.verifying_key());
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
                   -----END PUBLIC KEY-----\n";
        assert_eq!(VerifyingKey::parse(pem).unwrap(), key.verifying_key());
        for bad in ["", "9d61", &SECRET.to_uppercase(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
        {
            let error = SigningKey::parse(bad).unwrap_err().to_string();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
            assert!(VerifyingKey::parse(bad).is_err());
        }
        assert!(!format!("{key:?}").contains("9d61"));
    }

    #[test]
    fn a_signature_holds_for_one_message_and_one_purpose() {
        let key = SigningKey::parse(SECRET).unwrap();
        let public = key.verifying_key();
        let signature = key.sign(Purpose::Entry, b"a");
        assert!(public.verifies(Purpose::Entry, b"a", &signature));
        assert!(!public.verifies(Purpose::Entry, b"b", &signature));
        assert!(!public.verifies(Purpose::Head, b"a", &signature));
        assert!(!public.verifies(Purpose::Entry, b"a", &signature.to_uppercase()));
        assert!(!public.verifies(Purpose::Entry, b"a", ""));
    }

    #[test]
    fn a_key_that_fits_every_message_is_refused() {
        // the neutral element of the curve, with the signature that it makes valid for anything
        let weak = format!("01{}", "0".repeat(62));
        let signature = format!("01{}", "0".repeat(126));
        assert!(VerifyingKey::parse(&weak).is_ok_and(|key| !key.verifies(Purpose::Entry, b"any", &signature)));
    }
}
