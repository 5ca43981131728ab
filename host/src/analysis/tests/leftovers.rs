//! What a kill between the last rename and the end leaves, and what only looks like it.

use super::*;
use crate::{analysis::merge::merge_in, columns::Totals};

/// Makes the files that a kill left.
fn leave(folder: &Path, names: &[(&str, &str)]) {
    fs::create_dir_all(folder).unwrap();
    names.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
}

#[test]
fn what_is_left_of_a_column_that_is_there_goes_when_it_is_asked_for_again() {
    let folder = Folder::new();
    let (dataset, guest, target) = (folder.documents(2_000), metric(), folder.path("m.arrow"));
    make(&dataset, &load(&guest), &target, 1);
    let whole = bytes(&target);
    let (partial, parts) = (folder.path("m.arrow.partial"), folder.path("m.arrow.parts"));
    // Nothing removed yet; all but the last two; the lock; the folder.
    for left in
        [&[("journal.json", "{}"), ("values", "12"), ("lock", ""), ("finishing", "")][..], &[("finishing", "")], &[("lock", "")], &[]]
    {
        leave(&partial, left);
        leave(&parts, &[("pass-1.part-1-of-2", "")]);
        assert!(!make(&dataset, &load(&guest), &target, 1).made);
        assert!(!partial.exists(), "{left:?}");
        assert!(parts.exists(), "these parts may be of something else");
    }
    leave(&partial, &[("lock", ""), ("finishing", "parts")]);
    assert!(!merge_in(&small(&dataset), &load(&guest), &target, &Options::default()).unwrap().made);
    assert!(!partial.exists() && !parts.exists());
    assert!(bytes(&target) == whole);
}

#[test]
fn a_column_beside_totals_of_another_making_is_made_again_with_its_own() {
    let folder = Folder::new();
    let (dataset, guest, target) = (folder.documents(2_000), metric(), folder.path("m.arrow"));
    make(&dataset, &load(&guest), &target, 1);
    let whole = bytes(&target);
    Totals::write(Totals::beside(&target), vec![1.0], Provenance::of("9f3a", 1)).unwrap();
    assert!(make(&dataset, &load(&guest), &target, 1).made);
    assert!(bytes(&target) == whole);
    assert!(!make(&dataset, &load(&guest), &target, 1).made);
}

#[test]
fn work_that_was_not_about_to_be_done_and_folders_of_others_stay() {
    let folder = Folder::new();
    let (dataset, guest, target) = (folder.documents(2_000), metric(), folder.path("m.arrow"));
    make(&dataset, &load(&guest), &target, 1);
    let partial = folder.path("m.arrow.partial");
    leave(&partial, &[("journal.json", "{}"), ("lock", "")]);
    assert!(!make(&dataset, &load(&guest), &target, 1).made);
    assert!(partial.join("journal.json").exists(), "an analysis with force that was interrupted goes on from it");
    fs::remove_dir_all(&partial).unwrap();
    {
        let _at_work = super::super::journal::Folder::open(&target, "m").unwrap();
        leave(&partial, &[("finishing", "")]);
        assert!(!make(&dataset, &load(&guest), &target, 1).made);
        assert!(partial.join("finishing").exists());
    }
    // What an earlier making left says nothing about the next.
    drop(super::super::journal::Folder::open(&target, "m").unwrap());
    assert!(!partial.join("finishing").exists());
}

#[test]
fn a_column_that_is_only_made_once_more_is_not_announced() {
    let folder = Folder::new();
    let (dataset, guest, target) = (folder.documents(2_000), metric(), folder.path("m.arrow"));
    make(&dataset, &load(&guest), &target, 1);
    let plugin = load(&guest);
    let goal = super::super::goal::Goal::new(&Outline::without_probes(&dataset), &plugin, &plugin.instantiate().unwrap(), &target);
    assert!(!goal.is_missing(true));
    fs::remove_file(&target).unwrap();
    assert!(goal.is_missing(true));
}
