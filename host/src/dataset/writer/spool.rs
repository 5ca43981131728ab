//! Numbers that have to wait for the end of a file.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// An unnamed file, which the system removes whatever happens.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl Spool {
    pub(super) fn create(folder: &Path) -> Result<Spool> {
        let file = tempfile::tempfile_in(folder).map_err(Error::io("create a file in", folder))?;
        Ok(Spool { folder: folder.to_owned(), file: BufWriter::new(file), bytes: 0 })
    }

    pub(super) fn push(&mut self, number: &[u8]) -> Result<()> {
        self.bytes += number.len() as u64;
        self.file.write_all(number).map_err(Error::io("write to a file in", &self.folder))
    }

    pub(super) fn rewind(self) -> Result<Records> {
        let Spool { folder, file, bytes } = self;
        let file = file.into_inner().map_err(|e| Error::io("write to a file in", &folder)(e.into_error()))?;
        Ok(Records { file: BufReader::new(file), bytes })
    }
}

/// The numbers of a [`Spool`], to be read any number of times.
pub(super) struct Records {
    file: BufReader<File>,
    pub(super) bytes: u64,
}

impl Records {
    /// Hands over every number, in order.
    pub(super) fn each<const WIDTH: usize>(&mut self, mut f: impl FnMut([u8; WIDTH]) -> io::Result<()>) -> io::Result<()> {
        self.file.rewind()?;
        for _ in 0..self.bytes / WIDTH as u64 {
            let mut number = [0; WIDTH];
            self.file.read_exact(&mut number)?;
            f(number)?;
        }
        Ok(())
    }
}
