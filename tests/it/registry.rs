use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::Duration,
};

use curricle_tests::{Corpus, command, plugin};
use serde_json::Value;
use tempfile::TempDir;

/// A registry of its own on a port of this machine, which ends with the test.
struct Registry {
    child: Child,
    address: String,
    folder: TempDir,
}

/// User `curricle`, password `secret`, hashed as the registry wants it.
const PASSWORDS: &str = "curricle:$2a$05$3vbiwNr3IxzvCoJkXpNpI.k6uTUqlm1olHInC6gu3dMNr4zMwmHOy\n";

impl Registry {
    fn start() -> Registry {
        Registry::start_with("")
    }

    fn start_with(more: &str) -> Registry {
        let program = program();
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
            let data = folder.path().join("data");
            let config = format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {address}}}\n{more}",
                data.display()
            )
            .replace("FOLDER", &folder.path().display().to_string());
            fs::write(folder.path().join("config.yml"), config).unwrap();
            fs::write(folder.path().join("passwords"), PASSWORDS).unwrap();
            let mut child = Command::new(&program)
                .arg("serve")
                .arg(folder.path().join("config.yml"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|e| panic!("cannot start `{}`: {e}", program.display()));
            for _ in 0..200 {
                // Another process may have taken the port in the meantime; then the next one is tried.
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                if TcpStream::connect(&address).is_ok() {
                    return Registry { child, address, folder };
                }
                sleep(Duration::from_millis(50));
            }
            drop(child.kill());
            drop(child.wait());
        }
        panic!("`{}` does not start", program.display());
    }

    fn reference(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.address)
    }

    /// The file in which the registry keeps what has this digest.
    fn blob(&self, sha256: &str) -> PathBuf {
        let two = &sha256[..2];
        self.folder.path().join(format!("data/docker/registry/v2/blobs/sha256/{two}/{sha256}/data"))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The registry of the distribution, which `cargo xtask` unpacks.
fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/registry/usr/bin/docker-registry");
    assert!(own.is_file(), "there is no `{}`; run the tests with `cargo xtask test`, which brings it", own.display());
    own
}

/// Runs `curricle` as somebody whose cache is `home`.
fn curricle(home: &Path, args: &[&str]) -> Output {
    let docker = home.join("docker");
    command().args(args).env("CURRICLE_CACHE", home.join("cache")).env("DOCKER_CONFIG", docker).output().unwrap()
}

fn ok(home: &Path, args: &[&str]) -> String {
    let output = curricle(home, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(home: &Path, args: &[&str], code: i32) -> String {
    let output = curricle(home, args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn file(name: &str) -> String {
    plugin(name).display().to_string()
}

fn sha256(path: &Path) -> String {
    curricle::hex(&curricle::plugin::inspect(path).unwrap().sha256)
}

fn run_file(corpus: &Corpus, reference: &str) -> String {
    corpus.run_file(&format!("[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"{reference}\"   # shared\n")).display().to_string()
}

#[test]
fn a_run_names_a_plugin_by_reference_is_locked_and_asks_no_network_again() {
    let registry = Registry::start();
    let (author, user, corpus) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Corpus::new(50));
    let said = ok(author.path(), &["push", &file("uniform"), &registry.reference("team/uniform")]);
    let reference = registry.reference("team/uniform:0.1.0");
    let pin = sha256(&plugin("uniform"));
    assert!(said.contains(&format!("plugin = \"{reference}\"")) && said.contains(&format!("sha256 = \"{pin}\"")), "{said}");

    let run = run_file(&corpus, &reference);
    let text = refused(user.path(), &["sample", &run, "--steps", "0..1"], 2);
    assert!(text.contains("not pinned by `sha256`") && text.contains("run `curricle lock` with the run file"), "{text}");
    assert!(refused(user.path(), &["lock", &run, "--check"], 1).contains("does not pin [policy]"));
    ok(user.path(), &["lock", &run]);
    let locked = fs::read_to_string(&run).unwrap();
    assert!(locked.contains(&format!("plugin = \"{reference}\"   # shared\nsha256 = \"{pin}\"\n")), "{locked}");
    ok(user.path(), &["lock", &run, "--check"]);

    let other = tempfile::tempdir().unwrap();
    assert!(refused(other.path(), &["sample", &run, "--steps", "0..1"], 2).contains("run `curricle pull` with the run file"));
    ok(other.path(), &["pull", &run]);
    assert!(ok(other.path(), &["pull", &run]).contains("here already"));
    drop(registry);
    let builtin = corpus.run("[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"uniform\"\n");
    let expected = builtin.planner().unwrap().plan().unwrap().unwrap().digest;
    for home in [&user, &other] {
        let line: Value = serde_json::from_str(&ok(home.path(), &["sample", &run, "--steps", "0..1"])).unwrap();
        assert_eq!(line["digest"], expected.to_string());
    }
    let text = refused(tempfile::tempdir().unwrap().path(), &["pull", &run], 5);
    assert!(text.contains("cannot reach the registry at `127.0.0.1:"), "{text}");
}

#[test]
fn what_is_pushed_has_the_form_that_other_tools_for_components_read() {
    let registry = Registry::start();
    let home = tempfile::tempdir().unwrap();
    let said = ok(home.path(), &["push", &file("seqlen"), &registry.reference("metrics/seqlen:stable")]);
    let digest = said.split("manifest sha256:").nth(1).unwrap().lines().next().unwrap();
    let read = |sha256: &str| serde_json::from_slice::<Value>(&fs::read(registry.blob(sha256)).unwrap()).unwrap();
    let manifest = read(digest);
    let pin = sha256(&plugin("seqlen"));
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], format!("sha256:{pin}"));
    assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "0.1.0");
    let config = read(manifest["config"]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap());
    assert_eq!((&config["architecture"], &config["os"]), (&"wasm".into(), &"wasip2".into()));
    assert_eq!(config["layerDigests"][0], format!("sha256:{pin}"));
    assert_eq!(config["component"]["exports"][0], "curricle:plugin/metric@0.1.0");
    assert!(config["component"]["imports"].is_array() && config["created"].is_string(), "{config}");

    let again = ok(home.path(), &["push", &file("seqlen"), &registry.reference("metrics/seqlen:again")]);
    assert!(again.contains(digest), "the same plugin is the same manifest: {again}");
    let out = home.path().join("copy.wasm");
    let by_digest = registry.reference(&format!("metrics/seqlen@sha256:{digest}"));
    for reference in [registry.reference("metrics/seqlen:stable"), by_digest] {
        ok(home.path(), &["pull", &reference, "--out", &out.display().to_string(), "--sha256", &pin]);
        assert_eq!(sha256(&out), pin);
        fs::remove_file(&out).unwrap();
    }
}

