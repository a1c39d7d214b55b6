//! Counting answers by tier, and holding the differences against the waivers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Context as _;
use serde::Deserialize;

use crate::cases::Case;
use crate::executions::Answer;

/// How many answers of a tier are equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Results that are equal, and how many there are.
    pub results: (usize, usize),
    /// Likewise, histories.
    pub histories: (usize, usize),
    /// Differences that are waived.
    pub waived: usize,
}

/// Differences with a reason, as `TIER result ID` or `TIER history ID`.
#[derive(Debug, Default)]
pub struct Waivers(BTreeMap<String, String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    waiver: Vec<Waiver>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiver {
    reason: String,
    cases: Vec<String>,
}

impl Waivers {
    /// Reads `[[waiver]]` tables with a `reason` and the `cases` that it is for.
    ///
    /// # Errors
    /// What is no such file, a waiver without a reason, and a case that is waived twice.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text).context("the waivers are malformed")?;
        let mut waivers = BTreeMap::new();
        for Waiver { reason, cases } in file.waiver {
            anyhow::ensure!(!reason.trim().is_empty(), "a waiver has no reason: {cases:?}");
            for case in cases {
                let twice = waivers.insert(case.clone(), reason.trim().to_owned()).is_some();
                anyhow::ensure!(!twice, "waived twice: {case}");
            }
        }
        Ok(Self(waivers))
    }
}

/// Answers by tier.
#[derive(Debug, Default)]
pub struct Report {
    /// By the tier's letter.
    pub tiers: BTreeMap<String, Tally>,
    /// A line per difference that is not waived.
    pub differences: Vec<String>,
    /// A line per difference that is.
    pub waived: Vec<String>,
    /// What was compared and is equal.
    equal: BTreeSet<String>,
}

impl Report {
    /// Counts an answer.
    pub fn add(&mut self, case: &Case, answer: &Answer, waivers: &Waivers) {
        let tally = self.tiers.entry(case.tier().to_owned()).or_default();
        tally.results.1 += 1;
        tally.results.0 += usize::from(answer.result.is_none());
        if let Some(history) = &answer.history {
            tally.histories.1 += 1;
            tally.histories.0 += usize::from(history.is_none());
        }
        let compared = [("result", Some(&answer.result)), ("history", answer.history.as_ref())];
        for (what, difference) in compared.into_iter().filter_map(|(what, it)| Some((what, it?))) {
            let name = format!("{} {what} {}", case.tier(), case.id());
            match (difference, waivers.0.get(&name)) {
                (None, _) => {
                    self.equal.insert(name);
                }
                (Some(difference), Some(reason)) => {
                    tally.waived += 1;
                    self.waived.push(format!("{name}\n    {difference}\n    waived: {reason}"));
                }
                (Some(difference), None) => self.differences.push(format!("{name}\n    {difference}")),
            }
        }
    }

    /// Waivers of cases that are equal: they have outlived their reason.
    pub fn outlived<'w>(&self, waivers: &'w Waivers) -> Vec<&'w str> {
        waivers.0.keys().filter(|name| self.equal.contains(*name)).map(String::as_str).collect()
    }

    /// The counts as a table.
    pub fn table(&self) -> String {
        let mut text = String::from("tier   results             histories           waived\n");
        for (tier, tally) in &self.tiers {
            let share = |(equal, all): (usize, usize)| {
                if all == 0 {
                    return "-".to_owned();
                }
                #[allow(clippy::cast_precision_loss)] // A corpus has thousands of cases, not billiards.
                let percent = 100.0 * equal as f64 / all as f64;
                format!("{equal}/{all} ({percent:.1} %)")
            };
            let (results, histories) = (share(tally.results), share(tally.histories));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{tier:<6} {results:<19} {histories:<19} {}", tally.waived);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waivers_of_the_project_can_be_read() {
        let waivers = Waivers::parse(include_str!("../waivers.toml")).unwrap();
        assert!(waivers.0.keys().all(|name| name.contains(" result ") || name.contains(" history ")));
        assert!(Waivers::parse("[[waiver]]\nreason = \" \"\ncases = []").is_err());
        assert!(Waivers::parse("[[waiver]]\nreason = \"x\"\ncases = [\"A\", \"A\"]").is_err());
    }
}
