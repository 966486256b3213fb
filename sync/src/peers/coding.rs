//! Bodies in transit: compressed where that is worth it, and never larger than they may be when they are unpacked.
//!
//! Enters: bytes. Leaves: bytes. What is signed are the bytes that travel (RFC 9530: the digest is over the content as coded).

use std::{
    borrow::Cow,
    io::{Read as _, Write as _},
};

use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

/// Smaller bodies travel as they are.
const WORTH_BYTES: usize = 1_024;
/// Larger ones are not compressed where requests are answered.
const ASIDE_BYTES: usize = 256 << 10;
/// The one coding that is spoken.
pub(crate) const GZIP: &str = "gzip";

/// A body compressed; none where that is not worth it.
pub(crate) fn pack(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < WORTH_BYTES {
        return None;
    }
    let mut packed = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let packed = packed.write_all(body).and_then(|()| packed.finish()).ok()?;
    (packed.len() < body.len()).then_some(packed)
}

/// As [`pack`]; a large body is compressed on a thread that may block, so that other requests go on.
pub(crate) async fn pack_aside(body: Bytes) -> Option<Bytes> {
    if body.len() < ASIDE_BYTES {
        return pack(&body).map(Bytes::from);
    }
    // A thread that ended before its time leaves the body as it is.
    tokio::task::spawn_blocking(move || pack(&body)).await.ok().flatten().map(Bytes::from)
}

/// A body as it was before it was compressed; an error in words where it is larger than `limit`, or damaged, or of another coding.
pub(crate) fn unpack<'a>(headers: &HeaderMap, body: &'a [u8], limit: usize) -> Result<Cow<'a, [u8]>, String> {
    match headers.get(header::CONTENT_ENCODING).map(header::HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(Cow::Borrowed(body)),
        Some(b"gzip") => {
            let mut plain = Vec::new();
            let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            GzDecoder::new(body).take(bound).read_to_end(&mut plain).map_err(|e| format!("a damaged gzip body: {e}"))?;
            if plain.len() > limit { Err(format!("a body has at most {limit} bytes when it is unpacked")) } else { Ok(Cow::Owned(plain)) }
        }
        Some(_) => Err("a body is coded as gzip, or not at all".to_owned()),
    }
}

/// Whether whoever sent these headers reads gzip.
pub(crate) fn reads_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| coding.split(';').next().is_some_and(|name| name.trim() == GZIP))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(coding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_ENCODING, header::HeaderValue::from_static(coding))])
    }

    #[test]
    fn a_body_survives_and_a_bomb_does_not_unpack() {
        let body = vec![b'x'; 100_000];
        let packed = pack(&body).unwrap();
        assert!(packed.len() < 1_000);
        assert_eq!(unpack(&coded("gzip"), &packed, 100_000).unwrap(), body.as_slice());
        assert!(unpack(&coded("gzip"), &packed, 99_999).unwrap_err().contains("at most"));
        assert!(unpack(&coded("gzip"), &packed[..packed.len() / 2], 100_000).is_err());
        assert!(unpack(&coded("br"), &packed, 100_000).is_err());
        assert_eq!(unpack(&HeaderMap::new(), &packed, 1).unwrap(), packed.as_slice());
    }

    #[test]
    fn what_is_small_or_does_not_shrink_stays_as_it_is() {
        assert_eq!(pack(&[b'x'; 100]), None);
        let mut noise = vec![0_u8; 5_000];
        getrandom::fill(&mut noise).unwrap();
        assert_eq!(pack(&noise), None);
    }

    #[test]
    fn who_reads_gzip_says_so() {
        let says = |value| reads_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, header::HeaderValue::from_static(value))]));
        assert!(says("gzip") && says("br, gzip;q=0.5") && !says("br") && !reads_gzip(&HeaderMap::new()));
    }
}
