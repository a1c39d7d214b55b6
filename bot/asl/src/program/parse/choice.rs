//! `Choices`: rules and their comparisons.

use std::sync::Arc;

use serde_json::Value;

use super::expressions::looks_embedded;
use super::fields::Fields;
use super::{Names, Parser};
use crate::diagnostics::Code;
use crate::program::choice::{ChoiceRule, Comparable, Condition, Operand, Relation, Test, Type};
use crate::program::{PathText, QueryLanguage, Template};
use crate::time::Timestamp;

/// How deep `And`, `Or` and `Not` may nest.
const MAX_CONDITION_DEPTH: u32 = 50;

const SELECTORS: [&str; 5] = ["And", "Or", "Not", "Variable", "Condition"];

impl Parser {
    pub(super) fn choices(
        &mut self,
        fields: &mut Fields<'_>,
        language: QueryLanguage,
        names: &Names<'_>,
    ) -> Option<Vec<ChoiceRule>> {
        let entries = self.array(fields, "Choices")?;
        if entries.is_empty() {
            self.error(&fields.at("Choices"), "Value cannot be empty");
        }
        let mut rules = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let pointer = format!("{}/Choices[{index}]", fields.pointer);
            let Value::Object(object) = entry else {
                self.wrong_type(&pointer, "Object");
                continue;
            };
            let mut rule = Fields::new(object, pointer);
            self.require(&rule, &["Next"]);
            let next = self.target(&mut rule, "Next", names);
            self.string(&mut rule, "Comment");
            let assign = self.assign(&mut rule, language);
            let output = match language {
                QueryLanguage::Jsonata => self.template(&mut rule, "Output", language),
                QueryLanguage::JsonPath => {
                    if rule.take("Output").is_some() {
                        self.only_jsonata(&rule.pointer.clone(), "Output");
                    }
                    None
                }
            };
            let condition = self.condition(&mut rule, language, 0);
            if let (Some(next), Some(condition)) = (next, condition) {
                rules.push(ChoiceRule { condition, next, assign, output });
            }
        }
        (rules.len() == entries.len()).then_some(rules)
    }

    fn condition(&mut self, rule: &mut Fields<'_>, language: QueryLanguage, depth: u32) -> Option<Condition> {
        if depth > MAX_CONDITION_DEPTH {
            self.error(&rule.pointer, format!("Conditions may nest {MAX_CONDITION_DEPTH} deep"));
            return None;
        }
        if language == QueryLanguage::Jsonata {
            return self.jsonata_condition(rule);
        }
        if rule.has("Condition") {
            rule.take("Condition");
            self.only_jsonata(&rule.pointer.clone(), "Condition");
            return None;
        }
        let selectors: Vec<&str> = SELECTORS.into_iter().filter(|name| rule.has(name)).collect();
        let &[selector] = selectors.as_slice() else {
            self.error(
                &rule.pointer,
                format!("The object must have only one of the following fields, [{}]", SELECTORS.join(", ")),
            );
            return None;
        };
        let condition = match selector {
            "And" => self.conditions(rule, "And", depth).map(Condition::And),
            "Or" => self.conditions(rule, "Or", depth).map(Condition::Or),
            "Not" => {
                let pointer = rule.at("Not");
                let object = self.object(rule, "Not")?;
                let mut inner = Fields::new(object, pointer);
                self.condition(&mut inner, QueryLanguage::JsonPath, depth + 1)
                    .map(|condition| Condition::Not(Box::new(condition)))
            }
            _ => self.test(rule),
        };
        self.refuse_others(rule);
        condition
    }

    fn conditions(&mut self, rule: &mut Fields<'_>, field: &str, depth: u32) -> Option<Vec<Condition>> {
        let entries = self.array(rule, field)?;
        if entries.is_empty() {
            self.error(&rule.at(field), "Value cannot be empty");
        }
        let mut conditions = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let pointer = format!("{}[{index}]", rule.at(field));
            let Value::Object(object) = entry else {
                self.wrong_type(&pointer, "Object");
                continue;
            };
            let mut inner = Fields::new(object, pointer);
            conditions.extend(self.condition(&mut inner, QueryLanguage::JsonPath, depth + 1));
        }
        (conditions.len() == entries.len()).then_some(conditions)
    }

    fn jsonata_condition(&mut self, rule: &mut Fields<'_>) -> Option<Condition> {
        self.require(rule, &["Condition"]);
        let location = rule.at("Condition");
        let condition = match rule.take("Condition") {
            None => None,
            Some(Value::Bool(value)) => {
                Some(Condition::Expression(Template::Literal(crate::Payload::from(Value::Bool(*value)))))
            }
            Some(Value::String(text)) if looks_embedded(text) => {
                self.expression(text, "Condition", &location).map(Condition::Expression)
            }
            Some(_) => {
                self.error(&location, "Value is not a valid JSONata expression");
                None
            }
        };
        for name in rule.others() {
            rule.take(name);
            let known = SELECTORS.contains(&name) || operator(name).is_some();
            if known {
                self.only_json_path(&rule.pointer.clone(), name);
            } else {
                self.error(&rule.pointer, format!("Field '{name}' is not supported"));
            }
        }
        condition
    }

    fn test(&mut self, rule: &mut Fields<'_>) -> Option<Condition> {
        let location = rule.at("Variable");
        let text = self.string(rule, "Variable")?;
        let variable = self.path_of(&text, &location);
        let operators: Vec<&str> =
            rule.others().into_iter().filter(|name| operator(name).is_some()).collect();
        let &[name] = operators.as_slice() else {
            for name in &operators {
                rule.take(name);
            }
            let message = if operators.is_empty() {
                "A comparison operator is required".to_owned()
            } else {
                format!("There should only be one of the following fields: [{}]", operators.join(", "))
            };
            self.error(&rule.pointer, message);
            return None;
        };
        let test = self.comparison(rule, name)?;
        Some(Condition::Test { variable: variable?, test })
    }

    fn comparison(&mut self, rule: &mut Fields<'_>, name: &str) -> Option<Test> {
        let location = rule.at(name);
        match operator(name)? {
            Operator::IsPresent => self.boolean(rule, name).map(Test::IsPresent),
            Operator::Is(kind) => self.boolean(rule, name).map(|expected| Test::Is(kind, expected)),
            Operator::Matches => {
                let pattern = self.string(rule, name)?;
                Some(Test::Matches(Arc::from(pattern)))
            }
            Operator::Compare(comparable, relation, true) => {
                let text = self.string(rule, name)?;
                let path: PathText = self.path_of(&text, &location)?;
                Some(Test::Compare(comparable, relation, Operand::Path(path)))
            }
            Operator::Compare(comparable, relation, false) => {
                let value = rule.take(name)?;
                let fits = match comparable {
                    Comparable::String | Comparable::Timestamp => value.is_string(),
                    Comparable::Numeric => value.is_number(),
                    Comparable::Boolean => value.is_boolean(),
                };
                if !fits {
                    let expected = match comparable {
                        Comparable::String | Comparable::Timestamp => "String",
                        Comparable::Numeric => "Number",
                        Comparable::Boolean => "Boolean",
                    };
                    self.wrong_type(&location, expected);
                    return None;
                }
                if comparable == Comparable::Timestamp && value.as_str().and_then(Timestamp::parse).is_none()
                {
                    self.error(&location, "String does not match RFC3339 timestamp");
                    return None;
                }
                if comparable == Comparable::Numeric
                    && value.as_f64().is_some_and(|number| number.fract() != 0.0)
                {
                    self.warn(
                        Code::NotPortable,
                        &location,
                        "Comparing fractions for equality or order depends on how an engine reads numbers",
                    );
                }
                Some(Test::Compare(comparable, relation, Operand::Literal(value.clone())))
            }
        }
    }
}

