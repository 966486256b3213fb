//! Who a device is, and what it signed: keys, signed heads of hash chains, signed HTTP messages.
//!
//! Enters: the data directory's key file; bytes and signatures from peers. Leaves: an [`Identity`], and [`Verified`] entries, which
//! only [`verify`] makes and `apply` alone accepts.

mod head;
mod key;
mod message;
mod nonce;
mod rotation;
mod store;

pub use head::{Author, SignedHead, Verified, VerifyError, verify};
pub use key::{DeviceKey, Fingerprint, KeyError, PublicKey};
pub use message::{
    CONTENT_DIGEST, DEVICE_HEADER, MessageError, MessageParts, OpenedSignature, RECEIVER_HEADER, RequestParts, SignatureParameters, TAG,
    check_digest, content_digest, open_signature, sign_answer, sign_request,
};
pub use nonce::{MAX_AGE_SECONDS, NonceError, NonceMemory, fresh_nonce};
pub use rotation::{Keys, ROTATIONS_HEADER, Rotation, read_rotations, show_rotations};
pub use store::{Identity, IdentityError, write_private};
