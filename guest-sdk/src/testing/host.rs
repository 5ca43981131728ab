//! The host's functions on this thread: they reach the run whose call is under way.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

use super::{batch::Batch, columns::Columns, streams::Stream};
use crate::{Condition, Error, Order, Result, dataset::Column, log::Level};

pub(super) type PacingFn = Box<dyn Fn(u64) -> f64>;

/// What a run consists of, apart from the policy.
#[derive(Default)]
pub(super) struct World {
    pub(super) columns: Columns,
    pub(super) pacings: BTreeMap<String, PacingFn>,
    pub(super) seed: u64,
    pub(super) streams: Vec<Stream>,
    /// Positions of streams that a resumed policy has not opened again yet.
    pub(super) positions: BTreeMap<String, u64>,
    pub(super) plan: Option<(u32, Batch)>,
    pub(super) log: Vec<(Level, String)>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("columns", &self.columns)
            .field("streams", &self.streams)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<RefCell<World>>>> = const { RefCell::new(None) };
}

/// Runs a call of the plugin against a world.
pub(super) fn during<R>(world: &Rc<RefCell<World>>, call: impl FnOnce() -> R) -> R {
    struct Restore(Option<Rc<RefCell<World>>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(world.clone())));
    call()
}

fn with<R>(call: impl FnOnce(&mut World) -> R) -> R {
    let world = CURRENT.with_borrow(Clone::clone);
    let world = world.expect("fault: no run is under way on this thread; start the policy with `curricle_guest::testing::Run`");
    let mut world = world.borrow_mut();
    call(&mut world)
}

fn with_plan<R>(call: impl FnOnce(&mut World, &mut (u32, Batch)) -> R) -> R {
    with(|world| {
        let mut plan = world.plan.take().expect("fault: there is a plan during `fill` only");
        let result = call(world, &mut plan);
        world.plan = Some(plan);
        result
    })
}

pub(crate) fn log(level: Level, message: &str) {
    if CURRENT.with_borrow(Option::is_some) {
        with(|world| world.log.push((level, message.to_owned())));
    }
}

pub(crate) fn len() -> u64 {
    with(|world| world.columns.samples)
}

pub(crate) fn columns() -> Vec<Column> {
    with(|world| world.columns.list())
}

pub(crate) fn values(column: &str, ids: &[u64]) -> Result<Vec<f64>> {
    with(|world| world.columns.values(column, ids))
}

pub(crate) fn quantile(column: &str, q: f64) -> Result<f64> {
    with(|world| world.columns.quantile(column, q))
}

pub(crate) fn categories(column: &str) -> Result<Vec<(String, u64)>> {
    with(|world| world.columns.categories(column))
}

pub(crate) fn count(conditions: &[Condition]) -> Result<u64> {
    with(|world| Ok(world.columns.select(conditions)?.len() as u64))
}

pub(crate) fn open(name: &str, conditions: &[Condition], order: &Order) -> Result<u32> {
    with(|world| {
        if let Some(number) = world.streams.iter().position(|stream| stream.name == name) {
            if !world.streams[number].is(conditions, order) {
                return Err(Error::state(format!("stream `{name}` is open with other conditions or another order")));
            }
            return Ok(number as u32);
        }
        let mut stream = Stream::open(name, conditions, order, world.seed, &world.columns)?;
        stream.position = world.positions.remove(name).unwrap_or(0);
        world.streams.push(stream);
        Ok(world.streams.len() as u32 - 1)
    })
}

pub(crate) fn length(stream: u32) -> u64 {
    with(|world| world.streams[stream as usize].len())
}

pub(crate) fn position(stream: u32) -> u64 {
    with(|world| world.streams[stream as usize].position)
}

pub(crate) fn take(stream: u32, count: u32) -> Vec<u64> {
    with_plan(|world, _| world.streams[stream as usize].draw(count))
}

pub(crate) fn size() -> u32 {
    with_plan(|_, (size, _)| *size)
}

pub(crate) fn draw(streams: &[u32], counts: &[u32]) -> Result<()> {
    with_plan(|world, (size, batch)| {
        if (1..streams.len()).any(|i| streams[..i].contains(&streams[i])) {
            return Err(Error::data("a stream is named twice in one `draw`"));
        }
        let more = counts.iter().map(|&count| u64::from(count)).sum();
        room(*size, batch, more)?;
        for (&stream, &count) in streams.iter().zip(counts) {
            let stream = &mut world.streams[stream as usize];
            batch.ids.extend(stream.draw(count));
            batch.draws.push((stream.name.clone(), count));
        }
        Ok(())
    })
}

pub(crate) fn append(ids: &[u64]) -> Result<()> {
    with_plan(|world, (size, batch)| {
        room(*size, batch, ids.len() as u64)?;
        if let Some(id) = ids.iter().find(|&&id| id >= world.columns.samples) {
            return Err(Error::data(format!("there is no sample {id}; there are {}", world.columns.samples)));
        }
        batch.ids.extend(ids);
        Ok(())
    })
}

fn room(size: u32, batch: &Batch, more: u64) -> Result<()> {
    let held = batch.ids.len() as u64;
    if held + more > u64::from(size) {
        return Err(Error::data(format!("{more} more samples do not fit into a batch of {size} that holds {held}")));
    }
    Ok(())
}

pub(crate) fn truncate(length: u32) {
    assert!(length > 0, "fault: a sample cannot be cut to 0 tokens");
    with_plan(|_, (_, batch)| batch.truncate = Some(length));
}

pub(crate) fn annotate(name: &str, value: f64) -> Result<()> {
    with_plan(|_, (_, batch)| {
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return Err(Error::data(format!("`{}` names no annotation: 1 to 64 bytes without control characters do", name.escape_debug())));
        }
        if !value.is_finite() {
            return Err(Error::data(format!("annotation `{name}` is {value}, not a finite number")));
        }
        if batch.annotations.len() == 64 && !batch.annotations.contains_key(name) {
            return Err(Error::data(format!("annotation `{name}` would be number 65 of this step; 64 are allowed")));
        }
        batch.annotations.insert(name.to_owned(), value);
        Ok(())
    })
}

pub(crate) fn ordered() {
    with_plan(|_, (_, batch)| batch.ordered = true);
}

pub(crate) fn difficulty(name: &str, step: u64) -> Result<f64> {
    with(|world| match world.pacings.get(name) {
        Some(pacing) => Ok(pacing(step)),
        None => Err(Error::Config(format!("the run file has no `[pacing.{name}]`"))),
    })
}
