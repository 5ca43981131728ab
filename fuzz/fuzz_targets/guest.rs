//! Plugins of every world whose functions do things at random, though each is a component of the right type.
#![no_main]

use curricle_fuzz::guest::Guest;

libfuzzer_sys::fuzz_target!(init: curricle_fuzz::prepare(), |guest: Guest| {
    if let Some(component) = guest.component() {
        curricle_tests::fuzz::load_plugin(&component);
    }
    curricle_fuzz::empty_cache();
});
