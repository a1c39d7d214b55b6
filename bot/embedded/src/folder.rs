//! The data folder: one process at a time, nobody else's eyes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process works in it.
    #[error(
        "another process{} uses the data folder {}; stop it first, or choose another folder",
        holder.map(|pid| format!(" (number {pid})")).unwrap_or_default(),
        folder.display()
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The process that wrote its number into the lock file.
        holder: Option<u32>,
    },
    /// It cannot be made, read or written.
    #[error(
        "{} cannot be used; the data folder is a folder of the user that Deputy runs as, on a disk that takes writes",
        path.display()
    )]
    Unusable {
        /// What of it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A data folder that is ours until this is dropped, or the process dies: the lock is the kernel's.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder where there is none, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        make_private_folder(path).map_err(unusable(path))?;
        let lock_path = path.join("lock");
        let mut lock = private_file(&lock_path).map_err(unusable(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let holder = lock.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(FolderError::Locked { folder: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(&lock_path)(source)),
        }
        let note = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        // Only the message above needs the number, and a full disk must not keep us from starting.
        if let Err(error) = note(&mut lock) {
            tracing::warn!(%error, "could not note the process number in the lock file");
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The database, made empty where there is none, so that it is private from its first byte on. SQLite gives
    /// its log and its shared memory the same permissions.
    pub(crate) fn database(&self) -> Result<PathBuf, FolderError> {
        let path = self.path.join("deputy.db");
        private_file(&path).map_err(unusable(&path))?;
        // A new name in a folder lasts only once the folder is on the disk.
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(unusable(&self.path))?;
        Ok(path)
    }
}

/// A private file's bytes, which are wiped when dropped, and its permissions. `None` where there is none.
pub(crate) fn read_private(path: &Path) -> io::Result<Option<(Zeroizing<Vec<u8>>, u32)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    // Room for all of it and the byte that shows the end: a buffer that grows leaves copies behind.
    let room = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.read_to_end(&mut bytes)?;
    Ok(Some((bytes, permissions(&metadata))))
}

/// Puts a private file in the place of the one before, so that a crash leaves either of them whole. When it returns,
/// the new one is on the disk.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // One that a crash left may be another's, or have other permissions.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private_file(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn permissions(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn permissions(_: &fs::Metadata) -> u32 {
    0o600
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    |source| FolderError::Unusable { path: path.to_owned(), source }
}

#[cfg(unix)]
fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// A file that nobody else may read, made where there is none.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_process_learns_who_is_in_the_way() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("a/data");
        let first = Folder::open(&path).unwrap();
        let error = Folder::open(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("(number {})", std::process::id())), "{error}");
        assert!(error.contains("a/data"), "{error}");
        drop(first);
        Folder::open(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look() {
        use std::os::unix::fs::PermissionsExt as _;
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("data");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let folder = Folder::open(&path).unwrap();
        let database = folder.database().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&database)), (0o700, 0o600));
    }

    #[test]
    fn what_cannot_be_a_folder_is_named() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("file");
        fs::write(&path, "").unwrap();
        let error = Folder::open(&path).unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }
}
