//! What a server proves itself with, and what a client proves itself with: a certificate authority, a certificate and a
//! token, all made anew for each server.

use std::{error::Error, net::IpAddr, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use uuid::Uuid;

use super::kubeconfig;

/// What a server and its clients prove themselves with.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) token: Arc<str>,
    authority: String,
}

impl Identity {
    pub(super) fn new(address: IpAddr) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut authority = CertificateParams::default();
        authority
            .distinguished_name
            .push(DnType::CommonName, "in-process API server");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = KeyPair::generate()?;
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let names = vec![
            "localhost".to_owned(),
            "kubernetes.default.svc".to_owned(),
            address.to_string(),
        ];
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &issuer)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let private = PrivateKeyDer::try_from(key.serialize_der())?;
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            tls: Arc::new(tls),
            token: Uuid::new_v4().simple().to_string().into(),
            authority: authority_certificate.pem(),
        })
    }

    /// A kubeconfig for the server at this URL.
    pub(super) fn kubeconfig(&self, url: &str) -> String {
        kubeconfig::text(url, &self.authority, &self.token)
    }
}
