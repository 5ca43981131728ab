//! How much a plugin may use.

use std::time::Duration;

use serde::Deserialize;

/// Stack of a guest. A thread that calls a plugin needs this and some 256 KiB for the host functions that it calls back.
pub(crate) const STACK: usize = 512 << 10;

/// What a plugin may use. All limits hold per instance; those of work and time are armed anew for every call.
///
/// In a run file: `limits = { preset = "interpreted", memory = "2GiB", deadline = "90s" }`; what is left out is the preset's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Choice")]
#[non_exhaustive]
pub struct Limits {
    /// Work per call, in units of about one WebAssembly instruction: 10^9 take a compiled guest 0.1 to 1 s. The host's own work on behalf of
    /// the plugin (values read, samples drawn) is held to the same number. Deterministic, so that all ranks stop at the same instruction.
    /// Metrics are not metered: this slows tight loops two- to fivefold.
    pub fuel: u64,
    /// Bytes of memories and tables (8 bytes an element) over the whole instance, and as many again for the selections of its streams.
    pub memory: u64,
    /// Time per call. For metrics the limit that counts; for the others, which fuel stops first, a net.
    pub deadline: Duration,
    /// Bytes of the component's file.
    pub file_size: u64,
    /// Time for compiling the component, which happens once per file and machine.
    pub compile_time: Duration,
    /// Bytes that cross from the plugin to the host at once, beyond the room for what the host asked for.
    pub answer: u64,
    /// Bytes of a saved state.
    pub state: u64,
    /// Core instances of the component, and as many memories and as many tables: each costs the host memory of its own. A Rust component has
    /// about 4, a Python one about 20.
    pub parts: u32,
    /// Handles to resources that are open at once.
    pub handles: u32,
    /// Log lines that are kept per call.
    pub log_lines: u32,
    /// Bytes of a log line that are kept.
    pub log_bytes: u32,
}

impl Limits {
    /// For guests that compile to WebAssembly themselves: Rust, C, C++, Go.
    pub fn compiled() -> Limits {
        Limits {
            fuel: 1_000_000_000,
            memory: 256 << 20,
            deadline: Duration::from_secs(60),
            file_size: 16 << 20,
            compile_time: Duration::from_secs(60),
            answer: 16 << 20,
            state: 1 << 20,
            parts: 100,
            handles: 1000,
            log_lines: 64,
            log_bytes: 1024,
        }
    }

    /// For guests that bring an interpreter: Python, JavaScript. A Python component is some 20 MB, takes 5 s to compile and 30 to 100 times
    /// the work of a compiled one.
    pub fn interpreted() -> Limits {
        Limits {
            fuel: 50_000_000_000,
            memory: 1 << 30,
            deadline: Duration::from_secs(300),
            file_size: 64 << 20,
            compile_time: Duration::from_secs(300),
            parts: 1000,
            handles: 100_000,
            ..Limits::compiled()
        }
    }
}

impl Limits {
    /// Whether nothing that an interpreter takes more of is below its preset.
    pub(crate) fn suit_interpreters(&self) -> bool {
        let preset = Limits::interpreted();
        self.fuel >= preset.fuel
            && self.memory >= preset.memory
            && self.deadline >= preset.deadline
            && self.file_size >= preset.file_size
            && self.compile_time >= preset.compile_time
            && self.parts >= preset.parts
            && self.handles >= preset.handles
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::compiled()
    }
}

/// [`Limits`] as written in a run file.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Choice {
    preset: Preset,
    fuel: Option<u64>,
    memory: Option<Bytes>,
    deadline: Option<Time>,
    file_size: Option<Bytes>,
    compile_time: Option<Time>,
    answer: Option<Bytes>,
    state: Option<Bytes>,
    parts: Option<u32>,
    handles: Option<u32>,
    log_lines: Option<u32>,
    log_bytes: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum Preset {
    #[default]
    Compiled,
    Interpreted,
}

