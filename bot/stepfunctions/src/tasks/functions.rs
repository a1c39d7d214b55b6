//! Lambda functions that live in this process, under the names that definitions call them by.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deputy_asl::{Integration, Payload};
use serde_json::{Map, Value, json};

use super::{TaskCall, TaskError, TaskFuture, TaskResult, TaskService, aws, function_name};

type Function = Arc<dyn Fn(Payload, TaskCall) -> TaskFuture + Send + Sync>;

/// Functions by name. Takes plain Lambda ARNs and `lambda:invoke`, with and without `.waitForTaskToken`.
#[derive(Clone, Default)]
pub struct Functions {
    functions: HashMap<String, Function>,
    /// Who is asked for names that are not here.
    otherwise: Option<Arc<dyn TaskService>>,
}

impl Functions {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function. It gets its payload and, besides, the whole call.
    #[must_use]
    pub fn with<F, R>(mut self, name: &str, function: F) -> Self
    where
        F: Fn(Payload, TaskCall) -> R + Send + Sync + 'static,
        R: Future<Output = TaskResult> + Send + 'static,
    {
        let function: Function = Arc::new(move |payload, call| Box::pin(function(payload, call)));
        self.functions.insert(name.to_owned(), function);
        self
    }

    /// Asks `service` for functions that are not here.
    #[must_use]
    pub fn otherwise(mut self, service: impl TaskService) -> Self {
        self.otherwise = Some(Arc::new(service));
        self
    }
}

/// Whether a task calls a Lambda function.
pub(crate) fn is_lambda(integration: &Integration) -> bool {
    match integration {
        Integration::LambdaFunction => true,
        Integration::Service { name, .. } => {
            name.resource_type.as_ref() == "lambda" && name.resource.split('.').next() == Some("invoke")
        }
        Integration::Activity => false,
    }
}

impl TaskService for Functions {
    fn accepts(&self, _: &str, integration: &Integration) -> bool {
        is_lambda(integration)
    }

    fn call(&self, call: TaskCall) -> TaskFuture {
        let (name, payload) = match &call.request.integration {
            Integration::LambdaFunction => (call.request.resource.to_string(), call.input().clone()),
            _ => invocation(call.input()),
        };
        let wrapped = !matches!(call.request.integration, Integration::LambdaFunction);
        let Some(function) = self.functions.get(function_name(&name)) else {
            if let Some(service) = &self.otherwise {
                return service.call(call);
            }
            let error = no_such_function(&name, &call);
            return Box::pin(async move { Err(error) });
        };
        let log_result =
            wrapped && call.input().value().get("LogType").and_then(Value::as_str) == Some("Tail");
        let future = function(payload, call);
        Box::pin(async move {
            let answer = future.await?;
            Ok(if wrapped { envelope(&answer, log_result) } else { answer })
        })
    }
}

/// The function and its payload in the parameters of `lambda:invoke`.
fn invocation(parameters: &Payload) -> (String, Payload) {
    let value = parameters.value();
    let name = value.get("FunctionName").and_then(Value::as_str).unwrap_or_default().to_owned();
    let payload = match value.get("Payload") {
        Some(payload) => Payload::from(payload.clone()),
        None => Payload::empty_object(),
    };
    (name, payload)
}

fn no_such_function(name: &str, call: &TaskCall) -> TaskError {
    let arn = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        let mut home = call.execution.split(':').skip(3);
        let (region, account) = (home.next().unwrap_or_default(), home.next().unwrap_or_default());
        format!("arn:aws:lambda:{region}:{account}:function:{name}")
    };
    let wrapped = !matches!(call.request.integration, Integration::LambdaFunction);
    let version = if wrapped { ":$LATEST" } else { "" };
    TaskError::new(
        "Lambda.ResourceNotFoundException",
        format!(
            "Function not found: {arn}{version} (Service: AWSLambda; Status Code: 404; Error Code: \
             ResourceNotFoundException; Request ID: {}; Proxy: null)",
            crate::engine::random_uuid()
        ),
    )
}

/// What `lambda:invoke` wraps around a function's answer.
fn envelope(answer: &Payload, log_result: bool) -> Payload {
    let id = crate::engine::random_uuid();
    let length = answer.bytes().to_string();
    let date = aws::http_date();
    let trace = "root=1-00000000-000000000000000000000000;sampled=0";
    let log = log_result.then(|| STANDARD.encode(format!("START RequestId: {id}\nEND RequestId: {id}\n")));
    let mut all = Map::new();
    let mut first = Map::new();
    let mut header = |name: &str, value: &str| {
        all.insert(name.into(), json!([value]));
        first.insert(name.into(), value.into());
    };
    if let Some(log) = &log {
        header("X-Amz-Log-Result", log);
    }
    header("X-Amz-Executed-Version", "$LATEST");
    header("x-amzn-Remapped-Content-Length", "0");
    header("Connection", "keep-alive");
    header("x-amzn-RequestId", &id);
    header("Content-Length", &length);
    header("Date", &date);
    header("X-Amzn-Trace-Id", trace);
    header("Content-Type", "application/json");
    let mut members = Map::new();
    members.insert("ExecutedVersion".into(), "$LATEST".into());
    if let Some(log) = log {
        members.insert("LogResult".into(), log.into());
    }
    members.insert("Payload".into(), answer.value().clone());
    members.insert(
        "SdkHttpMetadata".into(),
        json!({"AllHttpHeaders": all, "HttpHeaders": first, "HttpStatusCode": 200}),
    );
    members.insert("SdkResponseMetadata".into(), json!({"RequestId": id}));
    members.insert("StatusCode".into(), 200.into());
    Payload::from(Value::Object(members))
}
