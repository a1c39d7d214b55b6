//! Faults that a test injects: GitHub failing in one of the ways it really fails.

use std::time::Duration;

/// A way to fail.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers this status, with GitHub's kind of body, and does nothing.
    Status(u16),
    /// Answers as usual, but late. The delay is real time.
    Delay(Duration),
    /// Does nothing and closes the connection without a word.
    Drop,
    /// Does what was asked, and closes the connection instead of answering.
    DropAfter,
    /// The hour's requests are used up: 403, `x-ratelimit-remaining: 0`, reset in this long.
    PrimaryRateLimit(Duration),
    /// Too much at once: 403 with `retry-after`.
    SecondaryRateLimit(Duration),
    /// The same, said with 429 and without `retry-after`.
    TooManyRequests,
    /// Does what was asked and answers, but the body stops half-way.
    Truncate,
}

/// Which requests a fault meets, and how many of them.
#[derive(Clone, Debug)]
pub struct When {
    method: Option<String>,
    path: String,
    times: Option<usize>,
    skip: usize,
}

impl When {
    /// Requests whose path matches: `*` stands for anything. `/repos/*/issues/*/comments`
    pub fn path(pattern: &str) -> Self {
        Self { method: None, path: pattern.to_owned(), times: Some(1), skip: 0 }
    }

    /// Only this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_ascii_uppercase());
        self
    }

    /// So many times; once if nothing is said.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Until [`crate::Double::clear_faults`].
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    fn meets(&self, method: &str, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method) && matches(&self.path, path)
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(When, Fault)>);

impl Faults {
    pub(crate) fn add(&mut self, when: When, fault: Fault) {
        self.0.push((when, fault));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that meets this request, used up by one.
    pub(crate) fn strike(&mut self, method: &str, path: &str) -> Option<Fault> {
        let index = self.0.iter_mut().position(|(when, _)| {
            if !when.meets(method, path) {
                return false;
            }
            if when.skip > 0 {
                when.skip -= 1;
                return false;
            }
            true
        })?;
        let fault = self.0[index].1.clone();
        if let Some(times) = &mut self.0[index].0.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.0.remove(index);
            }
        }
        Some(fault)
    }
}

/// `*` matches any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).any(|at| text.is_char_boundary(at) && matches(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_anything() {
        assert!(matches("/repos/*/comments", "/repos/a/b/issues/1/comments"));
        assert!(!matches("/repos/*/comments", "/repos/a/b/issues/1"));
        assert!(matches("*", "/"));
    }

    #[test]
    fn a_fault_is_used_up() {
        let mut faults = Faults::default();
        faults.add(When::path("/x").method("get").after(1), Fault::Drop);
        let strikes: Vec<bool> = (0..4).map(|_| faults.strike("GET", "/x").is_some()).collect();
        assert_eq!(strikes, [false, true, false, false]);
        assert!(faults.strike("POST", "/x").is_none());
    }
}
