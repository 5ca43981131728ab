//! Talks to registries: one at a time, with progress, until it is interrupted.

use std::{collections::BTreeMap, future::Future, pin::pin, sync::OnceLock, time::Duration};

use anyhow::{Context, Result, anyhow};
use curricle::plugin::Inspection;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol, Config, ImageLayer},
    errors::OciDistributionError,
    manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest},
    secrets::RegistryAuth,
};
use serde_json::json;

use super::{
    LAYER,
    fetch::{Patience, Source},
    reference::{is_local, no_entry, unreachable},
};
use crate::terminal;

/// Media type of the configuration.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// When an artifact was made goes into its digest, and the same plugin pushed twice is the same.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// A registry, by a reference into it.
pub(super) struct Registry<'a> {
    reference: &'a Reference,
    auth: RegistryAuth,
    patience: Patience,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Registry<'a> {
    pub(super) fn of(reference: &'a Reference) -> Result<Registry<'a>> {
        Registry::with(reference, auth(reference.resolve_registry())?, Patience::USUAL)
    }

    pub(super) fn with(reference: &'a Reference, auth: RegistryAuth, patience: Patience) -> Result<Registry<'a>> {
        static PROVIDER: OnceLock<()> = OnceLock::new();
        // Fails only where the process has one already.
        PROVIDER.get_or_init(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot set up a connection")?;
        Ok(Registry { reference, auth, patience, runtime })
    }

    /// Fetches the file of a plugin, of which the registry says that it has this digest, and which was compared with it.
    pub(super) fn pull(&self) -> Result<Vec<u8>> {
        let mut source = Source::of(self.reference, &self.auth, self.patience)?;
        let layer = self.wait(source.layer())?;
        let bar = terminal::progress(layer.size, "bytes", "fetching");
        let bytes = self.wait(source.file(&layer, &bar))?;
        bar.finish_and_clear();
        Ok(bytes)
    }

    fn client(&self) -> Result<Client> {
        let host = self.reference.resolve_registry().to_owned();
        let protocol = if is_local(self.reference) { ClientProtocol::HttpsExcept(vec![host]) } else { ClientProtocol::Https };
        let config = ClientConfig {
            protocol,
            connect_timeout: Some(self.patience.connect),
            read_timeout: Some(self.patience.silence),
            ..ClientConfig::default()
        };
        Client::try_from(config).map_err(|e| anyhow!(e)).context("cannot set up a connection")
    }

    /// Stores a plugin's file, and gives the digest of what names it.
    pub(super) fn push(&self, bytes: Vec<u8>, seen: &Inspection) -> Result<String> {
        let config = json!({
            "created": CREATED,
            "author": null,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [format!("sha256:{}", curricle::hex(&seen.sha256))],
            "component": {"exports": seen.exports, "imports": seen.imports, "target": null},
        });
        let config = Config::new(config.to_string(), CONFIG.to_owned(), None);
        let layers = [ImageLayer::new(bytes, LAYER.to_owned(), None)];
        let word = |name: &str, value: &str| (format!("org.opencontainers.image.{name}"), value.to_owned());
        let description = &seen.description;
        let annotations: BTreeMap<String, String> =
            [word("title", &description.name), word("version", &description.version), word("description", &description.summary)].into();
        let mut manifest = OciImageManifest::build(&layers, &config, Some(annotations));
        // Tools for components look for it.
        manifest.media_type = Some(OCI_IMAGE_MEDIA_TYPE.to_owned());
        let client = self.client()?;
        self.wait(async {
            client.push(self.reference, &layers, config, &self.auth, Some(manifest)).await.map_err(|error| self.explain(error))?;
            client.auth(self.reference, &self.auth, RegistryOperation::Pull).await.map_err(|error| self.explain(error))?;
            client.fetch_manifest_digest(self.reference, &self.auth).await.map_err(|error| self.explain(error))
        })
    }

    /// Runs to the end, or until somebody asks to stop.
    fn wait<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(async {
            let mut work = pin!(work);
            loop {
                if let Ok(done) = tokio::time::timeout(Duration::from_millis(100), &mut work).await {
                    return done;
                }
                if terminal::interrupted() {
                    let doing = format!("speaking with the registry of `{}`", self.reference);
                    return Err(curricle::Error::Interrupted { doing, remedy: "run it again".into() }.into());
                }
            }
        })
    }

    /// What an error while storing means for the person who asked.
    fn explain(&self, error: OciDistributionError) -> anyhow::Error {
        let words = match &error {
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::ServerError { code: 401 | 403, .. } => no_entry(self.reference),
            OciDistributionError::RequestError(_) => unreachable(self.reference),
            _ => format!("the registry at `{}` refused `{}`", self.reference.resolve_registry(), self.reference),
        };
        anyhow::Error::new(error).context(words)
    }
}

/// What docker's `config.json`, which other tools write too, says of a registry.
fn auth(registry: &str) -> Result<RegistryAuth> {
    match docker_credential::get_credential(registry) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(RegistryAuth::Basic(user, password)),
        Ok(DockerCredential::IdentityToken(token)) => Ok(RegistryAuth::Bearer(token)),
        Err(
            CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            | CredentialRetrievalError::NoCredentialConfigured,
        ) => Ok(RegistryAuth::Anonymous),
        Err(error) => {
            Err(anyhow!("{error}")).with_context(|| format!("cannot read the credentials for `{registry}` from docker's `config.json`"))
        }
    }
}
