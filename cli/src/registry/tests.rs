//! Registries that do what no registry should.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use oci_client::secrets::RegistryAuth;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{LAYER, client::Registry, fetch::Patience, reference::parse};

/// Nobody is waited for that says nothing.
const SHORT_SILENCE: Patience = Patience { silence: Duration::from_millis(400), ..Patience::USUAL };
/// Nobody is waited for that does not come to an end.
const SHORT_ANSWER: Patience = Patience { answer: Duration::from_secs(2), file: Duration::from_secs(2), ..Patience::USUAL };

/// What a server was asked, and did.
#[derive(Clone, Default)]
struct Seen {
    /// Heads of requests, in small letters.
    heads: Arc<Mutex<Vec<String>>>,
    /// Bytes that were sent before the other end hung up.
    sent: Arc<Mutex<usize>>,
}

impl Seen {
    fn head(&self, path: &str) -> String {
        let heads = self.heads.lock().unwrap();
        heads.iter().rev().find(|head| head.starts_with(&format!("get {path}"))).cloned().unwrap_or_else(|| panic!("{path}: {heads:?}"))
    }
}

/// A server on this machine that answers every request by `answer`, which is given the path, the head and the connection.
fn serve(answer: impl Fn(&str, &str, &mut TcpStream, &Seen) + Send + Sync + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (seen, answer) = (Seen::default(), Arc::new(answer));
    let ours = seen.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, seen, answer) = (stream.unwrap(), ours.clone(), answer.clone());
            thread::spawn(move || {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
                let head = head.join("\n").to_lowercase();
                seen.heads.lock().unwrap().push(head.clone());
                answer(&path, &head, &mut stream, &seen);
            });
        }
    });
    (address, seen)
}

/// Answers with these headers and this body. That the other end hangs up is its right.
fn say(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
}

