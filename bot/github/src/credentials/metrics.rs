//! What Prometheus reads of the Apps: their installations, their rate limits, and what was handed out.

use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering;

use super::Credentials;
use crate::client::Reading;

/// What a gauge shows of a reading.
type Value<'a> = &'a dyn Fn(&Reading) -> i64;

impl Credentials {
    /// In Prometheus' text format.
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        family(&mut text, "deputy_app_installations", "gauge", "Accounts that an App is installed on.");
        for app in &self.apps {
            sample(&mut text, "deputy_app_installations", &[("app", &app.name)], app.directory.all().len());
        }
        let swept = "deputy_app_installations_read_timestamp_seconds";
        family(&mut text, swept, "gauge", "When all installations of an App were last read from GitHub.");
        for app in &self.apps {
            if let Some(at) = app.directory.swept_at() {
                sample(&mut text, swept, &[("app", &app.name)], at.timestamp());
            }
        }
        let vended = "deputy_credentials_vended_total";
        family(&mut text, vended, "counter", "Credentials handed out since the start, by kind.");
        for app in &self.apps {
            for (kind, count) in [("installation", &app.tokens), ("app", &app.jwts)] {
                let labels = [("app", &*app.name), ("kind", kind)];
                sample(&mut text, vended, &labels, count.load(Ordering::Relaxed));
            }
        }
        self.limits(&mut text);
        text
    }

    fn limits(&self, text: &mut String) {
        let mut limits = Vec::new();
        for app in &self.apps {
            for installation in app.directory.all() {
                for (resource, reading) in app.client.readings(installation.id).each() {
                    limits.push((&app.name, installation.account.login.clone(), resource, reading));
                }
            }
        }
        let families: [(&str, &str, Value<'_>); 4] = [
            ("deputy_github_rate_limit", "Requests an installation has an hour.", &|it| it.limit.into()),
            ("deputy_github_rate_limit_remaining", "Requests it has left, as GitHub said last.", &|it| {
                it.remaining.into()
            }),
            ("deputy_github_rate_limit_reset_timestamp_seconds", "When it has all of them again.", &|it| {
                it.reset.timestamp()
            }),
            (
                "deputy_github_rate_limit_low",
                "1 where less is left than github.rate_limit_alarm_percent.",
                &|it| self.is_low(it).into(),
            ),
        ];
        for (name, help, value) in families {
            family(text, name, "gauge", help);
            for (app, owner, resource, reading) in &limits {
                let labels = [("app", &***app), ("owner", owner), ("resource", resource)];
                sample(text, name, &labels, value(reading));
            }
        }
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    text.push_str(name);
    for (index, (label, value)) in labels.iter().enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
    }
    let _ = writeln!(text, "}} {value}");
}
