//! Compiling paths, payload templates and JSONata expressions.

use std::sync::Arc;

use serde_json::Value;

use super::Parser;
use super::fields::Fields;
use crate::diagnostics::Code;
use crate::intrinsics::Intrinsic;
use crate::jsonata::{Expression, embedded};
use crate::jsonpath::{Path, Root};
use crate::payload::Payload;
use crate::program::{Number, PathText, Placement, QueryLanguage, Selection, Template, Text};

/// How deep a template may nest.
const MAX_TEMPLATE_DEPTH: u32 = 100;

impl Parser {
    /// A path in a field of its own.
    pub(super) fn path_of(&mut self, text: &str, location: &str) -> Option<PathText> {
        self.check_dialect(text, location);
        if let Ok(path) = Path::parse(text) {
            Some(PathText { text: text.into(), path })
        } else {
            self.error(location, "Value is not a valid JSONPath");
            None
        }
    }

    /// Filters, deep scans and functions differ between the dialects of JSONPath; AWS has Jayway's.
    fn check_dialect(&mut self, text: &str, location: &str) {
        if text.starts_with('$') && ["?(", "..", "()"].iter().any(|sign| text.contains(sign)) {
            self.warn(
                Code::NotPortable,
                location,
                format!("What '{text}' finds depends on the dialect of JSONPath; AWS follows Jayway's"),
            );
        }
    }

    /// A path that names one node.
    pub(super) fn reference_path(&mut self, fields: &mut Fields<'_>, field: &str) -> Option<PathText> {
        let text = self.string(fields, field)?;
        let location = fields.at(field);
        match Path::parse(&text) {
            Ok(path) if path.is_reference() => Some(PathText { text: text.into(), path }),
            _ => {
                self.error(&location, "Value is not a Reference Path");
                None
            }
        }
    }

    /// `InputPath`, `OutputPath`.
    pub(super) fn selection(&mut self, fields: &mut Fields<'_>, field: &str) -> Selection {
        match fields.take(field) {
            None => Selection::All,
            Some(Value::Null) => Selection::Nothing,
            Some(Value::String(text)) if text == "$" => Selection::All,
            Some(Value::String(text)) => {
                self.path_of(text, &fields.at(field)).map_or(Selection::All, Selection::Path)
            }
            Some(_) => {
                self.wrong_type(&fields.at(field), "String");
                Selection::All
            }
        }
    }

    /// `ResultPath`.
    pub(super) fn placement(&mut self, fields: &mut Fields<'_>, field: &str) -> Placement {
        match fields.object.get(field) {
            None => Placement::Replace,
            Some(Value::Null) => {
                fields.take(field);
                Placement::Discard
            }
            Some(Value::String(text)) if text == "$" => {
                fields.take(field);
                Placement::Replace
            }
            Some(_) => match self.reference_path(fields, field) {
                Some(path) if *path.path.root() == Root::Input => Placement::At(path),
                Some(_) => {
                    self.error(&fields.at(field), "Value is not a Reference Path");
                    Placement::Replace
                }
                None => Placement::Replace,
            },
        }
    }

    /// A template of either language in a field of its own.
    pub(super) fn template(
        &mut self,
        fields: &mut Fields<'_>,
        field: &str,
        language: QueryLanguage,
    ) -> Option<Template> {
        let value = fields.take(field)?;
        let location = fields.at(field);
        self.template_of(value, field, &location, language)
    }

    pub(super) fn template_of(
        &mut self,
        value: &Value,
        field: &str,
        location: &str,
        language: QueryLanguage,
    ) -> Option<Template> {
        match language {
            QueryLanguage::JsonPath => self.json_path_template(value, location, 0),
            QueryLanguage::Jsonata => self.jsonata_template(value, field, location, 0),
        }
    }

    fn too_deep(&mut self, location: &str, depth: u32) -> bool {
        if depth > MAX_TEMPLATE_DEPTH {
            self.error(location, format!("Values may nest {MAX_TEMPLATE_DEPTH} deep"));
        }
        depth > MAX_TEMPLATE_DEPTH
    }

