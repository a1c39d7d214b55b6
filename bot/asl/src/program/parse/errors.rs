//! `Retry` and `Catch`.

use std::sync::Arc;

use serde_json::Value;

use super::fields::Fields;
use super::{Names, Parser};
use crate::program::{Catcher, Placement, QueryLanguage, Retrier};

impl Parser {
    pub(super) fn retry(&mut self, fields: &mut Fields<'_>) -> Vec<Retrier> {
        let Some(entries) = self.array(fields, "Retry") else { return Vec::new() };
        let mut retriers = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let pointer = format!("{}/Retry[{index}]", fields.pointer);
            let Value::Object(object) = entry else {
                self.wrong_type(&pointer, "Object");
                continue;
            };
            let mut entry = Fields::new(object, pointer);
            self.require(&entry, &["ErrorEquals"]);
            let errors = self.error_equals(&mut entry, index + 1 == entries.len());
            self.string(&mut entry, "Comment");
            let interval_seconds = self.integer(&mut entry, "IntervalSeconds", 1, 99_999_999).unwrap_or(1);
            let max_attempts = self.integer(&mut entry, "MaxAttempts", 0, 99_999_999).unwrap_or(3);
            let location = entry.at("BackoffRate");
            let backoff_rate = entry
                .take("BackoffRate")
                .and_then(|value| self.decimal_of(value, &location, 1.0, f64::MAX))
                .unwrap_or(2.0);
            let max_delay_seconds = self.integer(&mut entry, "MaxDelaySeconds", 1, 31_622_400);
            if max_delay_seconds.is_some_and(|limit| limit < interval_seconds) {
                let location = entry.at("MaxDelaySeconds");
                self.error(&location, "MaxDelaySeconds must be greater than IntervalSeconds");
            }
            let full_jitter = self.choice(&mut entry, "JitterStrategy", &["NONE", "FULL"]) == Some("FULL");
            self.refuse_others(&entry);
            retriers.push(Retrier {
                errors,
                interval_seconds,
                max_attempts,
                backoff_rate,
                max_delay_seconds,
                full_jitter,
            });
        }
        retriers
    }

    pub(super) fn catch(
        &mut self,
        fields: &mut Fields<'_>,
        language: QueryLanguage,
        names: &Names<'_>,
    ) -> Vec<Catcher> {
        let Some(entries) = self.array(fields, "Catch") else { return Vec::new() };
        let mut catchers = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let pointer = format!("{}/Catch[{index}]", fields.pointer);
            let Value::Object(object) = entry else {
                self.wrong_type(&pointer, "Object");
                continue;
            };
            let mut entry = Fields::new(object, pointer);
            self.require(&entry, &["ErrorEquals", "Next"]);
            let errors = self.error_equals(&mut entry, index + 1 == entries.len());
            let next = self.target(&mut entry, "Next", names);
            self.string(&mut entry, "Comment");
            let assign = self.assign(&mut entry, language);
            let (mut result, mut output) = (Placement::Replace, None);
            match language {
                QueryLanguage::JsonPath => {
                    result = self.placement(&mut entry, "ResultPath");
                    if entry.take("Output").is_some() {
                        self.only_jsonata(&entry.pointer.clone(), "Output");
                    }
                }
                QueryLanguage::Jsonata => {
                    output = self.template(&mut entry, "Output", language);
                    if entry.take("ResultPath").is_some() {
                        self.only_json_path(&entry.pointer.clone(), "ResultPath");
                    }
                }
            }
            self.refuse_others(&entry);
            catchers.extend(next.map(|next| Catcher { errors, next, result, output, assign }));
        }
        catchers
    }

    /// `ErrorEquals`; `States.ALL` must stand alone and last.
    fn error_equals(&mut self, entry: &mut Fields<'_>, is_last: bool) -> Vec<Arc<str>> {
        let location = entry.at("ErrorEquals");
        let Some(names) = self.array(entry, "ErrorEquals") else { return Vec::new() };
        if names.is_empty() {
            self.error(&location, "Value cannot be empty");
        }
        let mut errors: Vec<Arc<str>> = Vec::with_capacity(names.len());
        for name in names {
            match name {
                Value::String(name) => errors.push(name.as_str().into()),
                _ => self.wrong_type(&location, "String"),
            }
        }
        let all = errors.iter().any(|name| name.as_ref() == "States.ALL");
        if all && errors.len() > 1 {
            self.error(&location, "States.ALL must appear alone");
        }
        if all && !is_last {
            self.error(&location, "States.ALL must appear in the last retrier or catcher");
        }
        errors
    }
}
