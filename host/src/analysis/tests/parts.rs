//! Parts that are analyzed apart and merged.

use super::{guests::totals_only, *};
use crate::{
    analysis::{
        goal::Goal,
        merge::merge_in,
        part_file::{Content, Head, PartFile, Writer},
        parts::Parts,
        place::Place,
    },
    columns::Totals,
};

fn part(dataset: &Dataset, plugin: &MetricPlugin, target: &Path, part: &str) -> PartReport {
    let options = Options { part: Some(part.parse().unwrap()), threads: 2, ..Options::default() };
    match analyze_in(dataset, &small(dataset), plugin, target, &options).unwrap().outcome {
        Outcome::Part(done) => done,
        other => panic!("{other:?}"),
    }
}

fn join(dataset: &Dataset, plugin: &MetricPlugin, target: &Path) -> Result<Report> {
    merge_in(&small(dataset), plugin, target, &Options::default())
}

/// The words of a refusal, with the test's folder called DIR.
fn refused(folder: &Folder, result: Result<Report>) -> String {
    result.unwrap_err().to_string().replace(&folder.path("").display().to_string(), "DIR/")
}

fn parts(target: &Path) -> PathBuf {
    PathBuf::from(format!("{}.parts", target.display()))
}

#[test]
fn any_number_of_parts_makes_the_bytes_of_one_machine() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(9_000), metric());
    let whole = folder.path("whole/m.arrow");
    make(&dataset, &load(&guest), &whole, 2);
    for of in [1, 2, 3, 7] {
        let target = folder.path(&format!("{of}/m.arrow"));
        for round in 1..=2 {
            // Any order will do.
            for number in (1..=of).rev() {
                let done = part(&dataset, &load(&guest), &target, &format!("{number}/{of}"));
                assert_eq!((done.round, done.rounds), (round, 2));
                assert!(done.path.exists() && done.samples > 0);
            }
            let report = join(&dataset, &load(&guest), &target).unwrap();
            assert!(report.made);
            match round {
                1 => assert!(matches!(report.outcome, Outcome::Pass { pass: 1, rounds: 2 })),
                _ => report.column().unwrap().verify().unwrap(),
            }
        }
        assert!(bytes(&target) == bytes(&whole), "{of} parts");
        assert!(!parts(&target).exists() && !folder.path(&format!("{of}/m.arrow.partial")).exists());
        assert!(!join(&dataset, &load(&guest), &target).unwrap().made);
    }
}

#[test]
fn a_metric_without_values_leaves_totals_alone_whole_or_in_parts() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(9_000), totals_only());
    let (whole, target) = (folder.path("whole/m.arrow"), folder.path("parts/m.arrow"));
    let report = make(&dataset, &load(&guest), &whole, 3);
    let Outcome::Totals(totals) = &report.outcome else { panic!("{report:?}") };
    assert!(report.made && report.tokens == dataset.n_tokens());
    assert_eq!((totals.name(), totals.values().len(), totals.path()), ("m", 1, Totals::beside(&whole).as_path()));
    assert!(!whole.exists() && !folder.path("whole/m.arrow.partial").exists());
    assert!(!make(&dataset, &load(&guest), &whole, 1).made);

    for number in 1..=3 {
        let done = part(&dataset, &load(&guest), &target, &format!("{number}/3"));
        assert_eq!((done.round, done.rounds), (1, 1));
    }
    assert!(matches!(join(&dataset, &load(&guest), &target).unwrap().outcome, Outcome::Totals(_)));
    let read = |target: &Path| fs::read(Totals::beside(target)).unwrap();
    assert!(read(&target) == read(&whole) && !parts(&target).exists());
    assert!(!join(&dataset, &load(&guest), &target).unwrap().made);

    // A version of the metric that gives values makes a column of it, and one without takes that away.
    let valued = metric();
    assert!(make(&dataset, &load(&valued), &target, 1).column().is_some());
    assert!(make(&dataset, &load(&guest), &target, 1).made);
    assert!(!target.exists());
}