    fn json_path_template(&mut self, value: &Value, location: &str, depth: u32) -> Option<Template> {
        if self.too_deep(location, depth) {
            return None;
        }
        match value {
            Value::Object(object) => {
                let mut members: Vec<(Box<str>, Template)> = Vec::with_capacity(object.len());
                let mut complete = true;
                for (name, member) in object {
                    let compiled = match name.strip_suffix(".$") {
                        Some(_) => self.dynamic_member(name, member, location),
                        None => self.json_path_template(member, location, depth + 1),
                    };
                    let target = name.strip_suffix(".$").unwrap_or(name);
                    match compiled {
                        Some(template) => members.push((target.into(), template)),
                        None => complete = false,
                    }
                }
                let literal = members.iter().all(|(_, member)| matches!(member, Template::Literal(_)));
                let template = if literal {
                    Template::Literal(Payload::from(value.clone()))
                } else {
                    Template::Object(members)
                };
                complete.then_some(template)
            }
            Value::Array(array) => {
                let items: Option<Vec<Template>> =
                    array.iter().map(|item| self.json_path_template(item, location, depth + 1)).collect();
                let items = items?;
                let literal = items.iter().all(|item| matches!(item, Template::Literal(_)));
                Some(if literal {
                    Template::Literal(Payload::from(value.clone()))
                } else {
                    Template::Array(items)
                })
            }
            other => Some(Template::Literal(Payload::from(other.clone()))),
        }
    }

    /// A member whose name ends in `.$`.
    fn dynamic_member(&mut self, name: &str, value: &Value, location: &str) -> Option<Template> {
        let template = value.as_str().and_then(|text| compile_dynamic(name, text));
        if let Some(text) = value.as_str() {
            self.check_dialect(text, location);
        }
        if template.is_none() {
            self.error(
                location,
                format!("The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"),
            );
        }
        template
    }

    fn jsonata_template(
        &mut self,
        value: &Value,
        place: &str,
        location: &str,
        depth: u32,
    ) -> Option<Template> {
        if self.too_deep(location, depth) {
            return None;
        }
        match value {
            Value::String(text) if looks_embedded(text) => self.expression(text, place, location),
            Value::Object(object) => {
                let mut members: Vec<(Box<str>, Template)> = Vec::with_capacity(object.len());
                let mut complete = true;
                for (name, member) in object {
                    let compiled = self.jsonata_template(
                        member,
                        &format!("{place}/{name}"),
                        &format!("{location}/{name}"),
                        depth + 1,
                    );
                    if name.ends_with(".$") {
                        self.warn(
                            Code::LiteralExpression,
                            location,
                            format!("'{name}' has no special meaning in JSONata; the member keeps its '.$'"),
                        );
                    }
                    match compiled {
                        Some(template) => members.push((name.as_str().into(), template)),
                        None => complete = false,
                    }
                }
                let literal = members.iter().all(|(_, member)| matches!(member, Template::Literal(_)));
                let template = if literal {
                    Template::Literal(Payload::from(value.clone()))
                } else {
                    Template::Object(members)
                };
                complete.then_some(template)
            }
            Value::Array(array) => {
                let mut items = Vec::with_capacity(array.len());
                for (index, item) in array.iter().enumerate() {
                    items.push(self.jsonata_template(
                        item,
                        &format!("{place}[{index}]"),
                        &format!("{location}[{index}]"),
                        depth + 1,
                    )?);
                }
                let literal = items.iter().all(|item| matches!(item, Template::Literal(_)));
                Some(if literal {
                    Template::Literal(Payload::from(value.clone()))
                } else {
                    Template::Array(items)
                })
            }
            other => Some(Template::Literal(Payload::from(other.clone()))),
        }
    }

    /// One JSONata expression with its delimiters.
    pub(super) fn expression(&mut self, text: &str, place: &str, location: &str) -> Option<Template> {
        let inside = embedded(text).unwrap_or_default();
        match Expression::parse(inside) {
            Ok(expression) => Some(Template::Jsonata {
                location: place.into(),
                sees_context: sees_context(inside),
                expression: Box::new(expression),
            }),
            Err(error) => {
                self.error(location, format!("The JSONata expression is invalid. {error}"));
                None
            }
        }
    }

