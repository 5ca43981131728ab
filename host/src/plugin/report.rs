//! From what the virtual machine says to what a person needs.

use std::time::Duration;

use wasmtime::{OutOfMemory, Trap};

use super::{
    contract::{CONTRACT, is_newer},
    limits::{Limits, STACK, show_bytes, show_time},
};
use crate::{
    Error, Fault, FaultKind,
    escape::{escape, printable},
};

/// Bytes of a foreign message that are shown.
const MAX_CAUSE: usize = 300;
/// Remedy where only the author of a plugin can help.
pub(crate) const AUTHOR: &str = "tell the author of the plugin";

/// A fault before any call of the plugin.
pub(crate) fn load(plugin: &str, kind: FaultKind, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::from(Box::new(Fault {
        kind,
        plugin: escape(plugin, usize::MAX),
        call: "load".to_owned(),
        step: None,
        problem: printable(problem.into()),
        remedy: remedy.into(),
        deterministic: false,
        log: Vec::new(),
    }))
}

/// Where the limits of interpreters are chosen, for messages.
pub(crate) const INTERPRETED: &str = "`limits = { preset = \"interpreted\" }` in the run file, `--limits interpreted` of a command";

/// A remedy for a limit that was reached by a plugin that brings an interpreter, and has less than those take.
pub(crate) fn for_interpreter(remedy: &str) -> String {
    format!("it brings an interpreter, which takes {INTERPRETED}; or {remedy}")
}

/// The innermost cause of an error as part of a sentence: one line, no capital, no full stop.
pub(crate) fn cause(error: &wasmtime::Error) -> String {
    sentence(&error.root_cause().to_string())
}

/// A foreign message as part of a sentence.
pub(crate) fn sentence(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    let line = escape(line.trim_end_matches('.'), MAX_CAUSE);
    let mut chars = line.chars();
    match chars.next() {
        // "CPU" keeps its capitals.
        Some(first) if !chars.as_str().starts_with(|c: char| c.is_uppercase()) => first.to_lowercase().chain(chars).collect(),
        _ => line,
    }
}

/// Whether a call that ended so ends so on every machine.
pub(crate) fn is_deterministic(error: &wasmtime::Error) -> bool {
    !matches!(error.downcast_ref::<Trap>(), Some(Trap::Interrupt | Trap::StackOverflow)) && !is_of_machine(error)
}

/// Whether the system refused what an instance takes: memory, or the addresses that are reserved for it to grow.
fn is_of_machine(error: &wasmtime::Error) -> bool {
    error.is::<OutOfMemory>() || cause(error).contains("os error ")
}

/// One call as its fault tells it.
pub(crate) struct Called {
    /// `interface.function`.
    pub(crate) name: &'static str,
    /// Bytes that the host asked for.
    pub(crate) asked: u64,
    /// How long it ran; for the words of a deadline alone.
    pub(crate) time: Duration,
}

/// Why a call ended: kind, problem and remedy.
pub(crate) fn classify(error: &wasmtime::Error, called: &Called, limits: &Limits) -> (FaultKind, String, String) {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return classify_trap(*trap, called, limits);
    }
    let cause = cause(error);
    if is_of_machine(error) {
        let problem = format!("the machine has no memory or no addresses to give for it: {cause}");
        return (FaultKind::Limit, problem, "free memory, or raise what a process may have (`ulimit -v`)".to_owned());
    }
    if cause.contains("fuel allocated for hostcalls") {
        let (answer, asked) = (show_bytes(limits.answer), show_bytes(called.asked));
        let problem = match called.asked {
            0 => format!("it handed over more than {answer} at once"),
            _ => format!("it handed over more at once than the {asked} that the host asked for and {answer} besides"),
        };
        // A state has a limit of its own, which is the smaller one.
        let remedy = match called.name {
            "snapshot.save" => "let it remember less, or raise `limits.state` and `limits.answer`",
            _ => "let it answer in less, or raise `limits.answer`",
        };
        return (FaultKind::Limit, problem, remedy.to_owned());
    }
    if let Some(counted) = cause.strip_prefix("resource limit exceeded: ") {
        // "memory count too high at 101"
        let (part, n) = counted.split_once(" count too high at ").unwrap_or((counted, "more"));
        let parts = match part {
            "instance" => "core instances",
            "memory" => "memories",
            "table" => "tables",
            part => part,
        };
        let problem = format!("it has {n} {parts} or more, at most {} are made", limits.parts);
        return (FaultKind::Limit, problem, "build it of fewer parts, or raise `limits.parts`".to_owned());
    }
    if cause.contains("handle limit exceeded") {
        let problem = format!("it wants more than {} handles at once", limits.handles);
        return (FaultKind::Limit, problem, "let it drop handles that it is done with, or raise `limits.handles`".to_owned());
    }
    (FaultKind::Contract, format!("its answer or request cannot be read: {cause}"), AUTHOR.to_owned())
}

