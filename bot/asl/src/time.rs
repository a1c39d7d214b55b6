//! Points in time, and the two ISO-8601 dialects of Step Functions; no clock is ever read.

use std::fmt;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The point `seconds` after this one; stays at the end of time rather than wrap.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)))
    }

    /// Parses what AWS takes when a Wait state is told its time by data: as [`Timestamp::parse`], but seconds may be
    /// missing and letters be small, as in Java's `ISO_OFFSET_DATE_TIME`.
    pub fn parse_lenient(text: &str) -> Option<Self> {
        let mut upper = text.to_ascii_uppercase();
        if upper.is_char_boundary(16) && !upper[16.min(upper.len())..].starts_with(':') && upper.len() > 16 {
            upper.insert_str(16, ":00");
        }
        Self::parse(&upper)
    }

    /// Parses an ISO-8601 extended offset date-time, such as `2016-03-14T01:59:00.123Z` or `…+01:00`.
    ///
    /// This is what `Timestamp` fields and the `Timestamp…` operators take: upper-case `T`, seconds and an offset are
    /// required.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = bytes.get(range)?;
            digits
                .iter()
                .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
        };
        let is = |index: usize, byte: u8| bytes.get(index) == Some(&byte);
        let separated = is(4, b'-') && is(7, b'-') && is(10, b'T') && is(13, b':') && is(16, b':');
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        if !separated || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut at = 19;
        let mut millis = 0;
        if is(at, b'.') {
            let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || digits > 9 {
                return None;
            }
            millis =
                number(at + 1..at + 1 + digits.min(3))? * 10_i64.pow(3 - u32::try_from(digits.min(3)).ok()?);
            at += 1 + digits;
        }
        let offset_minutes = match bytes.get(at)? {
            b'Z' if bytes.len() == at + 1 => 0,
            sign @ (b'+' | b'-') if bytes.len() == at + 6 && is(at + 3, b':') => {
                let (hours, minutes) = (number(at + 1..at + 3)?, number(at + 4..at + 6)?);
                if hours > 18 || minutes > 59 {
                    return None;
                }
                (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
            }
            _ => return None,
        };
        let days = days_from_civil(year, month, day);
        let seconds = ((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second;
        Some(Self(seconds * 1000 + millis))
    }
}

impl Add<std::time::Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, duration: std::time::Duration) -> Timestamp {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// As the context object shows it: `2024-01-31T12:00:00.123Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, millis) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
        let (second, milli) = (millis / 1000 % 60, millis % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if milli != 0 { write!(f, ".{milli:03}Z") } else { f.write_str("Z") }
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

// Howard Hinnant's public-domain calendar arithmetic: years begin in March, so that leap days come last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_and_written_back() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59.123Z",
            "1969-12-31T23:59:59Z",
            "2100-03-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Timestamp::parse("2016-03-14T01:59:00+01:00"), Timestamp::parse("2016-03-14T00:59:00Z"));
        assert_eq!(Timestamp::parse("2016-03-14T01:59:00.5Z").unwrap().0 % 1000, 500);
    }

    #[test]
    fn data_may_leave_seconds_out() {
        let exact = Timestamp::parse("2016-03-14T01:59:00Z");
        assert_eq!(Timestamp::parse_lenient("2016-03-14t01:59z"), exact);
        assert_eq!(Timestamp::parse_lenient("2016-03-14T01:59+00:00"), exact);
        assert_eq!(Timestamp::parse("2016-03-14T01:59Z"), None);
        for text in ["", "2016", "2016-03-14T01:59", "2016-03-14T01:é9Z"] {
            assert_eq!(Timestamp::parse_lenient(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_offset_date_time_is_refused() {
        for text in [
            "2016-12-05 21:29:29Z",
            "2016-12-05T21:29:29",
            "2016-13-05T21:29:29Z",
            "2016-12-05T25:29:29Z",
            "05-12-2016T21:29:29Z",
            "2023-02-29T00:00:00Z",
            "2016-12-05T21:29:29ZZ",
            "2016-12-05T21:29:29+1:00",
            "",
            "é016-12-05T21:29:29Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
