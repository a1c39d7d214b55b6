//! Services in place of which something else stands: mocks, a folder for S3, endpoints, HTTP APIs.
#![allow(clippy::unwrap_used)] // A test may end at the first surprise.

mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use deputy_stepfunctions::tasks::aws::{AwsServices, Endpoint};
use deputy_stepfunctions::tasks::functions::Functions;
use deputy_stepfunctions::tasks::http::{Connections, HttpTasks};
use deputy_stepfunctions::tasks::mock::Mocks;
use deputy_stepfunctions::tasks::s3::LocalBuckets;
use deputy_stepfunctions::{Credentials, Registry};
use serde_json::{Value, json};
use support::{Bench, single, text};

/// Runs a machine of one state to its end.
async fn run(registry: Registry, state: &Value) -> Value {
    let bench = Bench::new(registry);
    let machine = bench.machine("m", &single(state)).await;
    let execution = bench.start(&machine, "e", &json!({})).await;
    bench.engine.wait(&execution).await.unwrap()
}

fn output(ended: &Value) -> Value {
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    serde_json::from_str(ended["output"].as_str().unwrap()).unwrap()
}

fn mocks() -> Mocks {
    Mocks::parse(
        r#"{"StateMachines": {"m": {"TestCases": {
                "Fine": {"S": "Fine"}, "Late": {"S": "Late"}, "Short": {"S": "Short"}}}},
            "MockedResponses": {
                "Fine": {"0-2": {"Throw": {"Error": "Busy", "Cause": "c"}}, "3": {"Return": {"a": 1}}},
                "Late": {"0": {"Throw": {"Error": "Refused", "Cause": "by the callback"}}},
                "Short": {"0": {"Throw": {"Error": "Busy", "Cause": "c"}}}}}"#,
    )
    .unwrap()
}

#[tokio::test]
async fn a_test_case_is_chosen_with_the_start_and_answers_callbacks_too() {
    let bench = Bench::new(Registry::new().with_override(mocks()));
    let state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}},
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1}],
    });
    let machine = bench.machine("m", &single(&state)).await;
    let late = bench.start(&format!("{machine}#Late"), "late", &json!({})).await;
    let ended = bench.engine.wait(&late).await.unwrap();
    assert_eq!((text(&ended["error"]), text(&ended["cause"])), ("Refused".into(), "by the callback".into()));
    assert_eq!(ended["stateMachineArn"], machine);
    let events = bench.history(&late).await;
    assert_eq!(events[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskFailed"]);
    // Four attempts with a second between them.
    let fine = bench.start(&format!("{machine}#Fine"), "fine", &json!({})).await;
    let scheduled = |events: Vec<String>| events.iter().filter(|event| *event == "TaskScheduled").count();
    let failed = |events: Vec<String>| events.iter().filter(|event| *event == "TaskFailed").count();
    for attempt in 1..4 {
        while failed(bench.history(&fine).await) < attempt {
            tokio::task::yield_now().await;
        }
        bench.pass_time(1);
    }
    assert_eq!(output(&bench.engine.wait(&fine).await.unwrap()), json!({"a": 1}));
    assert_eq!(scheduled(bench.history(&fine).await), 4);
    let unknown = json!({"stateMachineArn": format!("{machine}#Nope"), "input": "{}"});
    let refused = bench.try_ask("StartExecution", unknown).await.unwrap_err();
    assert_eq!(refused.code, "ValidationException");
    assert!(refused.message.ends_with("it has: Fine, Late, Short"), "{}", refused.message);
    let listed = bench.ask("ListExecutions", json!({"stateMachineArn": machine})).await;
    assert!(listed["executions"].as_array().unwrap().iter().all(|it| it["stateMachineArn"] == machine));
}

#[tokio::test]
async fn attempts_beyond_the_mock_fail() {
    let bench = Bench::new(Registry::new().with_override(mocks().choose("m", "Short")));
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Parameters": {},
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}]});
    let machine = bench.machine("m", &single(&state)).await;
    let execution = bench.start(&machine, "e", &json!({})).await;
    while !bench.history(&execution).await.contains(&"TaskFailed".to_owned()) {
        tokio::task::yield_now().await;
    }
    bench.pass_time(1);
    let ended = bench.engine.wait(&execution).await.unwrap();
    assert_eq!(ended["cause"], "The mock has no answer for attempt 1 of S.");
}

