//! The journal's file: where it lies, who may read it, its format, and what happens after a failed write.
//!
//! The file is `journal.redb` in the data folder, 0600 in a folder of 0700 (ATK-104). The database locks it, so a second
//! process is refused. After a failed write the database refuses everything until it is opened again; [`File::reopen`]
//! does that, so that a lane can be resumed once there is room on the disk.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, WriteTransaction, backends::FileBackend,
};

use super::{
    fault::{broken, corrupt},
    tables,
};
use crate::lane::error::{Error, Kind, Result};

/// Name of the file in the data folder.
pub(super) const NAME: &str = "journal.redb";

/// Format of the tables and values. Another one is refused, never guessed at.
pub(super) const FORMAT: u64 = 1;

/// Memory for pages. The journal is written far more than it is read; two relayers with 100,000 pending entries stay
/// below their budget.
const CACHE_BYTES: usize = 16 << 20;

/// Where the database's bytes lie. The folder in the daemon; faulty media in tests.
pub(super) trait Medium: std::fmt::Debug + Send + Sync {
    /// Opens the bytes, making them if need be.
    fn open(&self, builder: &Builder) -> Result<Database>;
}

/// The journal's file.
#[derive(Debug)]
pub(super) struct File {
    medium: Arc<dyn Medium>,
    /// `None` after a failure, until it could be opened again.
    database: RwLock<Option<Database>>,
}

impl File {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        Self::on(Arc::new(Folder::new(folder)?))
    }

    pub(super) fn on(medium: Arc<dyn Medium>) -> Result<Self> {
        let database = open(medium.as_ref())?;
        Ok(Self { medium, database: RwLock::new(Some(database)) })
    }

    /// A consistent view of everything committed.
    pub(super) fn read(&self) -> Result<ReadTransaction> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(closed)?;
        database.begin_read().map_err(|error| broken("cannot read", error))
    }

    pub(super) fn write(&self) -> Result<WriteTransaction> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(closed)?;
        let mut transaction = database.begin_write().map_err(|error| broken("cannot write", error))?;
        // Peers have a say in what is stored, and the checksums of a one-phase commit are no cryptographic ones.
        transaction.set_two_phase_commit(true);
        Ok(transaction)
    }

    /// Closes and opens the database. While that fails, every call fails.
    pub(super) fn reopen(&self) -> Result<()> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        drop(database.take());
        *database = Some(open(self.medium.as_ref())?);
        Ok(())
    }
}

fn closed() -> Error {
    broken("closed", "an earlier write failed and the file could not be opened again")
}

fn open(medium: &dyn Medium) -> Result<Database> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    let database = medium.open(&builder)?;
    let found = format(&database)?;
    if found != FORMAT {
        return Err(Error::stop_lane(
            Kind::InvalidConfig,
            format!("journal: format {found}, expected {FORMAT}: it belongs to another version of this program"),
        ));
    }
    Ok(database)
}

/// The file's format; a new file gets the current one, and its tables.
fn format(database: &Database) -> Result<u64> {
    let transaction = database.begin_read().map_err(|error| broken("cannot read", error))?;
    match transaction.open_table(tables::META) {
        Ok(meta) => {
            let value = meta.get(tables::META_FORMAT).map_err(|error| broken("cannot read", error))?;
            value.map(|guard| guard.value()).ok_or_else(|| corrupt("meta", "no format"))
        }
        Err(redb::TableError::TableDoesNotExist(_)) => {
            let transaction = database.begin_write().map_err(|error| broken("cannot write", error))?;
            tables::Tables::create(&transaction)?;
            transaction.commit().map_err(|error| broken("cannot write", error))?;
            Ok(FORMAT)
        }
        Err(error) => Err(broken("cannot read", error)),
    }
}

/// A folder on the disk.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(folder: &Path) -> Result<Self> {
        make_private(folder).map_err(|error| invalid(folder, error))?;
        Ok(Self { path: folder.join(NAME) })
    }
}

impl Medium for Folder {
    fn open(&self, builder: &Builder) -> Result<Database> {
        let file = open_private(&self.path).map_err(|error| invalid(&self.path, error))?;
        let database = FileBackend::new(file).and_then(|backend| builder.create_with_backend(backend));
        database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                broken("cannot open", format!("{} is in use by another process", self.path.display()))
            }
            error => broken("cannot open", error),
        })
    }
}

fn invalid(path: &Path, error: io::Error) -> Error {
    Error::stop_lane(Kind::InvalidConfig, format!("data folder: {}: {error}", path.display()))
}

/// Makes `folder` with 0700, or checks that it is a folder and not a link to one.
fn make_private(folder: &Path) -> io::Result<()> {
    if !folder.try_exists()? {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    if fs::metadata(folder)?.is_dir() { Ok(()) } else { Err(io::Error::other("expected a folder")) }
}

/// Opens or makes a plain file that only this user may read. A link is refused: it could lead anywhere.
fn open_private(path: &Path) -> io::Result<fs::File> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => return Err(io::Error::other("expected a plain file, found a link or folder")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A restored backup often has wider permissions.
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(file)
}
