//! The payload port: GitHub's JSON as the domain's comments.

use deputy_core::comment::Comment;
use deputy_core::delivery::Delivery;
use deputy_core::ids::UserId;
use deputy_core::ports::{PayloadError, Payloads};

use crate::payload::{MentionFinder, comment, sender};

/// Reads comments, and skips without decoding the payloads that cannot hold the mention.
#[derive(Debug)]
pub struct GitHubPayloads {
    finder: MentionFinder,
}

impl GitHubPayloads {
    /// For commands addressed to `mention`, without `@`.
    pub fn new(mention: &str) -> Self {
        Self { finder: MentionFinder::new(mention) }
    }
}

impl Payloads for GitHubPayloads {
    fn comment<'a>(&self, delivery: &'a Delivery) -> Result<Option<Comment<'a>>, PayloadError> {
        if !self.finder.may_hold_command(&delivery.body) {
            return Ok(None);
        }
        comment(&delivery.event, &delivery.body).map_err(|error| PayloadError(error.into()))
    }

    fn sender(&self, delivery: &Delivery) -> Result<Option<UserId>, PayloadError> {
        sender(&delivery.body).map_err(|error| PayloadError(error.into()))
    }
}
