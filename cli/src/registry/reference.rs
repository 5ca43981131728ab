//! What names a plugin in a registry.

use anyhow::{Context, Result};
use curricle::plugin::OCI;
use oci_client::Reference;

/// Reads `oci://REGISTRY/REPOSITORY[:TAG][@DIGEST]`. Without a tag and digest it is `default_tag`.
pub(super) fn parse(text: &str, default_tag: &str) -> Result<Reference> {
    let rest = text.strip_prefix(OCI).with_context(|| format!("`{text}` is no OCI reference; write {OCI}REGISTRY/REPOSITORY:TAG"))?;
    // `latest` is what the parser supplies where nothing is said.
    let said = rest.contains('@') || rest.rsplit('/').next().is_some_and(|last| last.contains(':'));
    let whole = if said { rest.to_owned() } else { format!("{rest}:{default_tag}") };
    let no_reference = || format!("`{text}` is no OCI reference; write {OCI}REGISTRY/REPOSITORY:TAG, in small letters");
    let has_registry = rest.split_once('/').is_some_and(|(host, _)| host.contains(['.', ':']) || host == "localhost");
    anyhow::ensure!(has_registry, no_reference());
    Reference::try_from(whole.as_str()).with_context(no_reference)
}

/// Whether the registry is on this machine, where traffic need not be encrypted.
pub(super) fn is_local(reference: &Reference) -> bool {
    let registry = reference.resolve_registry();
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What to say where a registry turns a user away.
pub(super) fn no_entry(reference: &Reference) -> String {
    let registry = reference.resolve_registry();
    format!(
        "the registry at `{registry}` does not let this user at `{reference}`; log in to it (`docker login {registry}`, or any tool that writes \
         docker's `config.json`)"
    )
}

/// What to say where a registry does not answer.
pub(super) fn unreachable(reference: &Reference) -> String {
    format!("cannot reach the registry at `{}`; check its name and the network", reference.resolve_registry())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_whole() {
        let whole = |text: &str| parse(text, "1.2.0").map(|reference| reference.to_string());
        assert_eq!(whole("oci://registry.example.org/team/warm-up:1.0.0").unwrap(), "registry.example.org/team/warm-up:1.0.0");
        assert_eq!(whole("oci://localhost:5000/warm-up").unwrap(), "localhost:5000/warm-up:1.2.0");
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(whole(&format!("oci://a.example/b@{digest}")).unwrap(), format!("a.example/b@{digest}"));
        for wrong in
            ["registry.example.org/a", "oci://", "oci://warm-up", "oci://a.example/UP:1", "oci://a.example/b:1 2", "oci://team/warm-up"]
        {
            assert!(whole(wrong).unwrap_err().to_string().contains("is no OCI reference; write oci://"), "{wrong}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        let local = |text: &str| is_local(&parse(text, "1").unwrap());
        assert!(local("oci://localhost:5000/a") && local("oci://127.0.0.1:5000/a") && local("oci://127.1.2.3:5000/a"));
        assert!(!local("oci://registry.example.org/a") && !local("oci://10.0.0.1:5000/a") && !local("oci://localhost.example/a"));
    }
}
