//! Services behind a configured endpoint that speaks AWS's protocols, such as moto, LocalStack or AWS itself.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deputy_asl::{Integration, MAX_PAYLOAD_BYTES, Payload, Timestamp};
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};

use super::xml::Element;
use super::{TaskCall, TaskError, TaskFuture, TaskResult, TaskService, function_name, s3};
use crate::api::sign;
use crate::clock::{Clock, SystemClock};
use crate::config::Credentials;

/// The services whose protocols are known here, by their names in resources.
pub const SERVICES: [&str; 11] = [
    "dynamodb",
    "events",
    "eventbridge",
    "kms",
    "lambda",
    "logs",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
];
/// The largest answer that is read: an `ItemReader` may read files far beyond what a state may hold.
const MAX_ANSWER: usize = 64 << 20;
/// How long a service may take to answer, unless the state says something shorter. A Lambda function has 15 minutes.
const PATIENCE: Duration = Duration::from_mins(16);

/// Where services are, and as whom they are called.
#[derive(Clone)]
pub struct Endpoint {
    /// Such as `http://127.0.0.1:5000`, without a path.
    pub url: String,
    /// Signs requests; without, they are sent unsigned.
    pub credentials: Option<Credentials>,
    /// Goes with temporary credentials.
    pub session_token: Option<String>,
    /// As in `us-east-1`.
    pub region: String,
    /// Which of [`SERVICES`] are there. `lambda` stands for functions.
    pub services: Vec<String>,
}

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// `X-Amz-Target` and a JSON body: prefix and version.
    Json(&'static str, &'static str),
    /// A form, answered in XML: the API's version.
    Query(&'static str),
    /// `POST /2015-03-31/functions/NAME/invocations`
    Lambda,
    /// Paths and headers.
    S3,
}

