//! What stands in for WASI where a language's library asks for it. Whatever is asked is answered inside the sandbox; see `stub.wat`.

use anyhow::{Context, Result, anyhow};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

const WASI: &str = "wasi_snapshot_preview1";
const STUB: &str = include_str!("stub.wat");

/// Turns the core module of plugin `name` into a component that imports nothing but the contract.
pub(super) fn component(name: &str, module: &[u8]) -> Result<Vec<u8>> {
    let asks = asks_for_wasi(module).with_context(|| format!("what was linked for `{name}` is no WebAssembly"))?;
    encode(module, asks).with_context(|| format!("the module of `{name}` is no plugin"))
}

fn encode(module: &[u8], asks: bool) -> Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default().validate(true).module(module).map_err(|e| anyhow!("{e:#}"))?;
    if asks {
        let stub = wat::parse_str(STUB).context("what stands in for WASI does not parse")?;
        encoder = encoder.adapter(WASI, &stub).map_err(|e| anyhow!("{e:#}"))?;
    }
    encoder.encode().map_err(|e| anyhow!("{e:#}"))
}

fn asks_for_wasi(module: &[u8]) -> Result<bool> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(imports) = payload? {
            for import in imports.into_imports() {
                if import?.module == WASI {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every function of preview 1 that compilers other than this one's are known to ask for.
    const ASKED: &str = "args_get args_sizes_get clock_res_get clock_time_get environ_get environ_sizes_get fd_close fd_fdstat_get \
                         fd_fdstat_set_flags fd_filestat_get fd_prestat_dir_name fd_prestat_get fd_read fd_seek fd_write \
                         path_filestat_get path_open poll_oneoff proc_exit random_get sched_yield";

    #[test]
    fn the_stub_answers_what_is_asked_and_imports_memory_alone() {
        let stub = wat::parse_str(STUB).unwrap();
        let mut exports = Vec::new();
        for payload in Parser::new(0).parse_all(&stub) {
            match payload.unwrap() {
                Payload::ImportSection(imports) => {
                    let imports: Vec<_> = imports.into_imports().map(|import| import.unwrap()).collect();
                    assert_eq!(imports.len(), 1);
                    assert_eq!((imports[0].module, imports[0].name), ("env", "memory"));
                }
                Payload::ExportSection(section) => exports.extend(section.into_iter().map(|export| export.unwrap().name.to_owned())),
                _ => {}
            }
        }
        exports.sort();
        assert_eq!(exports.join(" "), ASKED);
    }
}
