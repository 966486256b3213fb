//! The server's certificate, and what follows from it. Enters: the files that are named in the configuration, or a data directory, where a self-made
//! pair is kept; leaves: a [`Tls`] that connections are encrypted with.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use der::{Decode, Reader, SliceReader, asn1::AnyRef};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use spki::AlgorithmIdentifierRef;

/// Certificate and key in a data directory, where none are named.
const OWN: (&str, &str) = ("server.crt", "server.key");
/// The protocol's name in TLS (ALPN), as PostgreSQL 17 registered it.
pub const PROTOCOL_NAME: &[u8] = b"postgresql";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One file without the other.
    #[error("tls_cert and tls_key go together: name both or neither")]
    Half,
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{}: {message}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong there.
        message: String,
    },
    /// The key is not the certificate's, or of a kind that is not known.
    #[error("cannot use the certificate {}: {message}", .path.display())]
    Certificate {
        /// The certificate.
        path: PathBuf,
        /// Why not.
        message: String,
    },
}

/// What connections are encrypted with.
pub struct Tls {
    /// For rustls.
    pub config: Arc<ServerConfig>,
    /// The certificate's hash that SCRAM binds a log-in to (`tls-server-end-point`, RFC 5929); none where its signature names no hash.
    pub end_point: Option<Vec<u8>>,
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
}

impl Tls {
    /// From the files named, else from those in the data directory, which are made for `hosts` where there are none yet.
    pub fn load(named: (Option<&Path>, Option<&Path>), data: &Path, hosts: &[String]) -> Result<Tls, TlsError> {
        let (certificate, key) = match named {
            (Some(certificate), Some(key)) => (certificate.to_owned(), key.to_owned()),
            (None, None) => {
                let (certificate, key) = (data.join(OWN.0), data.join(OWN.1));
                if !(certificate.exists() && key.exists()) {
                    make(&certificate, &key, hosts)?;
                }
                (certificate, key)
            }
            _ => return Err(TlsError::Half),
        };
        let chain = read_chain(&certificate)?;
        let private = PrivateKeyDer::from_pem_slice(&read(&key)?)
            .map_err(|e| TlsError::Content { path: key.clone(), message: format!("no private key in PEM form: {e}") })?;
        let end_point = end_point(&chain[0]);
        let refused = |e: rustls::Error| TlsError::Certificate { path: certificate.clone(), message: e.to_string() };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(refused)?;
        config.alpn_protocols = vec![PROTOCOL_NAME.to_vec()];
        Ok(Tls { config: Arc::new(config), end_point, certificate, key })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let content = |message: String| TlsError::Content { path: path.to_owned(), message };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|e| content(format!("no certificate in PEM form: {e}")))?;
    if chain.is_empty() { Err(content("no certificate in PEM form".to_owned())) } else { Ok(chain) }
}

/// A self-signed pair. A client that is given the certificate as its root can verify the server by each of `hosts`.
fn make(certificate: &Path, key: &Path, hosts: &[String]) -> Result<(), TlsError> {
    let failed = |e: rcgen::Error| TlsError::Certificate { path: certificate.to_owned(), message: e.to_string() };
    let mut parameters = rcgen::CertificateParams::new(hosts).map_err(failed)?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Peergres");
    // Not an authority: some clients refuse an authority's certificate as a server's.
    parameters.is_ca = rcgen::IsCa::ExplicitNoCa;
    let pair = rcgen::KeyPair::generate().map_err(failed)?;
    let made = parameters.self_signed(&pair).map_err(failed)?;
    write(key, &pair.serialize_pem(), 0o600)?;
    write(certificate, &made.pem(), 0o644)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let failed = |source| TlsError::File { path: path.to_owned(), source };
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all())).map_err(failed)
}

/// The hash of the certificate by its own signature's hash, SHA-256 in the place of MD5 and SHA-1 (RFC 5929, section 4.1).
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let mut reader = SliceReader::new(certificate).ok()?;
    let algorithm = reader
        .sequence(|fields: &mut SliceReader<'_>| {
            AnyRef::decode(fields)?;
            let algorithm = AlgorithmIdentifierRef::decode(fields)?;
            AnyRef::decode(fields)?;
            Ok::<_, der::Error>(algorithm.oid.to_string())
        })
        .ok()?;
    let sha256 = || Sha256::digest(certificate).to_vec();
    match algorithm.as_str() {
        // RSA with MD5, SHA-1, SHA-256; ECDSA with SHA-1, SHA-256.
        "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.5" | "1.2.840.113549.1.1.11" | "1.2.840.10045.4.1" | "1.2.840.10045.4.3.2" => {
            Some(sha256())
        }
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Some(Sha384::digest(certificate).to_vec()),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// How one connection is encrypted, as `pg_stat_ssl` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// The cipher by OpenSSL's name.
    pub cipher: String,
    /// Length of its key.
    pub bits: i32,
}

impl Encryption {
    /// Of a connection whose handshake is done.
    pub fn of(connection: &rustls::ServerConnection) -> Option<Encryption> {
        let version = match connection.protocol_version()? {
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        };
        let cipher = open_ssl_name(connection.negotiated_cipher_suite()?.suite().as_str()?);
        let bits = if cipher.contains("128") { 128 } else { 256 };
        Some(Encryption { version, cipher, bits })
    }
}

/// `TLS13_AES_256_GCM_SHA384` is `TLS_AES_256_GCM_SHA384`; `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is `ECDHE-RSA-AES128-GCM-SHA256`.
fn open_ssl_name(name: &str) -> String {
    match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => {
            let dashed = name.trim_start_matches("TLS_").replace("_WITH", "").replace("AES_", "AES").replace('_', "-");
            dashed.replace("POLY1305-SHA256", "POLY1305")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let first = Tls::load((None, None), directory.path(), &hosts).unwrap();
        let second = Tls::load((None, None), directory.path(), &[]).unwrap();
        assert_eq!(first.end_point, second.end_point);
        assert_eq!(first.end_point.unwrap().len(), 32);
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&first.key).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn wrong_files_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let own = Tls::load((None, None), directory.path(), &[]).unwrap();
        let other = directory.path().join("other.pem");
        fs::write(&other, "nothing").unwrap();
        let load = |certificate: &Path, key: &Path| {
            Tls::load((Some(certificate), Some(key)), directory.path(), &[]).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert_eq!(load(&own.certificate, &own.key), "");
        assert!(load(&other, &own.key).contains("other.pem: no certificate"));
        assert!(load(&own.certificate, &other).contains("other.pem: no private key"));
        let pair = rcgen::KeyPair::generate().unwrap();
        fs::write(&other, pair.serialize_pem()).unwrap();
        assert!(load(&own.certificate, &other).contains("cannot use the certificate"));
        assert!(matches!(Tls::load((Some(&other), None), directory.path(), &[]), Err(TlsError::Half)));
    }

    #[test]
    fn ciphers_have_the_names_that_clients_know() {
        for (ours, theirs) in [
            ("TLS13_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
            ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
            ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
        ] {
            assert_eq!(open_ssl_name(ours), theirs);
        }
    }
}
