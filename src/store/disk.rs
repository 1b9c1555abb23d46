//! A store in a file.
//!
//! # Source
//!
//! <https://docs.rs/redb>: a B-tree that is copied on write, with one writer and many readers.

use std::fmt;
use std::path::Path;

use redb::{Database, ReadableDatabase, TableDefinition, TableError};

use super::{KeyBatch, SaveBatch, Store, StoreError};

/// Keeps states in a file, by means of `redb`. Feature `store`.
///
/// A batch is a transaction: after a crash of the program or the machine all of it is there, or nothing.
/// A save returns when its transaction is on the disk.
///
/// # Examples
///
/// ```
/// use throng::{RedbStore, Store};
///
/// # let file = std::env::temp_dir().join(format!("throng-doc-{}.redb", std::process::id()));
/// let store = RedbStore::open(&file)?;
/// store.save("lamps", &[(b"hall".as_slice(), Some(b"on".as_slice()))].into_iter().collect())?;
/// drop(store);
///
/// let again = RedbStore::open(&file)?;
/// let mut states = Vec::new();
/// again.load("lamps", &[b"porch".as_slice(), b"hall"].into_iter().collect(), &mut |key, state| states.push((key, state.to_vec())))?;
/// assert_eq!(states, [(1, b"on".to_vec())]);
/// # drop(again);
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedbStore(Database);

/// Memory for pages of the file, if nothing else is set.
const CACHE_BYTES_DEFAULT: usize = 64 << 20;

type Table<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

impl RedbStore {
    /// Opens a file of states, or makes it. After a crash this may take time in proportion to the file.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written, is no such file, or is open already, here or in another program.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with_cache(file, CACHE_BYTES_DEFAULT)
    }

    /// As [`RedbStore::open`], with so many bytes of memory at most for pages of the file, in place of 64 MiB. More of
    /// them save reading where the keys of a batch lie scattered over a file that the system does not hold in memory.
    ///
    /// # Errors
    ///
    /// As [`RedbStore::open`].
    pub fn open_with_cache(file: impl AsRef<Path>, cache_bytes_max: usize) -> Result<Self, StoreError> {
        let file = file.as_ref();
        let opened = Database::builder().set_cache_size(cache_bytes_max).create(file);
        opened.map(Self).map_err(|error| StoreError::new(format!("`{}` cannot be opened: {error}", file.display())))
    }

    fn write(&self, table: &str, changes: &SaveBatch) -> Result<(), redb::Error> {
        // A B-tree takes neighbours faster than strangers.
        let mut sorted: Vec<_> = changes.iter().collect();
        sorted.sort_unstable();
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(Table::new(table))?;
            for (key, state) in sorted {
                match state {
                    Some(state) => drop(table.insert(key, state)?),
                    None => drop(table.remove(key)?),
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn read(&self, table: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), redb::Error> {
        let table = match self.0.begin_read()?.open_table(Table::new(table)) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            table => table?,
        };
        for (number, key) in keys.iter().enumerate() {
            if let Some(state) = table.get(key)? {
                found(number, state.value());
            }
        }
        Ok(())
    }
}

impl Store for RedbStore {
    fn load(&self, table: &str, keys: &KeyBatch, found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        self.read(table, keys, found).map_err(|error| StoreError::new(format!("loading from table `{table}`: {error}")))
    }

    fn save(&self, table: &str, changes: &SaveBatch) -> Result<(), StoreError> {
        self.write(table, changes).map_err(|error| StoreError::new(format!("saving to table `{table}`: {error}")))
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedbStore(..)")
    }
}
