//! Ids as GitHub hands them out: numbers, one type per thing, and the node ids made from them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
            pub struct $name(pub u64);

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    self.0.fmt(f)
                }
            }

            impl $name {
                /// The id that GraphQL knows this by.
                pub fn node_id(self) -> String {
                    node_id($prefix, self.0)
                }
            }
        )*
    };
}

ids! {
    /// A user, an organization or a bot.
    AccountId "U";
    /// A repository.
    RepositoryId "R";
    /// An issue or a pull request, as an issue.
    IssueId "I";
    /// A comment of any kind; its node id says which.
    CommentId "IC";
    /// A pull request review.
    ReviewId "PRR";
    /// A reaction.
    ReactionId "REA";
    /// A discussion.
    DiscussionId "D";
    /// A team of an organization.
    TeamId "T";
    /// A GitHub App.
    AppId "A";
    /// An installation of a GitHub App on an account.
    InstallationId "MDIzOk";
    /// A check suite.
    CheckSuiteId "CS";
    /// A check run.
    CheckRunId "CR";
    /// A commit status.
    StatusId "SC";
    /// A workflow of GitHub Actions.
    WorkflowId "W";
    /// A run of a workflow.
    RunId "WFR";
    /// A job of a run.
    JobId "JOB";
    /// A deployment.
    DeploymentId "DE";
    /// A status of a deployment.
    DeploymentStatusId "DES";
    /// One attempt at delivering one webhook.
    DeliveryId "HD";
}

/// Makes a node id that [`parse_node_id`] reads back.
pub(crate) fn node_id(prefix: &str, id: u64) -> String {
    format!("{prefix}_kwDO{}", URL_SAFE_NO_PAD.encode(id.to_be_bytes()))
}

/// The prefix and the number of a node id, if it is one of ours.
pub(crate) fn parse_node_id(node_id: &str) -> Option<(&str, u64)> {
    let (prefix, rest) = node_id.rsplit_once("_kwDO")?;
    let bytes: [u8; 8] = URL_SAFE_NO_PAD.decode(rest).ok()?.try_into().ok()?;
    Some((prefix, u64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_id_reads_back() {
        assert_eq!(parse_node_id(&CommentId(42).node_id()), Some(("IC", 42)));
        assert_eq!(parse_node_id("MDQ6VXNlcjE="), None);
    }
}
