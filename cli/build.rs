//! The command carries templates and the Rust SDK: it is built anew when a file of theirs comes, goes or changes.

fn main() {
    for folder in ["templates", "../guest-sdk", "../wit"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
