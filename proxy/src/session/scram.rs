//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side: the client's messages enter, ours and a verdict leave.
//! With channel binding to the server's certificate (`tls-server-end-point`, RFC 5929) where the connection is encrypted.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Result, SqlError, SqlState};

const ITERATIONS: u32 = 4096;

/// What is kept of a password: enough to check it, not enough to log in with.
#[derive(Clone)]
pub struct Verifier {
    salt: [u8; 16],
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn violation(message: &str) -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, message)
}

impl Verifier {
    /// Of a password, with a fresh salt.
    pub fn new(password: &str) -> Result<Self> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|e| SqlError::internal(format!("no random numbers: {e}")))?;
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), &salt, ITERATIONS);
        let client_key = mac(&salted, b"Client Key");
        Ok(Verifier { salt, stored_key: Sha256::digest(client_key).into(), server_key: mac(&salted, b"Server Key") })
    }
}

/// What an exchange can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding<'b> {
    /// Nothing: the connection is not encrypted.
    None,
    /// The client chose the mechanism without, though it was offered the one with.
    Offered,
    /// The client chose the mechanism with: the certificate's hash.
    Chosen(&'b [u8]),
}

impl<'b> Binding<'b> {
    /// Of a client that chose the mechanism without.
    pub fn of(end_point: Option<&'b [u8]>) -> Self {
        if end_point.is_some() { Binding::Offered } else { Binding::None }
    }
}

/// An exchange after the client's first message.
pub struct Exchange {
    client_first_bare: String,
    server_first: String,
    nonce: String,
    binding: String,
}

/// The attribute `name=` of a message.
fn attribute<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

