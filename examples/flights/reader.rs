//! Reads the packed bytes of the flights file: numbers, texts and columns, and says what is
//! wrong when the file is damaged. The format is described in `examples/data/README.md`.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

const MAGIC: &[u8] = b"NYCFLT13";

/// Far above the 5 MB of the real file; keeps a damaged one from eating the memory.
const MAX_BODY: usize = 64 << 20;

/// What can be wrong with the flights file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DataError {
    #[error("not a flights file: it does not begin with NYCFLT13")]
    Magic,
    #[error("the packed part of the flights file is damaged: {0}")]
    Unpack(String),
    #[error("the flights file ends inside {0}")]
    Short(&'static str),
    #[error("{0}: a number is too large")]
    TooLarge(&'static str),
    #[error("{0}: text that is not UTF-8")]
    Text(&'static str),
    #[error("row {row}: {what} is missing")]
    Missing { what: &'static str, row: usize },
    #[error("row {row}: {what} is out of range")]
    Range { what: &'static str, row: usize },
    #[error("{0} bytes are left over after the last column")]
    Trailing(usize),
}

/// Checks the mark, unpacks the rest and returns it.
pub(crate) fn unpack(file: &[u8]) -> Result<Vec<u8>, DataError> {
    let packed = file.strip_prefix(MAGIC).ok_or(DataError::Magic)?;
    // The zlib container carries a checksum of the unpacked bytes, verified here.
    decompress_to_vec_zlib_with_limit(packed, MAX_BODY).map_err(|error| DataError::Unpack(error.to_string()))
}

/// A position in the unpacked bytes; every read names what it reads, for the error.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// Little-endian base-128 number, high bit set on all bytes but the last.
    fn varint(&mut self, what: &'static str) -> Result<u64, DataError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(DataError::Short(what))?;
            self.rest = rest;
            let low = u64::from(byte & 0x7f);
            if low << shift >> shift != low {
                return Err(DataError::TooLarge(what));
            }
            value |= low << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DataError::TooLarge(what))
    }

    /// A count of things that each take a byte or more, so it cannot exceed what is left.
    pub(crate) fn count(&mut self, what: &'static str) -> Result<usize, DataError> {
        let count = usize::try_from(self.varint(what)?).map_err(|_| DataError::TooLarge(what))?;
        if count > self.rest.len() {
            return Err(DataError::Short(what));
        }
        Ok(count)
    }

    /// A signed number: 0, -1, 1, -2, ... stand as 0, 1, 2, 3, ...
    pub(crate) fn signed(&mut self, what: &'static str) -> Result<i64, DataError> {
        self.varint(what).map(unzigzag)
    }

    pub(crate) fn text(&mut self, what: &'static str) -> Result<String, DataError> {
        let size = self.count(what)?;
        let (text, rest) = self.rest.split_at(size);
        self.rest = rest;
        let text = std::str::from_utf8(text).map_err(|_| DataError::Text(what))?;
        Ok(text.to_owned())
    }

    /// A cell of a column: 0 is NA, every other value is a signed number plus one.
    fn cell(&mut self, what: &'static str) -> Result<Option<i64>, DataError> {
        Ok(self.varint(what)?.checked_sub(1).map(unzigzag))
    }

    /// A column of plain values, one for each of `rows`.
    pub(crate) fn plain<R>(
        &mut self,
        what: &'static str,
        rows: &mut [R],
        mut set: impl FnMut(&mut R, Option<i64>) -> bool,
    ) -> Result<(), DataError> {
        for (row, record) in rows.iter_mut().enumerate() {
            if !set(record, self.cell(what)?) {
                return Err(DataError::Range { what, row });
            }
        }
        Ok(())
    }

    /// A column of differences from the value before; NA is passed over.
    pub(crate) fn deltas<R>(
        &mut self,
        what: &'static str,
        rows: &mut [R],
        mut set: impl FnMut(&mut R, Option<i64>) -> bool,
    ) -> Result<(), DataError> {
        let mut before = 0_i64;
        self.plain(what, rows, |record, delta| {
            // Wrapping, since a nonsense sum from a damaged file fails in `set` anyway.
            let value = delta.map(|delta| before.wrapping_add(delta));
            before = value.unwrap_or(before);
            set(record, value)
        })
    }

    /// The same for a column without NA, stored by `set` as the narrow type `T`.
    pub(crate) fn narrow<R, T: TryFrom<i64>>(
        &mut self,
        what: &'static str,
        rows: &mut [R],
        mut set: impl FnMut(&mut R, T),
    ) -> Result<(), DataError> {
        self.deltas(what, rows, |record, value| {
            let value = value.and_then(|value| T::try_from(value).ok());
            value.map(|value| set(record, value)).is_some()
        })
    }

    /// Nothing may follow the last column.
    pub(crate) fn finish(self) -> Result<(), DataError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(DataError::Trailing(left)),
        }
    }
}

fn unzigzag(code: u64) -> i64 {
    (code >> 1).cast_signed() ^ -(code & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_numbers_alternate() {
        let mut reader = Reader::new(&[0, 1, 2, 3, 0xac, 0x02]);
        let values: Vec<_> = (0..5).map(|_| reader.signed("test")).collect();
        assert_eq!(values, [Ok(0), Ok(-1), Ok(1), Ok(-2), Ok(150)]);
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn extreme_numbers() {
        assert_eq!(unzigzag(u64::MAX), i64::MIN);
        assert_eq!(unzigzag(u64::MAX - 1), i64::MAX);
        let mut long = [0xff; 10];
        assert_eq!(Reader::new(&long).count("test"), Err(DataError::TooLarge("test")));
        long[9] = 1;
        assert_eq!(Reader::new(&long).signed("test"), Ok(i64::MIN));
    }

    #[test]
    fn deltas_pass_over_na() {
        let mut rows = [Some(9); 4];
        let mut reader = Reader::new(&[11, 0, 2, 1]);
        let stored = reader.deltas("test", &mut rows, |row, value| {
            *row = value;
            true
        });
        assert_eq!((stored, rows), (Ok(()), [Some(5), None, Some(4), Some(4)]));
    }

    #[test]
    fn narrow_refuses_na_and_overflow() {
        let mut rows = [0_u8; 2];
        let mut narrow = |bytes: &[u8]| Reader::new(bytes).narrow("test", &mut rows, |r, v| *r = v);
        let bad_row = Err(DataError::Range { what: "test", row: 1 });
        assert_eq!(narrow(&[3, 0]), bad_row);
        assert_eq!(narrow(&[3, 4]), bad_row);
        assert_eq!(narrow(&[3]), Err(DataError::Short("test")));
    }

    #[test]
    fn counts_and_texts_stay_inside_the_file() {
        assert_eq!(Reader::new(&[4, b'a']).text("name"), Err(DataError::Short("name")));
        assert_eq!(Reader::new(&[1, 0xff]).text("name"), Err(DataError::Text("name")));
        assert_eq!(Reader::new(&[2, b'o', b'k']).text("name"), Ok("ok".to_owned()));
        assert_eq!(Reader::new(&[0]).finish(), Err(DataError::Trailing(1)));
    }
}
