//! A client of the API as the recordings used one: AWS JSON over HTTP, boto3's own checks, and boto3's error texts.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// An error that a call came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Failed {
    /// The server's: code, message, and the whole body.
    #[allow(missing_docs)] // As AWS's answers have them.
    Service { code: String, message: String, status: u16 },
    /// boto3 did not even send the request.
    Parameters(String),
}

impl Failed {
    /// The text of the exception that boto3 raises.
    pub fn text(&self, operation: &str) -> String {
        match self {
            Self::Service { code, message, .. } => {
                format!("An error occurred ({code}) when calling the {operation} operation: {message}")
            }
            Self::Parameters(text) => text.clone(),
        }
    }

    /// The name of the exception.
    pub fn name(&self) -> &str {
        match self {
            Self::Service { code, .. } => code,
            Self::Parameters(_) => "ParamValidationError",
        }
    }
}

/// What a call came to.
pub type Answering = Pin<Box<dyn Future<Output = Result<Value, Failed>> + Send>>;

/// Another way to call operations, such as an SDK; `None` for those that it does not know.
pub type Transport = Arc<dyn Fn(&str, &Value) -> Option<Answering> + Send + Sync>;

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    server: SocketAddr,
    transport: Option<Transport>,
}

impl Client {
    /// Of the server at that address.
    pub fn new(server: SocketAddr) -> Self {
        Self { http: HttpClient::builder(TokioExecutor::new()).build_http(), server, transport: None }
    }

    /// The same, calling through `transport` what that knows.
    #[must_use]
    pub fn through(self, transport: Transport) -> Self {
        Self { transport: Some(transport), ..self }
    }

    /// Calls an operation.
    ///
    /// # Errors
    /// What AWS answers instead, or boto3 says before it asks.
    pub async fn call(&self, operation: &str, request: &Value) -> Result<Value, Failed> {
        if let Some(text) = parameters(operation, request) {
            return Err(Failed::Parameters(text));
        }
        if let Some(answering) = self.transport.as_ref().and_then(|transport| transport(operation, request)) {
            return answering.await;
        }
        let broken = |error: &dyn std::fmt::Display| Failed::Service {
            code: "Transport".into(),
            message: error.to_string(),
            status: 0,
        };
        let http = Request::post(format!("http://{}/", self.server))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .body(Full::new(Bytes::from(request.to_string())))
            .map_err(|error| broken(&error))?;
        let response = self.http.request(http).await.map_err(|error| broken(&error))?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).map_err(|error| broken(&error))?;
        if status == 200 {
            return Ok(answer);
        }
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Err(Failed::Service { code: text("__type"), message: text("message"), status })
    }
}

/// What boto3 checks before it sends: lengths and bounds of the service's model.
fn parameters(operation: &str, request: &Value) -> Option<String> {
    let mut found = Vec::new();
    let mut check = |path: String, value: &Value, min_length: Option<usize>| {
        match value {
            Value::Null => found.push(format!(
                "Invalid type for parameter {path}, value: None, type: <class 'NoneType'>, valid types: <class 'str'>"
            )),
            Value::String(text) if min_length.is_some_and(|min| text.chars().count() < min) => found.push(format!(
                "Invalid length for parameter {path}, value: {}, valid min length: {}",
                text.chars().count(),
                min_length.unwrap_or_default()
            )),
            Value::Array(items) if min_length.is_some_and(|min| items.len() < min) => found.push(format!(
                "Invalid length for parameter {path}, value: {}, valid min length: {}",
                items.len(),
                min_length.unwrap_or_default()
            )),
            _ => {}
        }
    };
    for name in [
        "name",
        "stateMachineArn",
        "executionArn",
        "activityArn",
        "resourceArn",
        "taskToken",
        "definition",
        "stateName",
    ] {
        if let Some(value) = request.get(name) {
            check(name.to_owned(), value, (name.ends_with("ame") || name.ends_with("Arn")).then_some(1));
        }
    }
    for (index, tag) in request["tags"].as_array().into_iter().flatten().enumerate() {
        if let Some(key) = tag.get("key") {
            check(format!("tags[{index}].key"), key, Some(1));
        }
        if let Some(value) = tag.get("value") {
            check(format!("tags[{index}].value"), value, None);
        }
    }
    if operation.ends_with("StateMachineAlias")
        && let Some(routing) = request.get("routingConfiguration")
    {
        check("routingConfiguration".to_owned(), routing, Some(1));
        for (index, route) in routing.as_array().into_iter().flatten().enumerate() {
            if let Some(arn) = route.get("stateMachineVersionArn") {
                check(format!("routingConfiguration[{index}].stateMachineVersionArn"), arn, Some(1));
            }
        }
        for (index, route) in routing.as_array().into_iter().flatten().enumerate() {
            if let Some(weight) = route["weight"].as_i64().filter(|weight| *weight < 0) {
                found.push(format!(
                    "Invalid value for parameter routingConfiguration[{index}].weight, value: {weight}, valid min value: 0"
                ));
            }
        }
    }
    (!found.is_empty()).then(|| format!("Parameter validation failed:\n{}", found.join("\n")))
}

/// An operation's name in the API, of its name in boto3.
pub fn operation_of(boto: &str) -> String {
    boto.split('_')
        .map(|word| {
            let mut word = word.to_owned();
            if let Some(first) = word.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            word
        })
        .collect()
}

/// What boto3 adds to every answer.
pub fn with_metadata(mut answer: Value, status: u16) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.insert("ResponseMetadata".into(), json!({"HTTPHeaders": {}, "HTTPStatusCode": status}));
    }
    answer
}
