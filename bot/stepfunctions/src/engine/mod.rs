//! The engine: executions that survive, moved by one thread, written by another.
//!
//! An event becomes part of an execution in memory at once, but nothing that follows from it leaves the process before the
//! batch that holds the event is on the disk. One commit serves all executions that have moved since the last.

mod activities;
mod batch;
pub(crate) mod core;
mod dispatch;
mod drive;
mod instance;
mod load;
mod map_runs;
mod native;
mod results;
mod shelf;
mod start;
mod status;
mod timers;
mod tokens;
mod workers;

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use serde_json::Value;
use tokio::sync::{oneshot, watch};

pub(crate) use self::activities::Poll;
use self::core::{Core, Message, Parts};
pub(crate) use self::instance::{Interpreter, Origin, Parent};
pub(crate) use self::load::{history, read_log};
pub(crate) use self::map_runs::{Counts, Record, item_counts};
pub(crate) use self::start::{Start, random_bytes, random_uuid};
pub(crate) use self::status::{About, Ended, Kept, Status, redrive_status};
pub(crate) use self::tokens::TokenAnswer;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::error::{ApiError, EngineError};
use crate::store::readers::Readers;
use crate::store::writer::Writer;
use crate::store::{Folder, open_reader, open_writer};

/// Is told how an execution ended.
pub(crate) type Watcher = Box<dyn FnOnce(Ended) + Send>;

/// An engine at work. Clones share it; it closes when the last one goes, or with [`Engine::close`].
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// An engine that does not keep it at work.
#[derive(Clone)]
pub(crate) struct WeakEngine(Weak<Inner>);

impl WeakEngine {
    pub(crate) fn upgrade(&self) -> Option<Engine> {
        self.0.upgrade().map(Engine)
    }
}

struct Inner {
    messages: Sender<Message>,
    config: Arc<Config>,
    readers: Arc<Readers>,
    thread: Mutex<Option<JoinHandle<()>>>,
    stopped: watch::Receiver<Option<Arc<EngineError>>>,
    _folder: Folder,
}

