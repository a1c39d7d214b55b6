//! Walks a document along a path, step by step, and collects what it finds.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde_json::{Map, Value};

use super::tokens::{Token, Tokens};
use super::{PathError, java, scan};

/// Nodes that one query may visit. A payload of 256 KiB has at most some 130,000; several `..` multiply.
const MAX_VISITS: u32 = 2_000_000;

/// One query: its document, and what it has used up.
#[derive(Debug)]
pub(super) struct Evaluation<'a> {
    root: &'a Value,
    /// Jayway's option `REQUIRE_PROPERTIES`, on in the test for existence.
    require_properties: bool,
    visits: Cell<u32>,
}

/// Where the walk is; written out only for an error.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, i64),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not recursive: a document may be deeper than the stack.
        let mut steps = Vec::new();
        let mut place = self;
        while let Place::Member(parent, _) | Place::Item(parent, _) = place {
            steps.push(place);
            place = parent;
        }
        f.write_str("$")?;
        steps.into_iter().rev().try_for_each(|step| match step {
            Place::Member(_, name) => write!(f, "['{name}']"),
            Place::Item(_, index) => write!(f, "[{index}]"),
            Place::Root => Ok(()),
        })
    }
}

/// What a query has found so far.
pub(super) type Found<'a> = Vec<Cow<'a, Value>>;

/// The steps that remain: the path and the number of the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps<'t> {
    tokens: &'t Tokens,
    index: usize,
}

