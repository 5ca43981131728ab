//! What a user of DeepSpeed's data pipeline brings along: the same schedules, sets, packs and files, without its faults.
//!
//! Expected values are in `golden/deepspeed/`, made by DeepSpeed's own code; the README there has the command.

mod analysis;
mod convert;
mod files;
mod live;
mod packing;
mod pacing;
mod resume;
mod parity;
mod sampling;
