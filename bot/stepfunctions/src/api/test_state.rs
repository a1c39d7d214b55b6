//! `TestState`: one state, on its own.

use serde_json::Value;

use super::params::Params;
use crate::engine::Engine;
use crate::error::ApiError;

pub(super) async fn test(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let _ = (engine, params);
    Err(ApiError::internal())
}