impl Engine {
    /// Opens the data folder, or makes it, and takes up what was under way. Blocks while it reads.
    ///
    /// Must be called within a Tokio runtime, on which the tasks will run.
    pub fn open(config: Config) -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| EngineError::Config("an engine needs a Tokio runtime around it".into()))?;
        let config = Arc::new(config);
        let folder = Folder::open(&config.data)?;
        let connection = open_writer(folder.database())?;
        let reader = open_reader(folder.database())?;
        let catalog = Catalog::load(&reader)?;
        let (messages, incoming) = channel();
        let report = messages.clone();
        let writer = Writer::start(connection, config.disk.clone(), move |committed| {
            // An engine that is gone does not mind.
            let _ = report.send(Message::Committed(committed));
        })?;
        let (stop, stopped) = watch::channel(None);
        let readers = Arc::new(Readers::new(folder.database().to_owned()));
        // The thread holds no strong reference, or the engine would never end.
        let (introduce, introduced) = channel::<WeakEngine>();
        let (ready, opened) = channel();
        let thread = thread::Builder::new().name("stepfunctions-engine".into()).spawn({
            let (config, messages) = (Arc::clone(&config), messages.clone());
            move || {
                let Ok(self_handle) = introduced.recv() else { return };
                let mut core =
                    Core::new(Parts { config, catalog, reader, runtime, messages, self_handle, writer });
                core.recover_map_runs();
                core.name_limits();
                let recovered = core.recover();
                let failed = recovered.is_err();
                let _ = ready.send(recovered);
                if failed {
                    return;
                }
                if let Err(error) = core.run(&incoming) {
                    tracing::error!(%error, "the store failed; the engine has stopped and must be opened again");
                    let _ = stop.send(Some(Arc::new(EngineError::Store(error))));
                }
            }
        })?;
        let inner = Arc::new_cyclic(|weak| {
            let _ = introduce.send(WeakEngine(weak.clone()));
            Inner { messages, config, readers, thread: Mutex::new(Some(thread)), stopped, _folder: folder }
        });
        let gone = || EngineError::Config("the engine's thread has ended".into());
        opened.recv().map_err(|_| gone())??;
        Ok(Self(inner))
    }

    /// Calls an operation of AWS's API, such as `StartExecution`, with its request as JSON. The answer is AWS's.
    pub async fn request(&self, operation: &str, request: &Value) -> Result<Value, ApiError> {
        crate::api::call(self, operation, request).await
    }

    /// Starts an execution with a `StartExecution` request and waits for its end; says what `DescribeExecution` would then.
    pub async fn run(&self, request: &Value) -> Result<Value, ApiError> {
        let started = crate::api::start_execution(self, request, None).await?;
        self.wait(started["executionArn"].as_str().unwrap_or_default()).await
    }

    /// Waits for the end of a Standard execution; says what `DescribeExecution` says then.
    pub async fn wait(&self, execution_arn: &str) -> Result<Value, ApiError> {
        let (tell, told) = oneshot::channel();
        let arn = execution_arn.to_owned();
        // An end that is not durable has not happened: `write` answers after it is.
        let running = self
            .write(move |core| {
                let id = core.find_arn(&arn)?;
                let running = core.is_unsettled(id);
                if running {
                    core.watch(id, Box::new(move |ended| drop(tell.send(ended))));
                }
                Ok(running)
            })
            .await?;
        if running {
            let ended = told.await.map_err(|_| ApiError::internal())?;
            return Ok(crate::api::description(&ended));
        }
        crate::api::call(self, "DescribeExecution", &serde_json::json!({"executionArn": execution_arn})).await
    }

    /// Looks at the clock. Only a clock that is driven by hand needs it.
    pub fn tick(&self) {
        let _ = self.0.messages.send(Message::Tick);
    }

    /// Writes what there is and ends. Tasks under way are given up; they begin again when the folder is opened again.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        // All that this task does is wait.
        let _ = tokio::task::spawn_blocking(move || inner.close()).await;
    }

    /// Waits until the engine has stopped because its store failed; says why.
    pub async fn failed(&self) -> Arc<EngineError> {
        let mut stopped = self.0.stopped.clone();
        loop {
            if let Some(error) = stopped.borrow_and_update().clone() {
                return error;
            }
            if stopped.changed().await.is_err() {
                // Closed in order: there will never be a failure.
                std::future::pending::<()>().await;
            }
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.0.readers
    }

    /// Runs `work` on the engine's thread.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, answered) = oneshot::channel();
        self.send(move |core| {
            // Whoever asked may have gone away.
            let _ = answer.send(work(core));
        })?;
        answered.await.unwrap_or_else(|_| Err(ApiError::internal()))
    }

    /// As [`Engine::ask`], and answers only when everything that `work` did is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, answered) = oneshot::channel();
        self.send(move |core| match work(core) {
            Ok(result) => core.when_durable(move || {
                let _ = answer.send(Ok(result));
            }),
            Err(error) => {
                let _ = answer.send(Err(error));
            }
        })?;
        answered.await.unwrap_or_else(|_| Err(ApiError::internal()))
    }

    /// As [`Engine::ask`], after the store's tables have all that has happened to one execution, or to all.
    pub(crate) async fn ask_stored<T: Send + 'static>(
        &self,
        arn: Option<&str>,
        work: impl FnOnce(&mut Core) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, answered) = oneshot::channel();
        let key = arn.map(status::name_key);
        self.send(move |core| {
            let only = key.map(|key| core.names.get(&key).copied());
            // One that is not in memory is in the store.
            let late = match only {
                Some(None) => false,
                Some(only) => core.bring_in(only),
                None => core.bring_in(None),
            };
            let work = move |core: &mut Core| drop(answer.send(work(core)));
            if late {
                core.gathering.then(batch::After::Call(Box::new(work)));
            } else {
                work(core);
            }
        })?;
        answered.await.unwrap_or_else(|_| Err(ApiError::internal()))
    }

    fn send(&self, call: impl FnOnce(&mut Core) + Send + 'static) -> Result<(), ApiError> {
        self.0.messages.send(Message::Call(Box::new(call))).map_err(|_| ApiError::internal())
    }
}

impl Inner {
    fn close(&self) {
        let _ = self.messages.send(Message::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Core {
    /// Applies the limits that the settings give by name.
    pub(crate) fn name_limits(&mut self) {
        let limits = self.config.tasks_at_once_of.clone();
        for (name, limit) in limits {
            if let Some(machine) = self.catalog.machines.get(&name) {
                self.lines.limit_machine(machine.number, limit);
            }
        }
    }
}
