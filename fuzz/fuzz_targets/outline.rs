#![no_main]

libfuzzer_sys::fuzz_target!(init: curricle_fuzz::prepare(), |data: &[u8]| {
    (curricle_tests::fuzz::target("outline").run)(data);
});
