//! `curricle._native`: what the package `curricle` is made of, and no more. Types for people are in the package.
//!
//! Nothing here starts a thread or a virtual machine before it is used, and the interpreter runs on wherever native code works.

mod analysis;
mod batch;
mod dataset;
mod engine;
mod error;
mod planner;
mod record_batches;
mod run;
mod sampler;
mod wait;

use std::path::PathBuf;

use pyo3::prelude::*;

/// Says where the package has its built-in plugins.
#[pyfunction]
fn look_in(folder: PathBuf) {
    curricle::plugin::look_in(folder);
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // `faulthandler`, which test runners and frameworks turn on, takes the handlers of signals away.
    curricle::plugin::without_signals();
    // numpy's interface is looked up with the import, and not with the first batch.
    let _ = numpy::dtype::<u8>(module.py());
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<batch::Batch>()?;
    module.add_class::<dataset::Dataset>()?;
    module.add_class::<engine::Collector>()?;
    module.add_class::<engine::Metric>()?;
    module.add_class::<engine::Outline>()?;
    module.add_class::<engine::Worker>()?;
    module.add_class::<planner::Planner>()?;
    module.add_class::<run::OpenRun>()?;
    module.add_class::<run::RunFile>()?;
    module.add_class::<sampler::Sampler>()?;
    module.add_function(wrap_pyfunction!(analysis::analyze, module)?)?;
    module.add_function(wrap_pyfunction!(engine::find_plugin, module)?)?;
    module.add_function(wrap_pyfunction!(look_in, module)?)?;
    module.add_function(wrap_pyfunction!(sampler::agree, module)?)?;
    Ok(())
}
