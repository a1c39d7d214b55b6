//! One suite per port: what every adapter must pass, whatever it is made of.
//!
//! A suite takes a factory, makes an adapter of its own for each fact, and panics, as tests do, with what did not
//! hold. The factory gets the clock that the adapter must use, so that leases and windows end when the suite says:
//!
//! ```ignore
//! #[tokio::test]
//! async fn the_inbox_keeps_its_contract() {
//!     deputy_core::contract::inbox(async |clock| MyStore::new(clock)).await;
//! }
//! ```

mod archive;
mod audit;
mod clock;
mod dead_letters;
mod inbox;
mod jobs;
mod keys;
mod locks;
mod nonces;
mod once;
mod orchestrator;
mod redeliveries;
mod sample;
mod sessions;
mod vault;
mod waiting;
mod waits;

pub use archive::archive;
pub use audit::audit;
pub use clock::ManualClock;
pub use dead_letters::{Buried, dead_letters};
pub use inbox::inbox;
pub use jobs::{job, jobs};
pub use keys::keys;
pub use locks::locks;
pub use nonces::nonces;
pub use once::once;
pub use orchestrator::{ScriptedTasks, orchestrator};
pub use redeliveries::redeliveries;
pub use sample::{delivery, delivery_id, noise};
pub use sessions::sessions;
pub use vault::{Attacked, vault};
pub use waiting::waiting;
pub use waits::waits;
