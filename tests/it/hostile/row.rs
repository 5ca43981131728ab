//! A row of the suite: a plugin, how it is used, and what comes of it.

use std::{fs, path::Path, time::Duration};

use curricle::{Error, plugin::Limits};
use serde_json::Value;

use super::{drive::Drive, fault, guest::Source};

/// What a loaded machine may take longer than it should.
pub(super) const SLACK: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) drive: Drive,
    config: &'static str,
    change: fn(&mut Limits),
    pub(super) code: &'static str,
    /// The call that a fault names.
    call: &'static str,
    step: Option<u64>,
    words: &'static [&'static str],
    /// Time for the failing call.
    pub(super) budget: Duration,
    /// Bytes that the host may need beside the plugin's memory.
    pub(super) memory: u64,
}

/// A row that ends in this code, at this call.
pub(super) fn row(name: &'static str, source: Source, drive: Drive, code: &'static str, call: &'static str) -> Row {
    let step = match drive {
        Drive::Fill(step) if call == "policy.fill" => Some(step),
        Drive::Difficulty(step) if call == "pacing.difficulty" => Some(step),
        Drive::Again => Some(1),
        _ => None,
    };
    Row {
        name,
        source,
        drive,
        config: "null",
        change: |_| {},
        code,
        call,
        step,
        words: &[],
        budget: Duration::from_millis(500),
        memory: 64 << 20,
    }
}

impl Row {
    /// Its configuration, as JSON.
    pub(super) fn with(mut self, config: &'static str) -> Row {
        self.config = config;
        self
    }

    /// Changes the suite's limits.
    pub(super) fn limit(mut self, change: fn(&mut Limits)) -> Row {
        self.change = change;
        self
    }

    /// What the message has to have.
    pub(super) fn says(mut self, words: &'static [&'static str]) -> Row {
        self.words = words;
        self
    }

    /// The step at which the fault comes, where the call alone does not say it.
    pub(super) fn at(mut self, step: u64) -> Row {
        self.step = Some(step);
        self
    }

    pub(super) fn takes(mut self, budget: Duration) -> Row {
        self.budget = budget;
        self
    }

    pub(super) fn needs(mut self, bytes: u64) -> Row {
        self.memory = bytes;
        self
    }

    pub(super) fn config(&self) -> Value {
        serde_json::from_str(self.config).expect(self.name)
    }

    /// Small ones, so that what is endless ends soon; the deadline is a net.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::compiled();
        limits.fuel = 20_000_000;
        limits.memory = 32 << 20;
        limits.deadline = Duration::from_secs(20);
        (self.change)(&mut limits);
        limits
    }

    /// What is wrong with an error.
    pub(super) fn check(&self, error: &Error) -> Vec<String> {
        let mut problems = Vec::new();
        let text = error.to_string();
        if error.code() != self.code {
            problems.push(format!("its code is `{}`, not `{}`", error.code(), self.code));
        }
        // Whether whole runs name it by its path, and who asked for it.
        let whole = matches!(self.drive, Drive::Run(_) | Drive::Resume(_));
        match fault(error) {
            Some(fault) => {
                if !whole && fault.plugin != self.name || whole && !(fault.plugin.contains(".wasm") || fault.plugin == "mixture") {
                    problems.push(format!("it names plugin `{}`", fault.plugin));
                }
                if fault.call != self.call {
                    problems.push(format!("it names call `{}`, not `{}`", fault.call, self.call));
                }
                if fault.step != self.step {
                    problems.push(format!("it names step {:?}, not {:?}", fault.step, self.step));
                }
                if fault.remedy.trim().is_empty() || fault.problem.trim().is_empty() {
                    problems.push("it lacks problem or remedy".to_owned());
                }
                if fault.kind.code() == "plugin-limit" && !fault.remedy.contains("`limits.") {
                    problems.push("it names no key that raises the limit".to_owned());
                }
                if self.step.is_some_and(|step| !text.contains(&format!(", step {step}: "))) || !text.contains(&format!(", {}", self.call))
                {
                    problems.push("its message lacks call or step".to_owned());
                }
            }
            None if self.call.is_empty() || self.code == "internal" => {
                if !text.contains("; ") {
                    problems.push("its message has no remedy".to_owned());
                }
            }
            None => problems.push("it is no fault of a plugin".to_owned()),
        }
        for words in self.words {
            if !text.contains(words) {
                problems.push(format!("its message lacks `{words}`"));
            }
        }
        if text.chars().any(|c| c != '\n' && c.is_control() || c == '\u{202e}') {
            problems.push("its message has control characters".to_owned());
        }
        if text.len() > 16 << 10 {
            problems.push(format!("its message has {} bytes", text.len()));
        }
        if !problems.is_empty() {
            problems.push(format!("message: {text}"));
        }
        problems
    }
}

/// The message without what differs from machine to machine: folders, times, and what hangs on the compiler that built a plugin.
pub(super) fn steady(error: &Error, folder: &Path) -> String {
    let text = error.to_string().replace(&folder.display().to_string(), "DIR").replace('\n', "\n  ");
    let mut steady = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        steady += &rest[..start];
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..end];
        let number = word.bytes().all(|b| b.is_ascii_digit());
        let sha256 = word.len() == 64;
        let time = number && steady.ends_with("it ran for ");
        let uneven = number && word.len() >= 5 && !word.ends_with("000");
        steady += if sha256 || time || uneven { "#" } else { word };
        rest = &rest[end..];
    }
    steady + rest
}

/// Resident memory of this process.
pub(super) struct Memory {
    before: u64,
}

impl Memory {
    /// What is resident, from which the largest is counted anew.
    pub(super) fn now() -> Memory {
        // Where the system cannot do it, the largest so far counts, which is no more.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Memory { before: read("VmRSS:") }
    }

    /// By how much it had grown where it was largest.
    pub(super) fn grown(&self) -> u64 {
        read("VmHWM:").saturating_sub(self.before)
    }
}

fn read(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}