impl<'t> Steps<'t> {
    pub(super) fn token(self) -> &'t Token {
        &self.tokens.list[self.index]
    }

    pub(super) fn is_last(self) -> bool {
        self.index + 1 == self.tokens.list.len()
    }

    pub(super) fn next(self) -> Self {
        Self { index: self.index + 1, ..self }
    }

    fn tail(self) -> String {
        self.tokens.tail(self.index)
    }
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root, require_properties: false, visits: Cell::new(0) }
    }

    pub(super) fn requiring_properties(&self) -> Self {
        Self { require_properties: true, visits: self.visits.clone(), ..*self }
    }

    pub(super) fn root(&self) -> &'a Value {
        self.root
    }

    /// The value of a definite path, the list of an indefinite one.
    pub(super) fn value<'v>(
        &self,
        tokens: &Tokens,
        document: &'v Value,
    ) -> Result<Cow<'v, Value>, PathError> {
        let mut found = Vec::new();
        self.step(Steps { tokens, index: 0 }, &Place::Root, document, &mut found)?;
        if !tokens.is_definite() {
            return Ok(Cow::Owned(Value::Array(found.into_iter().map(Cow::into_owned).collect())));
        }
        found
            .into_iter()
            .next()
            .ok_or_else(|| PathError::NotFound(format!("No results for path: {}", tokens.tail(0))))
    }

    pub(super) fn visit(&self) -> Result<(), PathError> {
        let visits = self.visits.get() + 1;
        self.visits.set(visits);
        if visits > MAX_VISITS {
            return Err(PathError::TooComplex(MAX_VISITS));
        }
        Ok(())
    }

    /// Applies one step to a node.
    pub(super) fn step<'v>(
        &self,
        steps: Steps<'_>,
        place: &Place<'_>,
        node: &'v Value,
        found: &mut Found<'v>,
    ) -> Result<(), PathError> {
        self.visit()?;
        match steps.token() {
            Token::Root => self.arrive(steps, &Place::Root, node, found),
            Token::Properties(names) => match node {
                Value::Object(members) => self.properties(steps, names, place, members, found),
                _ => {
                    Err(PathError::NotFound(format!("Property {} not found in path {place}", steps.token())))
                }
            },
            Token::Wildcard => self.wildcard(steps, place, node, found),
            Token::Scan => scan::scan(self, steps, place, node, found),
            Token::Filter(filter) => match node {
                Value::Object(_) => {
                    if filter.accepts(node, self)? {
                        self.arrive(steps, place, node, found)?;
                    }
                    Ok(())
                }
                Value::Array(items) => {
                    for (i, item) in items.iter().enumerate() {
                        if filter.accepts(item, self)? {
                            self.item(steps, as_index(i), place, items, found)?;
                        }
                    }
                    Ok(())
                }
                _ => Err(PathError::Invalid(format!(
                    "Filter: {} can not be applied to primitives. Current context is: {}",
                    steps.tail(),
                    java::to_string(node)
                ))),
            },
            Token::Index(_)
            | Token::Indices(_)
            | Token::FromEnd(_)
            | Token::SliceFrom(_)
            | Token::SliceTo(_)
            | Token::SliceBetween(..) => match node {
                Value::Array(items) => self.items(steps, place, items, found),
                Value::Null => Err(PathError::NotFound(format!("The path {place} is null"))),
                _ => Err(PathError::Invalid(format!(
                    "Filter: {} can only be applied to arrays. Current context is: {}",
                    steps.tail(),
                    java::to_string(node)
                ))),
            },
        }
    }

    /// A step led to this node: it is a result, or the next step goes on from it.
    fn arrive<'v>(
        &self,
        steps: Steps<'_>,
        place: &Place<'_>,
        node: &'v Value,
        found: &mut Found<'v>,
    ) -> Result<(), PathError> {
        if steps.is_last() {
            self.visit()?;
            found.push(Cow::Borrowed(node));
            return Ok(());
        }
        self.step(steps.next(), place, node, found)
    }

    fn properties<'v>(
        &self,
        steps: Steps<'_>,
        names: &[String],
        place: &Place<'_>,
        members: &'v Map<String, Value>,
        found: &mut Found<'v>,
    ) -> Result<(), PathError> {
        let [name] = names else {
            return self.merged(steps, names, place, members, found);
        };
        let here = Place::Member(place, name);
        if let Some(member) = members.get(name) {
            return self.arrive(steps, &here, member, found);
        }
        if steps.is_last() {
            return Err(PathError::NotFound(format!("No results for path: {here}")));
        }
        if !steps.tokens.is_upstream_definite(steps.index) && !self.require_properties {
            return Ok(());
        }
        Err(PathError::NotFound(format!("Missing property in path {here}")))
    }

    /// `['a', 'b']`: one object with the members that there are.
    fn merged<'v>(
        &self,
        steps: Steps<'_>,
        names: &[String],
        place: &Place<'_>,
        members: &'v Map<String, Value>,
        found: &mut Found<'v>,
    ) -> Result<(), PathError> {
        if !steps.is_last() {
            return Err(PathError::Invalid(format!(
                "Multi properties can only be used as path leafs: {place}{}",
                steps.token()
            )));
        }
        let mut merged = Map::new();
        for name in names {
            match members.get(name) {
                Some(member) => {
                    self.visit()?;
                    merged.insert(name.clone(), member.clone());
                }
                None if self.require_properties => {
                    return Err(PathError::NotFound(format!(
                        "Missing property in path {place}{}",
                        steps.token()
                    )));
                }
                None => {}
            }
        }
        found.push(Cow::Owned(Value::Object(merged)));
        Ok(())
    }

    fn wildcard<'v>(
        &self,
        steps: Steps<'_>,
        place: &Place<'_>,
        node: &'v Value,
        found: &mut Found<'v>,
    ) -> Result<(), PathError> {
        match node {
            Value::Object(members) => members.iter().try_for_each(|(name, member)| {
                self.arrive(steps, &Place::Member(place, name), member, found)
            }),
            Value::Array(items) => {
                (0..items.len()).try_for_each(|i| match self.item(steps, as_index(i), place, items, found) {
                    Err(PathError::NotFound(_)) if !self.require_properties => Ok(()),
                    other => other,
                })
            }
            _ => Ok(()),
        }
    }

    fn items<'v>(
        &self,
        steps: Steps<'_>,
        place: &Place<'_>,
        items: &'v [Value],
        found: &mut Found<'v>,
    ) -> Result<(), PathError> {
        let length = as_index(items.len());
        let (from, to) = match steps.token() {
            Token::Index(index) => return self.item(steps, (*index).into(), place, items, found),
            Token::FromEnd(offset) => {
                return self.item(steps, length + i64::from(*offset), place, items, found);
            }
            Token::Indices(indices) => {
                return indices
                    .iter()
                    .try_for_each(|index| self.item(steps, (*index).into(), place, items, found));
            }
            Token::SliceFrom(from) => (from_end(*from, length).max(0), length),
            Token::SliceTo(to) => (0, from_end(*to, length).min(length)),
            // Only here does Jayway not count negative numbers from the end, so that they are out of bounds,
            // though not of an empty array.
            Token::SliceBetween(..) if items.is_empty() => return Ok(()),
            Token::SliceBetween(from, to) => (i64::from(*from), i64::from(*to).min(length)),
            _ => return Ok(()),
        };
        (from..to).try_for_each(|index| self.item(steps, index, place, items, found))
    }

    fn item<'v>(
        &self,
        steps: Steps<'_>,
        index: i64,
        place: &Place<'_>,
        items: &'v [Value],
        found: &mut Found<'v>,
    ) -> Result<(), PathError> {
        let here = Place::Item(place, index);
        match usize::try_from(index).ok().and_then(|i| items.get(i)) {
            Some(item) => self.arrive(steps, &here, item, found),
            None => Err(PathError::NotFound(format!("Index out of bounds when evaluating path {here}"))),
        }
    }
}

fn from_end(number: i32, length: i64) -> i64 {
    let number = i64::from(number);
    if number < 0 { number + length } else { number }
}

/// Lengths of what fits into memory fit into an `i64`.
pub(super) fn as_index(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
