//! Talks to registries: one at a time, with progress, until it is interrupted.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::OnceLock,
    task::{Context as Task, Poll},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use curricle::plugin::{Inspection, Limits};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use indicatif::ProgressBar;
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol, Config, ImageLayer},
    errors::{OciDistributionError, OciErrorCode},
    manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest},
    secrets::RegistryAuth,
};
use serde_json::json;
use tokio::io::AsyncWrite;

use super::reference::is_local;
use crate::terminal;

/// Media types of the configuration and of the file.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";
/// The file's, as older tools wrote it.
const OLD_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// When an artifact was made goes into its digest, and the same plugin pushed twice is the same.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// A connection to the registry of one reference.
pub(super) struct Registry<'a> {
    reference: &'a Reference,
    client: Client,
    auth: RegistryAuth,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Registry<'a> {
    pub(super) fn of(reference: &'a Reference) -> Result<Registry<'a>> {
        static PROVIDER: OnceLock<()> = OnceLock::new();
        // Fails only where the process has one already.
        PROVIDER.get_or_init(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let host = reference.resolve_registry().to_owned();
        let protocol = if is_local(reference) { ClientProtocol::HttpsExcept(vec![host.clone()]) } else { ClientProtocol::Https };
        let config = ClientConfig {
            protocol,
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(Duration::from_secs(60)),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|e| anyhow!(e)).context("cannot set up a connection")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot set up a connection")?;
        Ok(Registry { reference, client, auth: auth(&host)?, runtime })
    }

    /// Fetches the file of a plugin, of which the registry says that it has this digest, and which was compared with it.
    pub(super) fn pull(&self) -> Result<Vec<u8>> {
        let most = Limits::interpreted().file_size;
        self.wait(async {
            let (manifest, _) = self.client.pull_image_manifest(self.reference, &self.auth).await?;
            Ok(manifest)
        })
        .and_then(|manifest| {
            let [layer] = manifest.layers.as_slice() else {
                bail!("`{}` has {} layers, a plugin has one", self.reference, manifest.layers.len());
            };
            if ![LAYER, OLD_LAYER].contains(&layer.media_type.as_str()) {
                bail!("`{}` holds `{}`, a plugin is `{LAYER}`; is it the image of a container?", self.reference, layer.media_type);
            }
            let size = u64::try_from(layer.size).unwrap_or(0);
            if size > most {
                bail!("`{}` holds {size} bytes, at most {most} are fetched", self.reference);
            }
            let bar = terminal::progress(size, "bytes", "fetching");
            let mut bytes = Capped { bytes: Vec::new(), most: size as usize, bar: &bar };
            self.wait(async { self.client.pull_blob(self.reference, layer, &mut bytes).await })?;
            bar.finish_and_clear();
            Ok(bytes.bytes)
        })
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
        self.wait(async { self.client.push(self.reference, &layers, config, &self.auth, Some(manifest)).await })?;
        self.wait(async {
            self.client.auth(self.reference, &self.auth, RegistryOperation::Pull).await?;
            self.client.fetch_manifest_digest(self.reference, &self.auth).await
        })
    }

    /// Runs to the end, or until somebody asks to stop.
    fn wait<T>(&self, work: impl Future<Output = oci_client::errors::Result<T>>) -> Result<T> {
        self.runtime.block_on(async {
            let mut work = pin!(work);
            loop {
                if let Ok(done) = tokio::time::timeout(Duration::from_millis(100), &mut work).await {
                    return done.map_err(|error| self.explain(error));
                }
                if terminal::interrupted() {
                    let doing = format!("speaking with the registry of `{}`", self.reference);
                    return Err(curricle::Error::Interrupted { doing, remedy: "run it again".into() }.into());
                }
            }
        })
    }

    /// What an error of the registry means for the person who asked.
    fn explain(&self, error: OciDistributionError) -> anyhow::Error {
        let (reference, registry) = (self.reference, self.reference.resolve_registry());
        let missing = |code: &OciErrorCode| {
            matches!(code, OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound | OciErrorCode::BlobUnknown)
        };
        let words = match &error {
            OciDistributionError::ImageManifestNotFoundError(_) => {
                format!("`{reference}` is not in the registry; check name and tag")
            }
            OciDistributionError::RegistryError { envelope, .. } if envelope.errors.iter().any(|error| missing(&error.code)) => {
                format!("`{reference}` is not in the registry; check name and tag")
            }
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::ServerError { code: 401 | 403, .. } => format!(
                "the registry at `{registry}` does not let this user at `{reference}`; log in to it (`docker login {registry}`, or any tool that writes docker's `config.json`)"
            ),
            OciDistributionError::DigestError(_) => {
                format!(
                    "what the registry at `{registry}` sent for `{reference}` has not the digest that the registry itself says: it was damaged or replaced, and is not used"
                )
            }
            OciDistributionError::RequestError(_) => format!("cannot reach the registry at `{registry}`; check its name and the network"),
            _ => format!("the registry at `{registry}` refused `{reference}`"),
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

/// Memory that takes so many bytes and no more, whatever the registry sends.
struct Capped<'a> {
    bytes: Vec<u8>,
    most: usize,
    bar: &'a ProgressBar,
}

impl AsyncWrite for Capped<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Task<'_>, part: &[u8]) -> Poll<io::Result<usize>> {
        if self.bytes.len().saturating_add(part.len()) > self.most {
            return Poll::Ready(Err(io::Error::other("the registry sends more than it said")));
        }
        self.bytes.extend_from_slice(part);
        self.bar.inc(part.len() as u64);
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
