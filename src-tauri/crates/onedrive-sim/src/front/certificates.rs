//! A throw-away CA and one certificate for all names.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};

/// What the TLS ports need. The CA's key is gone once the certificate is signed.
pub(super) struct Certificates {
    /// The CA's certificate in PEM, which clients have to trust.
    pub(super) ca_pem: String,
    config: Arc<ServerConfig>,
}

impl Certificates {
    /// Makes a CA and a certificate for `names`, which are host names and IP addresses.
    ///
    /// # Errors
    /// [`Error::Certificates`] when the library refuses a name or finds no randomness.
    pub(super) fn new(names: impl Iterator<Item = &'static str>) -> Result<Self> {
        let ca_key = KeyPair::generate().map_err(failed)?;
        let ca = CertifiedIssuer::self_signed(ca_params(), ca_key).map_err(failed)?;

        let names: Vec<String> = names.map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "OneDrive simulator");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Strict verifiers, as in newer Pythons, require the key identifier of the issuer.
        params.use_authority_key_identifier_extension = true;
        limit(&mut params);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &ca).map_err(failed)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .map_err(failed)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            ca_pem: ca.pem(),
            config: Arc::new(config),
        })
    }

    /// Does the handshakes of a port.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "OneDrive simulator, throw-away CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    limit(&mut params);
    params
}

/// Some clients reject certificates that are valid for decades: from the first day of last year to the end of this one.
fn limit(params: &mut CertificateParams) {
    let year = i32::from(Timestamp::now().to_zoned(TimeZone::UTC).year());
    params.not_before = date_time_ymd(year - 1, 1, 1);
    params.not_after = date_time_ymd(year + 1, 1, 15);
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Certificates {
        source: source.into(),
    }
}