/// A request before it is signed.
pub(super) struct Wire {
    pub(super) method: &'static str,
    /// With the query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
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

/// The service's name, its action, and whether it is called as the SDK does, of a resource such as `sqs:sendMessage` or
/// `aws-sdk:sqs:sendMessage`.
pub(super) fn action_of(integration: &Integration) -> Option<(String, String, bool)> {
    match integration {
        Integration::LambdaFunction => Some(("lambda".into(), "Invoke".into(), false)),
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

fn protocol(service: &str, action: &str) -> Option<Protocol> {
    Some(match service {
        "sqs" => Protocol::Json("AmazonSQS", "1.0"),
        "dynamodb" => Protocol::Json("DynamoDB_20120810", "1.0"),
        "events" | "eventbridge" => Protocol::Json("AWSEvents", "1.1"),
        "secretsmanager" => Protocol::Json("secretsmanager", "1.1"),
        "ssm" => Protocol::Json("AmazonSSM", "1.1"),
        "kms" => Protocol::Json("TrentService", "1.1"),
        "logs" => Protocol::Json("Logs_20140328", "1.1"),
        "lambda" if action == "Invoke" => Protocol::Lambda,
        "sns" if action == "Publish" => Protocol::Query("2010-03-31"),
        "s3" if s3::knows(action) => Protocol::S3,
        _ => return None,
    })
}

/// The name under which requests to a service are signed.
fn signing_name(service: &str) -> &str {
    if service == "eventbridge" { "events" } else { service }
}

impl TaskService for AwsServices {
    fn accepts(&self, _: &str, integration: &Integration) -> bool {
        action_of(integration).is_some_and(|(service, action, _)| {
            protocol(&service, &action).is_some() && self.endpoint.services.contains(&service)
        })
    }

    fn call(&self, call: TaskCall) -> TaskFuture {
        let (endpoint, client) = (Arc::clone(&self.endpoint), self.client.clone());
        Box::pin(async move {
            let unknown =
                || TaskError::new("States.Runtime", format!("{} is not known.", call.request.resource));
            let (service, action, sdk) = action_of(&call.request.integration).ok_or_else(unknown)?;
            let protocol = protocol(&service, &action).ok_or_else(unknown)?;
            let plain = matches!(call.request.integration, Integration::LambdaFunction);
            let wire = wire(protocol, &service, &action, &call)?;
            let mut request = Request::builder()
                .method(wire.method)
                .uri(format!("{}{}", endpoint.url.trim_end_matches('/'), wire.path))
                .header("x-deputy-idempotency-key", call.idempotency_key());
            for (name, value) in wire.headers {
                request = request.header(name, value);
            }
            if let Some(token) = &endpoint.session_token {
                request = request.header("x-amz-security-token", token);
            }
            let mut request = request
                .body(Full::new(Bytes::from(wire.body.clone())))
                .map_err(|error| TaskError::new("States.Runtime", error.to_string()))?;
            if let Some(credentials) = &endpoint.credentials {
                let (now, name) = (SystemClock.now(), signing_name(&service));
                sign::sign(&mut request, &wire.body, credentials, &endpoint.region, name, now);
            }
            let response = tokio::time::timeout(PATIENCE, client.request(request)).await;
            let response = response
                .map_err(|_| unreachable(&service, "it does not answer"))?
                .map_err(|error| unreachable(&service, &root(&error)))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| unreachable(&service, &error.to_string()))?.to_bytes();
            let status = head.status.as_u16();
            if head.headers.contains_key("x-amz-function-error") {
                let answer = json_or_text(&body);
                let name =
                    answer.get("errorType").and_then(Value::as_str).unwrap_or("Lambda.Unknown").to_owned();
                return Err(TaskError::new(&name, answer.to_string()));
            }
            if !head.status.is_success() {
                return Err(refused(protocol, &service, sdk, status, &body));
            }
            answered(protocol, &action, sdk || plain, &head.headers, &body)
        }) as TaskFuture
    }
}

/// The request of a call.
fn wire(protocol: Protocol, service: &str, action: &str, call: &TaskCall) -> Result<Wire, TaskError> {
    let input = call.input().value();
    Ok(match protocol {
        Protocol::Json(prefix, version) => {
            let input =
                if service == "logs" { recased(input, char::to_ascii_lowercase) } else { input.clone() };
            Wire {
                method: "POST",
                path: "/".into(),
                headers: vec![
                    (header::CONTENT_TYPE.to_string(), format!("application/x-amz-json-{version}")),
                    ("x-amz-target".into(), format!("{prefix}.{action}")),
                ],
                body: stringified(service, &input).to_string().into_bytes(),
            }
        }
        Protocol::Query(version) => Wire {
            method: "POST",
            path: "/".into(),
            headers: vec![(header::CONTENT_TYPE.to_string(), "application/x-www-form-urlencoded".into())],
            body: form(action, version, input).into_bytes(),
        },
        Protocol::Lambda => {
            let plain = matches!(call.request.integration, Integration::LambdaFunction);
            let name = if plain {
                call.request.resource.to_string()
            } else {
                input.get("FunctionName").and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let payload = if plain { Some(input) } else { input.get("Payload") };
            let mut headers = vec![(header::CONTENT_TYPE.to_string(), "application/json".to_owned())];
            for (name, header) in
                [("InvocationType", "x-amz-invocation-type"), ("ClientContext", "x-amz-client-context")]
            {
                if let Some(value) = input.get(name).and_then(Value::as_str).filter(|_| !plain) {
                    headers.push((header.into(), value.into()));
                }
            }
            Wire {
                method: "POST",
                path: format!("/2015-03-31/functions/{}/invocations", function_name(&name)),
                headers,
                body: payload.map_or_else(|| "{}".to_owned(), ToString::to_string).into_bytes(),
            }
        }
        Protocol::S3 => s3::request(action, input)?,
    })
}

/// What a state machine sees of an answer.
fn answered(protocol: Protocol, action: &str, bare: bool, headers: &HeaderMap, body: &[u8]) -> TaskResult {
    let answer = match protocol {
        Protocol::Lambda if bare => json_or_text(body),
        Protocol::Lambda => {
            json!({"ExecutedVersion": "$LATEST", "Payload": json_or_text(body), "StatusCode": 200})
        }
        Protocol::Json("Logs_20140328", _) => recased(&json_or_text(body), char::to_ascii_uppercase),
        Protocol::Json(..) => json_or_text(body),
        Protocol::Query(_) => {
            let answer = Element::parse(&String::from_utf8_lossy(body)).unwrap_or_default();
            let result = answer.child(&format!("{action}Result"));
            let members = result.into_iter().flat_map(|result| &result.children);
            Value::Object(members.map(|it| (it.name.clone(), it.text.trim().into())).collect())
        }
        Protocol::S3 => s3::answer(action, headers, body),
    };
    // Only files are allowed to be larger: an `ItemReader` takes them apart.
    if protocol != Protocol::S3 && body.len() > 4 * MAX_PAYLOAD_BYTES {
        return Err(TaskError::new(
            "States.DataLimitExceeded",
            "The service's answer is larger than a state may hold",
        ));
    }
    Ok(Payload::from(if bare { answer } else { envelope(answer, headers, body.len()) }))
}

/// What optimised integrations wrap around an answer.
fn envelope(answer: Value, headers: &HeaderMap, length: usize) -> Value {
    let mut members = match answer {
        Value::Object(members) => members,
        other => return other,
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let id = text("x-amzn-requestid").unwrap_or_else(crate::engine::random_uuid);
    let (mut all, mut first) = (Map::new(), Map::new());
    let mut shown = vec![("x-amzn-RequestId", id.clone()), ("Content-Length", length.to_string())];
    shown.push(("Date", text("date").unwrap_or_else(http_date)));
    shown.extend(text("content-type").map(|kind| ("Content-Type", kind)));
    for (name, value) in shown {
        all.insert(name.into(), json!([value]));
        first.insert(name.into(), value.into());
    }
    members.insert(
        "SdkHttpMetadata".into(),
        json!({"AllHttpHeaders": all, "HttpHeaders": first, "HttpStatusCode": 200}),
    );
    members.insert("SdkResponseMetadata".into(), json!({"RequestId": id}));
    Value::Object(members)
}

fn json_or_text(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        if body.is_empty() { json!({}) } else { String::from_utf8_lossy(body).into_owned().into() }
    })
}

/// The names of members in another case, all the way down: services that write theirs small are written large in
/// definitions.
fn recased(value: &Value, case: fn(&char) -> char) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| {
                    let mut characters = name.chars();
                    let first = characters.next().map(|first| case(&first));
                    (first.into_iter().chain(characters).collect(), recased(value, case))
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| recased(item, case)).collect()),
        other => other.clone(),
    }
}

