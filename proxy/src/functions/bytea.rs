//! bytea: lengths, parts, bits, encodings; digests and random bytes, pgcrypto's included; uuid.

use base64::Engine;
use hmac::{KeyInit, Mac};
use sha2::Digest;

use super::{
    Body::{Native, Scalar},
    Call, Row, Value,
    arguments::{int_value, text_value},
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{
        bytes::{parse_escape, parse_hex, write_escape, write_hex},
        text::utf8,
    },
};

pub(super) const ROWS: &[Row] = &[
    row("length(bytea)", Native("length({0})")),
    row("octet_length(bytea)", Native("length({0})")),
    row("bit_length(bytea)", Native("(length({0}) * 8)")),
    row("byteacat(bytea,bytea)", Scalar(|c| Ok(Value::Blob([c.bytes(0)?, c.bytes(1)?].concat())))),
    row("position(bytea,bytea)", Scalar(position)),
    row("substr(bytea,integer)", Scalar(substring)),
    row("substr(bytea,integer,integer)", Scalar(substring)),
    row("substring(bytea,integer)", Scalar(substring)),
    row("substring(bytea,integer,integer)", Scalar(substring)),
    row("overlay(bytea,bytea,integer)", Scalar(overlay)),
    row("overlay(bytea,bytea,integer,integer)", Scalar(overlay)),
    row("btrim(bytea,bytea)", Scalar(|c| trim(c, true, true))),
    row("ltrim(bytea,bytea)", Scalar(|c| trim(c, true, false))),
    row("rtrim(bytea,bytea)", Scalar(|c| trim(c, false, true))),
    row("get_byte(bytea,integer)", Scalar(|c| int_value(c.bytes(0)?[index(c, 1, 1)?]))),
    row("set_byte(bytea,integer,integer)", Scalar(set_byte)),
    row("get_bit(bytea,bigint)", Scalar(get_bit)),
    row("set_bit(bytea,bigint,integer)", Scalar(set_bit)),
    row("encode(bytea,text)", Scalar(encode)),
    row("decode(text,text)", Scalar(decode)),
    row("md5(text)", Scalar(|c| text_value(hex(&md5(c.text(0)?.as_bytes()))))),
    row("md5(bytea)", Scalar(|c| text_value(hex(&md5(c.bytes(0)?))))),
    row("sha224(bytea)", Scalar(|c| Ok(Value::Blob(sha2::Sha224::digest(c.bytes(0)?).to_vec())))),
    row("sha256(bytea)", Scalar(|c| Ok(Value::Blob(sha2::Sha256::digest(c.bytes(0)?).to_vec())))),
    row("sha384(bytea)", Scalar(|c| Ok(Value::Blob(sha2::Sha384::digest(c.bytes(0)?).to_vec())))),
    row("sha512(bytea)", Scalar(|c| Ok(Value::Blob(sha2::Sha512::digest(c.bytes(0)?).to_vec())))),
    row("digest(text,text)", Scalar(|c| digest(c.text(0)?.as_bytes(), c.text(1)?))),
    row("digest(bytea,text)", Scalar(|c| digest(c.bytes(0)?, c.text(1)?))),
    row("hmac(text,text,text)", Scalar(|c| keyed(c.text(0)?.as_bytes(), c.text(1)?.as_bytes(), c.text(2)?))),
    row("hmac(bytea,bytea,text)", Scalar(|c| keyed(c.bytes(0)?, c.bytes(1)?, c.text(2)?))),
    row("gen_random_bytes(integer)", Scalar(random_bytes)),
    row("gen_random_uuid()", Scalar(|_| Ok(Value::Blob(uuid::Uuid::new_v4().as_bytes().to_vec())))),
    row("uuid_generate_v4()", Scalar(|_| Ok(Value::Blob(uuid::Uuid::new_v4().as_bytes().to_vec())))),
    row("uuid_generate_v5(uuid,text)", Scalar(named_uuid)),
    row("uuid_nil()", Scalar(|_| Ok(Value::Blob(vec![0; 16])))),
    row("uuid_ns_dns()", Scalar(|_| Ok(Value::Blob(uuid::Uuid::NAMESPACE_DNS.as_bytes().to_vec())))),
    row("uuid_ns_url()", Scalar(|_| Ok(Value::Blob(uuid::Uuid::NAMESPACE_URL.as_bytes().to_vec())))),
    row("uuid_ns_oid()", Scalar(|_| Ok(Value::Blob(uuid::Uuid::NAMESPACE_OID.as_bytes().to_vec())))),
    row("uuid_ns_x500()", Scalar(|_| Ok(Value::Blob(uuid::Uuid::NAMESPACE_X500.as_bytes().to_vec())))),
];

fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    write_hex(bytes, &mut out);
    out.into_iter().map(char::from).collect()
}

fn position(call: &Call<'_>) -> Result<Value> {
    let (bytes, wanted) = (call.bytes(0)?, call.bytes(1)?);
    if wanted.is_empty() {
        return int_value(1);
    }
    int_value(bytes.windows(wanted.len()).position(|w| w == wanted).map_or(0, |at| at as i64 + 1))
}

/// Start and end (from 0) of the bytes from `start` (from 1) on.
fn bounds(length: usize, start: i64, count: Option<i64>) -> Result<(usize, usize)> {
    if count.is_some_and(|n| n < 0) {
        return Err(SqlError::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
    }
    let length = length as i64;
    let end = count.map_or(length, |n| start.saturating_add(n).saturating_sub(1)).clamp(0, length);
    let from = (start - 1).clamp(0, end);
    Ok((from as usize, end as usize))
}

fn substring(call: &Call<'_>) -> Result<Value> {
    let bytes = call.bytes(0)?;
    let (from, to) = bounds(bytes.len(), call.int(1)?, if call.args.len() > 2 { Some(call.int(2)?) } else { None })?;
    Ok(Value::Blob(bytes[from..to].to_vec()))
}

fn overlay(call: &Call<'_>) -> Result<Value> {
    let (bytes, new, start) = (call.bytes(0)?, call.bytes(1)?, call.int(2)?);
    let count = if call.args.len() > 3 { call.int(3)? } else { new.len() as i64 };
    if start <= 0 {
        return Err(SqlError::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
    }
    let (_, head) = bounds(bytes.len(), 1, Some(start - 1))?;
    let (tail, end) = bounds(bytes.len(), start.saturating_add(count), None)?;
    Ok(Value::Blob([&bytes[..head], new, &bytes[tail..end]].concat()))
}

fn trim(call: &Call<'_>, left: bool, right: bool) -> Result<Value> {
    let (mut bytes, set) = (call.bytes(0)?, call.bytes(1)?);
    while let [first, rest @ ..] = bytes {
        if !left || !set.contains(first) {
            break;
        }
        bytes = rest;
    }
    while let [rest @ .., last] = bytes {
        if !right || !set.contains(last) {
            break;
        }
        bytes = rest;
    }
    Ok(Value::Blob(bytes.to_vec()))
}

/// Argument `i` as an index of bytes (`unit` 1) or bits (8); 2202E out of bounds.
fn index(call: &Call<'_>, i: usize, unit: usize) -> Result<usize> {
    let (n, length) = (call.int(i)?, call.bytes(0)?.len() * unit);
    let message = || format!("index {n} out of valid range, 0..{}", length as i64 - 1);
    usize::try_from(n).ok().filter(|n| *n < length).ok_or_else(|| SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message()))
}

fn set_byte(call: &Call<'_>) -> Result<Value> {
    let (mut bytes, at) = (call.bytes(0)?.to_vec(), index(call, 1, 1)?);
    bytes[at] = call.int(2)? as u8;
    Ok(Value::Blob(bytes))
}

fn get_bit(call: &Call<'_>) -> Result<Value> {
    let at = index(call, 1, 8)?;
    int_value(call.bytes(0)?[at / 8] >> (at % 8) & 1)
}

fn set_bit(call: &Call<'_>) -> Result<Value> {
    let (mut bytes, at, bit) = (call.bytes(0)?.to_vec(), index(call, 1, 8)?, call.int(2)?);
    if !matches!(bit, 0 | 1) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "new bit must be 0 or 1"));
    }
    bytes[at / 8] = bytes[at / 8] & !(1 << (at % 8)) | (bit as u8) << (at % 8);
    Ok(Value::Blob(bytes))
}

fn unknown_encoding(name: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("unrecognized encoding: \"{name}\""))
}

fn encode(call: &Call<'_>) -> Result<Value> {
    let (bytes, format) = (call.bytes(0)?, call.text(1)?);
    match &*format.to_ascii_lowercase() {
        "hex" => text_value(hex(bytes)),
        "base64" => {
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            let lines: Vec<&str> = text.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).expect("base64 is ASCII")).collect();
            text_value(lines.join("\n"))
        }
        "escape" => {
            let mut out = Vec::new();
            for b in bytes {
                match b {
                    0 | 0x80.. => out.extend_from_slice(format!("\\{b:03o}").as_bytes()),
                    b'\\' => write_escape(b"\\", &mut out),
                    b => out.push(*b),
                }
            }
            text_value(utf8(&out)?)
        }
        _ => Err(unknown_encoding(format)),
    }
}

