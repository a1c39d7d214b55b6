//! What a Map state has of its own.

use std::sync::Arc;

use super::{ExecutionType, Number, PathText, Template, WorkflowId};

/// A Map state's own fields.
#[derive(Debug)]
pub struct MapState {
    /// `ItemProcessor` or `Iterator`.
    pub processor: WorkflowId,
    /// Inline, or distributed with its own.
    pub mode: MapMode,
    /// `ItemsPath`, `Items`.
    pub items: Items,
    /// `ItemSelector`, or `Parameters` of the older form.
    pub selector: Option<Template>,
    /// `MaxConcurrency`, `MaxConcurrencyPath`.
    pub max_concurrency: Option<Number>,
    /// `ToleratedFailureCount…`. AWS heeds it in distributed maps only.
    pub tolerated_count: Option<Number>,
    /// `ToleratedFailurePercentage…`. Likewise.
    pub tolerated_percentage: Option<Number>,
}

/// Where a Map state's items come from.
#[derive(Debug)]
pub enum Items {
    /// The whole input.
    Input,
    /// `ItemsPath`.
    Path(PathText),
    /// `Items`.
    Template(Template),
}

/// `ProcessorConfig.Mode`.
#[derive(Debug)]
pub enum MapMode {
    /// Iterations are part of the execution.
    Inline,
    /// Iterations are executions of their own.
    Distributed(Box<Distributed>),
}

/// What only distributed maps have.
#[derive(Debug)]
pub struct Distributed {
    /// `ProcessorConfig.ExecutionType`.
    pub execution_type: ExecutionType,
    /// `Label`.
    pub label: Option<Arc<str>>,
    /// `ItemReader`.
    pub reader: Option<ItemReader>,
    /// `ItemBatcher`.
    pub batcher: Option<ItemBatcher>,
    /// `ResultWriter`.
    pub writer: Option<ResultWriter>,
}

/// `ItemReader`.
#[derive(Debug)]
pub struct ItemReader {
    /// `Resource`.
    pub resource: Arc<str>,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Template>,
    /// `ReaderConfig` without what is computed.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// `MaxItems`, `MaxItemsPath`.
    pub max_items: Option<Number>,
}

/// `ItemBatcher`.
#[derive(Debug)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch…`
    pub max_items: Option<Number>,
    /// `MaxInputBytesPerBatch…`
    pub max_bytes: Option<Number>,
    /// `BatchInput`
    pub input: Option<Template>,
}

/// `ResultWriter`.
#[derive(Debug)]
pub struct ResultWriter {
    /// `Resource`, if results are exported.
    pub resource: Option<Arc<str>>,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Template>,
    /// `WriterConfig`.
    pub config: serde_json::Map<String, serde_json::Value>,
}
