use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use curricle::{
    Result,
    dataset::{Dialect, TokenType},
};
use serde_json::{Map, json};

use super::{
    files::{Kind, Packing, Sources},
    journal::{Job, Journal},
    lines,
    options::Domain,
    output::{Opened, Output},
    prepare::{Prepared, Recipe},
    reader::{Position, Raw, Reader},
    tokenize::Tokenizer,
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A message without what is different each time.
    fn told(&self, error: impl std::fmt::Display) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }

    /// Every file below a folder, with its bytes.
    fn tree(&self, name: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = walkdir::WalkDir::new(self.path(name))
            .into_iter()
            .map(|e| e.unwrap())
            .filter(|e| e.file_type().is_file())
            .map(|e| (e.path().strip_prefix(self.path(name)).unwrap().to_owned(), fs::read(e.path()).unwrap()))
            .collect();
        files.sort();
        files
    }
}

fn list(folder: &Folder, source: &str, include: &[&str]) -> Result<Sources> {
    let include: Vec<String> = include.iter().map(|e| (*e).to_owned()).collect();
    Sources::list(&folder.path(source), &include, &folder.path("s/out"))
}

fn names(sources: &Sources, folder: &Folder) -> Vec<String> {
    sources.files.iter().map(|f| f.path.strip_prefix(folder.path("s")).unwrap().to_string_lossy().into_owned()).collect()
}

fn job(options: &[(&str, &str)]) -> Job {
    Job { options: options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(), sources: "one".into() }
}

#[test]
fn files_are_taken_in_the_order_of_their_paths_and_what_is_passed_over_is_counted() {
    let f = Folder::new();
    for name in ["s/b.rs", "s/a/z.rs", "s/a.rs", "s/a/.hidden.rs", "s/.git/x.rs", "s/B.RS", "s/notes.txt", "s/out/tokens.bin"] {
        f.write(name, "x");
    }
    f.write("s/out.partial/dataset/tokens.bin", "x");
    #[cfg(unix)]
    std::os::unix::fs::symlink(f.path("s/b.rs"), f.path("s/link.rs")).unwrap();
    let sources = list(&f, "s", &[".rs"]).unwrap();
    assert_eq!(names(&sources, &f), ["B.RS", "a.rs", "a/z.rs", "b.rs"]);
    assert_eq!((sources.passed.hidden, sources.passed.links, sources.passed.not_included), (2, 1, 1));
    assert_eq!(names(&list(&f, "s", &[]).unwrap(), &f), ["B.RS", "a.rs", "a/z.rs", "b.rs", "notes.txt"]);
}

#[test]
fn an_extension_finds_compressed_files_too() {
    let f = Folder::new();
    for name in ["s/a.jsonl", "s/b.jsonl.gz", "s/c.JSON.ZST", "s/d.parquet", "s/e.gz", "s/f.json"] {
        f.write(name, "x");
    }
    let kinds = |include: &[&str]| list(&f, "s", include).unwrap().files.iter().map(|f| f.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&["jsonl"]), [Kind::Lines(Packing::Plain), Kind::Lines(Packing::Gzip)]);
    assert_eq!(kinds(&["jsonl.gz", "zst", "parquet"]), [Kind::Lines(Packing::Gzip), Kind::Lines(Packing::Zstd), Kind::Parquet]);
    assert_eq!(
        f.told(list(&f, "s", &[]).unwrap_err()),
        "dataset `s`: it has text files (`e.gz`) beside files of documents (`a.jsonl`); say with `--include` which extensions to take"
    );
}

#[test]
fn domains_come_from_folders_extensions_and_names() {
    let f = Folder::new();
    f.write("s/a/x/1.md", "x");
    f.write("s/b/2.RS", "x");
    f.write("s/Makefile", "x");
    let domains = |wanted: Option<Domain>| {
        let mut sources = list(&f, "s", &[]).unwrap();
        let domain = sources.assign_domains(wanted.as_ref()).unwrap();
        (domain.to_string(), sources.files.into_iter().map(|f| f.category.unwrap_or_default()).collect::<Vec<_>>())
    };
    let of = |domain: &str, categories: [&str; 3]| (domain.to_owned(), categories.map(str::to_owned).to_vec());
    assert_eq!(domains(None), of("folder", [".", "a", "b"]));
    assert_eq!(domains(Some(Domain::Extension)), of("extension", ["none", "md", "rs"]));
    assert_eq!(domains(Some(Domain::None)), of("none", ["", "", ""]));
    assert_eq!(list(&f, "s/a/x", &[]).unwrap().assign_domains(None).unwrap(), Domain::Extension);
    let message = list(&f, "s", &[]).unwrap().assign_domains(Some(&Domain::Field("x".into()))).unwrap_err().to_string();
    assert_eq!(message, "`--domain`: text files have no fields; use `folder`, `extension` or `none`");

    for name in ["r/wiki.jsonl", "r/books.JSONL.zst", "r/sub/v1.0.parquet"] {
        f.write(name, "x");
    }
    let mut records = list(&f, "r", &[]).unwrap();
    assert_eq!(records.assign_domains(None).unwrap(), Domain::Folder);
    assert_eq!(records.files.iter().filter_map(|f| f.category.as_deref()).collect::<Vec<_>>(), ["books", "v1.0", "wiki"]);
    assert_eq!(list(&f, "r/wiki.jsonl", &[]).unwrap().assign_domains(None).unwrap(), Domain::None);
}

