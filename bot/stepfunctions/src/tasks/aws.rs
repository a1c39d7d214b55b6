//! Services behind a configured endpoint that speaks AWS's JSON protocols, such as moto, LocalStack or AWS itself.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use deputy_asl::{Integration, Payload, Timestamp};
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};

use super::{TaskCall, TaskError, TaskFuture, TaskService, function_name};
use crate::api::sign;
use crate::clock::{Clock, SystemClock};
use crate::config::Credentials;

/// Where services are, and as whom they are called.
#[derive(Clone)]
pub struct Endpoint {
    /// Such as `http://127.0.0.1:5000`, without a path.
    pub url: String,
    /// Signs requests; without, they are sent unsigned.
    pub credentials: Option<Credentials>,
    /// As in `us-east-1`.
    pub region: String,
    /// Which services are there, as in `sqs` or `dynamodb`. `lambda` stands for functions.
    pub services: Vec<String>,
}

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// `X-Amz-Target` and a JSON body: prefix and version.
    Json(&'static str, &'static str),
    /// `POST /2015-03-31/functions/NAME/invocations`
    Lambda,
}

/// A service whose endpoint is configured.
pub struct AwsServices {
    endpoint: Arc<Endpoint>,
    client: Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl AwsServices {
    /// Services at `endpoint`.
    pub fn new(endpoint: Endpoint) -> Self {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map(|builder| builder.https_or_http().enable_http1().build());
        // The provider is ring's and knows every protocol version that the builder asks for.
        let connector = connector.expect("ring supports TLS");
        Self { endpoint: Arc::new(endpoint), client: Client::builder(TokioExecutor::new()).build(connector) }
    }
}

/// The service's name on the wire and its action, of a resource such as `sqs:sendMessage` or `aws-sdk:sqs:sendMessage`.
fn action_of(integration: &Integration) -> Option<(String, String, bool)> {
    match integration {
        Integration::LambdaFunction => Some(("lambda".into(), "invoke".into(), false)),
        Integration::Activity => None,
        Integration::Service { name, .. } => {
            let sdk = name.resource_type.strip_prefix("aws-sdk:");
            let action = name.resource.split('.').next()?;
            let mut action = action.to_owned();
            action.get_mut(..1)?.make_ascii_uppercase();
            Some((sdk.unwrap_or(&name.resource_type).to_owned(), action, sdk.is_some()))
        }
    }
}

fn protocol(service: &str) -> Option<Protocol> {
    let protocols: HashMap<&str, Protocol> = HashMap::from([
        ("sqs", Protocol::Json("AmazonSQS", "1.0")),
        ("dynamodb", Protocol::Json("DynamoDB_20120810", "1.0")),
        ("events", Protocol::Json("AWSEvents", "1.1")),
        ("eventbridge", Protocol::Json("AWSEvents", "1.1")),
        ("secretsmanager", Protocol::Json("secretsmanager", "1.1")),
        ("ssm", Protocol::Json("AmazonSSM", "1.1")),
        ("kms", Protocol::Json("TrentService", "1.1")),
        ("logs", Protocol::Json("Logs_20140328", "1.1")),
        ("lambda", Protocol::Lambda),
    ]);
    protocols.get(service).copied()
}

impl TaskService for AwsServices {
    fn accepts(&self, _: &str, integration: &Integration) -> bool {
        action_of(integration).is_some_and(|(service, _, _)| {
            protocol(&service).is_some() && self.endpoint.services.contains(&service)
        })
    }