/// A request of the query protocol. Members nest as `Name.entry.1.Name`, as SNS has it.
fn form(action: &str, version: &str, input: &Value) -> String {
    let mut pairs =
        vec![("Action".to_owned(), action.to_owned()), ("Version".to_owned(), version.to_owned())];
    for (name, value) in input.as_object().into_iter().flatten() {
        match value {
            Value::Object(attributes) if name == "MessageAttributes" => {
                for (number, (attribute, value)) in (1..).zip(attributes) {
                    let prefix = format!("{name}.entry.{number}");
                    pairs.push((format!("{prefix}.Name"), attribute.clone()));
                    for (field, value) in value.as_object().into_iter().flatten() {
                        pairs.push((format!("{prefix}.Value.{field}"), text_of(value)));
                    }
                }
            }
            Value::Null => {}
            // A message that is written as JSON is sent as its text.
            value => pairs.push((name.clone(), text_of(value))),
        }
    }
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Per cent encoding for forms.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// The innermost cause, which says what happened.
pub(super) fn root(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
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

fn unreachable(service: &str, why: &str) -> TaskError {
    TaskError::new(
        &format!("{}.SdkClientException", title(service)),
        format!("The service cannot be reached: {why}"),
    )
}

fn refused(protocol: Protocol, service: &str, sdk: bool, status: u16, body: &[u8]) -> TaskError {
    let (code, message) = match protocol {
        Protocol::S3 | Protocol::Query(_) => s3::refusal(body),
        Protocol::Json(..) | Protocol::Lambda => {
            let answer = json_or_text(body);
            let text = |name: &str| answer.get(name).and_then(Value::as_str);
            let code = text("__type").or_else(|| text("code")).unwrap_or("Unknown");
            let message = text("message").or_else(|| text("Message")).unwrap_or_default();
            (code.rsplit('#').next().unwrap_or(code).to_owned(), message.to_owned())
        }
    };
    let id = crate::engine::random_uuid();
    let name = title(service);
    let extended = if service == "s3" { format!(", Extended Request ID: {id}") } else { String::new() };
    let cause = if sdk {
        format!("{message} (Service: {name}, Status Code: {status}, Request ID: {id}{extended})")
    } else {
        let service =
            if service == "dynamodb" { "AmazonDynamoDBv2".to_owned() } else { format!("Amazon{name}") };
        format!(
            "{message} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {id}; Proxy: null)"
        )
    };
    // What the service's model has no exception for bears the service's name.
    let full = match code.as_str() {
        "ValidationException" if service == "dynamodb" && !sdk => "AmazonDynamoDBException".to_owned(),
        "" | "Unknown" => format!("{name}Exception"),
        code if code.ends_with("Exception") => code.to_owned(),
        code => format!("{code}Exception"),
    };
    TaskError::new(&format!("{name}.{full}"), cause)
}

/// The service's name as error names begin with it.
fn title(service: &str) -> String {
    match service {
        "dynamodb" => "DynamoDB".into(),
        "sqs" => "SQS".into(),
        "sns" => "SNS".into(),
        "events" | "eventbridge" => "EventBridge".into(),
        "secretsmanager" => "SecretsManager".into(),
        "logs" => "CloudWatchLogs".into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_attributes_becomes_a_form() {
        let input = json!({"TopicArn": "arn:x", "Message": {"a": 1},
            "MessageAttributes": {"k": {"DataType": "String", "StringValue": "a b"}}});
        assert_eq!(
            form("Publish", "2010-03-31", &input),
            "Action=Publish&Version=2010-03-31&TopicArn=arn%3Ax&Message=%7B%22a%22%3A1%7D\
             &MessageAttributes.entry.1.Name=k&MessageAttributes.entry.1.Value.DataType=String\
             &MessageAttributes.entry.1.Value.StringValue=a%20b"
        );
    }

    #[test]
    fn refusals_bear_the_names_that_aws_gives_them() {
        let error = |protocol, service, sdk, body: &str| {
            refused(protocol, service, sdk, 400, body.as_bytes()).error.unwrap().to_string()
        };
        let json = Protocol::Json("", "1.0");
        let validation = r#"{"__type": "com.amazon.coral.validate#ValidationException", "message": "m"}"#;
        assert_eq!(error(json, "dynamodb", false, validation), "DynamoDB.AmazonDynamoDBException");
        let missing = r#"{"__type": "x#ResourceNotFoundException", "message": "m"}"#;
        assert_eq!(error(json, "dynamodb", false, missing), "DynamoDB.ResourceNotFoundException");
        let key = "<Error><Code>NoSuchKey</Code><Message>m</Message></Error>";
        assert_eq!(error(Protocol::S3, "s3", true, key), "S3.NoSuchKeyException");
        assert_eq!(error(json, "secretsmanager", true, "{}"), "SecretsManager.SecretsManagerException");
    }
}