impl Exchange {
    /// Takes the client's first message; [`Exchange::server_first`] is the answer.
    pub fn begin(verifier: &Verifier, client_first: &str, binding: Binding<'_>) -> Result<Self> {
        let mut parts = client_first.splitn(3, ',');
        let (flag, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let bare = parts.next().ok_or_else(|| violation("malformed SCRAM message"))?;
        let malformed = |detail: &str| Err(violation("malformed SCRAM message").detail(detail));
        let data: &[u8] = match (flag, binding) {
            ("p=tls-server-end-point", Binding::Chosen(hash)) => hash,
            (other, Binding::Chosen(_)) if other.starts_with("p=") => {
                return Err(violation(&format!("unsupported SCRAM channel-binding type \"{}\"", &other[2..])));
            }
            (_, Binding::Chosen(_)) => {
                return malformed("The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.");
            }
            // Somebody in between may have taken the better mechanism out of the offer.
            ("y", Binding::Offered) => {
                return malformed(
                    "The client supports SCRAM channel binding but thinks the server does not. However, this server does support channel binding.",
                );
            }
            ("n" | "y", _) => &[],
            (other, _) if other.starts_with("p=") => {
                return malformed(
                    "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.",
                );
            }
            _ => return malformed("Unexpected channel-binding flag."),
        };
        let client_nonce = attribute(bare, "r").filter(|n| !n.is_empty()).ok_or_else(|| violation("malformed SCRAM message"))?;
        let mut ours = [0; 18];
        getrandom::fill(&mut ours).map_err(|e| SqlError::internal(format!("no random numbers: {e}")))?;
        let nonce = format!("{client_nonce}{}", BASE64.encode(ours));
        Ok(Exchange {
            client_first_bare: bare.to_owned(),
            server_first: format!("r={nonce},s={},i={ITERATIONS}", BASE64.encode(verifier.salt)),
            nonce,
            binding: BASE64.encode([format!("{flag},{name},").as_bytes(), data].concat()),
        })
    }

    /// The answer to the client's first message.
    pub fn server_first(&self) -> &str {
        &self.server_first
    }

    /// Takes the client's final message; the answer is the server's final one, or nothing where the password is wrong.
    pub fn finish(&self, verifier: &Verifier, client_final: &str) -> Result<Option<String>> {
        let (without_proof, proof) = client_final.rsplit_once(",p=").ok_or_else(|| violation("malformed SCRAM message"))?;
        if attribute(without_proof, "c") != Some(&self.binding) || attribute(without_proof, "r") != Some(&self.nonce) {
            return Err(violation("invalid SCRAM response").detail("Nonce or channel binding does not match."));
        }
        let proof: [u8; 32] =
            BASE64.decode(proof).ok().and_then(|p| p.try_into().ok()).ok_or_else(|| violation("malformed SCRAM message"))?;
        let message = format!("{},{},{without_proof}", self.client_first_bare, self.server_first);
        let signature = mac(&verifier.stored_key, message.as_bytes());
        let mut client_key = proof;
        client_key.iter_mut().zip(signature).for_each(|(key, s)| *key ^= s);
        let right = bool::from(Sha256::digest(client_key).ct_eq(&verifier.stored_key));
        Ok(right.then(|| format!("v={}", BASE64.encode(mac(&verifier.server_key, message.as_bytes())))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_in(kept: &str, typed: &str) -> bool {
        log_in_with(kept, typed, "n,,", "biws", Binding::None).unwrap()
    }

    fn log_in_with(kept: &str, typed: &str, header: &str, c: &str, binding: Binding<'_>) -> Result<bool> {
        let verifier = Verifier::new(kept).unwrap();
        let bare = "n=,r=abc";
        let exchange = Exchange::begin(&verifier, &format!("{header}{bare}"), binding)?;
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(typed.as_bytes(), &verifier.salt, ITERATIONS);
        let client_key = mac(&salted, b"Client Key");
        let without_proof = format!("c={c},r={}", attribute(exchange.server_first(), "r").unwrap());
        let message = format!("{bare},{},{without_proof}", exchange.server_first());
        let signature = mac(&Sha256::digest(client_key), message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        exchange.finish(&verifier, &format!("{without_proof},p={}", BASE64.encode(proof))).map(|v| v.is_some())
    }

    #[test]
    fn a_log_in_is_bound_to_the_certificate() {
        let header = "p=tls-server-end-point,,";
        let c = |hash: &[u8]| BASE64.encode([header.as_bytes(), hash].concat());
        assert!(log_in_with("a", "a", header, &c(b"hash"), Binding::Chosen(b"hash")).unwrap());
        assert!(log_in_with("a", "a", header, &c(b"other"), Binding::Chosen(b"hash")).is_err());
        assert!(log_in_with("a", "a", "p=tls-unique,,", &c(b"hash"), Binding::Chosen(b"hash")).is_err());
        assert!(log_in_with("a", "a", "n,,", "biws", Binding::Chosen(b"hash")).is_err());
        assert!(log_in_with("a", "a", "n,,", "biws", Binding::Offered).unwrap());
        // "y,," in the offer's face: the offer was tampered with.
        assert!(log_in_with("a", "a", "y,,", "eSws", Binding::Offered).is_err());
        assert!(log_in_with("a", "a", "y,,", "eSws", Binding::None).unwrap());
        assert!(log_in_with("a", "a", header, &c(b"hash"), Binding::Offered).is_err());
    }

    #[test]
    fn the_right_password_logs_in() {
        assert!(log_in("secret", "secret"));
        assert!(!log_in("secret", "Secret"));
    }

    #[test]
    fn nonsense_is_a_protocol_violation() {
        let verifier = Verifier::new("x").unwrap();
        for first in ["", "n", "n,,", "n,,n=", "n,,r=", "p=tls-unique,,n=,r=a"] {
            assert!(Exchange::begin(&verifier, first, Binding::None).is_err(), "{first}");
        }
        let exchange = Exchange::begin(&verifier, "n,,n=,r=abc", Binding::None).unwrap();
        for last in ["", "c=biws", "c=biws,r=abc,p=", "c=biws,r=abc,p=AAAA"] {
            assert!(exchange.finish(&verifier, last).is_err(), "{last}");
        }
    }
}
