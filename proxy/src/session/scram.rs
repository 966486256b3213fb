//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side: the client's messages enter, ours and a verdict leave.
//! Without channel binding, since that needs TLS.

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
    pub fn begin(verifier: &Verifier, client_first: &str) -> Result<Self> {
        let mut parts = client_first.splitn(3, ',');
        let (flag, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let bare = parts.next().ok_or_else(|| violation("malformed SCRAM message"))?;
        if flag.starts_with("p=") {
            return Err(violation("malformed SCRAM message").detail("Channel binding is not offered."));
        }
        let client_nonce = attribute(bare, "r").filter(|n| !n.is_empty()).ok_or_else(|| violation("malformed SCRAM message"))?;
        let mut ours = [0; 18];
        getrandom::fill(&mut ours).map_err(|e| SqlError::internal(format!("no random numbers: {e}")))?;
        let nonce = format!("{client_nonce}{}", BASE64.encode(ours));
        Ok(Exchange {
            client_first_bare: bare.to_owned(),
            server_first: format!("r={nonce},s={},i={ITERATIONS}", BASE64.encode(verifier.salt)),
            nonce,
            binding: BASE64.encode(format!("{flag},{name},")),
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
        let verifier = Verifier::new(kept).unwrap();
        let bare = "n=,r=abc";
        let exchange = Exchange::begin(&verifier, &format!("n,,{bare}")).unwrap();
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(typed.as_bytes(), &verifier.salt, ITERATIONS);
        let client_key = mac(&salted, b"Client Key");
        let without_proof = format!("c=biws,r={}", attribute(exchange.server_first(), "r").unwrap());
        let message = format!("{bare},{},{without_proof}", exchange.server_first());
        let signature = mac(&Sha256::digest(client_key), message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        exchange.finish(&verifier, &format!("{without_proof},p={}", BASE64.encode(proof))).unwrap().is_some()
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
            assert!(Exchange::begin(&verifier, first).is_err(), "{first}");
        }
        let exchange = Exchange::begin(&verifier, "n,,n=,r=abc").unwrap();
        for last in ["", "c=biws", "c=biws,r=abc,p=", "c=biws,r=abc,p=AAAA"] {
            assert!(exchange.finish(&verifier, last).is_err(), "{last}");
        }
    }
}