fn decode(call: &Call<'_>) -> Result<Value> {
    let (text, format) = (call.text(0)?, call.text(1)?);
    let invalid = |message: &str| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message.to_owned());
    let bytes = match &*format.to_ascii_lowercase() {
        "hex" => parse_hex(text)?,
        "base64" => {
            let compact: String = text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')).collect();
            let decoded = base64::engine::general_purpose::STANDARD.decode(compact);
            decoded.map_err(|_| {
                invalid("invalid base64 end sequence").hint("Input data is missing padding, is truncated, or is otherwise corrupted.")
            })?
        }
        "escape" => {
            parse_escape(text).ok_or_else(|| SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea"))?
        }
        _ => return Err(unknown_encoding(format)),
    };
    Ok(Value::Blob(bytes))
}

fn no_hash(name: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("Cannot use \"{name}\": No such hash algorithm"))
}

fn digest(data: &[u8], name: &str) -> Result<Value> {
    Ok(Value::Blob(match &*name.to_ascii_lowercase() {
        "md5" => md5(data).to_vec(),
        "sha224" => sha2::Sha224::digest(data).to_vec(),
        "sha256" => sha2::Sha256::digest(data).to_vec(),
        "sha384" => sha2::Sha384::digest(data).to_vec(),
        "sha512" => sha2::Sha512::digest(data).to_vec(),
        _ => return Err(no_hash(name)),
    }))
}

fn keyed(data: &[u8], key: &[u8], name: &str) -> Result<Value> {
    macro_rules! keyed {
        ($hash:ty) => {{
            let mut mac = hmac::Hmac::<$hash>::new_from_slice(key).expect("HMAC takes a key of any length");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    Ok(Value::Blob(match &*name.to_ascii_lowercase() {
        "sha224" => keyed!(sha2::Sha224),
        "sha256" => keyed!(sha2::Sha256),
        "sha384" => keyed!(sha2::Sha384),
        "sha512" => keyed!(sha2::Sha512),
        _ => return Err(no_hash(name)),
    }))
}

fn random_bytes(call: &Call<'_>) -> Result<Value> {
    let count = call.int(0)?;
    if !(1..=1024).contains(&count) {
        return Err(SqlError::new(SqlState("39000"), "Length not in range"));
    }
    let mut bytes = vec![0; count as usize];
    getrandom::fill(&mut bytes).map_err(|e| SqlError::internal(format!("no random bytes: {e}")))?;
    Ok(Value::Blob(bytes))
}

fn named_uuid(call: &Call<'_>) -> Result<Value> {
    let namespace = uuid::Uuid::from_slice(call.bytes(0)?).map_err(|_| SqlError::internal("a uuid has 16 bytes"))?;
    Ok(Value::Blob(uuid::Uuid::new_v5(&namespace, call.text(1)?.as_bytes()).as_bytes().to_vec()))
}

/// MD5 (RFC 1321); here for `md5()` alone, nothing relies on its strength.
fn md5(data: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut message = data.to_vec();
    message.push(0x80);
    message.resize(message.len() + (120 - message.len() % 64) % 64, 0);
    message.extend_from_slice(&(data.len() as u64 * 8).to_le_bytes());
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in message.chunks_exact(64) {
        let word = |i: usize| u32::from_le_bytes([block[4 * i], block[4 * i + 1], block[4 * i + 2], block[4 * i + 3]]);
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64usize {
            let (mixed, at) = match i / 16 {
                0 => (b & c | !b & d, i),
                1 => (d & b | !d & c, 5 * i + 1),
                2 => (b ^ c ^ d, 3 * i + 5),
                _ => (c ^ (b | !d), 7 * i),
            };
            let constant = (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mixed).wrapping_add(constant).wrapping_add(word(at % 16));
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
        }
        for (slot, value) in state.iter_mut().zip([a, b, c, d]) {
            *slot = slot.wrapping_add(value);
        }
    }
    let mut out = [0; 16];
    for (chunk, word) in out.chunks_exact_mut(4).zip(state) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5_is_that_of_rfc_1321() {
        assert_eq!(hex(&md5(b"")), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex(&md5(b"message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
        assert_eq!(hex(&md5(&[b'1'; 120])).len(), 32);
    }
}
