//! A real Chromium without a window, spoken to by its own protocol, to open pages and use them as a person would.

use std::{
    fs,
    io::{self, ErrorKind},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket, client};

/// How long anything may take: machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page. What the page says and asks of the network is kept.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    asked: u64,
    /// Errors of scripts and of the console, and warnings of the browser.
    pub complaints: Vec<String>,
    /// Addresses that were asked for.
    pub requests: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Opens a browser whose page is of this size.
    ///
    /// # Panics
    /// If there is no `chromium` on the path: `cargo xtask test` installs it where it can.
    pub fn open(width: u32, height: u32) -> Browser {
        let profile = tempfile::tempdir().expect("a folder for the browser");
        let quiet = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
            "about:blank",
        ];
        let mut command = Command::new("chromium");
        command.args(quiet).arg(format!("--user-data-dir={}", profile.path().display())).arg(format!("--window-size={width},{height}"));
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = started.unwrap_or_else(|e| {
            panic!("`chromium` cannot be started ({e}); `cargo xtask test` installs it, or `apt-get install chromium`")
        });
        // Port and path, once it listens.
        let told = profile.path().join("DevToolsActivePort");
        let lines = wait("the browser to listen", || {
            let text = fs::read_to_string(&told).ok()?;
            let (port, path) = text.split_once('\n')?;
            Some((port.trim().parse::<u16>().ok()?, path.trim().to_owned())).filter(|(_, path)| !path.is_empty())
        });
        let stream = TcpStream::connect(("127.0.0.1", lines.0)).expect("the browser's port");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (socket, _) = client(format!("ws://127.0.0.1:{}{}", lines.0, lines.1), stream).expect("the browser's socket");
        let (complaints, requests) = Default::default();
        let mut browser = Browser { process, socket, session: None, asked: 0, complaints, requests, _profile: profile };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let session = browser.ask("Target.attachToTarget", json!({ "targetId": target, "flatten": true }))["sessionId"].clone();
        browser.session = session.as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        browser.resize(width, height);
        browser
    }

    /// Makes the page another size.
    pub fn resize(&mut self, width: u32, height: u32) {
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        );
    }

    /// Says that the person likes it dark, or light.
    pub fn prefer(&mut self, scheme: &str) {
        self.ask("Emulation.setEmulatedMedia", json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }));
    }

    /// Opens a file, and waits until the expression is true there.
    pub fn visit(&mut self, path: &Path, ready: &str) {
        let path = path.canonicalize().expect("a file to open");
        self.ask("Page.navigate", json!({ "url": format!("file://{}", path.display()) }));
        self.until(ready);
    }

    /// Value of an expression, which may be a promise.
    pub fn eval(&mut self, expression: &str) -> Value {
        let answer = self.ask("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }));
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn until(&mut self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.eval(expression) != json!(true) {
            assert!(Instant::now() < end, "`{expression}` did not come true; the page complained of {:?}", self.complaints);
            sleep(Duration::from_millis(50));
        }
    }

    /// Middle of the first element that a selector finds, once it is scrolled into view.
    pub fn place(&mut self, selector: &str) -> (f64, f64) {
        let found = self.eval(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); e.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        (found[0].as_f64().expect("a place"), found[1].as_f64().expect("a place"))
    }

    /// Clicks there, once.
    pub fn click(&mut self, (x, y): (f64, f64)) {
        self.drag((x, y), (x, y));
    }

    /// Presses at one place and lets go at another.
    pub fn drag(&mut self, from: (f64, f64), to: (f64, f64)) {
        let between = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
        let steps = [
            ("mouseMoved", from, 0),
            ("mousePressed", from, 1),
            ("mouseMoved", between, 1),
            ("mouseMoved", to, 1),
            ("mouseReleased", to, 0),
        ];
        for (kind, (x, y), buttons) in steps {
            let button = if kind == "mouseMoved" && buttons == 0 { "none" } else { "left" };
            self.ask(
                "Input.dispatchMouseEvent",
                json!({ "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1 }),
            );
        }
    }

    /// Presses a key by its name, such as `Tab`, with the text that it writes.
    pub fn key(&mut self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            self.ask(
                "Input.dispatchKeyEvent",
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text }),
            );
        }
    }

    /// Writes text where the cursor is.
    pub fn write(&mut self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text }));
    }

    /// A picture of the whole page, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let answer = self.ask("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true }));
        STANDARD.decode(answer["data"].as_str().unwrap_or_default()).expect("a picture")
    }

    /// Asks the browser, and keeps what the page says meanwhile.
    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(message.to_string())).expect("to speak to the browser");
        loop {
            let text = match self.socket.read() {
                Ok(Message::Text(text)) => text,
                Ok(_) => continue,
                Err(tungstenite::Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => panic!("the browser does not answer `{method}`"),
                Err(error) => panic!("`{method}`: {error}"),
            };
            let said: Value = serde_json::from_str(&text).expect("JSON");
            if said["id"] == json!(self.asked) {
                assert!(said.get("error").is_none(), "{method}: {said}");
                return said["result"].clone();
            }
            self.hear(&said);
        }
    }

    fn hear(&mut self, said: &Value) {
        let told = &said["params"];
        match said["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.complaints.push(told["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if told["type"] == "error" || told["type"] == "warning" => {
                self.complaints.push(told["args"].to_string())
            }
            "Log.entryAdded" if told["entry"]["level"] == "error" || told["entry"]["level"] == "warning" => {
                self.complaints.push(told["entry"]["text"].to_string());
            }
            "Network.requestWillBeSent" => self.requests.push(told["request"]["url"].as_str().unwrap_or_default().to_owned()),
            _ => {}
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers end with it.
        let _: io::Result<()> = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        sleep(Duration::from_millis(20));
    }
}
