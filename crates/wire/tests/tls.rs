//! Which certificates are trusted.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use plimsoll_model::Clock;
use plimsoll_wire::{Client, Connector, CookieJar, ErrorKind, HeaderMap, Origin, Request, Trust};
use rustls::pki_types::PrivateKeyDer;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server with a certificate that nobody has signed; its port, and the certificate as PEM.
async fn server() -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut bytes = [0; 1024];
            while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        }
    });
    (port, made.cert.pem())
}

async fn fetch(port: u16, trust: &Trust) -> Result<Vec<u8>, (ErrorKind, String)> {
    let origin = Origin::parse(&format!("https://localhost:{port}")).unwrap();
    let wrong = |error: plimsoll_wire::WireError| (error.kind, error.to_string());
    let connector = Connector::with_trust(origin, Clock::start(), trust).await.map_err(wrong)?;
    let mut client = Client::new(Rc::new(connector), HeaderMap::new(), CookieJar::default());
    let mut last = Vec::new();
    // Twice: the second goes over the connection of the first.
    for _ in 0..2 {
        last = client.fetch(Request::get("/"), 100).await.map_err(wrong)?.1.to_vec();
    }
    Ok(last)
}

#[tokio::test(flavor = "current_thread")]
async fn a_certificate_of_nobody_needs_to_be_trusted_by_name_or_altogether() {
    let (port, pem) = server().await;
    // Roots of the system may be missing; either way there is no connection.
    let refused = fetch(port, &Trust::default()).await.unwrap_err();
    assert_eq!(refused.0, ErrorKind::Connect);
    let file = std::env::temp_dir().join(format!("plimsoll-wire-{}.pem", std::process::id()));
    std::fs::write(&file, pem).unwrap();
    let trusted = fetch(port, &Trust { ca_file: Some(file.clone()), insecure: false }).await;
    std::fs::write(&file, "no certificate").unwrap();
    let none = fetch(port, &Trust { ca_file: Some(file.clone()), insecure: false }).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(trusted, Ok(b"ok".to_vec()));
    assert!(none.unwrap_err().1.contains("it holds none"));
    assert_eq!(fetch(port, &Trust { ca_file: None, insecure: true }).await, Ok(b"ok".to_vec()));
    let missing = fetch(port, &Trust { ca_file: Some("/not/there.pem".into()), insecure: false }).await;
    assert!(missing.unwrap_err().1.contains("/not/there.pem"));
}