/// Sends without end, until the other end hangs up.
fn pour(stream: &mut TcpStream, seen: &Seen, part: &[u8], pause: Duration) {
    let mut sent = 0;
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"));
    let chunk = [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    while sent < 1 << 30 && stream.write_all(&chunk).is_ok() {
        sent += part.len();
        *seen.sent.lock().unwrap() = sent;
        thread::sleep(pause);
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", curricle::hex(&<[u8; 32]>::from(Sha256::digest(bytes))))
}

fn manifest(digest: &str, size: usize) -> Vec<u8> {
    json!({"schemaVersion": 2, "layers": [{"mediaType": LAYER, "digest": digest, "size": size}]}).to_string().into_bytes()
}

fn pull(address: &str, auth: RegistryAuth) -> Result<Vec<u8>, String> {
    pull_named(address, ":1", auth, Patience::USUAL)
}

fn pull_named(address: &str, name: &str, auth: RegistryAuth, patience: Patience) -> Result<Vec<u8>, String> {
    let reference = parse(&format!("oci://{address}/team/plugin{name}"), "latest").unwrap();
    let pulled = Registry::with(&reference, auth, patience).unwrap().pull();
    pulled.map_err(|error| format!("{error:#}").replace(address, "HERE"))
}

fn refusal(answer: impl Fn(&str, &str, &mut TcpStream, &Seen) + Send + Sync + 'static) -> (String, Seen) {
    refusal_within(Patience::USUAL, answer)
}

fn refusal_within(patience: Patience, answer: impl Fn(&str, &str, &mut TcpStream, &Seen) + Send + Sync + 'static) -> (String, Seen) {
    let (address, seen) = serve(answer);
    (pull_named(&address, ":1", RegistryAuth::Anonymous, patience).unwrap_err(), seen)
}

#[test]
fn a_manifest_that_says_it_is_huge_is_refused_unread() {
    let (text, _) = refusal(|_, _, stream, _| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n"));
        thread::sleep(Duration::from_secs(5));
    });
    assert_eq!(text, "the registry at `HERE` sends a manifest of more than 4194304 bytes for `HERE/team/plugin:1`");
}

#[test]
fn a_manifest_token_or_file_without_end_is_cut_off() {
    let (text, seen) = refusal(|_, _, stream, seen| pour(stream, seen, &[b' '; 1 << 16], Duration::ZERO));
    assert_eq!(text, "the registry at `HERE` sends a manifest of more than 4194304 bytes for `HERE/team/plugin:1`");
    // What lies in the buffers of the system was sent too.
    assert!(*seen.sent.lock().unwrap() < 64 << 20);

    let (text, seen) = refusal(|path, head, stream, seen| {
        let host = head.split("host: ").nth(1).unwrap().lines().next().unwrap();
        let ask = format!("www-authenticate: Bearer realm=\"http://{host}/token\",service=\"x\"\r\n");
        match path.starts_with("/token") {
            true => pour(stream, seen, &[b' '; 1 << 16], Duration::ZERO),
            false => say(stream, "401 Unauthorized", &ask, b""),
        }
    });
    assert_eq!(text, "the registry at `HERE` sends a token of more than 1048576 bytes for `HERE/team/plugin:1`");
    assert!(*seen.sent.lock().unwrap() < 64 << 20);

    let (text, seen) = refusal(|path, _, stream, seen| match path.contains("/blobs/") {
        true => pour(stream, seen, &[b' '; 1 << 16], Duration::ZERO),
        false => say(stream, "200 OK", "", &manifest(&digest(b"plugin"), 6)),
    });
    assert_eq!(text, "the registry at `HERE` sends a file of more than 6 bytes for `HERE/team/plugin:1`");
    assert!(*seen.sent.lock().unwrap() < 64 << 20);
}

#[test]
fn a_registry_that_falls_silent_is_given_up() {
    let start = Instant::now();
    let (text, _) = refusal_within(SHORT_SILENCE, |_, _, stream, _| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"));
        thread::sleep(Duration::from_secs(60));
    });
    assert!(text.starts_with("the registry at `HERE` sent nothing for 0.4 s; try again later"), "{text}");
    let (text, _) = refusal_within(SHORT_SILENCE, |_, _, _, _| thread::sleep(Duration::from_secs(60)));
    assert!(text.starts_with("the registry at `HERE` sent nothing for 0.4 s; try again later"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn a_registry_that_drips_is_given_up() {
    let start = Instant::now();
    let (text, _) = refusal_within(SHORT_ANSWER, |_, _, stream, seen| pour(stream, seen, b" ", Duration::from_millis(50)));
    assert_eq!(text, "the registry at `HERE` took more than 2 s for a manifest; try again later");
    let (text, _) = refusal_within(SHORT_ANSWER, |path, _, stream, seen| match path.contains("/blobs/") {
        true => pour(stream, seen, b" ", Duration::from_millis(50)),
        false => say(stream, "200 OK", "", &manifest(&digest(b"plugin"), 1 << 20)),
    });
    assert_eq!(text, "the registry at `HERE` took more than 2 s for a file; try again later");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn what_is_not_what_was_promised_is_not_used() {
    let damaged = "what the registry at `HERE` sent for `HERE/team/plugin:1` has not the digest that was promised: it was damaged or replaced, and \
                   is not used";
    let (text, _) = refusal(|path, _, stream, _| match path.contains("/blobs/") {
        true => say(stream, "200 OK", "", b"nigulp"),
        false => say(stream, "200 OK", "", &manifest(&digest(b"plugin"), 6)),
    });
    assert_eq!(text, damaged);
    let (text, _) = refusal(|_, _, stream, _| {
        let promised = format!("docker-content-digest: {}\r\n", digest(b"another"));
        say(stream, "200 OK", &promised, &manifest(&digest(b"plugin"), 6));
    });
    assert_eq!(text, damaged);

    let of = |body: &'static [u8]| refusal(move |_, _, stream, _| say(stream, "200 OK", "", body)).0;
    assert!(of(b"<html>").starts_with("what the registry at `HERE` sent for `HERE/team/plugin:1` is no manifest: "));
    assert_eq!(of(b"{}"), "`HERE/team/plugin:1` has 0 layers, a plugin has one; is it the image of a container?");
    let (text, _) = refusal(|_, _, stream, _| say(stream, "200 OK", "", &manifest(&digest(b"plugin"), 1 << 40)));
    assert_eq!(text, "`HERE/team/plugin:1` holds 1099511627776 bytes, at most 67108864 are fetched");
    for wrong in ["sha256:../../../../else", "sha512:00", ""] {
        let (text, seen) = refusal(move |_, _, stream, _| say(stream, "200 OK", "", &manifest(wrong, 6)));
        assert_eq!(text, "the manifest of `HERE/team/plugin:1` names its file by something else than its SHA-256");
        assert_eq!(seen.heads.lock().unwrap().len(), 1, "nothing else is asked for");
    }
}

#[test]
fn refusals_are_told_by_their_status_and_their_words_are_not_read() {
    let of = |status: &'static str| {
        let (text, seen) = refusal(move |_, _, stream, seen| {
            drop(stream.write_all(format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n").as_bytes()));
            pour(stream, seen, &[b'x'; 1 << 16], Duration::ZERO);
        });
        assert!(*seen.sent.lock().unwrap() < 64 << 20);
        text
    };
    assert_eq!(
        of("503 Service Unavailable"),
        "the registry at `HERE` refused `HERE/team/plugin:1`: HTTP 503 Service Unavailable; try again later"
    );
    assert_eq!(of("404 Not Found"), "`HERE/team/plugin:1` is not in the registry; check name and tag");
    assert!(of("403 Forbidden").starts_with("the registry at `HERE` does not let this user at `HERE/team/plugin:1`; log in to it"));
}

#[test]
fn credentials_go_to_who_asks_for_them_and_not_where_a_redirection_leads() {
    let (elsewhere, there) = serve(|_, _, stream, _| say(stream, "200 OK", "", b"plugin"));
    let (address, here) = serve(move |path, head, stream, _| match path {
        _ if !head.contains("authorization: basic ") => say(stream, "401 Unauthorized", "www-authenticate: Basic realm=\"here\"\r\n", b""),
        path if path.contains("/blobs/") => {
            say(stream, "307 Temporary Redirect", &format!("location: http://{elsewhere}/file\r\n"), b"");
        }
        _ => say(stream, "200 OK", "", &manifest(&digest(b"plugin"), 6)),
    });
    let pulled = pull(&address, RegistryAuth::Basic("user".into(), "secret".into()));
    assert_eq!(pulled.unwrap(), b"plugin");
    assert!(here.head("/v2/team/plugin/manifests/1").contains("authorization: basic dxnlcjpzzwnyzxq="));
    assert!(!there.head("/file").contains("authorization"));
}

#[test]
fn a_token_is_fetched_with_the_credentials_and_opens_the_registry() {
    let (address, seen) = serve(move |path, head, stream, _| {
        let host = head.split("host: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        match path {
            path if path.starts_with("/token") => say(stream, "200 OK", "", br#"{"access_token": "opener"}"#),
            _ if !head.contains("authorization: bearer opener") => {
                let ask = format!("www-authenticate: Bearer realm=\"http://{host}/token\",service=\"a service\"\r\n");
                say(stream, "401 Unauthorized", &ask, b"");
            }
            path if path.contains("/blobs/") => say(stream, "200 OK", "", b"plugin"),
            _ => say(stream, "200 OK", "", &manifest(&digest(b"plugin"), 6)),
        }
    });
    assert_eq!(pull(&address, RegistryAuth::Basic("user".into(), "secret".into())).unwrap(), b"plugin");
    let asked = seen.head("/token");
    assert!(asked.starts_with("get /token?scope=repository%3ateam%2fplugin%3apull&service=a+service "), "{asked}");
    assert!(asked.contains("authorization: basic dxnlcjpzzwnyzxq="), "{asked}");
}

#[test]
fn a_manifest_is_compared_with_the_digest_of_the_reference() {
    let good = manifest(&digest(b"plugin"), 6);
    let named = digest(&good);
    let (address, seen) = serve(move |path, _, stream, _| match path.contains("/blobs/") {
        true => say(stream, "200 OK", "", b"plugin"),
        false => say(stream, "200 OK", "", &good),
    });
    assert_eq!(pull_named(&address, &format!(":1@{named}"), RegistryAuth::Anonymous, Patience::USUAL).unwrap(), b"plugin");
    seen.head(&format!("/v2/team/plugin/manifests/{named}"));
    let other = digest(b"another");
    let text = pull_named(&address, &format!("@{other}"), RegistryAuth::Anonymous, Patience::USUAL).unwrap_err();
    assert!(text.contains(&format!("sent for `HERE/team/plugin@{other}` has not the digest that was promised")), "{text}");
    let text = pull_named(&address, &format!("@sha512:{}", "0".repeat(128)), RegistryAuth::Anonymous, Patience::USUAL).unwrap_err();
    assert!(text.contains("names its digest by something else than SHA-256, which is not compared; name the tag"), "{text}");
}