#[test]
fn parts_without_samples_are_told_and_may_be_missing() {
    let folder = Folder::new();
    let (dataset, guest, target) = (folder.documents(10), metric(), folder.path("m.arrow"));
    let whole = folder.path("whole/m.arrow");
    make(&dataset, &load(&guest), &whole, 1);
    let of = small(&dataset).len() + 3;
    let mut samples = 0;
    for number in 1..=of {
        samples += part(&dataset, &load(&guest), &target, &format!("{number}/{of}")).samples;
    }
    assert_eq!(samples, 10);
    assert!(matches!(join(&dataset, &load(&guest), &target).unwrap().outcome, Outcome::Pass { .. }));
    // A pass that is merged is told again until a part goes on.
    let again = join(&dataset, &load(&guest), &target).unwrap();
    assert!(!again.made && matches!(again.outcome, Outcome::Pass { pass: 1, rounds: 2 }));
    for number in 1..=of {
        let done = part(&dataset, &load(&guest), &target, &format!("{number}/{of}"));
        if done.samples == 0 {
            fs::remove_file(done.path).unwrap();
        }
    }
    join(&dataset, &load(&guest), &target).unwrap().column().unwrap().verify().unwrap();
    assert_eq!(bytes(&target), bytes(&whole));
}

#[test]
fn a_part_that_was_interrupted_goes_on_and_one_that_is_made_again_replaces_its_file() {
    let folder = Folder::new();
    let (dataset, guest) = (folder.documents(60_000), metric());
    let (whole, target) = (folder.path("whole/m.arrow"), folder.path("m.arrow"));
    make(&dataset, &load(&guest), &whole, 2);
    let (plugin, mut interruptions) = (load(&guest), 0);
    let stop = || {
        thread::sleep(Duration::from_millis(3));
        true
    };
    for _ in 1..=2 {
        part(&dataset, &plugin, &target, "2/2");
        loop {
            let options = Options { part: Some("1/2".parse().unwrap()), interrupted: Some(&stop), threads: 2, ..Options::default() };
            match analyze_in(&dataset, &small(&dataset), &plugin, &target, &options) {
                Ok(_) => break,
                Err(error) => assert_eq!(error.code(), "interrupted"),
            }
            interruptions += 1;
        }
        let file = part(&dataset, &plugin, &target, "2/2").path;
        fs::write(&file, b"spoilt").unwrap();
        assert!(refused(&folder, join(&dataset, &plugin, &target)).contains("is damaged, or no part of an analysis"));
        part(&dataset, &plugin, &target, "2/2");
        join(&dataset, &plugin, &target).unwrap();
    }
    assert!(interruptions >= 2, "{interruptions} interruptions");
    assert_eq!(bytes(&target), bytes(&whole));
}

