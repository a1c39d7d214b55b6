//! `deputyctl deliveries`: what GitHub sent lately and what came of it here, and asking for one again.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::cli::{Cli, DeliveriesArguments, DeliveriesCommand, ListArguments};
use crate::failure::Failure;
use crate::keeping::Keeping;
use crate::server::Server;
use crate::terminal;
use crate::whoami::logged_in;

pub async fn run(cli: &Cli, arguments: &DeliveriesArguments, keeping: &Keeping) -> Result<(), Failure> {
    match &arguments.command {
        Some(DeliveriesCommand::Redeliver { guid }) => redeliver(cli, guid, keeping).await,
        None => list(cli, &arguments.list, keeping).await,
    }
}

async fn list(cli: &Cli, arguments: &ListArguments, keeping: &Keeping) -> Result<(), Failure> {
    let (url, session) = logged_in(cli, keeping)?;
    let server = Server::new(url);
    let mut path = format!("/api/v1/deliveries?failed={}&limit={}", arguments.failed, arguments.limit);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(event) = &arguments.event {
        query.append_pair("event", event);
    }
    if let Some(since) = arguments.since {
        query.append_pair("since", &since.since(Utc::now()).to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    let query = query.finish();
    if !query.is_empty() {
        path = format!("{path}&{query}");
    }
    let answer: Value = server.get(&path, &session.token).await?;
    let Some(deliveries) = answer["deliveries"].as_array() else {
        return Err(Failure::NotADeputy(server.url));
    };
    for delivery in deliveries {
        terminal::print(&if cli.json { delivery.to_string() } else { line(delivery) });
    }
    if deliveries.is_empty() && !cli.json {
        terminal::tell("GitHub lists no such delivery.");
    }
    if answer["more"] == true {
        terminal::tell("There are older ones: narrow it with --event and --since, or raise --limit.");
    }
    Ok(())
}

/// `2026-03-01 12:00:00  handled   202  issue_comment.created  72d3162e-…`
fn line(delivery: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sent = text(&delivery["last"]["delivered_at"]);
    let sent = sent.get(..19).unwrap_or(&sent).replace('T', " ");
    let event = match delivery["action"].as_str() {
        Some(action) => format!("{}.{action}", text(&delivery["event"])),
        None => text(&delivery["event"]),
    };
    let answered = match delivery["last"]["status_code"].as_u64() {
        Some(0) | None => "-".to_owned(),
        Some(code) => code.to_string(),
    };
    let mut line = format!(
        "{sent}  {:<8}  {answered:>3}  {event:<36}  {}",
        text(&delivery["state"]),
        text(&delivery["guid"])
    );
    let dead: Vec<&str> =
        delivery["dead"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !dead.is_empty() {
        line.extend(["  given up by ", &dead.join(", ")]);
    } else if delivery["state"] == "unknown" {
        let tries = delivery["attempts"].as_u64().unwrap_or_default();
        let times = if tries == 1 { "once".to_owned() } else { format!("{tries} times") };
        line.extend(["  sent ", &times, ": ", &text(&delivery["last"]["status"])]);
    }
    line
}

async fn redeliver(cli: &Cli, guid: &str, keeping: &Keeping) -> Result<(), Failure> {
    let (url, session) = logged_in(cli, keeping)?;
    let server = Server::new(url);
    let path = format!("/api/v1/deliveries/{guid}/attempts");
    let answer: Value = server.post(&path, Some(&session.token), &json!({})).await?;
    if cli.json {
        terminal::print(&answer.to_string());
    } else {
        terminal::print(&format!("GitHub delivers {guid} again."));
        terminal::tell("`deputyctl deliveries` shows in a moment whether it arrived.");
    }
    Ok(())
}

/// From when on: a moment, or so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    At(DateTime<Utc>),
    Ago(TimeDelta),
}

impl Since {
    fn since(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(moment) => moment,
            Self::Ago(time) => now - time,
        }
    }

    /// `90m`, `2h`, `3d`, or RFC 3339.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(moment.to_utc()));
        }
        let ago = || {
            let unit = text.chars().last()?;
            let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
            let time = match unit {
                'm' => TimeDelta::minutes(number.into()),
                'h' => TimeDelta::hours(number.into()),
                'd' => TimeDelta::days(number.into()),
                _ => return None,
            };
            Some(Self::Ago(time))
        };
        ago().ok_or_else(|| "must be like 90m, 2h, 3d, or 2026-03-01T12:00:00Z".to_owned())
    }
}

/// A GUID as GitHub writes it: nothing else goes into a path.
pub fn parse_guid(text: &str) -> Result<String, String> {
    let dashes = [8, 13, 18, 23];
    let fits = text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    if fits {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("must be a GUID like 72d3162e-cc78-11e3-81ab-4c9367dc0958: `deputyctl deliveries` lists them"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_moment_or_how_long_ago() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90m", "2026-03-01T10:30:00Z"),
            ("2h", "2026-03-01T10:00:00Z"),
            ("3d", "2026-02-26T12:00:00Z"),
            ("2026-02-28T12:00:00+02:00", "2026-02-28T10:00:00Z"),
        ] {
            let since = Since::parse(text).unwrap().since(now);
            assert_eq!(since.to_rfc3339_opts(SecondsFormat::Secs, true), expected, "{text}");
        }
        for text in ["", "h", "-1h", "2 h", "2w", "yesterday", "99999999999d", "é"] {
            assert!(Since::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_guid_goes_into_a_path() {
        assert!(parse_guid("72D3162E-cc78-11e3-81ab-4c9367dc0958").is_ok());
        for text in [
            "",
            "72d3162e",
            "72d3162e-cc78-11e3-81ab-4c9367dc095/",
            "../../../../../../../../../../../x",
            "é",
        ] {
            assert!(parse_guid(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_line_says_what_came_of_it() {
        let mut delivery = json!({
            "guid": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "event": "issue_comment", "action": "created",
            "attempts": 2, "state": "unknown", "dead": [],
            "last": { "delivered_at": "2026-03-01T12:00:00Z", "status_code": 0, "status": "timed out" },
        });
        assert_eq!(
            line(&delivery),
            "2026-03-01 12:00:00  unknown     -  issue_comment.created                 \
             72d3162e-cc78-11e3-81ab-4c9367dc0958  sent 2 times: timed out"
        );
        delivery["state"] = "dead".into();
        delivery["last"]["status_code"] = 202.into();
        delivery["dead"] = json!(["commands"]);
        assert!(line(&delivery).ends_with("dc0958  given up by commands"), "{}", line(&delivery));
    }
}
