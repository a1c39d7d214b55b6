//! What holds in every repository: a file of the same form as a repository's own.

use deputy_core::settings::{Settings, read};

use super::source::Source;

impl Source<'_> {
    /// The server's settings; none where no file is named. Each mistake in it is told with its place.
    pub(super) fn settings(&mut self) -> Option<Settings> {
        const KEY: &str = "settings";
        if self.find(KEY).is_none() {
            return Some(Settings::default());
        }
        let path = self.path(KEY)?;
        let source = match std::fs::read(&path) {
            Ok(source) => source,
            Err(error) => {
                let what = format!("names {}, which cannot be read: {error}", path.display());
                self.problem(
                    KEY,
                    &what,
                    "name a file like a repository's .github/deputy.toml, or leave it out",
                );
                return None;
            }
        };
        // Commands may come with workflows that are read later, so names are not looked at here.
        match read(&source, &[]) {
            Ok(settings) => Some(settings),
            Err(problems) => {
                for problem in problems {
                    let what =
                        format!("{}:{}:{}: {}", path.display(), problem.line, problem.column, problem.text);
                    self.problem(KEY, &what, &problem.hint);
                }
                None
            }
        }
    }
}