#[tokio::test]
async fn what_is_not_here_is_refused_with_state_and_resource() {
    let bench = Bench::new(Registry::new().with(LocalBuckets::new("/nowhere")));
    let map = |reader: &str, writer: &str| {
        json!({"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true,
            "ItemReader": {"Resource": reader, "Parameters": {"Bucket": "b", "Key": "k"}},
            "ResultWriter": {"Resource": writer, "Parameters": {"Bucket": "b", "Prefix": "p"}},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "P",
                "States": {"P": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "End": true}}}}}})
    };
    let definition = map("arn:aws:states:::s3:getObject", "arn:aws:states:::s3:putObject");
    let create = json!({"name": "m", "definition": definition.to_string(), "roleArn": support::ROLE});
    let refused = bench.try_ask("CreateStateMachine", create).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            "InvalidDefinition",
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The resource 'arn:aws:states:::sns:publish' of \
             the state 'P' is not available on this machine at /States/Each/ItemProcessor/States/P/Resource'"
        )
    );
    let without = Bench::new(Registry::new().with(Functions::new()));
    let create = json!({"name": "m", "definition": definition.to_string(), "roleArn": support::ROLE});
    let message = without.try_ask("CreateStateMachine", create).await.unwrap_err().message;
    assert!(
        message.contains("'Each' is not available on this machine at /States/Each/ItemReader/Resource"),
        "{message}"
    );
    assert!(message.contains("at /States/Each/ResultWriter/Resource"), "{message}");
}

#[tokio::test]
async fn a_distributed_map_reads_a_folder_and_writes_its_results_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("b")).unwrap();
    std::fs::write(folder.path().join("b/items.csv"), "n\n1\n2\n3\n").unwrap();
    let functions = Functions::new().with("double", |payload, _| async move {
        let number: i64 = payload.value()["n"].as_str().unwrap().parse().unwrap();
        if number == 2 {
            Err(deputy_stepfunctions::TaskError::new("Two", "no"))
        } else {
            Ok(json!([number, number * 2]).into())
        }
    });
    let registry = Registry::new().with(LocalBuckets::new(folder.path())).with(functions);
    let state = |config: Value| {
        json!({"Type": "Map", "Label": "L", "ToleratedFailureCount": 1,
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
                "Parameters": {"Bucket": "b", "Key": "items.csv"}},
            "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "WriterConfig": config,
                "Parameters": {"Bucket": "b", "Prefix": "out/"}},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "P",
                "States": {"P": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:double", "End": true}}}})
    };
    let read = |key: &Value| -> Value {
        let path = folder.path().join("b").join(key.as_str().unwrap());
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let ended =
        output(&run(registry.clone(), &state(json!({"Transformation": "NONE", "OutputType": "JSON"}))).await);
    assert_eq!(ended["ResultWriterDetails"]["Bucket"], "b");
    let manifest = read(&ended["ResultWriterDetails"]["Key"]);
    assert_eq!(manifest["MapRunArn"], ended["MapRunArn"]);
    let files = &manifest["ResultFiles"];
    assert_eq!(files["PENDING"], json!([]));
    let succeeded = read(&files["SUCCEEDED"][0]["Key"]);
    assert_eq!((&succeeded[1]["Output"], &succeeded[1]["Status"]), (&json!("[3,6]"), &json!("SUCCEEDED")));
    let failed = read(&files["FAILED"][0]["Key"]);
    assert_eq!((&failed[0]["Error"], &failed[0]["Input"]), (&json!("Two"), &json!("{\"n\":\"2\"}")));
    let flat = json!({"Transformation": "FLATTEN", "OutputType": "JSON"});
    let ended = output(&run(registry, &state(flat)).await);
    let manifest = read(&ended["ResultWriterDetails"]["Key"]);
    assert_eq!(read(&manifest["ResultFiles"]["SUCCEEDED"][0]["Key"]), json!([1, 2, 3, 6]));
}

/// What was asked of a server.
#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

/// A server that answers every request so, and remembers them.
async fn server(
    status: StatusCode,
    kind: &'static str,
    answer: &'static str,
) -> (SocketAddr, Arc<Mutex<Vec<Asked>>>) {
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let remembered = Arc::clone(&asked);
    let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        let body = String::from_utf8_lossy(&body).into_owned();
        remembered.lock().unwrap().push(Asked { method, uri, headers, body });
        async move { (status, [("content-type", kind)], answer).into_response() }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, asked)
}

fn at(address: SocketAddr, services: &[&str]) -> Registry {
    let credentials = Credentials { access_key_id: "AKID".into(), secret_access_key: "hush".into() };
    Registry::new().with(AwsServices::new(Endpoint {
        url: format!("http://{address}"),
        credentials: Some(credentials),
        session_token: Some("session".into()),
        region: "eu-west-1".into(),
        services: services.iter().map(|it| (*it).to_owned()).collect(),
    }))
}