#[test]
fn a_source_that_is_no_file_of_documents_is_refused() {
    let f = Folder::new();
    f.write("notes.txt", "x");
    assert_eq!(
        f.told(list(&f, "notes.txt", &[]).unwrap_err()),
        "dataset `notes.txt`: it is neither a folder nor a file of documents; \
         give a folder of text files, or a .jsonl, .jsonl.gz, .jsonl.zst or .parquet file"
    );
}

#[test]
fn reading_goes_on_from_any_document_of_any_kind_of_file() {
    let f = Folder::new();
    let text: String = (0..200).map(|i| format!("{}{{\"text\":\"document {i}\"}}\n", if i % 7 == 0 { "\r\n" } else { "" })).collect();
    let text = format!("\u{feff}{text}");
    f.write("s/a.jsonl", &text);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    // A file of two members, as `cat a.gz b.gz` makes.
    f.write("s/b.jsonl.gz", [gz.finish().unwrap(), zipped("{\"text\":\"last\"}")].concat());
    f.write("s/c.jsonl.zst", zstd::encode_all(text.as_bytes(), 1).unwrap());
    let sources = list(&f, "s", &[]).unwrap();
    let read = |at: Position| {
        let mut reader = Reader::new(&sources.files, ("text", None), at);
        let mut documents = Vec::new();
        loop {
            let batch = reader.next_batch().unwrap();
            if batch.is_empty() {
                break documents;
            }
            documents.extend(batch.into_iter().map(|item| match item.raw {
                Raw::Line(line) => (line, item.next),
                _ => panic!("not a line"),
            }));
        }
    };
    let all = read(Position::default());
    assert_eq!(all.len(), 601);
    for i in [0, 1, 6, 7, 150, 199, 200, 201, 399, 400, 401, 599, 600] {
        assert_eq!(read(all[i].1), all[i + 1..], "{i}");
    }
}

fn zipped(text: &str) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    gz.finish().unwrap()
}

#[test]
fn a_field_is_found_by_name_before_dots_lead_into_nested_ones() {
    let of = |line: &str, text: &str, domain: Option<&str>| {
        lines::fields(line.as_bytes(), &|| PathBuf::from("f.jsonl:7"), text, domain).map_err(|e| e.to_string())
    };
    let line = r#"{"a.b": "flat", "a": {"b": "nested", "c": 3}, "n": null, "l": []}"#;
    assert_eq!(of(line, "a.b", None).unwrap().0, b"flat");
    assert_eq!(of(line, "n", Some("a.c")).unwrap(), (Vec::new(), Some("3".to_owned())));
    assert_eq!(
        of(line, "text", None).unwrap_err(),
        "dataset `f.jsonl:7`: the line has no field `text`; its fields are `a`, `a.b`, `l`, `n`; \
         name the field that holds the text with `--text-field`"
    );
    assert_eq!(
        of(line, "l", None).unwrap_err(),
        "dataset `f.jsonl:7`: field `l` is a list, and not a text; name the field that holds the text with `--text-field`"
    );
    assert_eq!(
        of(line, "a.b", Some("n")).unwrap_err(),
        "dataset `f.jsonl:7`: field `n` is null, and not a domain; choose a field of texts or numbers, or `--domain none`"
    );
    assert_eq!(
        of("{\"text\": oops}", "text", None).unwrap_err(),
        "dataset `f.jsonl:7`: the line is no JSON (expected value at column 10); correct or remove the line"
    );
}

#[test]
fn tokens_are_as_narrow_as_the_vocabulary_allows() {
    let of = |end| Tokenizer::open("bytes", end).map(|t| (t.token_type(), t.encode(b"ab".to_vec(), &PathBuf::new).unwrap()));
    assert_eq!(of(None).unwrap(), (TokenType::U8, b"ab".to_vec()));
    assert_eq!(of(Some(0)).unwrap(), (TokenType::U8, b"ab\0".to_vec()));
    assert_eq!(of(Some(256)).unwrap(), (TokenType::U16, b"a\0b\0\0\x01".to_vec()));
    assert_eq!(
        of(Some(257)).unwrap_err().to_string(),
        "`--append-end`: token 257 is neither one of the vocabulary's 256 nor the one after them; give a token up to 256"
    );
}

