//! The threads that share the work of one call.

use std::{
    iter, mem,
    num::NonZero,
    process,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Stack of a thread: compilers recurse as deep as the code nests.
const STACK: usize = 16 << 20;

/// The threads, and the process that they are of. A process that was forked inherits them by name alone: who gave them work would wait for ever.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// Does a work whose parallel parts go to the threads of this process, or of the pool that calls, so that a number of threads which somebody chose
/// holds.
pub(crate) fn shared<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    // Who is in a pool needs no other one to be made.
    if rayon::current_thread_index().is_some() {
        return work();
    }
    match pool() {
        Some(pool) => pool.install(work),
        None => alone(work),
    }
}

/// The pool of this process, made when it is first asked for; none if not one thread can be started.
fn pool() -> Option<Arc<ThreadPool>> {
    let here = process::id();
    let get = || match &*POOL.lock().unwrap_or_else(PoisonError::into_inner) {
        Some((owner, pool)) if *owner == here => Some(pool.clone()),
        _ => None,
    };
    get().or_else(|| {
        // Made without the lock, which a fork in the meantime would leave locked.
        let made = Arc::new(most_threads(start)?);
        let mut slot = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some((owner, pool)) if *owner == here => Some(pool.clone()),
            _ => {
                // What belongs to another process is left behind: its threads are not here to be ended.
                mem::forget(slot.replace((here, made.clone())));
                Some(made)
            }
        }
    })
}

/// Starts all threads that are wanted, which 0 stands for, or else half as many as there are cores, a quarter, and so on to one.
fn most_threads<P>(start: impl Fn(usize) -> Option<P>) -> Option<P> {
    let half = thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2);
    let fewer = iter::successors(Some(half), |threads| (*threads > 1).then_some(threads.div_ceil(2)));
    iter::once(0).chain(fewer).find_map(start)
}

fn start(threads: usize) -> Option<ThreadPool> {
    let builder = ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).thread_name(|i| format!("curricle-{i}"));
    builder.build().inspect_err(|error| tracing::warn!("sharing work among fewer threads, not all can be started: {error}")).ok()
}

/// Does a work on the calling thread alone, which is a pool of its own from then on: in no pool rayon would start threads, and panic.
fn alone<T>(work: impl FnOnce() -> T) -> T {
    // It fails only for a thread that is in a pool already, and drops nothing but the name of the pool.
    drop(ThreadPoolBuilder::new().num_threads(1).use_current_thread().build());
    work()
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn work_is_done_by_the_pool_that_calls_or_by_the_processs_own() {
        let names = || shared(|| (0..64).into_par_iter().map(|_| std::thread::current().name().map(str::to_owned)).collect::<Vec<_>>());
        assert!(names().iter().all(|name| name.as_deref().is_some_and(|name| name.starts_with("curricle-"))));
        let other = ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "other".to_owned()).build().unwrap();
        assert!(other.install(names).iter().all(|name| name.as_deref() == Some("other")));
    }

    #[test]
    fn where_not_all_threads_can_be_started_there_are_fewer() {
        let some = most_threads(|threads| (1..=3).contains(&threads).then_some(threads));
        assert!(some.is_some_and(|threads| threads <= 3), "{some:?}");
        assert_eq!(most_threads(|threads| (threads == 0).then_some(threads)), Some(0));
        assert_eq!(most_threads(|_| None::<usize>), None);
    }

    #[test]
    fn where_no_thread_can_be_started_each_caller_works_alone() {
        let names = || (0..64).into_par_iter().map(|_| thread::current().id()).collect::<Vec<_>>();
        let caller = || {
            let found = [alone(names), alone(names), shared(names)].concat();
            assert!(found.len() == 192 && found.iter().all(|id| *id == thread::current().id()));
        };
        thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(caller))));
    }
}