#[test]
fn parts_that_do_not_fit_together_are_refused_with_what_is_wrong() {
    let folder = Folder::new();
    let (dataset, guest, target) = (folder.documents(3_000), metric(), folder.path("m.arrow"));
    let plugin = load(&guest);
    let refused_now = || refused(&folder, join(&dataset, &plugin, &target));
    let at = "DIR/m.arrow.parts";
    assert_eq!(
        refused_now(),
        format!(
            "column `m`: there are no parts in `{at}`; run `curricle analyze` with `--part 1/N` to `--part N/N`, here or elsewhere, and copy \
             what they make"
        )
    );

    let first = part(&dataset, &plugin, &target, "1/4").path;
    part(&dataset, &plugin, &target, "4/4");
    assert_eq!(
        refused_now(),
        format!("column `m`: 2 parts are missing in `{at}`: 2/4, 3/4; run `curricle analyze` with `--part 2/4` and so on")
    );
    part(&dataset, &plugin, &target, "2/4");
    assert_eq!(refused_now(), format!("column `m`: part 3/4 is missing in `{at}`; run `curricle analyze` with `--part 3/4`"));
    part(&dataset, &plugin, &target, "3/4");

    let copy = first.with_file_name("pass-1.part-1-of-4 (copy)");
    fs::copy(&first, &copy).unwrap();
    assert_eq!(
        refused_now(),
        format!(
            "column `m`: part 1/4 is there twice, as `{at}/pass-1.part-1-of-4` and `{at}/pass-1.part-1-of-4 (copy)`; remove one of them"
        )
    );
    fs::remove_file(copy).unwrap();

    let other = part(&dataset, &plugin, &target, "2/3").path;
    let text = refused_now();
    let both = text.contains("is part 2/3") && (text.contains("is part 1/4") || text.contains("is part 2/4"));
    assert!(both && text.ends_with("do not fit together; remove the parts of the one division or of the other"), "{text}");
    fs::remove_file(other).unwrap();

    // One bit of a result is another.
    let good = fs::read(&first).unwrap();
    let mut bad = good.clone();
    bad[3] ^= 1;
    fs::write(&first, &bad).unwrap();
    assert!(refused_now().contains("its bytes are not those that were written"), "{}", refused_now());
    for cut in [0, 10, good.len() / 2, good.len() - 1] {
        fs::write(&first, &good[..cut]).unwrap();
        assert!(refused_now().contains("is damaged, or no part of an analysis"), "{cut}");
    }
    fs::write(&first, &good).unwrap();

    let changed = load(&measuring(tangled(), 3, "(i64.const 5)").file());
    let text = refused(&folder, join(&dataset, &changed, &target));
    assert!(text.contains("pass-1.part-1-of-4` was made by another version of plugin `hand-made`; make it again, or remove"), "{text}");
    assert!(matches!(join(&dataset, &plugin, &target).unwrap().outcome, Outcome::Pass { .. }));

    // The next round of another plugin, or with the result of another pass.
    let options = Options { part: Some("1/4".parse().unwrap()), ..Options::default() };
    let text = refused(&folder, analyze_in(&dataset, &small(&dataset), &changed, &target, &options));
    assert!(text.contains("pass-1.merged` was made by another version of plugin"), "{text}");
    let values = part(&dataset, &plugin, &target, "1/4").path;
    let foreign = folder.path("other/m.arrow");
    part(&dataset, &plugin, &foreign, "1/1");
    let merged = parts(&target).join("pass-1.merged");
    let kept = fs::read(&merged).unwrap();
    fs::write(&merged, [&kept[..3], b"x", &kept[4..]].concat()).unwrap();
    assert!(refused_now().contains("pass-1.merged` is damaged"), "{}", refused_now());
    fs::write(&merged, &kept).unwrap();
    for number in 2..=4 {
        part(&dataset, &plugin, &target, &format!("{number}/4"));
    }
    fs::copy(values.with_file_name("values.part-2-of-4"), &values).unwrap();
    assert!(refused_now().contains("part 2/4 is there twice"), "{}", refused_now());
    part(&dataset, &plugin, &target, "1/4");
    join(&dataset, &plugin, &target).unwrap();

    fs::remove_file(&target).unwrap();
    part(&folder.documents(2_999), &plugin, &target, "1/1");
    assert!(refused_now().contains("pass-1.part-1-of-1` was made from another dataset, or another view of it; "), "{}", refused_now());
}

#[test]
fn a_part_begins_again_if_the_passes_before_it_came_to_something_else() {
    let folder = Folder::new();
    let (dataset, guest, target) = (folder.documents(60_000), metric(), folder.path("m.arrow"));
    let plugin = load(&guest);
    part(&dataset, &plugin, &target, "1/1");
    join(&dataset, &plugin, &target).unwrap();
    let stop = || {
        thread::sleep(Duration::from_millis(3));
        true
    };
    let options = Options { part: Some("1/1".parse().unwrap()), interrupted: Some(&stop), ..Options::default() };
    assert!(matches!(analyze_in(&dataset, &small(&dataset), &plugin, &target, &options), Err(Error::Interrupted { .. })));

    let merged = parts(&target).join("pass-1.merged");
    let kept = fs::read(&merged).unwrap();
    let goal = Goal::new(&Outline::without_probes(&dataset), &plugin, &plugin.instantiate().unwrap(), &target);
    Parts::of(&goal).write_merged(&[], &7u64.to_le_bytes()).unwrap();
    let options = Options { part: Some("1/1".parse().unwrap()), ..Options::default() };
    assert!(!analyze_in(&dataset, &small(&dataset), &plugin, &target, &options).unwrap().continued);
    fs::write(&merged, kept).unwrap();
    let text = refused(&folder, join(&dataset, &plugin, &target));
    assert!(text.contains("values.part-1-of-1` was made after passes that came to something else; make it again, or remove"), "{text}");
}

