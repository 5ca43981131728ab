//! Stand-in, replaced at merge.
#![allow(missing_docs)]
use crate::{columns::*, Error, Result};
use std::sync::Arc;
#[derive(Clone, Debug, PartialEq)]
pub enum Order { Shuffled, Independent, Sequential, Ascending(String) }
#[derive(Clone, Debug)]
pub struct Permutation { len: u64, key: u64 }
impl Permutation {
    pub fn new(len: u64, key: u64) -> Permutation { Permutation { len, key } }
    pub fn fill(&self, start: u64, out: &mut [u64]) { for (i, o) in out.iter_mut().enumerate() { *o = (start + i as u64 + self.key % self.len) % self.len } }
}
#[derive(Debug)]
pub struct Stream { name: String, len: u64, pos: u64 , order: Order}
impl Stream { pub fn len(&self) -> u64 { self.len } pub fn position(&self) -> u64 { self.pos } }
#[derive(Debug)]
pub struct Streams { c: Arc<Columns>, s: Vec<Stream> }
impl Streams {
    pub fn new(c: Arc<Columns>, _seed: u64) -> Streams { Streams { c, s: vec![] } }
    pub fn open(&mut self, name: &str, _c: &[Condition], order: Order) -> Result<u32> {
        if let Some(i) = self.s.iter().position(|s| s.name == name) {
            if self.s[i].order != order { return Err(Error::state(name, "was opened otherwise", "use another name")) }
            return Ok(i as u32)
        }
        self.s.push(Stream { name: name.into(), len: self.c.n_samples(), pos: 0, order }); Ok(self.s.len() as u32 - 1)
    }
    pub fn get(&self, i: u32) -> Option<&Stream> { self.s.get(i as usize) }
    pub fn draw(&mut self, i: u32, n: usize, out: &mut Vec<u64>) -> Result<()> { let s = self.s.get_mut(i as usize).ok_or_else(|| Error::data("no", "no"))?; for _ in 0..n { out.push(s.pos % s.len); s.pos += 1 } Ok(()) }
}
