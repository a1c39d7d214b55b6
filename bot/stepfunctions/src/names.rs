//! Names and ARNs: which are allowed, and how they are taken apart.

use std::fmt;

use crate::error::ApiError;

/// Where the resources live: what every ARN begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// As in `us-east-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Default for Home {
    fn default() -> Self {
        Self { region: "us-east-1".into(), account: "000000000000".into() }
    }
}

impl Home {
    /// `arn:aws:states:REGION:ACCOUNT:KIND:REST`
    pub fn arn(&self, kind: &str, rest: impl fmt::Display) -> String {
        format!("arn:aws:states:{}:{}:{kind}:{rest}", self.region, self.account)
    }
}

/// What an ARN of Step Functions names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// `stateMachine:NAME`, a version (`:1`), an alias (`:prod`) or a distributed map's child machine (`/label`).
    StateMachine {
        /// The machine's name.
        name: String,
        /// The version's number or the alias's name.
        qualifier: Option<String>,
    },
    /// `execution:MACHINE:NAME`, with the version or alias that was started in between, if any.
    Execution {
        /// The machine's name; of a map run's child, `MACHINE/LABEL`.
        machine: String,
        /// The execution's name.
        name: String,
    },
    /// `express:MACHINE:NAME:ID`
    Express,
    /// `activity:NAME`
    Activity {
        /// The activity's name.
        name: String,
    },
    /// `mapRun:MACHINE/LABEL:ID`
    MapRun,
}

impl Named {
    /// The resource type as the ARN has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StateMachine { .. } => "stateMachine",
            Self::Execution { .. } => "execution",
            Self::Express => "express",
            Self::Activity { .. } => "activity",
            Self::MapRun => "mapRun",
        }
    }
}

/// Takes an ARN apart. The error is AWS's `InvalidArn`.
pub fn parse_arn(arn: &str) -> Result<Named, ApiError> {
    if !arn.starts_with("arn:") {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN prefix: {arn}")));
    }
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let [_, _partition, service, region, account, kind, rest] = parts[..] else {
        return Err(ApiError::invalid_arn(arn));
    };
    if service != "states" || region.is_empty() || account.len() != 12 || rest.is_empty() {
        return Err(ApiError::invalid_arn(arn));
    }
    let pieces: Vec<&str> = rest.split(':').collect();
    let named = match (kind, &pieces[..]) {
        ("stateMachine", [name]) => Named::StateMachine { name: (*name).into(), qualifier: None },
        ("stateMachine", [name, qualifier]) => {
            Named::StateMachine { name: (*name).into(), qualifier: Some((*qualifier).into()) }
        }
        ("execution", [machine, name] | [machine, _, name]) => {
            Named::Execution { machine: (*machine).into(), name: (*name).into() }
        }
        ("express", [_, _, ..]) => Named::Express,
        ("activity", [name]) => Named::Activity { name: (*name).into() },
        ("mapRun", [_, _]) => Named::MapRun,
        _ => return Err(ApiError::invalid_arn(arn)),
    };
    Ok(named)
}

/// As [`parse_arn`], when only one kind will do.
pub fn expect_arn(arn: &str, kinds: &[&str]) -> Result<Named, ApiError> {
    let named = parse_arn(arn)?;
    if kinds.contains(&named.kind()) {
        Ok(named)
    } else {
        Err(ApiError::invalid_arn(&format!("Resource type not valid in this context: {}", named.kind())))
    }
}

/// Checks the name of a machine, activity or execution: 1 to 80 characters, none of which AWS forbids.
pub fn check_name(name: &str) -> Result<(), ApiError> {
    let length = name.chars().count();
    let forbidden = |character: char| {
        character.is_control()
            || character.is_whitespace()
            || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(character)
            || ('\u{fffe}'..='\u{ffff}').contains(&character)
    };
    if (1..=80).contains(&length) && !name.chars().any(forbidden) {
        Ok(())
    } else {
        Err(ApiError::new("InvalidName", format!("Invalid Name: '{name}'")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_apart() {
        let machine = parse_arn("arn:aws:states:us-east-1:111111111111:stateMachine:m:3").unwrap();
        assert_eq!(machine, Named::StateMachine { name: "m".into(), qualifier: Some("3".into()) });
        let execution = parse_arn("arn:aws:states:us-east-1:111111111111:execution:m:3:e").unwrap();
        assert_eq!(execution, Named::Execution { machine: "m".into(), name: "e".into() });
        let error = parse_arn("no_an_activity_arn").unwrap_err();
        assert_eq!(error.message, "Invalid Arn: 'Invalid ARN prefix: no_an_activity_arn'");
        assert!(parse_arn("arn:aws:states:us-east-1:111111111111:stateMachine").is_err());
    }

    #[test]
    fn names_have_no_wild_cards_blanks_or_control_characters() {
        for good in ["a", "activity-name_123", "state.machine", "übung", &"x".repeat(80)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "a\u{1f}", "a\u{7f}", "a;b", "a:b", &"x".repeat(81)] {
            assert_eq!(check_name(bad).unwrap_err().code, "InvalidName", "{bad}");
        }
    }
}
