//! Reading an object's fields by type, with AWS's words for what is wrong.

use std::cell::RefCell;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Parser;

/// An object of the definition, and which of its fields have been read.
pub(super) struct Fields<'d> {
    pub(super) object: &'d Map<String, Value>,
    pub(super) pointer: String,
    read: RefCell<HashSet<&'d str>>,
}

impl<'d> Fields<'d> {
    pub(super) fn new(object: &'d Map<String, Value>, pointer: String) -> Self {
        Self { object, pointer, read: RefCell::new(HashSet::new()) }
    }

    /// The pointer of a field.
    pub(super) fn at(&self, field: &str) -> String {
        format!("{}/{field}", self.pointer)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// The field's value; from now on it counts as read.
    pub(super) fn take(&self, field: &str) -> Option<&'d Value> {
        let (name, value) = self.object.get_key_value(field)?;
        self.read.borrow_mut().insert(name);
        Some(value)
    }

    /// What nobody read.
    pub(super) fn others(&self) -> Vec<&'d str> {
        let read = self.read.borrow();
        self.object.keys().map(String::as_str).filter(|name| !read.contains(name)).collect()
    }
}

impl Parser {
    /// Complains about every field that nobody read.
    pub(super) fn refuse_others(&mut self, fields: &Fields<'_>) {
        for name in fields.others() {
            self.error(&fields.pointer, format!("Field '{name}' is not supported"));
        }
    }

    pub(super) fn require(&mut self, fields: &Fields<'_>, names: &[&str]) {
        let missing: Vec<&str> = names.iter().copied().filter(|name| !fields.has(name)).collect();
        if !missing.is_empty() {
            self.error(&fields.pointer, format!("These fields are required: [{}]", missing.join(", ")));
        }
    }

    /// Complains when more than one of the fields is there.
    pub(super) fn exclusive(&mut self, fields: &Fields<'_>, names: &[&str]) {
        if names.iter().filter(|name| fields.has(name)).count() > 1 {
            // That they clash is all there is to say about them.
            for name in names {
                fields.take(name);
            }
            let names = names.join(", ");
            self.error(
                &fields.pointer,
                format!("There should only be one of the following fields: [{names}]"),
            );
        }
    }

    pub(super) fn wrong_type(&mut self, location: &str, expected: &str) {
        self.error(location, format!("Expected value of type {expected}"));
    }

    pub(super) fn string(&mut self, fields: &mut Fields<'_>, field: &str) -> Option<String> {
        if let Value::String(text) = fields.take(field)? {
            Some(text.clone())
        } else {
            self.wrong_type(&fields.at(field), "String");
            None
        }
    }

    /// A text out of a fixed set.
    pub(super) fn choice<'c>(
        &mut self,
        fields: &mut Fields<'_>,
        field: &str,
        choices: &[&'c str],
    ) -> Option<&'c str> {
        let text = self.string(fields, field)?;
        let found = choices.iter().copied().find(|choice| *choice == text);
        if found.is_none() {
            let choices = choices.join(", ");
            self.error(&fields.at(field), format!("Value should be one of the following: [{choices}]"));
        }
        found
    }

    pub(super) fn object<'d>(
        &mut self,
        fields: &mut Fields<'d>,
        field: &str,
    ) -> Option<&'d Map<String, Value>> {
        if let Value::Object(object) = fields.take(field)? {
            Some(object)
        } else {
            self.wrong_type(&fields.at(field), "Object");
            None
        }
    }

    pub(super) fn array<'d>(&mut self, fields: &mut Fields<'d>, field: &str) -> Option<&'d Vec<Value>> {
        if let Value::Array(array) = fields.take(field)? {
            Some(array)
        } else {
            self.wrong_type(&fields.at(field), "Array");
            None
        }
    }

    pub(super) fn boolean(&mut self, fields: &mut Fields<'_>, field: &str) -> Option<bool> {
        if let Value::Bool(boolean) = fields.take(field)? {
            Some(*boolean)
        } else {
            self.wrong_type(&fields.at(field), "Boolean");
            None
        }
    }

    /// A whole number within bounds.
    pub(super) fn integer(
        &mut self,
        fields: &mut Fields<'_>,
        field: &str,
        least: i64,
        most: u64,
    ) -> Option<u64> {
        let value = fields.take(field)?;
        self.integer_of(value, &fields.at(field), least, most)
    }

    pub(super) fn integer_of(&mut self, value: &Value, location: &str, least: i64, most: u64) -> Option<u64> {
        let number = if let Value::Number(number) = value {
            match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => i128::from(number),
                (None, Some(number)) => i128::from(number),
                (None, None) => {
                    self.wrong_type(location, "Integer");
                    return None;
                }
            }
        } else {
            self.wrong_type(location, "Integer");
            return None;
        };
        if number < i128::from(least) {
            self.error(location, format!("Minimum value is {least}"));
            return None;
        }
        if number > i128::from(most) {
            self.error(location, format!("Maximum value is {most}"));
            return None;
        }
        u64::try_from(number).ok()
    }

    /// A number within bounds.
    pub(super) fn decimal_of(&mut self, value: &Value, location: &str, least: f64, most: f64) -> Option<f64> {
        let Some(number) = value.as_f64() else {
            self.wrong_type(location, "Double");
            return None;
        };
        if number < least {
            self.error(location, format!("Minimum value is {least:?}"));
            return None;
        }
        if number > most {
            self.error(location, format!("Maximum value is {most:?}"));
            return None;
        }
        Some(number)
    }
}
