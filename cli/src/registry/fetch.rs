//! Fetches a plugin from a registry that may be anybody's: whatever it sends, and however slowly, there is a bound.

use std::{future::Future, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use curricle::{hex, plugin::Limits};
use http_auth::parse_challenges;
use indicatif::ProgressBar;
use oci_client::{Reference, secrets::RegistryAuth};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    LAYER, OLD_LAYER,
    reference::{is_local, no_entry, unreachable},
};

/// Manifests that list layers; a list of manifests for several processors is no plugin.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// Bytes of a manifest. Registries refuse to store larger ones.
const MANIFEST_SIZE: u64 = 4 << 20;
/// Bytes of what grants access.
const TOKEN_SIZE: u64 = 1 << 20;

/// What a digest begins with that can be compared.
const SHA256: &str = "sha256:";

/// How long a registry may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until it is connected.
    pub(super) connect: Duration,
    /// Without a byte.
    pub(super) silence: Duration,
    /// For everything but the file.
    pub(super) answer: Duration,
    /// For the file.
    pub(super) file: Duration,
}

impl Patience {
    pub(super) const USUAL: Patience = Patience {
        connect: Duration::from_secs(10),
        silence: Duration::from_secs(60),
        answer: Duration::from_secs(120),
        file: Duration::from_secs(3600),
    };
}

/// The file of a plugin, as its manifest tells of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layer {
    media_type: String,
    digest: String,
    pub(super) size: u64,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(alias = "access_token")]
    token: String,
}

/// What is sent along once the registry asked who we are.
enum Pass {
    Basic(String, String),
    Bearer(String),
}

/// Where a reference leads.
pub(super) struct Source<'a> {
    reference: &'a Reference,
    auth: &'a RegistryAuth,
    patience: Patience,
    http: Client,
    pass: Option<Pass>,
}