#[tokio::test]
async fn messages_are_published_as_forms_and_signed() {
    let xml = "<PublishResponse><PublishResult><MessageId>abc</MessageId></PublishResult></PublishResponse>";
    let (address, asked) = server(StatusCode::OK, "text/xml", xml).await;
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "arn:t", "Message": {"a": 1}}});
    let ended = output(&run(at(address, &["sns"]), &state).await);
    assert_eq!(
        (&ended["MessageId"], &ended["SdkHttpMetadata"]["HttpStatusCode"]),
        (&json!("abc"), &json!(200))
    );
    let asked = asked.lock().unwrap()[0].clone();
    assert_eq!(asked.body, "Action=Publish&Version=2010-03-31&TopicArn=arn%3At&Message=%7B%22a%22%3A1%7D");
    let signed = asked.headers["authorization"].to_str().unwrap();
    assert!(
        signed.contains("/eu-west-1/sns/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, "),
        "{signed}"
    );
}

#[tokio::test]
async fn objects_are_read_by_path_and_refusals_have_their_names() {
    let (address, asked) = server(StatusCode::OK, "text/plain", "hello").await;
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Parameters": {"Bucket": "b", "Key": "a b.txt"}});
    let ended = output(&run(at(address, &["s3"]), &state).await);
    assert_eq!((&ended["Body"], &ended["ContentLength"]), (&json!("hello"), &json!(5)));
    assert_eq!(asked.lock().unwrap()[0].uri.to_string(), "/b/a%20b.txt");
    let missing = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
    let (address, _) = server(StatusCode::NOT_FOUND, "application/xml", missing).await;
    let ended = run(at(address, &["s3"]), &state).await;
    assert_eq!(ended["error"], "S3.NoSuchKeyException");
    assert!(
        text(&ended["cause"])
            .starts_with("The specified key does not exist. (Service: S3, Status Code: 404, ")
    );
}

#[tokio::test]
async fn items_are_put_as_json() {
    let (address, asked) = server(StatusCode::OK, "application/x-amz-json-1.0", "{}").await;
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem",
        "Parameters": {"TableName": "t", "Item": {"id": {"S": "1"}}}});
    output(&run(at(address, &["dynamodb"]), &state).await);
    let asked = asked.lock().unwrap()[0].clone();
    assert_eq!(asked.headers["x-amz-target"], "DynamoDB_20120810.PutItem");
    assert_eq!(asked.body, r#"{"TableName":"t","Item":{"id":{"S":"1"}}}"#);
}

#[tokio::test]
async fn an_api_is_called_with_what_the_connection_holds() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "hush\n").unwrap();
    let file = folder.path().join("connections.toml");
    std::fs::write(&file, "[api]\napi_key = { name = \"X-Key\", value_file = \"key\" }\n").unwrap();
    let connections = Connections::read(&file).unwrap();
    let (address, asked) = server(StatusCode::OK, "application/json", "{\"ok\":true}").await;
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": {
        "ApiEndpoint": format!("http://{address}/v1"), "Method": "PATCH", "RequestBody": {"a": 1},
        "Authentication": {"ConnectionArn": "arn:aws:events:us-east-1:000000000000:connection/api/1"}}});
    let ended = output(&run(Registry::new().with(HttpTasks::new(connections.clone(), true)), &state).await);
    assert_eq!((&ended["ResponseBody"], &ended["StatusCode"]), (&json!({"ok": true}), &json!(200)));
    let call = asked.lock().unwrap()[0].clone();
    assert_eq!((call.method, call.uri.path(), call.body.as_str()), (Method::PATCH, "/v1", "{\"a\":1}"));
    assert_eq!(call.headers["x-key"], "hush");
    assert!(call.headers.contains_key("idempotency-key"));
    // The same, where private addresses are not allowed, reaches nobody.
    let ended = run(Registry::new().with(HttpTasks::new(connections.clone(), false)), &state).await;
    assert_eq!(ended["status"], "FAILED");
    assert_eq!(asked.lock().unwrap().len(), 1);
    let (address, _) = server(StatusCode::TOO_MANY_REQUESTS, "text/plain", "slow down").await;
    let mut state = state;
    state["Parameters"]["ApiEndpoint"] = format!("http://{address}/").into();
    let ended = run(Registry::new().with(HttpTasks::new(connections, true)), &state).await;
    assert_eq!(ended["error"], "States.Http.StatusCode.429");
    assert!(text(&ended["cause"]).contains("slow down"));
}