/// Pushes documents, the tokens of which are their own numbers, from where the output is.
fn push(output: &mut Output, to: u64) {
    for i in output.journal().documents..to {
        let file = Prepared {
            tokens: vec![i as u8; 1 + i as usize % 3],
            category: Some(["z", "y", "x"][i as usize % 3].into()),
            text_bytes: 1,
            next: Position { file: i + 1, record: 0, byte: 0 },
            place: super::prepare::Place::default(),
        };
        output.push(file).unwrap();
    }
}

fn open(out: &Path, job: &Job, force: bool) -> Result<Opened> {
    Output::open(out, job, TokenType::U8, 1 << 20, force)
}

fn output(out: &Path) -> Box<Output> {
    match open(out, &job(&[]), false).unwrap() {
        Opened::Output(output) => output,
        Opened::Finished(_) => panic!("finished"),
    }
}

fn facts() -> Map<String, serde_json::Value> {
    Map::from_iter([("vocab_size".to_owned(), json!(256))])
}

#[test]
fn an_output_broken_off_anywhere_is_completed_to_the_same_bytes() {
    let f = Folder::new();
    let mut whole = output(&f.path("whole"));
    push(&mut whole, 40);
    whole.finish(Dialect::default(), facts()).unwrap();
    let expected = f.tree("whole");
    assert_eq!(expected.len(), 4);
    assert!(!f.path("whole.partial").exists());

    let mut broken = output(&f.path("broken"));
    push(&mut broken, 10);
    broken.save().unwrap();
    // What is not in the journal does not count, whatever of it reached the disk.
    push(&mut broken, 20);
    drop(broken);
    let mut broken = output(&f.path("broken"));
    assert_eq!((broken.journal().documents, broken.journal().next.file), (10, 10));
    push(&mut broken, 40);
    broken.save().unwrap();
    // Stopped between writing the tokens and writing all that belongs to them.
    broken.complete(Dialect::default(), facts()).unwrap();
    f.write("broken.partial/dataset/.tokens.idx.abc.tmp", "x");
    f.write("broken.partial/.journal.json.abc.tmp", "x");
    drop(broken);
    let mut broken = output(&f.path("broken"));
    push(&mut broken, 40);
    broken.save().unwrap();
    broken.complete(Dialect::default(), facts()).unwrap();
    broken.finished().unwrap();
    drop(broken);
    let broken = output(&f.path("broken"));
    broken.finish(Dialect::default(), facts()).unwrap();
    assert_eq!(f.tree("broken"), expected);
}

#[test]
fn an_import_stopped_before_it_was_tidied_up_is_finished() {
    let f = Folder::new();
    let mut output = output(&f.path("out"));
    push(&mut output, 3);
    output.save().unwrap();
    output.complete(Dialect::default(), facts()).unwrap();
    output.finished().unwrap();
    output.publish().unwrap();
    drop(output);
    let Opened::Finished(journal) = open(&f.path("out"), &job(&[]), false).unwrap() else { panic!("unfinished") };
    assert_eq!(journal.documents, 3);
    assert!(!f.path("out.partial").exists());
    let kept = (journal.documents, journal.text_bytes, journal.empty);
    // Whatever of the work a kill left beside it, or nothing, the same import is done, and another is refused.
    for left in [&[][..], &["out.partial/"], &["out.partial/lock"]] {
        left.iter().for_each(|name| match name.strip_suffix('/') {
            Some(folder) => fs::create_dir(f.path(folder)).unwrap(),
            None => drop(f.write(name, "")),
        });
        let Opened::Finished(journal) = open(&f.path("out"), &job(&[]), false).unwrap() else { panic!("unfinished") };
        assert_eq!((journal.documents, journal.text_bytes, journal.empty), kept);
        assert!(!f.path("out.partial").exists());
    }
    let message = f.told(open(&f.path("out"), &job(&[("--domain", "x")]), false).err().unwrap());
    assert_eq!(message, "`--out`: `out` exists; name another folder, or replace it with `--force`");
    // Of an import that was made over it and stopped, nothing is taken.
    let mut again = match open(&f.path("out"), &job(&[("--domain", "x")]), true).unwrap() {
        Opened::Output(output) => output,
        Opened::Finished(_) => panic!("finished"),
    };
    push(&mut again, 2);
    again.save().unwrap();
    drop(again);
    assert!(matches!(open(&f.path("out"), &job(&[]), false).unwrap(), Opened::Finished(_)));
    assert!(f.path("out.partial/journal.json").exists());
    // A dataset that is not as the import left it is no finished work.
    f.write("out/tokens.bin", "x");
    assert!(open(&f.path("out"), &job(&[]), false).is_err());
}

