//! Components and modules as `wasm-smith` makes them: any valid WebAssembly, behind the types of a world or not.
#![no_main]

libfuzzer_sys::fuzz_target!(init: curricle_fuzz::prepare(), |data: &[u8]| {
    if let Some(component) = curricle_fuzz::guest::smith(data) {
        curricle_tests::fuzz::load_plugin(&component);
    }
    curricle_fuzz::empty_cache();
});
