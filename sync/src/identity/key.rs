//! Ed25519 keys: making, naming and writing them.
//!
//! Enters: bytes or text. Leaves: a [`DeviceKey`] that signs (its memory is zeroed when dropped), a [`PublicKey`] that verifies, and
//! the [`Fingerprint`] by which two people compare a key.

use base64::{Engine as _, engine::general_purpose};
use ed25519_dalek::{
    Signature, Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A key that can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a public key.
    #[error("not an Ed25519 public key (32 bytes as base64 or hex, or PEM)")]
    Public,
    /// Not a private key.
    #[error("not an Ed25519 private key in PKCS #8 PEM form")]
    Private,
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(getrandom::Error),
}

/// A private key. It is never printed, and its memory is zeroed when it is dropped.
pub struct DeviceKey(SigningKey);

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceKey({})", self.public().fingerprint())
    }
}

impl DeviceKey {
    /// A new key from the operating system's randomness.
    pub fn generate() -> Result<DeviceKey, KeyError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(KeyError::Random)?;
        Ok(DeviceKey(SigningKey::from_bytes(&seed)))
    }

    /// A key from its 32-byte seed (RFC 8032).
    pub fn from_seed(seed: &[u8; 32]) -> DeviceKey {
        DeviceKey(SigningKey::from_bytes(seed))
    }

    /// Reads PKCS #8 PEM.
    pub fn from_pem(pem: &str) -> Result<DeviceKey, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(DeviceKey).map_err(|_| KeyError::Private)
    }

    /// Writes PKCS #8 PEM; the text is zeroed when dropped.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Private)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs bytes (Ed25519, RFC 8032).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads 32 bytes; keys of small order, under which anything verifies, are refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<PublicKey, KeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError::Public)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Public)?;
        if key.is_weak() { Err(KeyError::Public) } else { Ok(PublicKey(key)) }
    }

    /// Reads base64 (either alphabet, padded or not), hex, or PEM (SubjectPublicKeyInfo).
    pub fn parse(text: &str) -> Result<PublicKey, KeyError> {
        let text = text.trim();
        if text.starts_with("-----BEGIN") {
            let key = VerifyingKey::from_public_key_pem(text).map_err(|_| KeyError::Public)?;
            return PublicKey::from_bytes(key.as_bytes());
        }
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return PublicKey::from_bytes(&decode_hex(text).ok_or(KeyError::Public)?);
        }
        let plain: String = text
            .trim_end_matches('=')
            .chars()
            .map(|c| {
                if c == '-' {
                    '+'
                } else if c == '_' {
                    '/'
                } else {
                    c
                }
            })
            .collect();
        PublicKey::from_bytes(&general_purpose::STANDARD_NO_PAD.decode(plain).map_err(|_| KeyError::Public)?)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Base64, as it stands in `public_key` fields.
    pub fn to_base64(&self) -> String {
        general_purpose::STANDARD.encode(self.0.as_bytes())
    }

    /// Whether `signature` is this key's over `message`; strictly, so that a signature has one form only.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(bytes) = <&[u8; 64]>::try_from(signature) else { return false };
        self.0.verify_strict(message, &Signature::from_bytes(bytes)).is_ok()
    }

    /// What people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = Sha256::digest(self.0.as_bytes());
        Fingerprint(digest[..16].try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// The first 128 bits of a key's SHA-256: enough against a second key of the same fingerprint, short enough to be read aloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, pair) in self.0.chunks(2).enumerate() {
            write!(f, "{}{:02x}{:02x}", if i == 0 { "" } else { "-" }, pair[0], pair[1])?;
        }
        Ok(())
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_forms() {
        let key = DeviceKey::generate().unwrap();
        let public = key.public();
        assert_eq!(DeviceKey::from_pem(&key.to_pem().unwrap()).unwrap().public(), public);
        let hex: String = public.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        let url = general_purpose::URL_SAFE_NO_PAD.encode(public.as_bytes());
        for text in [public.to_base64(), hex, url] {
            assert_eq!(PublicKey::parse(&text).unwrap(), public, "{text}");
        }
        for bad in ["", "abc", "AAAA", &"0".repeat(64), "-----BEGIN PUBLIC KEY-----"] {
            assert!(PublicKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_key_that_signed_verifies() {
        let (a, b) = (DeviceKey::generate().unwrap(), DeviceKey::generate().unwrap());
        let signature = a.sign(b"message");
        assert!(a.public().verifies(b"message", &signature));
        assert!(!a.public().verifies(b"massage", &signature));
        assert!(!b.public().verifies(b"message", &signature));
        assert!(!a.public().verifies(b"message", &signature[..63]));
    }
}
