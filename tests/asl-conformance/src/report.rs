//! Counting answers by tier.

use std::collections::BTreeMap;

use crate::cases::Case;
use crate::executions::Answer;

/// How many answers of a tier are equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Results that are equal, and how many there are.
    pub results: (usize, usize),
    /// Likewise, histories.
    pub histories: (usize, usize),
}

/// Answers by tier.
#[derive(Debug, Default)]
pub struct Report {
    /// By the tier's letter.
    pub tiers: BTreeMap<String, Tally>,
    /// A line per difference.
    pub differences: Vec<String>,
}

impl Report {
    /// Counts an answer.
    pub fn add(&mut self, case: &Case, answer: &Answer) {
        let tally = self.tiers.entry(case.tier().to_owned()).or_default();
        tally.results.1 += 1;
        match &answer.result {
            None => tally.results.0 += 1,
            Some(difference) => {
                self.differences.push(format!("{} result  {}\n    {difference}", case.tier(), case.id()));
            }
        }
        if let Some(history) = &answer.history {
            tally.histories.1 += 1;
            match history {
                None => tally.histories.0 += 1,
                Some(difference) => {
                    self.differences.push(format!("{} history {}\n    {difference}", case.tier(), case.id()));
                }
            }
        }
    }

    /// The counts as a table.
    pub fn table(&self) -> String {
        let mut text = String::from("tier   results             histories\n");
        for (tier, tally) in &self.tiers {
            let share = |(equal, all): (usize, usize)| {
                if all == 0 {
                    return "-".to_owned();
                }
                #[allow(clippy::cast_precision_loss)] // A corpus has thousands of cases, not billiards.
                let percent = 100.0 * equal as f64 / all as f64;
                format!("{equal}/{all} ({percent:.1} %)")
            };
            text.push_str(&format!("{tier:<6} {:<19} {}\n", share(tally.results), share(tally.histories)));
        }
        text
    }
}
