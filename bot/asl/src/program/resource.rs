//! A Task state's `Resource`: a function, an activity, or a service's action with its pattern.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::history::ServiceResource;

/// What a Task state calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Integration {
    /// A plain Lambda function ARN.
    LambdaFunction,
    /// An activity ARN.
    Activity,
    /// A service's action: `arn:aws:states:::SERVICE:ACTION[.PATTERN]`.
    Service {
        /// `resourceType` and `resource` of the history events.
        name: ServiceResource,
        /// When the task is over.
        pattern: Pattern,
    },
}

/// When a service integration is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// When the service answers.
    RequestResponse,
    /// `.sync`, `.sync:2`: when the job that the service runs is over.
    Sync,
    /// `.waitForTaskToken`: when somebody returns the token.
    WaitForTaskToken,
}

impl Integration {
    /// Understands a `Resource`; `None` when it is no ARN that Step Functions knows a form of.
    pub fn parse(resource: &str) -> Option<Self> {
        let mut parts = resource.splitn(6, ':');
        if parts.next() != Some("arn") {
            return None;
        }
        let (_partition, service) = (parts.next()?, parts.next()?);
        let (_region, _account, rest) = (parts.next()?, parts.next()?, parts.next()?);
        match service {
            "lambda" if rest.starts_with("function:") => Some(Self::LambdaFunction),
            "states" if rest.starts_with("activity:") => Some(Self::Activity),
            "states" => {
                let (resource_type, action) = if let Some(sdk) = rest.strip_prefix("aws-sdk:") {
                    let (name, action) = sdk.split_once(':')?;
                    (format!("aws-sdk:{name}"), action)
                } else {
                    let (name, action) = rest.split_once(':')?;
                    (name.to_owned(), action)
                };
                if resource_type.is_empty() || action.is_empty() {
                    return None;
                }
                let pattern = match action.split_once('.') {
                    None => Pattern::RequestResponse,
                    Some((_, "waitForTaskToken")) => Pattern::WaitForTaskToken,
                    Some((_, "sync" | "sync:2")) => Pattern::Sync,
                    Some(_) => return None,
                };
                let name =
                    ServiceResource { resource_type: resource_type.into(), resource: Arc::from(action) };
                Some(Self::Service { name, pattern })
            }
            _ => None,
        }
    }

    /// Whether the task has a token that its parameters may pass on. Those of jobs (`.sync`) do too.
    pub fn has_token(&self) -> bool {
        matches!(
            self,
            Self::Activity | Self::Service { pattern: Pattern::WaitForTaskToken | Pattern::Sync, .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_understood() {
        let service = |kind: &str, action: &str, pattern| {
            let name = ServiceResource { resource_type: kind.into(), resource: action.into() };
            Some(Integration::Service { name, pattern })
        };
        assert_eq!(
            Integration::parse("arn:aws:states:::lambda:invoke.waitForTaskToken"),
            service("lambda", "invoke.waitForTaskToken", Pattern::WaitForTaskToken)
        );
        assert_eq!(
            Integration::parse("arn:aws:states:::states:startExecution.sync:2"),
            service("states", "startExecution.sync:2", Pattern::Sync)
        );
        assert_eq!(
            Integration::parse("arn:aws:states:::aws-sdk:s3:getObject"),
            service("aws-sdk:s3", "getObject", Pattern::RequestResponse)
        );
        assert_eq!(
            Integration::parse("arn:aws:lambda:us-east-1:111111111111:function:f:$LATEST"),
            Some(Integration::LambdaFunction)
        );
        assert_eq!(Integration::parse("arn:aws:states:eu-west-1:1:activity:a"), Some(Integration::Activity));
        assert_eq!(Integration::parse("lambda:invoke"), None);
        assert_eq!(Integration::parse("arn:aws:states:::lambda:invoke.later"), None);
    }
}
