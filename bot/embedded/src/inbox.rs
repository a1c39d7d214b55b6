//! Accepting deliveries on one machine: a place in the writer's next transaction.

use async_trait::async_trait;
use deputy_core::delivery::Delivery;
use deputy_core::ports::{Accepted, Inbox, InboxError};

use crate::error::WriteError;
use crate::store::Store;

#[async_trait]
impl Inbox for Store {
    async fn accept(&self, delivery: Delivery) -> Result<Accepted, InboxError> {
        self.write_delivery(delivery).await.map_err(refused)
    }

    async fn ready(&self) -> Result<(), InboxError> {
        let now = self.shared().now();
        self.write(move |connection| {
            // A value that changes, so that the transaction reaches the disk.
            connection
                .prepare_cached("UPDATE setting SET value = max(value + 1, ?) WHERE name = 'ready'")?
                .execute([now])
        })
        .await
        .map_err(refused)?;
        Ok(())
    }
}

fn refused(error: WriteError) -> InboxError {
    match error {
        WriteError::Full => InboxError::Full,
        error => InboxError::Unavailable(error.into()),
    }
}
