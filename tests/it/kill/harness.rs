//! Kills commands, and looks at what they left.

use std::{
    cell::Cell,
    env, fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use curricle_tests::{command, noise, soak};
use tempfile::TempDir;

/// Kills of living processes in a test of the cut, and of the whole.
const CUT: u32 = 6;
const WHOLE: u32 = 40;
/// Kills that are tried for each, of which some come too late.
const TRIES: u32 = 8;
/// Most kills in a row on one piece of work.
const IN_A_ROW: u64 = 4;

/// Files by their paths below a folder, hidden ones included.
pub(super) type Tree = Vec<(PathBuf, Vec<u8>)>;

/// Some work: a command, or several one after another.
pub(super) struct Work {
    folder: TempDir,
    commands: Vec<Vec<String>>,
    env: Vec<(&'static str, PathBuf)>,
}

impl Work {
    /// Work in a folder of its own, of which `prepare` makes what is there before.
    pub(super) fn new(prepare: impl FnOnce(&Path)) -> Work {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("made")).unwrap();
        prepare(folder.path());
        Work { folder, commands: Vec::new(), env: Vec::new() }
    }

    /// Adds a command. In its words `@` is the folder, and everything that it makes is to be in `@/made`.
    pub(super) fn then(mut self, words: &str) -> Work {
        let folder = self.folder.path().display().to_string();
        self.commands.push(words.split_whitespace().map(|word| word.replace('@', &folder)).collect());
        self
    }

    /// Has the commands keep what they cache in `@/made/cache`.
    pub(super) fn with_own_cache(mut self) -> Work {
        self.env.push(("CURRICLE_CACHE", self.made("cache")));
        self
    }

    pub(super) fn made(&self, name: &str) -> PathBuf {
        self.folder.path().join("made").join(name)
    }

    /// Everything that was made.
    pub(super) fn tree(&self) -> Tree {
        tree(&self.folder.path().join("made"))
    }

    /// Back to what was there before.
    fn forget(&self) {
        let made = self.folder.path().join("made");
        fs::remove_dir_all(&made).unwrap();
        fs::create_dir(made).unwrap();
    }

    fn command(&self, number: usize) -> Command {
        let mut command = command();
        command.args(&self.commands[number]).envs(self.env.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Runs the commands from one on to the end, all of which must succeed.
    fn finish(&self, first: usize) {
        for number in first..self.commands.len() {
            let output = self.command(number).stderr(Stdio::piped()).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{:?}: {}\n{errors}", self.commands[number], output.status);
        }
    }

    /// Runs the commands from `first` on, and kills what runs when the time is over.
    fn kill_after(&self, first: usize, time: Duration) -> End {
        let started = Instant::now();
        for number in first..self.commands.len() {
            let mut child = self.command(number).stderr(Stdio::null()).spawn().unwrap();
            loop {
                if let Some(status) = child.try_wait().unwrap() {
                    assert!(status.success(), "{:?} failed by itself: {status}", self.commands[number]);
                    break;
                }
                let left = time.saturating_sub(started.elapsed());
                if left.is_zero() {
                    child.kill().unwrap();
                    let status = child.wait().unwrap();
                    assert!(status.success() || status.signal() == Some(9), "{status}");
                    return End::Broken { at: number, alive: status.signal() == Some(9) };
                }
                thread::sleep(left.min(Duration::from_millis(1)));
            }
        }
        End::Whole { took: started.elapsed() }
    }

    /// Kills the work at random moments, from one to a few times in a row. `check` looks at what is there after each kill, and is given what
    /// there is in the end; `same` compares the end of a broken work with that of a whole one.
    pub(super) fn survives(&self, check: impl Fn(&Tree, &Tree), same: impl Fn(&Tree, &Tree)) {
        let kills = if soak() { WHOLE } else { CUT };
        let dice = Dice::new();
        // The first go warms up caches of the system.
        let mut time = Duration::MAX;
        for _ in 0..2 {
            self.forget();
            let started = Instant::now();
            self.finish(0);
            time = time.min(started.elapsed());
        }
        let whole = self.tree();
        assert!(!whole.is_empty());
        let (mut killed, mut alive, began) = (0, 0, Instant::now());
        while alive < kills {
            self.forget();
            let (mut next, mut in_a_row) = (0, 1 + dice.below(IN_A_ROW));
            let mut to = 1_020;
            while next < self.commands.len() && in_a_row > 0 && alive < kills {
                // Most moments are anywhere; some are where files get their names. Work that goes on is shorter.
                let from = if dice.below(4) == 0 { to - 170 } else { 0 };
                let after = time.mul_f64((from + dice.below(to - from)) as f64 / 1_000.0);
                match self.kill_after(next, after) {
                    End::Broken { at, alive: was_alive } => {
                        next = at;
                        alive += u32::from(was_alive);
                    }
                    End::Whole { took } => {
                        // What else the machine was busy with when the work was timed may have gone.
                        if next == 0 {
                            time = time.min(took);
                        }
                        next = self.commands.len();
                    }
                }
                (in_a_row, killed, to) = (in_a_row - 1, killed + 1, to * 3 / 4);
                check(&self.tree(), &whole);
                assert!(killed < kills * TRIES, "{alive} of {killed} kills hit a living process; the work takes {time:.2?}");
            }
            // What came to its end runs again, too: its work is done.
            self.finish(next.min(self.commands.len() - 1));
            let end = self.tree();
            let names = |tree: &Tree| tree.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&end), names(&whole), "something is left over, or missing");
            same(&end, &whole);
        }
        let test = thread::current().name().unwrap_or_default().to_owned();
        eprintln!("{test}: {killed} kills, {alive} of a living process; the work takes {time:.2?}, all took {:.1?}", began.elapsed());
    }
}

/// How work ended that was to be killed.
enum End {
    /// In the command of this number, which had not come to its end by itself if it was alive.
    Broken { at: usize, alive: bool },
    /// Before its time.
    Whole { took: Duration },
}

/// All of it is equal.
pub(super) fn equal(end: &Tree, whole: &Tree) {
    for ((name, found), (_, expected)) in end.iter().zip(whole) {
        assert!(found == expected, "`{}` has other bytes", name.display());
    }
}

/// The file of this name, if it is there.
pub(super) fn file<'a>(tree: &'a Tree, name: &str) -> Option<&'a [u8]> {
    tree.iter().find(|(found, _)| found == Path::new(name)).map(|(_, bytes)| &bytes[..])
}

/// Every file below a folder, with its bytes, and every empty folder.
fn tree(folder: &Path) -> Tree {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        let entries: Vec<PathBuf> = fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()).collect();
        let name = |path: &Path| path.strip_prefix(folder).unwrap().to_owned();
        if entries.is_empty() && next != folder {
            found.push((name(&next), Vec::new()));
        }
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((name(&path), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Random numbers.
struct Dice {
    seed: u64,
    rolled: Cell<u64>,
}

impl Dice {
    fn new() -> Dice {
        let given = env::var("CURRICLE_KILL_SEED").ok().map(|seed| seed.parse().expect("CURRICLE_KILL_SEED is no number"));
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::from(time.subsec_nanos()));
        let seed = given.unwrap_or_else(clock);
        eprintln!("{}: CURRICLE_KILL_SEED={seed}", thread::current().name().unwrap_or_default());
        Dice { seed, rolled: Cell::new(0) }
    }

    fn below(&self, n: u64) -> u64 {
        self.rolled.set(self.rolled.get() + 1);
        noise(noise(self.seed).wrapping_add(self.rolled.get())) % n
    }
}
