//! HTTP Message Signatures (RFC 9421) with Ed25519, and Content-Digest (RFC 9530), in the one profile that Peergres speaks.
//!
//! Enters: the parts of a request or an answer. Leaves: the header fields that sign it, or an [`OpenedSignature`] whose parameters can be
//! read and which a key then verifies. Structured fields are parsed and written by the crate `sfv`; what is ours is the signature base.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header::InvalidHeaderValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sfv::{BareItem, Dictionary, InnerList, Item, ItemSerializer, ListEntry, ListSerializer, Parser};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::key::{DeviceKey, PublicKey};
use crate::clock::DeviceId;

/// The header of a request that names the device it is meant for, so that no other device can be made to take it.
pub const RECEIVER_HEADER: HeaderName = HeaderName::from_static("peergres-receiver");
/// The header of an answer that names the device that answers.
pub const DEVICE_HEADER: HeaderName = HeaderName::from_static("peergres-device");
/// RFC 9530.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// The signature's `tag`: this application, this profile. It is also the label under which our own signatures stand.
pub const TAG: &str = "peergres";
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
/// What a request's signature must cover.
const REQUEST_COMPONENTS: [&str; 5] = ["@method", "@path", "@query", "peergres-receiver", "content-digest"];
/// What an answer's signature must cover; the answer to a signed request also covers the request's signature.
const ANSWER_COMPONENTS: [&str; 3] = ["@status", "peergres-device", "content-digest"];

/// Why a message's signature can't be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// There is none.
    #[error("the message has no signature with tag=\"{TAG}\" (RFC 9421)")]
    Unsigned,
    /// A field is not what it should be.
    #[error("malformed field {0}")]
    Malformed(&'static str),
    /// It does not cover what it must.
    #[error("the signature must cover {0}")]
    Uncovered(String),
    /// It covers something that the message lacks, or that this profile does not know.
    #[error("the signature covers {0}, which this message does not have")]
    Unknown(String),
    /// The body is not the signed one.
    #[error("the body does not match its Content-Digest (RFC 9530, sha-256)")]
    Digest,
}

/// A request, as far as signatures see it.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// Absolute path.
    pub path: &'a str,
    /// What follows the question mark.
    pub query: Option<&'a str>,
    /// Header fields.
    pub headers: &'a HeaderMap,
}

/// A message, as far as signatures see it.
#[derive(Clone, Copy, Debug)]
pub enum MessageParts<'a> {
    /// A request.
    Request(RequestParts<'a>),
    /// An answer and the request that it answers.
    Answer {
        /// Status code.
        status: u16,
        /// Header fields.
        headers: &'a HeaderMap,
        /// The request as it was sent.
        request: RequestParts<'a>,
    },
}

/// The parameters of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureParameters {
    /// Seconds since 1970.
    pub created: i64,
    /// Never the same twice.
    pub nonce: String,
    /// The signer's device id.
    pub key_id: String,
}

/// A signature that has been read but not yet verified.
#[derive(Debug)]
pub struct OpenedSignature {
    /// What it says of itself; believe it after [`OpenedSignature::verifies`].
    pub parameters: SignatureParameters,
    base: String,
    signature: Vec<u8>,
}

impl OpenedSignature {
    /// Whether it was made with this key.
    pub fn verifies(&self, key: &PublicKey) -> bool {
        key.verifies(self.base.as_bytes(), &self.signature)
    }
}

/// `sha-256=:…:` of a body.
pub fn content_digest(body: &[u8]) -> HeaderValue {
    let text = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)));
    HeaderValue::try_from(text).expect("base64 is a valid field value")
}

/// Compares a body with its Content-Digest.
pub fn check_digest(headers: &HeaderMap, body: &[u8]) -> Result<(), MessageError> {
    let dictionary = dictionary(headers, &CONTENT_DIGEST).ok_or(MessageError::Digest)?;
    let Some(ListEntry::Item(Item { bare_item: BareItem::ByteSequence(given), .. })) = dictionary.get("sha-256") else {
        return Err(MessageError::Digest);
    };
    if bool::from(given.as_slice().ct_eq(Sha256::digest(body).as_slice())) { Ok(()) } else { Err(MessageError::Digest) }
}

/// The header fields that make a request a signed one: receiver, digest, signature.
pub fn sign_request(
    key: &DeviceKey,
    parameters: &SignatureParameters,
    receiver: DeviceId,
    (method, path, query): (&str, &str, Option<&str>),
    body: &[u8],
) -> Result<HeaderMap, MessageError> {
    let mut headers = HeaderMap::new();
    headers.insert(RECEIVER_HEADER, header_value(receiver.to_string())?);
    headers.insert(CONTENT_DIGEST, content_digest(body));
    let covered = REQUEST_COMPONENTS.iter().map(|name| component(name)).collect::<Result<_, _>>()?;
    let list = InnerList::with_params(covered, signature_parameters(parameters)?);
    let base = signature_base(&MessageParts::Request(RequestParts { method, path, query, headers: &headers }), &list)?;
    put_signature(&mut headers, &list, &key.sign(base.as_bytes()))?;
    Ok(headers)
}

