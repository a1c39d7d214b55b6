//! Settings of an engine and of its server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::names::Home;
use crate::store::writer::Disk;
use crate::tasks::Registry;

/// An engine's settings. [`Config::new`] has the defaults.
#[derive(Clone)]
pub struct Config {
    /// The data folder. One process at a time.
    pub data: PathBuf,
    /// Region and account of every ARN. Default: `us-east-1`, `000000000000`.
    pub home: Home,
    /// Who does tasks. Default: nobody, so that machines with Task states are refused unless the engine itself can do them.
    pub registry: Registry,
    /// Time. Default: the machine's.
    pub clock: Arc<dyn Clock>,
    /// How long finished executions are kept, and their names taken. Default, as AWS: 90 days.
    pub retention: Duration,
    /// How many tasks may be under way at once, over all machines, which take turns. Default: 1,000.
    pub tasks_at_once: usize,
    /// Limits for single machines, by name. Default: none.
    pub tasks_at_once_of: Vec<(String, usize)>,
    /// How many executions stay in memory while they wait. Default: 10,000. The others load when something happens to them.
    pub executions_in_memory: usize,
    /// Watches, or fails, the writer's commits. For tests.
    pub disk: Option<Arc<dyn Disk>>,
    /// What moves executions. For tests of what happens when it panics.
    pub(crate) interpreter: crate::engine::Interpreter,
}

impl Config {
    /// The defaults, on this data folder.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            home: Home::default(),
            registry: Registry::new(),
            clock: Arc::new(SystemClock),
            retention: Duration::from_hours(90 * 24),
            tasks_at_once: 1_000,
            tasks_at_once_of: Vec::new(),
            executions_in_memory: 10_000,
            disk: None,
            interpreter: deputy_asl::step,
        }
    }
}

/// Where the API listens, and whom it lets in.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Default: `127.0.0.1:8083`, the port of AWS's own local version.
    pub listen: SocketAddr,
    /// Who may call. Needed unless `listen` is a loopback address, where any signature will do.
    pub credentials: Vec<Credentials>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8083)), credentials: Vec::new() }
    }
}

/// An access key. Its secret is never shown.
#[derive(Clone)]
pub struct Credentials {
    /// Such as `AKIDEXAMPLE`.
    pub access_key_id: String,
    /// The secret that goes with it.
    pub secret_access_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
