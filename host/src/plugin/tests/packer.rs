use serde_json::Value;

use super::guest::{GuestText, OK, guest};
use crate::plugin::{Limits, Packer, PackerPlugin};

/// Answers the bins at 1024: as many as there are lengths.
fn packer(data: &str) -> GuestText {
    guest("packer")
        .export("configure", &format!("(param i32 i32) (result i32) {OK}"))
        .export(
            "pack",
            "(param i32 i32 i32 i32 i32) (result i32)
                (i32.store (i32.const 68) (i32.const 1024)) (i32.store (i32.const 72) (local.get 1)) (i32.const 64)",
        )
        .with(&format!("(data (i32.const 1024) \"{data}\")"))
}

fn start(guest: &GuestText) -> Packer {
    PackerPlugin::load("k", &guest.file().path(), &Value::Null, &Limits::default()).unwrap().instantiate().unwrap()
}

#[test]
fn a_good_answer_is_passed_on() {
    let mut packer = start(&packer("\\01\\00\\00\\00\\00\\00\\00\\00\\01\\00\\00\\00"));
    assert_eq!(packer.pack(&[3, 8, 5], 8, None).unwrap(), [1, 0, 1]);
}

#[test]
fn an_overfull_bin_is_a_fault() {
    assert_eq!(
        start(&packer("")).pack(&[3, 8], 8, None).unwrap_err().to_string(),
        "plugin `k`, packer.pack: it put 11 tokens into bin 0, which holds 8; tell the author of the plugin"
    );
}

#[test]
fn lengths_that_fit_no_row_are_not_asked_about() {
    assert_eq!(
        start(&packer("")).pack(&[3, 9], 8, None).unwrap_err().to_string(),
        "sample 1 of 2 has 9 tokens, which no row of 8 can hold; truncate samples to the length of a row, and drop empty ones"
    );
}