/// The header fields that make an answer a signed one: device, digest, signature, the latter bound to the request's own.
pub fn sign_answer(
    key: &DeviceKey,
    parameters: &SignatureParameters,
    status: u16,
    body: &[u8],
    request: RequestParts<'_>,
) -> Result<HeaderMap, MessageError> {
    let mut headers = HeaderMap::new();
    headers.insert(DEVICE_HEADER, header_value(parameters.key_id.clone())?);
    headers.insert(CONTENT_DIGEST, content_digest(body));
    let mut covered = ANSWER_COMPONENTS.iter().map(|name| component(name)).collect::<Result<Vec<_>, _>>()?;
    if let Some(label) = tagged_label(request.headers) {
        covered.push(request_signature(&label)?);
    }
    let list = InnerList::with_params(covered, signature_parameters(parameters)?);
    let base = signature_base(&MessageParts::Answer { status, headers: &headers, request }, &list)?;
    put_signature(&mut headers, &list, &key.sign(base.as_bytes()))?;
    Ok(headers)
}

/// Finds the message's signature and checks that it covers what it must.
pub fn open_signature(message: &MessageParts<'_>) -> Result<OpenedSignature, MessageError> {
    let headers = message.headers();
    let label = tagged_label(headers).ok_or(MessageError::Unsigned)?;
    let inputs = dictionary(headers, &SIGNATURE_INPUT).ok_or(MessageError::Malformed("Signature-Input"))?;
    let Some(ListEntry::InnerList(list)) = inputs.get(label.as_str()) else { return Err(MessageError::Malformed("Signature-Input")) };
    let signatures = dictionary(headers, &SIGNATURE).ok_or(MessageError::Malformed("Signature"))?;
    let Some(ListEntry::Item(Item { bare_item: BareItem::ByteSequence(signature), .. })) = signatures.get(label.as_str()) else {
        return Err(MessageError::Malformed("Signature"));
    };
    let mut required = Vec::new();
    match message {
        MessageParts::Request(_) => required.extend(REQUEST_COMPONENTS.iter().map(|name| component(name))),
        MessageParts::Answer { request, .. } => {
            required.extend(ANSWER_COMPONENTS.iter().map(|name| component(name)));
            required.extend(tagged_label(request.headers).map(|label| request_signature(&label)));
        }
    }
    for item in required {
        let item = item?;
        if !list.items.contains(&item) {
            return Err(MessageError::Uncovered(print_item(&item)));
        }
    }
    let text = |name: &str| list.params.get(name).and_then(|v| v.as_string()).map(|v| v.as_str().to_owned());
    if text("alg").is_some_and(|alg| alg != "ed25519") {
        return Err(MessageError::Unknown("an algorithm other than ed25519".to_owned()));
    }
    let created = list.params.get("created").and_then(|v| v.as_integer()).ok_or(MessageError::Uncovered("created".to_owned()))?;
    let parameters = SignatureParameters {
        created: created.into(),
        nonce: text("nonce").filter(|n| n.len() <= 128).ok_or(MessageError::Uncovered("nonce".to_owned()))?,
        key_id: text("keyid").filter(|k| k.len() <= 128).ok_or(MessageError::Uncovered("keyid".to_owned()))?,
    };
    Ok(OpenedSignature { parameters, base: signature_base(message, list)?, signature: signature.clone() })
}

impl<'a> MessageParts<'a> {
    fn headers(&self) -> &'a HeaderMap {
        match self {
            MessageParts::Request(request) => request.headers,
            MessageParts::Answer { headers, .. } => headers,
        }
    }
}

/// The text that is signed (RFC 9421, section 2.5).
fn signature_base(message: &MessageParts<'_>, list: &InnerList) -> Result<String, MessageError> {
    let mut base = String::new();
    for (i, item) in list.items.iter().enumerate() {
        if list.items[..i].contains(item) {
            return Err(MessageError::Malformed("Signature-Input"));
        }
        let value = component_value(message, item)?;
        base.push_str(&format!("{}: {value}\n", print_item(item)));
    }
    base.push_str(&format!("\"@signature-params\": {}", print_list(list)?));
    Ok(base)
}