#[test]
fn another_job_is_not_continued_but_may_begin_again() {
    let f = Folder::new();
    let mut begun = output(&f.path("out"));
    push(&mut begun, 3);
    let at_work = f.told(open(&f.path("out"), &job(&[]), false).err().unwrap());
    assert_eq!(at_work, "`--out`: another import is at work in `out.partial`; wait for it, stop it, or name another folder");
    begun.save().unwrap();
    drop(begun);
    let refused = |job: &Job| f.told(open(&f.path("out"), job, false).err().unwrap());
    assert_eq!(
        refused(&job(&[("--domain", "none")])),
        "`--out`: `out.partial` holds another import: `--domain` was not given and is `none`; \
         give the command that began it, or begin again with `--force`"
    );
    assert_eq!(
        refused(&Job { sources: "two".into(), ..job(&[]) }),
        "`--out`: `out.partial` holds another import: the files of SOURCE are others, or were changed since; \
         give the command that began it, or begin again with `--force`"
    );
    let Opened::Output(output) = open(&f.path("out"), &job(&[("--domain", "none")]), true).unwrap() else { panic!("finished") };
    assert_eq!(output.journal().documents, 0);
}

#[test]
fn folders_of_others_are_left_alone() {
    let f = Folder::new();
    f.write("out.partial/thesis.tex", "x");
    f.write("letters/thesis.tex", "x");
    assert_eq!(
        f.told(open(&f.path("out"), &job(&[]), true).err().unwrap()),
        "`--out`: `out.partial` is no folder of an import: it holds `thesis.tex`; name another folder, or move that one away"
    );
    assert_eq!(
        f.told(open(&f.path("letters"), &job(&[]), true).err().unwrap()),
        "`--out`: `letters` exists and is no dataset; name another folder; `--force` replaces datasets only"
    );
    assert!(f.path("out.partial/thesis.tex").exists() && f.path("letters/thesis.tex").exists());
    assert!(!f.path("letters.partial").exists() && !f.path("out.partial/lock").exists());
}

#[test]
fn a_journal_or_file_that_is_damaged_is_refused() {
    let f = Folder::new();
    let mut begun = output(&f.path("out"));
    push(&mut begun, 3);
    begun.save().unwrap();
    drop(begun);
    f.write("out.partial/lengths", "x");
    assert_eq!(
        f.told(open(&f.path("out"), &job(&[]), false).err().unwrap()),
        "state `out.partial/lengths`: it has 1 bytes, and the journal counts 12; remove the folder and import again"
    );
    f.write("out.partial/journal.json", "{}");
    let message = f.told(open(&f.path("out"), &job(&[]), false).err().unwrap());
    assert!(message.starts_with("state `out.partial/journal.json`: it is no journal of an import (missing field"), "{message}");
    assert!(Journal::load(&f.path("nothing")).unwrap().is_none());
    assert!(matches!(open(&f.path("out"), &job(&[]), true).unwrap(), Opened::Output(_)));
}

#[test]
fn a_domain_that_is_a_text_is_refused_with_its_place() {
    let f = Folder::new();
    f.write("s/a.jsonl", "{\"text\":\"x\",\"url\":\"".to_owned() + &"u".repeat(300) + "\"}\n");
    let sources = list(&f, "s/a.jsonl", &[]).unwrap();
    let (tokenizer, domain) = (Tokenizer::open("bytes", None).unwrap(), Domain::Field("url".into()));
    let recipe = Recipe { files: &sources.files, tokenizer: &tokenizer, text: "text", domain: &domain };
    let item = Reader::new(&sources.files, ("text", Some("url")), Position::default()).next_batch().unwrap().remove(0);
    let mut output = output(&f.path("out"));
    assert_eq!(
        f.told(output.push(recipe.prepare(item).unwrap()).unwrap_err()),
        "dataset `s/a.jsonl:1`: its domain has a name of 300 bytes, and at most 256 are allowed; choose another `--domain`, or `none`"
    );
}

#[test]
fn a_text_file_that_changes_meanwhile_is_noticed() {
    let f = Folder::new();
    f.write("s/a.md", "four");
    let sources = list(&f, "s", &[]).unwrap();
    f.write("s/a.md", "four and more");
    let tokenizer = Tokenizer::open("bytes", None).unwrap();
    let recipe = Recipe { files: &sources.files, tokenizer: &tokenizer, text: "text", domain: &Domain::None };
    let item = Reader::new(&sources.files, ("text", None), Position::default()).next_batch().unwrap().remove(0);
    assert_eq!(
        f.told(recipe.prepare(item).unwrap_err()),
        "dataset `s/a.md`: it had 4 bytes when the import began, and has 13; import again when nobody writes to it"
    );
}