#[test]
fn a_tag_that_moved_is_refused_until_somebody_says_otherwise() {
    let registry = Registry::start();
    let (home, corpus) = (tempfile::tempdir().unwrap(), Corpus::new(50));
    let reference = registry.reference("team/policy:1");
    ok(home.path(), &["push", &file("uniform"), &reference]);
    let run = run_file(&corpus, &reference);
    ok(home.path(), &["lock", &run]);
    ok(home.path(), &["push", &file("short-first"), &reference]);
    let (old, moved) = (sha256(&plugin("uniform")), sha256(&plugin("short-first")));
    // What was fetched before is still what was pinned.
    ok(home.path(), &["sample", &run, "--steps", "0..1"]);
    let other = tempfile::tempdir().unwrap();
    for verb in ["pull", "lock"] {
        let text = refused(other.path(), &[verb, &run], 2);
        assert!(text.contains(&format!("the registry has SHA-256 {moved}, wanted is {old}; nothing was kept")), "{text}");
        assert!(!other.path().join("cache/plugins").exists());
    }
    ok(other.path(), &["lock", &run, "--update"]);
    assert!(fs::read_to_string(&run).unwrap().contains(&moved));
}

#[test]
fn a_file_that_the_registry_damaged_is_not_used() {
    let registry = Registry::start();
    let home = tempfile::tempdir().unwrap();
    let reference = registry.reference("team/uniform:1");
    ok(home.path(), &["push", &file("uniform"), &reference]);
    let blob = registry.blob(&sha256(&plugin("uniform")));
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blob, bytes).unwrap();
    let other = tempfile::tempdir().unwrap();
    let text = refused(other.path(), &["pull", &reference], 1);
    assert!(text.contains("it was damaged or replaced, and is not used"), "{text}");
    assert!(!other.path().join("cache/plugins").exists());
}

#[test]
fn what_is_missing_locked_or_no_plugin_is_told_apart() {
    let registry = Registry::start_with("auth: {htpasswd: {realm: curricle, path: FOLDER/passwords}}\n");
    let home = tempfile::tempdir().unwrap();
    let reference = registry.reference("team/uniform:1");
    let text = refused(home.path(), &["push", &file("uniform"), &reference], 1);
    assert!(text.contains("does not let this user at") && text.contains("log in to it (`docker login 127.0.0.1:"), "{text}");
    fs::create_dir(home.path().join("docker")).unwrap();
    // `curricle:secret` in base64.
    let config = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"Y3VycmljbGU6c2VjcmV0\"}}}}}}", registry.address);
    fs::write(home.path().join("docker/config.json"), config).unwrap();
    ok(home.path(), &["push", &file("uniform"), &reference]);
    ok(home.path(), &["pull", &reference]);
    let text = refused(home.path(), &["pull", &registry.reference("team/uniform:2")], 1);
    assert!(text.contains("uniform:2` is not in the registry; check name and tag"), "{text}");
    let text = refused(home.path(), &["push", "Cargo.toml", &reference], 4);
    assert!(text.contains("it is not WebAssembly; give the `.wasm` file of a component"), "{text}");
    let text = refused(home.path(), &["pull", "oci://uniform"], 1);
    assert!(text.contains("`oci://uniform` is no OCI reference; write oci://REGISTRY/REPOSITORY:TAG"), "{text}");
}