/// Writes a file again with other words and bytes, and a hash that is right.
fn rewrite(path: &Path, change: impl FnOnce(&mut Head, &mut Vec<u8>)) {
    let mut file = PartFile::open(path, "m").unwrap();
    let (mut head, mut content) = (file.head.clone(), file.content("m").unwrap());
    change(&mut head, &mut content);
    let mut writer = Writer::create(path.to_owned()).unwrap();
    writer.push(&content).unwrap();
    writer.finish(&head).unwrap();
}

#[test]
fn a_part_whose_head_does_not_fit_its_content_or_its_name_is_refused() {
    let folder = Folder::new();
    let (dataset, guest, target) = (folder.documents(3_000), metric(), folder.path("m.arrow"));
    let plugin = load(&guest);
    type Change = fn(&mut Head, &mut Vec<u8>);
    let check = |path: &Path, changes: &[(Change, &str)]| {
        let good = fs::read(path).unwrap();
        for (change, expected) in changes {
            rewrite(path, change);
            let text = refused(&folder, join(&dataset, &plugin, &target));
            assert!(text.contains(expected), "{text}\ninstead of\n{expected}");
            fs::write(path, &good).unwrap();
        }
    };
    let path = part(&dataset, &plugin, &target, "1/2").path;
    part(&dataset, &plugin, &target, "2/2");
    check(
        &path,
        &[
            (|head, _| head.version = 9, "its version is 9, this program reads 1; copy it here again"),
            (|head, _| head.round = 1, "was made in round 2, and is taken for one of round 1"),
            (|head, _| head.provenance.made_by = "curricle 9.0.0".to_owned(), "was made by curricle 9.0.0, and this is curricle "),
            (|head, _| head.provenance.config = serde_json::json!({"a": 1}), "was made with the configuration {\"a\":1}; make it again"),
            (|head, _| head.content = Content::Merged, "it holds no part"),
            (
                |head, _| head.content = Content::Values { part: Part::new(1, 2).unwrap(), value_type: None },
                "of another kind than its round",
            ),
            (|head, _| with_nodes(head, |nodes| nodes.truncate(1)), "its results are of other blocks"),
            (|head, _| with_nodes(head, |nodes| nodes[0].0.level = u32::MAX), "its results are of other blocks"),
            (|head, _| with_nodes(head, |nodes| nodes[0].1 = u64::MAX), "its sizes are nonsense"),
            (|_, content| content.push(0), "its sizes are nonsense"),
        ],
    );
    join(&dataset, &plugin, &target).unwrap();

    let path = part(&dataset, &plugin, &target, "1/2").path;
    part(&dataset, &plugin, &target, "2/2");
    check(
        &path,
        &[
            (|_, content| content.truncate(content.len() - 8), " values for "),
            (|_, content| content.extend([0; 8]), " values for "),
            (|head, _| with_type(head, Some("f64")), "holds values of type f64, and "),
            (|head, _| with_type(head, Some("u9")), "its values are of the unknown type `u9`"),
            (|head, _| with_type(head, None), "it has no values"),
        ],
    );
    join(&dataset, &plugin, &target).unwrap().column().unwrap().verify().unwrap();
}

fn with_nodes(head: &mut Head, change: fn(&mut Vec<(Place, u64)>)) {
    if let Content::Nodes { nodes, .. } = &mut head.content {
        change(nodes);
    }
}

fn with_type(head: &mut Head, name: Option<&str>) {
    if let Content::Values { value_type, .. } = &mut head.content {
        *value_type = name.map(str::to_owned);
    }
}
