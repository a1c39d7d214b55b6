//! Finds the handler files, so that adding one is all it takes: no list names them anywhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let source = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("src");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    for (folder, item, list, kind, what) in [
        ("commands", "COMMAND", "COMMANDS", "deputy_core::command::Command", "command"),
        ("events", "HANDLER", "EVENTS", "deputy_core::event_handler::EventHandler", "event handler"),
        ("tasks", "TASK", "TASKS", "deputy_core::task::Task", "task"),
    ] {
        let folder_path = source.join(folder);
        // A folder's time changes when a file is added or taken out.
        println!("cargo::rerun-if-changed={}", folder_path.display());
        let names = match handler_files(&folder_path) {
            Ok(names) => names,
            Err(problem) => {
                println!("cargo::error={problem}");
                continue;
            }
        };
        let mut code = String::new();
        for name in &names {
            let path = folder_path.join(format!("{name}.rs"));
            let path = path.to_str().expect("cargo itself needs the path to be UTF-8");
            writeln!(code, "#[path = {path:?}]\nmod {name};").expect("a String takes everything");
        }
        writeln!(
            code,
            "/// Every {what} in `src/{folder}/`, sorted by file name.\npub static {list}: &[&{kind}] = &["
        )
        .expect("a String takes everything");
        for name in &names {
            writeln!(code, "    &{name}::{item},").expect("a String takes everything");
        }
        code.push_str("];\n");
        writeln!(code, "#[cfg(test)]\npub(crate) static FILES: &[&str] = &{names:?};")
            .expect("a String takes everything");
        fs::write(out.join(format!("{folder}.rs")), code).expect("cargo's own folder is writable");
    }
}

/// The names of the Rust files in `folder`, sorted, or what is wrong with one of them.
fn handler_files(folder: &Path) -> Result<Vec<String>, String> {
    let cannot_read = |error| format!("{}: cannot be read: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot_read)? {
        let path = entry.map_err(cannot_read)?.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let fits = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !fits {
            return Err(format!(
                "{}: name the file like what is in it, in a-z, 0-9 and _ (a dash or a dot becomes _)",
                path.display()
            ));
        }
        names.push(name.to_owned());
    }
    names.sort();
    Ok(names)
}
