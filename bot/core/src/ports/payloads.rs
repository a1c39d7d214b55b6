//! Reading out of a payload what the domain needs of it.

use crate::comment::Comment;
use crate::delivery::Delivery;
use crate::ids::UserId;

/// GitHub's payload formats. Pure: no I/O, nothing to survive.
pub trait Payloads: Send + Sync {
    /// The comment that the delivery tells of, borrowed from its body. `None` where it tells of none that a
    /// command could stand in: another event, a deletion, an edit that left the text alone.
    fn comment<'a>(&self, delivery: &'a Delivery) -> Result<Option<Comment<'a>>, PayloadError>;

    /// Who did what the delivery tells of; `None` where GitHub does not say.
    fn sender(&self, delivery: &Delivery) -> Result<Option<UserId>, PayloadError>;
}

/// The payload is not what GitHub documents. Trying again will not help.
#[derive(Debug, thiserror::Error)]
#[error("the payload is not what GitHub documents for its event")]
pub struct PayloadError(#[source] pub anyhow::Error);