enum Operator {
    IsPresent,
    Is(Type),
    Matches,
    /// Whether the operand is a path.
    Compare(Comparable, Relation, bool),
}

fn operator(name: &str) -> Option<Operator> {
    match name {
        "IsPresent" => return Some(Operator::IsPresent),
        "IsNull" => return Some(Operator::Is(Type::Null)),
        "IsString" => return Some(Operator::Is(Type::String)),
        "IsNumeric" => return Some(Operator::Is(Type::Numeric)),
        "IsBoolean" => return Some(Operator::Is(Type::Boolean)),
        "IsTimestamp" => return Some(Operator::Is(Type::Timestamp)),
        "StringMatches" => return Some(Operator::Matches),
        _ => {}
    }
    let (rest, is_path) = match name.strip_suffix("Path") {
        Some(rest) => (rest, true),
        None => (name, false),
    };
    let kinds = [
        ("String", Comparable::String),
        ("Numeric", Comparable::Numeric),
        ("Boolean", Comparable::Boolean),
        ("Timestamp", Comparable::Timestamp),
    ];
    let (comparable, relation) = kinds
        .iter()
        .find_map(|(prefix, kind)| rest.strip_prefix(prefix).map(|relation| (*kind, relation)))?;
    let relation = match relation {
        "Equals" => Relation::Equals,
        "LessThan" => Relation::LessThan,
        "LessThanEquals" => Relation::LessThanEquals,
        "GreaterThan" => Relation::GreaterThan,
        "GreaterThanEquals" => Relation::GreaterThanEquals,
        _ => return None,
    };
    if comparable == Comparable::Boolean && relation != Relation::Equals {
        return None;
    }
    Some(Operator::Compare(comparable, relation, is_path))
}