    /// A number written out, in a `…Path` field, or as an expression.
    pub(super) fn number(
        &mut self,
        fields: &mut Fields<'_>,
        field: &str,
        language: QueryLanguage,
        bounds: NumberBounds,
    ) -> Option<Number> {
        let path_field = format!("{field}Path");
        self.exclusive(fields, &[field, &path_field]);
        if fields.has(&path_field) {
            if language == QueryLanguage::Jsonata {
                fields.take(&path_field);
                self.only_json_path(&fields.pointer.clone(), &path_field);
                return None;
            }
            let path = self.reference_path(fields, &path_field)?;
            // Of all numbers, only the seconds of a Wait state may come from the context object.
            if *path.path.root() == Root::Context && field != "Seconds" {
                self.error(&fields.at(&path_field), "Value is not a Reference Path");
                return None;
            }
            return Some(Number::Path(path));
        }
        let value = fields.take(field)?;
        let location = fields.at(field);
        match value {
            Value::String(text) if language == QueryLanguage::Jsonata && looks_embedded(text) => {
                self.expression(text, field, &location).map(Number::Expression)
            }
            other => match bounds {
                NumberBounds::Whole { least, most } => {
                    #[allow(clippy::cast_precision_loss)] // The bounds lie far below 2^53.
                    self.integer_of(other, &location, least, most)
                        .map(|number| Number::Literal(number as f64))
                }
                NumberBounds::Percentage => {
                    self.decimal_of(other, &location, 0.0, 100.0).map(Number::Literal)
                }
            },
        }
    }

    /// `Error` and `Cause` with their `…Path` forms.
    pub(super) fn text(
        &mut self,
        fields: &mut Fields<'_>,
        field: &str,
        language: QueryLanguage,
    ) -> Option<Text> {
        let path_field = format!("{field}Path");
        self.exclusive(fields, &[field, &path_field]);
        if fields.has(&path_field) {
            let location = fields.at(&path_field);
            let text = self.string(fields, &path_field)?;
            if language == QueryLanguage::Jsonata {
                self.only_json_path(&fields.pointer.clone(), &path_field);
                return None;
            }
            let template = compile_dynamic(&path_field, &text);
            if template.is_none() {
                self.error(&location, "Value is not a valid JSONPath or intrinsic function");
            }
            return template.map(Text::Template);
        }
        let text = self.string(fields, field)?;
        if language == QueryLanguage::Jsonata && looks_embedded(&text) {
            return self.expression(&text, field, &fields.at(field)).map(Text::Template);
        }
        Some(Text::Literal(Arc::from(text)))
    }

    pub(super) fn only_json_path(&mut self, pointer: &str, field: &str) {
        self.error(
            pointer,
            format!(
                "The QueryLanguage is set to 'JSONata', but field '{field}' is only supported for the 'JSONPath' \
                 QueryLanguage"
            ),
        );
    }

    pub(super) fn only_jsonata(&mut self, pointer: &str, field: &str) {
        self.error(
            pointer,
            format!(
                "The QueryLanguage is set to 'JSONPath', but field '{field}' is only supported for the 'JSONata' \
                 QueryLanguage"
            ),
        );
    }
}

/// What a number may be.
#[derive(Clone, Copy)]
pub(super) enum NumberBounds {
    Whole { least: i64, most: u64 },
    Percentage,
}

/// Whether a text is meant as an expression.
pub(super) fn looks_embedded(text: &str) -> bool {
    text.starts_with("{%") && text.ends_with("%}") && text.len() >= 4
}

/// A path or an intrinsic function call.
fn compile_dynamic(field: &str, text: &str) -> Option<Template> {
    if text.starts_with('$') {
        let path = Path::parse(text).ok()?;
        return Some(Template::Path { field: field.into(), path: PathText { text: text.into(), path } });
    }
    let call = Intrinsic::parse(text).ok()?;
    Some(Template::Intrinsic { field: field.into(), text: text.into(), call: Box::new(call) })
}

/// Whether an expression may look at the context object. Errs on the side of yes.
fn sees_context(expression: &str) -> bool {
    expression.match_indices("$states").any(|(at, _)| {
        let after = expression[at + "$states".len()..].trim_start();
        match after.strip_prefix('.') {
            Some(member) => {
                let member = member.trim_start();
                !["input", "result", "errorOutput"].iter().any(|name| member.starts_with(name))
            }
            None => true,
        }
    })
}
