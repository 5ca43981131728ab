//! The threads that share the work of one call.

use std::{
    mem, process,
    sync::{Arc, Mutex, PoisonError},
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
    let pool = if rayon::current_thread_index().is_none() { pool() } else { None };
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// The pool of this process, made when it is first asked for; none if there can be no threads.
fn pool() -> Option<Arc<ThreadPool>> {
    let here = process::id();
    let get = || match &*POOL.lock().unwrap_or_else(PoisonError::into_inner) {
        Some((owner, pool)) if *owner == here => Some(pool.clone()),
        _ => None,
    };
    get().or_else(|| {
        // Made without the lock, which a fork in the meantime would leave locked.
        let threads = ThreadPoolBuilder::new().stack_size(STACK).thread_name(|i| format!("curricle-{i}"));
        let made = Arc::new(threads.build().ok()?);
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
}