impl<'a> Source<'a> {
    pub(super) fn of(reference: &'a Reference, auth: &'a RegistryAuth, patience: Patience) -> Result<Source<'a>> {
        let http = Client::builder()
            .connect_timeout(patience.connect)
            .read_timeout(patience.silence)
            // Holds for redirections too, and for whoever grants access.
            .https_only(!is_local(reference))
            .user_agent(concat!("curricle/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("cannot set up a connection")?;
        let pass = match auth {
            RegistryAuth::Bearer(token) => Some(Pass::Bearer(token.clone())),
            _ => None,
        };
        Ok(Source { reference, auth, patience, http, pass })
    }

    /// What the manifest says of the file, if it is a plugin's.
    pub(super) async fn layer(&mut self) -> Result<Layer> {
        within(self.registry(), self.patience.answer, "a manifest", async {
            if self.reference.digest().is_some_and(|digest| !digest.starts_with(SHA256)) {
                bail!(
                    "`{}` names its digest by something else than SHA-256, which is not compared; name the tag, or `@{SHA256}…`",
                    self.reference
                );
            }
            let name = self.reference.digest().or(self.reference.tag()).unwrap_or("latest");
            let answer = self.get(&format!("manifests/{name}"), MANIFESTS).await?;
            let said = answer.headers().get("docker-content-digest").and_then(|said| Some(said.to_str().ok()?.to_owned()));
            let bytes = self.read(answer, "a manifest", MANIFEST_SIZE, |_| ()).await?;
            // What is no SHA-256 cannot be compared: of the reference it was refused before, of the registry it says nothing.
            for wanted in [self.reference.digest(), said.as_deref()].into_iter().flatten().filter(|digest| digest.starts_with(SHA256)) {
                self.compare(&bytes, wanted)?;
            }
            let manifest: Manifest = serde_json::from_slice(&bytes)
                .with_context(|| format!("what the registry at `{}` sent for `{}` is no manifest", self.registry(), self.reference))?;
            self.only_layer(manifest)
        })
        .await
    }

    fn only_layer(&self, manifest: Manifest) -> Result<Layer> {
        let reference = self.reference;
        let [layer] = <[Layer; 1]>::try_from(manifest.layers)
            .map_err(|layers| anyhow!("`{reference}` has {} layers, a plugin has one; is it the image of a container?", layers.len()))?;
        if ![LAYER, OLD_LAYER].contains(&layer.media_type.as_str()) {
            let found: String = layer.media_type.escape_default().take(100).collect();
            bail!("`{reference}` holds `{found}`, a plugin is `{LAYER}`; is it the image of a container?");
        }
        let most = Limits::interpreted().file_size;
        if layer.size > most {
            bail!("`{reference}` holds {} bytes, at most {most} are fetched", layer.size);
        }
        Ok(layer)
    }

    /// The file, which has the digest that the manifest says.
    pub(super) async fn file(&mut self, layer: &Layer, bar: &ProgressBar) -> Result<Vec<u8>> {
        within(self.registry(), self.patience.file, "a file", async {
            // It becomes part of an address.
            let is_digest = |hex: &str| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !layer.digest.strip_prefix(SHA256).is_some_and(is_digest) {
                bail!("the manifest of `{}` names its file by something else than its SHA-256", self.reference);
            }
            let answer = self.get(&format!("blobs/{}", layer.digest), "*/*").await?;
            let bytes = self.read(answer, "a file", layer.size, |n| bar.inc(n)).await?;
            self.compare(&bytes, &layer.digest)?;
            Ok(bytes)
        })
        .await
    }

    /// An answer that has begun well, after showing who asks if the registry wants to know.
    async fn get(&mut self, path: &str, accept: &str) -> Result<Response> {
        let scheme = if is_local(self.reference) { "http" } else { "https" };
        let url = format!("{scheme}://{}/v2/{}/{path}", self.registry(), self.reference.repository());
        let ask = |pass: &Option<Pass>| {
            let request = self.http.get(&url).header(ACCEPT, accept);
            match pass {
                None => request,
                Some(Pass::Basic(user, password)) => request.basic_auth(user, Some(password)),
                Some(Pass::Bearer(token)) => request.bearer_auth(token),
            }
        };
        let mut answer = self.send(ask(&self.pass)).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.pass.is_none() {
            self.pass = self.answer_challenge(&answer).await?;
            answer = self.send(ask(&self.pass)).await?;
        }
        self.judge(&answer)?;
        Ok(answer)
    }

    /// What opens the door, by the way that the registry says it has.
    async fn answer_challenge(&self, answer: &Response) -> Result<Option<Pass>> {
        let credentials = match self.auth {
            RegistryAuth::Basic(user, password) => Some((user, password)),
            _ => None,
        };
        let asked: Vec<&str> = answer.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).collect();
        let challenges: Vec<_> = asked.iter().filter_map(|text| parse_challenges(text).ok()).flatten().collect();
        let Some(bearer) = challenges.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer")) else {
            return Ok(credentials.map(|(user, password)| Pass::Basic(user.clone(), password.clone())));
        };
        let said = |key: &str| bearer.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.to_unescaped());
        let Some(realm) = said("realm") else { return Ok(None) };
        let mut request = self.http.get(realm).query(&[("scope", format!("repository:{}:pull", self.reference.repository()))]);
        if let Some(service) = said("service") {
            request = request.query(&[("service", service)]);
        }
        if let Some((user, password)) = credentials {
            request = request.basic_auth(user, Some(password));
        }
        let answer = self.send(request).await?;
        self.judge(&answer)?;
        let bytes = self.read(answer, "a token", TOKEN_SIZE, |_| ()).await?;
        let token: Token = serde_json::from_slice(&bytes)
            .with_context(|| format!("what grants access to the registry at `{}` sent no token", self.registry()))?;
        Ok(Some(Pass::Bearer(token.token)))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        request.send().await.map_err(|error| self.explain(error))
    }

    /// Refuses an answer by its status; what else it says is a stranger's, and not read.
    fn judge(&self, answer: &Response) -> Result<()> {
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => bail!(no_entry(self.reference)),
            StatusCode::NOT_FOUND => bail!("`{}` is not in the registry; check name and tag", self.reference),
            status => bail!("the registry at `{}` refused `{}`: HTTP {status}; try again later", self.registry(), self.reference),
        }
    }

    /// All of an answer, unless it is larger than it may be.
    async fn read(&self, mut answer: Response, what: &str, most: u64, seen: impl Fn(u64)) -> Result<Vec<u8>> {
        let too_much = || anyhow!("the registry at `{}` sends {what} of more than {most} bytes for `{}`", self.registry(), self.reference);
        if answer.content_length().is_some_and(|length| length > most) {
            return Err(too_much());
        }
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| self.explain(error))? {
            if (bytes.len() as u64).saturating_add(part.len() as u64) > most {
                return Err(too_much());
            }
            bytes.extend_from_slice(&part);
            seen(part.len() as u64);
        }
        Ok(bytes)
    }

    fn compare(&self, bytes: &[u8], wanted: &str) -> Result<()> {
        let found = format!("{SHA256}{}", hex(&<[u8; 32]>::from(Sha256::digest(bytes))));
        if !found.eq_ignore_ascii_case(wanted) {
            bail!(
                "what the registry at `{}` sent for `{}` has not the digest that was promised: it was damaged or replaced, and is not used",
                self.registry(),
                self.reference
            );
        }
        Ok(())
    }

    fn registry(&self) -> &'a str {
        self.reference.resolve_registry()
    }

    fn explain(&self, error: reqwest::Error) -> anyhow::Error {
        let words = if error.is_connect() {
            unreachable(self.reference)
        } else if error.is_timeout() {
            let silence = self.patience.silence.as_secs_f64();
            format!("the registry at `{}` sent nothing for {silence} s; try again later", self.registry())
        } else {
            format!("the registry at `{}` broke off; try again later", self.registry())
        };
        // Where it led may hold what grants access.
        anyhow::Error::new(error.without_url()).context(words)
    }
}

async fn within<T>(registry: &str, most: Duration, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = || anyhow!("the registry at `{registry}` took more than {} s for {what}; try again later", most.as_secs_f64());
    tokio::time::timeout(most, work).await.map_err(|_| late())?
}
