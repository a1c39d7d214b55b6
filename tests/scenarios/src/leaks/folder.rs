//! The data folder: every file as bytes, every table's values, and every payload as it was received.

use std::fs;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::needles::{Allowed, Needles};

/// What was looked through, to tell a search that found nothing from one that saw nothing.
#[derive(Debug, Default)]
struct Seen {
    files: usize,
    values: usize,
    payload_bytes: usize,
}

/// Findings, and what could not be looked through.
pub(super) fn look_through(folder: &Path, needles: &Needles, has_payloads: bool) -> Vec<String> {
    let mut findings = Vec::new();
    let mut seen = Seen::default();
    if let Err(error) = files(folder, needles, &mut seen, &mut findings) {
        findings.push(format!("the data folder could not be read: {error}"));
    }
    // A token that lies across two of SQLite's pages is in no run of bytes, but in one value.
    if let Err(error) = tables(&folder.join("deputy.db"), needles, &mut seen, &mut findings) {
        findings.push(format!("the database could not be read: {error}"));
    }
    if seen.files < 3 || seen.values == 0 || (has_payloads && seen.payload_bytes == 0) {
        findings.push(format!("there was too little to look through: {seen:?}"));
    }
    findings
}

fn files(
    folder: &Path,
    needles: &Needles,
    seen: &mut Seen,
    findings: &mut Vec<String>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files(&path, needles, seen, findings)?;
        } else if kind.is_file() {
            seen.files += 1;
            let name = entry.file_name().to_string_lossy().into_owned();
            findings.extend(needles.find(&name, &fs::read(&path)?, Allowed::Nothing));
        }
    }
    Ok(())
}

fn tables(
    database: &Path,
    needles: &Needles,
    seen: &mut Seen,
    findings: &mut Vec<String>,
) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let mut select = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> = select.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    for table in tables {
        let mut select = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns: Vec<String> = select.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            for (at, column) in columns.iter().enumerate() {
                let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = row.get_ref(at)? else { continue };
                seen.values += 1;
                let place = format!("{table}.{column}");
                findings.extend(needles.find(&place, bytes, Allowed::Nothing));
                if place == "payload.bytes" {
                    match zstd::decode_all(bytes) {
                        Ok(payload) => {
                            seen.payload_bytes += payload.len();
                            findings.extend(needles.find("an archived payload", &payload, Allowed::Nothing));
                        }
                        Err(error) => findings.push(format!("a payload could not be unpacked: {error}")),
                    }
                }
            }
        }
    }
    Ok(())
}
