//! Which certificates are trusted.

use crate::{Origin, WireError};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Which certificates are trusted, besides those of the system.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Those of this PEM file as well.
    pub ca_file: Option<PathBuf>,
    /// Any at all.
    pub insecure: bool,
}

pub(crate) fn tls_for(origin: &Origin, trust: &Trust) -> Result<(TlsConnector, ServerName<'static>), WireError> {
    let fail = |why: String| WireError::connect(&origin.to_string(), &io::Error::other(why));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(error.to_string()))?;
    let builder = if trust.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anything(provider)))
    } else {
        builder.with_root_certificates(roots(trust).map_err(fail)?)
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(origin.host().to_owned()).map_err(|error| fail(error.to_string()))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn roots(trust: &Trust) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &trust.ca_file {
        let wrong =
            |error: &dyn std::fmt::Display| format!("cannot read certificates from {}: {error}", file.display());
        let found = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?;
        let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(&error))?;
        if roots.add_parsable_certificates(found).0 == 0 {
            return Err(wrong(&"it holds none"));
        }
    }
    if roots.is_empty() {
        return Err("no trusted certificates on this machine; set SSL_CERT_FILE".to_owned());
    }
    Ok(roots)
}

/// Takes any certificate, because the operator asked for it.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
