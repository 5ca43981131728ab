//! Compiling, on a thread of its own: one for a component, whoever waits for it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process,
    sync::{Arc, Condvar, LazyLock, Mutex, PoisonError},
    thread,
    time::SystemTime,
};

use wasmtime::component::Component;

use super::{Cache, bounds};
use crate::{
    Error, FaultKind, Result,
    plugin::{
        engine::Engine,
        limits::{Limits, show_bytes, show_time},
        report,
        source::Source,
    },
    threads::shared,
};

/// Stack of the compiler, which recurses as deep as the code nests.
const COMPILER_STACK: usize = 16 << 20;

/// A component, or problem and remedy.
type Outcome = Result<Component, (String, String)>;

/// One component in the making.
#[derive(Default)]
struct Job {
    outcome: Mutex<Option<Outcome>>,
    done: Condvar,
}

/// Where a compiled component goes, what it will be called there, and the process whose thread is at it.
type Key = (Option<PathBuf>, String, u32);

/// What is being compiled. A thread that nobody waits for any more cannot be stopped; who asks for the same again waits for the same thread.
static JOBS: LazyLock<Mutex<BTreeMap<Key, Arc<Job>>>> = LazyLock::new(Mutex::default);

/// Compiles a component and keeps it in the cache under a name.
pub(super) fn compile(cache: &Cache, engine: &Engine, source: &Source, name: &str, limits: &Limits) -> Result<Component> {
    let bytes = source.bytes()?;
    bounds::check(&source.name, &bytes)?;
    let job = start(cache, engine, source, name, bytes, COMPILER_STACK)?;
    let outcome = job.outcome.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = job.done.wait_timeout_while(outcome, limits.compile_time, |outcome| outcome.is_none());
    let (outcome, _) = waited.unwrap_or_else(PoisonError::into_inner);
    match outcome.as_ref() {
        Some(Ok(component)) => Ok(component.clone()),
        Some(Err((problem, remedy))) => Err(report::load(&source.name, FaultKind::Load, problem, remedy)),
        None => {
            let problem = format!("compiling its {} takes longer than {}", show_bytes(source.size), show_time(limits.compile_time));
            Err(report::load(&source.name, FaultKind::Limit, problem, "raise `limits.compile-time`, or make it smaller"))
        }
    }
}

/// The job that compiles it: the one that is at it, or another, on a thread with so large a stack.
fn start(cache: &Cache, engine: &Engine, source: &Source, name: &str, bytes: Arc<[u8]>, stack: usize) -> Result<Arc<Job>> {
    let key: Key = (cache.folder.clone(), name.to_owned(), process::id());
    let mut jobs = JOBS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(job) = jobs.get(&key) {
        return Ok(job.clone());
    }
    let job = Arc::new(Job::default());
    let (ended, ended_key) = (job.clone(), key.clone());
    let (cache, engine, plugin) = (cache.clone(), engine.clone(), source.name.clone());
    thread::Builder::new()
        .name("curricle-compile".to_owned())
        .stack_size(stack)
        .spawn(move || {
            // Made by the thread: where none can start, this closure is dropped here, under the lock that the end of a job takes.
            let mut finish = Finish { job: ended, key: ended_key, outcome: None };
            finish.outcome = Some(work(&cache, &engine, &plugin, &finish.key.1, &bytes));
        })
        .map_err(|e| cannot_start(source, &e))?;
    jobs.insert(key, job.clone());
    Ok(job)
}

fn cannot_start(source: &Source, error: &std::io::Error) -> Error {
    report::load(&source.name, FaultKind::Load, format!("cannot start a thread to compile it: {error}"), "raise the limit on threads")
}

/// Ends a job, also when the compiler panics.
struct Finish {
    job: Arc<Job>,
    key: Key,
    outcome: Option<Outcome>,
}

impl Drop for Finish {
    fn drop(&mut self) {
        // First, so that who sees the outcome and asks again gets another job.
        JOBS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        let failed = || Err(("the compiler failed on it".to_owned(), "build it again with other options".to_owned()));
        *self.job.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.outcome.take().unwrap_or_else(failed));
        self.job.done.notify_all();
    }
}

fn work(cache: &Cache, engine: &Engine, plugin: &str, name: &str, bytes: &[u8]) -> Outcome {
    // Another thread may have finished it since its caller looked.
    if let Some(component) = cache.kept(engine, name, SystemTime::now()) {
        return Ok(component);
    }
    tracing::debug!(plugin, "compiling {} bytes", bytes.len());
    #[cfg(test)]
    tests::count(cache);
    let code = shared(|| engine.wasm.precompile_component(bytes)).map_err(|error| report::classify_compilation(&error))?;
    match cache.keep(name, &code, SystemTime::now()) {
        Ok(()) => {
            if let Some(component) = cache.kept(engine, name, SystemTime::now()) {
                return Ok(component);
            }
        }
        Err(error) => tracing::warn!(plugin, "the compiled plugin is not kept, the next run compiles it again: {error}"),
    }
    // SAFETY: `code` is what this engine's compiler answered, unaltered.
    unsafe { Component::deserialize(&engine.wasm, &code) }
        .map_err(|error| (format!("its compiled code cannot be used: {}", report::cause(&error)), "run on another machine".to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::plugin::{
        cache::tests::cache,
        engine::{Profile, engine},
    };

    /// How often something was compiled for each folder.
    static COMPILED: Mutex<BTreeMap<Option<PathBuf>, usize>> = Mutex::new(BTreeMap::new());

    pub(super) fn count(cache: &Cache) {
        *COMPILED.lock().unwrap().entry(cache.folder.clone()).or_default() += 1;
    }

    /// How often something was compiled for this cache.
    pub(in crate::plugin::cache) fn compiled(cache: &Cache) -> usize {
        COMPILED.lock().unwrap().get(&cache.folder).copied().unwrap_or_default()
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn where_no_thread_starts_the_caller_is_told_and_may_ask_again() {
        // More than any machine can address.
        const IMPOSSIBLE: usize = 1 << 60;
        let (_folder, cache) = cache();
        let engine = engine(Profile::Decide, "p").unwrap();
        let source = Source::of_bytes("p", wat::parse_str("(component)").unwrap());
        let bytes = source.bytes().unwrap();
        let error = start(&cache, &engine, &source, "x.cwasm", bytes, IMPOSSIBLE).err().unwrap().to_string();
        assert!(error.starts_with("plugin `p`, load: cannot start a thread to compile it: "), "{error}");
        assert!(error.ends_with("; raise the limit on threads"), "{error}");
        compile(&cache, &engine, &source, "x.cwasm", &Limits::default()).unwrap();
    }
}