impl From<Choice> for Limits {
    fn from(choice: Choice) -> Limits {
        let preset = match choice.preset {
            Preset::Compiled => Limits::compiled(),
            Preset::Interpreted => Limits::interpreted(),
        };
        let bytes = |chosen: Option<Bytes>, preset| chosen.map_or(preset, |bytes| bytes.0);
        let time = |chosen: Option<Time>, preset| chosen.map_or(preset, |time| time.0);
        Limits {
            fuel: choice.fuel.unwrap_or(preset.fuel),
            memory: bytes(choice.memory, preset.memory),
            deadline: time(choice.deadline, preset.deadline),
            file_size: bytes(choice.file_size, preset.file_size),
            compile_time: time(choice.compile_time, preset.compile_time),
            answer: bytes(choice.answer, preset.answer),
            state: bytes(choice.state, preset.state),
            parts: choice.parts.unwrap_or(preset.parts),
            handles: choice.handles.unwrap_or(preset.handles),
            log_lines: choice.log_lines.unwrap_or(preset.log_lines),
            log_bytes: choice.log_bytes.unwrap_or(preset.log_bytes),
        }
    }
}

/// A number of bytes, or a string such as `"64KiB"`, `"256MiB"`, `"2GiB"`.
#[derive(Deserialize)]
#[serde(try_from = "Quantity")]
struct Bytes(u64);

/// A number of seconds, or a string such as `"500ms"`, `"90s"`, `"5min"`.
#[derive(Deserialize)]
#[serde(try_from = "Quantity")]
struct Time(Duration);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a whole number, or a string of a whole number and a unit")]
enum Quantity {
    Plain(u64),
    Unit(String),
}

impl Quantity {
    /// The number times its unit, as `units` has it; `plain` is the unit of a number alone.
    fn times(&self, plain: u64, units: &[(&str, u64)]) -> Result<u64, String> {
        let text = match self {
            Quantity::Plain(number) => return number.checked_mul(plain).ok_or_else(|| format!("{number} is too large")),
            Quantity::Unit(text) => text.trim(),
        };
        let known = || units.iter().map(|(unit, _)| format!("`{unit}`")).collect::<Vec<_>>().join(", ");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let (Ok(number), Some((_, factor))) = (number.parse::<u64>(), units.iter().find(|(name, _)| *name == unit.trim_start())) else {
            return Err(format!("`{text}` is no whole number with a unit, which is one of {}", known()));
        };
        number.checked_mul(*factor).ok_or_else(|| format!("`{text}` is too large"))
    }
}

impl TryFrom<Quantity> for Bytes {
    type Error = String;

    fn try_from(quantity: Quantity) -> Result<Bytes, String> {
        quantity.times(1, &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]).map(Bytes)
    }
}

impl TryFrom<Quantity> for Time {
    type Error = String;

    fn try_from(quantity: Quantity) -> Result<Time, String> {
        quantity.times(1000, &[("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000)]).map(|ms| Time(Duration::from_millis(ms)))
    }
}

/// Bytes for people: exact, in the largest unit that divides them.
pub(crate) fn show_bytes(bytes: u64) -> String {
    for (unit, size) in [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= size && bytes.is_multiple_of(size) {
            return format!("{} {unit}", bytes / size);
        }
    }
    format!("{bytes} bytes")
}

/// A time for people.
pub(crate) fn show_time(time: Duration) -> String {
    match time.as_millis() {
        ms if ms % 1000 == 0 => format!("{} s", ms / 1000),
        ms => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Limits, String> {
        toml::from_str(text).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn what_is_left_out_is_the_presets() {
        assert_eq!(parse("").unwrap(), Limits::default());
        let limits = parse("preset = 'interpreted'\nmemory = '2GiB'\ndeadline = '1500ms'\nlog-lines = 3").unwrap();
        let expected = Limits { memory: 2 << 30, deadline: Duration::from_millis(1500), log_lines: 3, ..Limits::interpreted() };
        assert_eq!(limits, expected);
        assert_eq!(parse("memory = 4096\ndeadline = 5").unwrap().deadline, Duration::from_secs(5));
    }

    #[test]
    fn wrong_limits_say_what_is_accepted() {
        let unit = parse("memory = '2GB'").unwrap_err();
        assert_eq!(unit, "`2GB` is no whole number with a unit, which is one of `B`, `KiB`, `MiB`, `GiB`");
        assert_eq!(parse("deadline = '99999999999999999h'").unwrap_err(), "`99999999999999999h` is too large");
        assert_eq!(parse("deadline = 1.5").unwrap_err(), "a whole number, or a string of a whole number and a unit");
        assert!(parse("fuell = 1").unwrap_err().starts_with("unknown field `fuell`, expected one of `preset`, `fuel`"));
    }

    #[test]
    fn sizes_are_shown_exactly() {
        assert_eq!(show_bytes(256 << 20), "256 MiB");
        assert_eq!(show_bytes((1 << 20) + 1), "1048577 bytes");
    }
}