fn classify_trap(trap: Trap, called: &Called, limits: &Limits) -> (FaultKind, String, String) {
    let (kind, problem, remedy) = match trap {
        Trap::OutOfFuel => {
            (FaultKind::Limit, format!("it used up its fuel of {}", limits.fuel), "look for a loop without end, or raise `limits.fuel`")
        }
        Trap::Interrupt => (
            FaultKind::Limit,
            format!("it ran for {} ms, longer than its deadline of {}", called.time.as_millis(), show_time(limits.deadline)),
            "look for a loop without end, or raise `limits.deadline`",
        ),
        Trap::StackOverflow => (
            FaultKind::Trap,
            format!("its calls nest too deep for its stack of {}", show_bytes(STACK as u64)),
            "look for a recursion without end, or use a loop",
        ),
        Trap::UnreachableCodeReached => (
            FaultKind::Trap,
            "it panicked, or reached code that it holds unreachable".to_owned(),
            "see its last log lines, or tell its author",
        ),
        Trap::MemoryOutOfBounds | Trap::TableOutOfBounds => {
            (FaultKind::Trap, "it reached beyond its memory".to_owned(), "look for a bad pointer or index")
        }
        Trap::IndirectCallToNull | Trap::BadSignature => (FaultKind::Trap, "it called a function that is not there".to_owned(), AUTHOR),
        Trap::IntegerDivisionByZero => (FaultKind::Trap, "it divided by zero".to_owned(), AUTHOR),
        Trap::IntegerOverflow | Trap::BadConversionToInteger => {
            (FaultKind::Trap, "a number of its does not fit the integer that it is made into".to_owned(), AUTHOR)
        }
        Trap::CannotEnterComponent => (FaultKind::Trap, "it was called while it was running".to_owned(), AUTHOR),
        Trap::CannotLeaveComponent => (FaultKind::Trap, "it called the host where that is not allowed".to_owned(), AUTHOR),
        Trap::InvalidChar | Trap::StringOutOfBounds | Trap::ListOutOfBounds | Trap::InvalidDiscriminant | Trap::UnalignedPointer => {
            (FaultKind::Contract, format!("its answer or request cannot be read: {}", trap_text(trap)), AUTHOR)
        }
        _ => (FaultKind::Trap, format!("it trapped: {}", trap_text(trap)), AUTHOR),
    };
    (kind, problem, remedy.to_owned())
}

fn trap_text(trap: Trap) -> String {
    sentence(trap.to_string().trim_start_matches("wasm trap: "))
}

/// Why a component was not compiled: problem and remedy.
pub(crate) fn classify_compilation(error: &wasmtime::Error) -> (String, String) {
    let cause = cause(error);
    let asynchronous = ["component model async", "async"].iter().any(|word| cause.contains(word));
    if asynchronous {
        return ("it is an asynchronous component".to_owned(), "build it without async exports: plugins answer synchronously".to_owned());
    }
    (format!("it cannot be compiled: {cause}"), "build it again; if that does not help, tell the author of its compiler".to_owned())
}

/// Why a component does not fit its world: problem and remedy.
pub(crate) fn classify_linking(error: &wasmtime::Error, contract: &str) -> (String, String) {
    let mut chain: Vec<String> = error.chain().map(|cause| sentence(&cause.to_string())).collect();
    chain.dedup();
    let problem = format!("it does not fit its world: {}", chain.join(": "));
    if is_newer(contract) {
        let remedy = format!("it is built for `curricle:plugin@{contract}`, this host offers {CONTRACT}: upgrade Curricle");
        return (problem, remedy);
    }
    (problem, "build it against the `wit/` of this release".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_the_machines_and_not_the_plugins() {
        let judged = |error: wasmtime::Error| {
            let called = Called { name: "instantiate", asked: 0, time: Duration::ZERO };
            let (kind, problem, remedy) = classify(&error, &called, &Limits::default());
            (kind, is_deterministic(&error), format!("{problem}; {remedy}"))
        };
        let refused = std::io::Error::other("Cannot allocate memory (os error 12)");
        let reserving = wasmtime::Error::new(refused).context("mmap failed to reserve 0x104000000 bytes");
        assert_eq!(
            judged(reserving),
            (
                FaultKind::Limit,
                false,
                "the machine has no memory or no addresses to give for it: cannot allocate memory (os error 12); free memory, or raise what \
                 a process may have (`ulimit -v`)"
                    .to_owned()
            )
        );
        let counted = judged(wasmtime::Error::msg("resource limit exceeded: memory count too high at 101"));
        assert_eq!((counted.0, counted.1), (FaultKind::Limit, true));
        let unreadable = judged(wasmtime::Error::msg("invalid utf-8 sequence"));
        assert_eq!((unreadable.0, unreadable.1), (FaultKind::Contract, true));
    }
}