    fn call(&self, call: TaskCall) -> TaskFuture {
        let (endpoint, client) = (Arc::clone(&self.endpoint), self.client.clone());
        Box::pin(async move {
            let unknown =
                || TaskError::new("States.Runtime", format!("{} is not known.", call.request.resource));
            let (service, action, sdk) = action_of(&call.request.integration).ok_or_else(unknown)?;
            let protocol = protocol(&service).ok_or_else(unknown)?;
            let plain = matches!(call.request.integration, Integration::LambdaFunction);
            let (path, target, content_type, body) = match protocol {
                Protocol::Json(prefix, version) => {
                    let body = stringified(&service, call.input().value());
                    let target = Some(format!("{prefix}.{action}"));
                    ("/".to_owned(), target, format!("application/x-amz-json-{version}"), body.to_string())
                }
                Protocol::Lambda => {
                    let input = call.input().value();
                    let name = if plain {
                        call.request.resource.to_string()
                    } else {
                        input.get("FunctionName").and_then(Value::as_str).unwrap_or_default().to_owned()
                    };
                    let payload = if plain { Some(input) } else { input.get("Payload") };
                    let body = payload.map_or_else(|| "{}".to_owned(), ToString::to_string);
                    let path = format!("/2015-03-31/functions/{}/invocations", function_name(&name));
                    (path, None, "application/json".to_owned(), body)
                }
            };
            let mut request = Request::post(format!("{}{path}", endpoint.url.trim_end_matches('/')))
                .header(header::CONTENT_TYPE, content_type)
                .header("x-deputy-idempotency-key", call.idempotency_key());
            if let Some(target) = target {
                request = request.header("X-Amz-Target", target);
            }
            let mut request = request
                .body(Full::new(Bytes::from(body.clone())))
                .map_err(|error| TaskError::new("States.Runtime", error.to_string()))?;
            if let Some(credentials) = &endpoint.credentials {
                let now = SystemClock.now();
                sign::sign(&mut request, body.as_bytes(), credentials, &endpoint.region, &service, now);
            }
            let response = client.request(request).await.map_err(|error| unreachable(&service, &error))?;
            let status = response.status();
            let function_error = response.headers().contains_key("x-amz-function-error");
            let body = response
                .into_body()
                .collect()
                .await
                .map_err(|error| unreachable(&service, &error))?
                .to_bytes();
            let answer = serde_json::from_slice(&body).unwrap_or_else(|_| {
                if body.is_empty() { json!({}) } else { String::from_utf8_lossy(&body).into_owned().into() }
            });
            if function_error {
                let name =
                    answer.get("errorType").and_then(Value::as_str).unwrap_or("Lambda.Unknown").to_owned();
                return Err(TaskError::new(&name, answer.to_string()));
            }
            if !status.is_success() {
                return Err(refused(&service, sdk, status.as_u16(), &answer));
            }
            Ok(Payload::from(match protocol {
                Protocol::Lambda if !plain => json!({
                    "ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": status.as_u16(),
                }),
                _ => answer,
            }))
        }) as TaskFuture
    }
}

/// Bodies that these services want as text may be written as JSON in a definition.
fn stringified(service: &str, input: &Value) -> Value {
    let Value::Object(members) = input else { return input.clone() };
    let text =
        |value: &Value| if value.is_string() { value.clone() } else { Value::String(value.to_string()) };
    let mut members: Map<String, Value> = members.clone();
    match service {
        "sqs" => {
            if let Some(body) = members.get_mut("MessageBody") {
                *body = text(body);
            }
        }
        "events" | "eventbridge" => {
            for entry in members.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(detail) = entry.get_mut("Detail") {
                    *detail = text(detail);
                }
            }
        }
        _ => {}
    }
    Value::Object(members)
}

fn unreachable(service: &str, error: &dyn std::error::Error) -> TaskError {
    TaskError::new(
        &format!("{}.SdkClientException", title(service)),
        format!("The service cannot be reached: {error}"),
    )
}

fn refused(service: &str, sdk: bool, status: u16, answer: &Value) -> TaskError {
    let code = answer.get("__type").and_then(Value::as_str).unwrap_or("Unknown");
    let code = code.rsplit('#').next().unwrap_or(code);
    let message =
        answer.get("message").or_else(|| answer.get("Message")).and_then(Value::as_str).unwrap_or_default();
    let id = crate::engine::random_uuid();
    let name = title(service);
    let cause = if sdk {
        format!("{message} (Service: {name}, Status Code: {status}, Request ID: {id}) (SDK Attempt Count: 1)")
    } else {
        format!(
            "{message} (Service: Amazon{name}; Status Code: {status}; Error Code: {code}; Request ID: {id}; Proxy: null)"
        )
    };
    let full = if code.ends_with("Exception") || !sdk { code.to_owned() } else { format!("{code}Exception") };
    TaskError::new(&format!("{name}.{full}"), cause)
}

/// The service's name as error names begin with it.
fn title(service: &str) -> String {
    match service {
        "dynamodb" => "DynamoDB".into(),
        "sqs" => "SQS".into(),
        "sns" => "SNS".into(),
        "events" => "EventBridge".into(),
        _ => {
            let mut name = service.to_owned();
            if let Some(first) = name.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            name
        }
    }
}

/// The present as an HTTP `Date`.
pub(crate) fn http_date() -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Timestamp(millis) = SystemClock.now();
    let text = Timestamp(millis - millis.rem_euclid(1000)).to_string();
    let day = usize::try_from((millis / 86_400_000).rem_euclid(7)).unwrap_or_default();
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    let mut date = String::new();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = write!(
        date,
        "{}, {} {} {} {} GMT",
        DAYS[day],
        part(8..10),
        MONTHS[(month - 1).min(11)],
        part(0..4),
        part(11..19)
    );
    date
}