/// A component's value (RFC 9421, sections 2.1 and 2.2). `req` leads from an answer to its request, `key` into a dictionary.
fn component_value(message: &MessageParts<'_>, item: &Item) -> Result<String, MessageError> {
    let unknown = || MessageError::Unknown(print_item(item));
    let name = item.bare_item.as_string().ok_or(MessageError::Malformed("Signature-Input"))?.as_str();
    let mut from_request = false;
    let mut member = None;
    for (key, value) in &item.params {
        match (key.as_str(), value) {
            ("req", BareItem::Boolean(true)) => from_request = true,
            ("key", BareItem::String(label)) => member = Some(label.as_str()),
            _ => return Err(unknown()),
        }
    }
    let of_request = match message {
        MessageParts::Request(_) if from_request => return Err(unknown()),
        MessageParts::Request(request) => Some(request),
        MessageParts::Answer { request, .. } => from_request.then_some(request),
    };
    match (name, of_request, message) {
        ("@method", Some(request), _) => Ok(request.method.to_owned()),
        ("@path", Some(request), _) => Ok(if request.path.is_empty() { "/" } else { request.path }.to_owned()),
        ("@query", Some(request), _) => Ok(format!("?{}", request.query.unwrap_or_default())),
        ("@status", None, MessageParts::Answer { status, .. }) => Ok(status.to_string()),
        (name, ..) if name.starts_with('@') => Err(unknown()),
        (name, request, _) => {
            let headers = request.map_or_else(|| message.headers(), |request| request.headers);
            let Some(label) = member else { return field_value(headers, name).ok_or_else(unknown) };
            let header = HeaderName::try_from(name).map_err(|_| unknown())?;
            let dictionary = dictionary(headers, &header).ok_or_else(unknown)?;
            match dictionary.get(label) {
                Some(ListEntry::Item(item)) => Ok(print_item(item)),
                _ => Err(unknown()),
            }
        }
    }
}

/// All values of a field, trimmed and joined (RFC 9421, section 2.1).
fn field_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(name).iter().map(|v| v.to_str().ok().map(str::trim)).collect::<Option<Vec<_>>>()?;
    if values.is_empty() { None } else { Some(values.join(", ")) }
}

fn dictionary(headers: &HeaderMap, name: &HeaderName) -> Option<Dictionary> {
    Parser::new(&field_value(headers, name.as_str())?).parse::<Dictionary>().ok()
}

/// The label of the first signature with our tag.
fn tagged_label(headers: &HeaderMap) -> Option<String> {
    let inputs = dictionary(headers, &SIGNATURE_INPUT)?;
    let tagged = |entry: &ListEntry| match entry {
        ListEntry::InnerList(list) => list.params.get("tag").and_then(|v| v.as_string()).is_some_and(|tag| tag.as_str() == TAG),
        ListEntry::Item(_) => false,
    };
    inputs.iter().find(|(_, entry)| tagged(entry)).map(|(label, _)| label.as_str().to_owned())
}

fn string(text: &str) -> Result<BareItem, MessageError> {
    sfv::String::try_from(text.to_owned()).map(BareItem::String).map_err(|_| MessageError::Malformed("Signature-Input"))
}

fn key(name: &'static str) -> sfv::Key {
    sfv::key_ref(name).to_owned()
}

fn component(name: &str) -> Result<Item, MessageError> {
    Ok(Item::new(string(name)?))
}

/// `"signature";req;key="LABEL"`: the request's own signature, which an answer covers.
fn request_signature(label: &str) -> Result<Item, MessageError> {
    let mut params = sfv::Parameters::new();
    params.insert(key("req"), BareItem::Boolean(true));
    params.insert(key("key"), string(label)?);
    Ok(Item::with_params(string("signature")?, params))
}

fn signature_parameters(parameters: &SignatureParameters) -> Result<sfv::Parameters, MessageError> {
    let created = sfv::Integer::try_from(parameters.created).map_err(|_| MessageError::Malformed("created"))?;
    let mut params = sfv::Parameters::new();
    params.insert(key("created"), BareItem::Integer(created));
    params.insert(key("nonce"), string(&parameters.nonce)?);
    params.insert(key("keyid"), string(&parameters.key_id)?);
    params.insert(key("alg"), string("ed25519")?);
    params.insert(key("tag"), string(TAG)?);
    Ok(params)
}

fn print_item(item: &Item) -> String {
    ItemSerializer::new().bare_item(&item.bare_item).parameters(&item.params).finish()
}

fn print_list(list: &InnerList) -> Result<String, MessageError> {
    let mut serializer = ListSerializer::new();
    serializer.members(std::iter::once(&ListEntry::InnerList(list.clone())));
    serializer.finish().ok_or(MessageError::Malformed("Signature-Input"))
}

fn header_value(text: String) -> Result<HeaderValue, MessageError> {
    HeaderValue::try_from(text).map_err(|_: InvalidHeaderValue| MessageError::Malformed("device id"))
}

fn put_signature(headers: &mut HeaderMap, list: &InnerList, signature: &[u8; 64]) -> Result<(), MessageError> {
    headers.insert(SIGNATURE_INPUT, header_value(format!("{TAG}={}", print_list(list)?))?);
    headers.insert(SIGNATURE, header_value(format!("{TAG}=:{}:", STANDARD.encode(signature)))?);
    Ok(())
}

#[cfg(test)]
mod tests;
