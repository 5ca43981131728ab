//! Every setting of the virtual machine, and the clock that its deadlines count by.

use std::{
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use target_lexicon::Triple;
use wasmtime::{Config, EngineWeak, OptLevel, WasmBacktraceDetails};

use super::{limits::STACK, report};
use crate::{
    FaultKind, Result,
    cpu::{Cpu, cpu},
};

/// Resolution of deadlines: fine enough that a deadline of a second means it, coarse enough that an idle process is left asleep.
const TICK: Duration = Duration::from_millis(10);

/// Whether traps are found by code that looks for them.
static WITHOUT_SIGNALS: AtomicBool = AtomicBool::new(false);

/// Has plugins compiled so that none of their faults reaches the process as a signal: accesses to memory are checked by code of their own, which makes
/// metrics slower. For programs in which somebody else may take the handlers of SIGSEGV and SIGILL away later, as Python's `faulthandler` does: a fault
/// of a plugin would end the process there. Holds for plugins loaded from then on, so it is said before the first.
pub fn without_signals() {
    WITHOUT_SIGNALS.store(true, Ordering::Relaxed);
}

/// What a plugin's code is compiled to guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Decides what a batch holds, alike on every rank: metered by fuel, with one bit pattern for NaN.
    Decide,
    /// Computes over every token: as fast as the sandbox allows, stopped by the deadline alone. A NaN in the answer is refused, so its bits
    /// never reach a result.
    Measure,
    /// Neither metered nor stopped by anything: what the sandbox is measured against.
    #[cfg(feature = "bare")]
    Bare,
}

impl Profile {
    fn config(self, cpu: Cpu) -> wasmtime::Result<Config> {
        let mut config = Config::new();
        if cpu == Cpu::Portable {
            // For a target that is named, nothing is asked of the processor.
            config.target(&Triple::host().to_string())?;
        }
        // Calls cost a third without; plugins have nothing to wait for.
        config.concurrency_support(false);
        config.epoch_interruption(matches!(self, Profile::Decide | Profile::Measure));
        config.consume_fuel(self == Profile::Decide);
        config.cranelift_nan_canonicalization(self == Profile::Decide);
        config.cranelift_opt_level(OptLevel::Speed);
        config.signals_based_traps(!WITHOUT_SIGNALS.load(Ordering::Relaxed));
        config.max_wasm_stack(STACK);
        // Relaxed SIMD differs between CPUs. The others are of no use to a plugin, and each is a surface.
        config.wasm_relaxed_simd(false);
        config.wasm_memory64(false);
        config.wasm_custom_page_sizes(false);
        config.wasm_wide_arithmetic(false);
        // Faults are told in the plugin's own words, its log; offsets into its code would differ from build to build.
        config.wasm_backtrace_max_frames(None);
        config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
        Ok(config)
    }
}

/// A compiler and its settings, shared by all plugins of one profile.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) wasm: wasmtime::Engine,
    pub(crate) profile: Profile,
}

/// The live engine of each profile, and the process whose thread advances its clock.
static LIVE: Mutex<[Option<(EngineWeak, u32)>; 3]> = Mutex::new([None, None, None]);

/// The engine of a profile: the one in use, or else a fresh one. `plugin` is named if there can be none.
pub(crate) fn engine(profile: Profile, plugin: &str) -> Result<Engine> {
    let cpu = cpu()?;
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let [decide, measure, _bare] = &mut *live;
    let slot = match profile {
        Profile::Decide => decide,
        Profile::Measure => measure,
        #[cfg(feature = "bare")]
        Profile::Bare => _bare,
    };
    let wasm = match slot.as_ref().and_then(|(weak, _)| weak.upgrade()) {
        Some(wasm) => wasm,
        None => profile.config(cpu).and_then(|config| wasmtime::Engine::new(&config)).map_err(|e| {
            report::load(
                plugin,
                FaultKind::Load,
                format!("this machine cannot run plugins: {}", report::cause(&e)),
                "run on another machine",
            )
        })?,
    };
    // A forked process has the engine but not the thread.
    let ticking = matches!(slot, Some((weak, owner)) if *owner == process::id() && weak.upgrade().is_some());
    if !ticking {
        tick(wasm.weak()).map_err(|e| {
            report::load(
                plugin,
                FaultKind::Load,
                format!("cannot start the thread that keeps deadlines: {e}"),
                "raise the limit on threads",
            )
        })?;
        *slot = Some((wasm.weak(), process::id()));
    }
    Ok(Engine { wasm, profile })
}

/// Advances the engine's clock for as long as somebody holds the engine.
fn tick(engine: EngineWeak) -> std::io::Result<()> {
    let thread = thread::Builder::new().name("curricle-deadlines".to_owned()).stack_size(64 << 10);
    thread
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })
        .map(drop)
}

/// Ticks until a deadline is over for certain: one more, since the first may come at once.
pub(crate) fn ticks(deadline: Duration) -> u64 {
    let ticks = deadline.as_nanos().div_ceil(TICK.as_nanos());
    // Far below the largest epoch, so that adding it to the current one cannot wrap.
    u64::try_from(ticks).unwrap_or(u64::MAX).min(u64::MAX >> 1).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_shared_by_profile() {
        let first = engine(Profile::Decide, "p").unwrap();
        let second = engine(Profile::Decide, "p").unwrap();
        assert!(wasmtime::Engine::same(&first.wasm, &second.wasm));
        assert!(!wasmtime::Engine::same(&first.wasm, &engine(Profile::Measure, "p").unwrap().wasm));
    }

    #[test]
    fn code_for_any_processor_is_kept_apart_and_runs() {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let engines = [Cpu::Native, Cpu::Portable].map(|cpu| wasmtime::Engine::new(&Profile::Decide.config(cpu).unwrap()).unwrap());
        let key = |engine: &wasmtime::Engine| {
            let mut hash = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hash);
            hash.finish()
        };
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("sse4.1") {
            assert_ne!(key(&engines[0]), key(&engines[1]));
        }
        let code = engines[1].precompile_component(b"\0asm\x0d\0\x01\0").unwrap();
        // SAFETY: the compiler answered this a line above.
        unsafe { wasmtime::component::Component::deserialize(&engines[1], &code) }.unwrap();
    }

    #[test]
    fn deadlines_round_up() {
        assert_eq!(ticks(Duration::ZERO), 1);
        assert_eq!(ticks(Duration::from_millis(1)), 2);
        assert_eq!(ticks(Duration::from_millis(20)), 3);
        assert_eq!(ticks(Duration::MAX), (u64::MAX >> 1) + 1);
    }
}
