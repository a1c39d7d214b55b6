//! S3: its REST protocol for an endpoint, and a folder that stands in for it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use deputy_asl::{Integration, Payload, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::aws::Wire;
use super::xml::Element;
use super::{TaskCall, TaskError, TaskFuture, TaskService};

/// The actions that are known here.
const ACTIONS: [&str; 5] = ["GetObject", "PutObject", "DeleteObject", "HeadObject", "ListObjectsV2"];
/// How many objects a page of a listing has.
const PAGE: usize = 1_000;

/// Whether an action is known here.
pub(super) fn knows(action: &str) -> bool {
    ACTIONS.contains(&action)
}

/// The request of an action.
pub(super) fn request(action: &str, input: &Value) -> Result<Wire, TaskError> {
    let bucket = required(input, "Bucket")?;
    let mut path = format!("/{}", encode(bucket, false));
    let mut query = String::new();
    let method = match action {
        "HeadObject" => "HEAD",
        "PutObject" => "PUT",
        "DeleteObject" => "DELETE",
        _ => "GET",
    };
    if action == "ListObjectsV2" {
        // Sorted, as signatures want it.
        let mut parameters = vec![("list-type".to_owned(), "2".to_owned())];
        for (name, parameter) in [
            ("ContinuationToken", "continuation-token"),
            ("Delimiter", "delimiter"),
            ("MaxKeys", "max-keys"),
            ("Prefix", "prefix"),
            ("StartAfter", "start-after"),
        ] {
            if let Some(value) = input.get(name) {
                parameters.push((parameter.to_owned(), plain(value)));
            }
        }
        parameters.sort();
        for (index, (name, value)) in parameters.iter().enumerate() {
            let separator = if index == 0 { "" } else { "&" };
            // Writing to a string cannot fail.
            let _ = write!(query, "{separator}{name}={}", encode(value, false));
        }
        query.insert(0, '?');
    } else {
        let _ = write!(path, "/{}", encode(required(input, "Key")?, true));
    }
    let body =
        if action == "PutObject" { input.get("Body").map(plain).unwrap_or_default() } else { String::new() };
    let mut headers =
        vec![("x-amz-content-sha256".to_owned(), crate::api::sign::hex(&Sha256::digest(&body)))];
    if action == "PutObject" {
        let kind = input.get("ContentType").and_then(Value::as_str).unwrap_or("application/json");
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    Ok(Wire { method, path: format!("{path}{query}"), headers, body: body.into_bytes() })
}

/// What an action answered, in the form in which state machines see it.
pub(super) fn answer(action: &str, headers: &http::HeaderMap, body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let mut shown = Map::new();
    if action == "ListObjectsV2" {
        return Element::parse(&text).map_or(Value::Object(shown), |list| listing(&list));
    }
    for (header, name) in [
        ("accept-ranges", "AcceptRanges"),
        ("content-length", "ContentLength"),
        ("content-type", "ContentType"),
        ("etag", "ETag"),
        ("last-modified", "LastModified"),
        ("x-amz-version-id", "VersionId"),
        ("x-amz-server-side-encryption", "ServerSideEncryption"),
    ] {
        let skipped = action == "PutObject" && header.starts_with("content-");
        if let Some(value) = headers.get(header).and_then(|value| value.to_str().ok()).filter(|_| !skipped) {
            let value = match value.parse::<u64>() {
                Ok(number) if header == "content-length" => number.into(),
                _ => value.into(),
            };
            shown.insert(name.into(), value);
        }
    }
    if action == "GetObject" {
        shown.insert("Body".into(), text.into());
    }
    Value::Object(shown)
}

fn listing(list: &Element) -> Value {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let contents: Vec<Value> = list
        .children
        .iter()
        .filter(|child| child.name == "Contents")
        .map(|object| {
            json!({
                "Key": object.text_of("Key"),
                "LastModified": object.text_of("LastModified"),
                "ETag": object.text_of("ETag"),
                "Size": number(object.text_of("Size")),
                "StorageClass": object.text_of("StorageClass").unwrap_or("STANDARD"),
            })
        })
        .collect();
    let mut shown = Map::new();
    shown.insert("IsTruncated".into(), (list.text_of("IsTruncated") == Some("true")).into());
    shown.insert("KeyCount".into(), contents.len().into());
    shown.insert("Contents".into(), contents.into());
    for name in ["Name", "Prefix", "NextContinuationToken"] {
        if let Some(text) = list.text_of(name) {
            shown.insert(name.into(), text.into());
        }
    }
    Value::Object(shown)
}

/// A refusal: its code and message.
pub(super) fn refusal(body: &[u8]) -> (String, String) {
    let error = Element::parse(&String::from_utf8_lossy(body)).unwrap_or_default();
    let text = |name: &str| error.find(name).map(|it| it.text.trim().to_owned()).unwrap_or_default();
    (text("Code"), text("Message"))
}

fn required<'v>(input: &'v Value, name: &str) -> Result<&'v str, TaskError> {
    input.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(|| {
        TaskError::new("S3.S3Exception", format!("The parameter {name} is missing, or is no text"))
    })
}

/// A text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Per cent encoding as AWS wants it; slashes of keys stay.
fn encode(text: &str, is_key: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || is_key && byte == b'/' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A folder that stands in for S3: a folder in it is a bucket, a file in that an object.
#[derive(Debug, Clone)]
pub struct LocalBuckets {
    folder: PathBuf,
}

impl LocalBuckets {
    /// Buckets in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn bucket(&self, name: &str) -> Result<PathBuf, TaskError> {
        let path = Path::new(name);
        let is_plain = matches!(path.components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
        let folder = self.folder.join(path);
        if is_plain && folder.is_dir() {
            Ok(folder)
        } else {
            Err(refused(404, "NoSuchBucket", "The specified bucket does not exist"))
        }
    }

    /// Where an object is. Keys may not lead out of their bucket.
    fn object(&self, input: &Value) -> Result<PathBuf, TaskError> {
        let bucket = self.bucket(required(input, "Bucket")?)?;
        let key = Path::new(required(input, "Key")?);
        if key.components().all(|part| matches!(part, Component::Normal(_))) {
            Ok(bucket.join(key))
        } else {
            Err(refused(400, "InvalidKey", "A folder holds no object of such a key"))
        }
    }

    fn run(&self, action: &str, input: &Value) -> Result<Value, TaskError> {
        match action {
            "ListObjectsV2" => self.list(input),
            "PutObject" => {
                let path = self.object(input)?;
                let body = input.get("Body").map(plain).unwrap_or_default();
                write(&path, body.as_bytes()).map_err(|error| failed(&error))?;
                Ok(json!({"ETag": etag(body.as_bytes())}))
            }
            "DeleteObject" => match std::fs::remove_file(self.object(input)?) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&error)),
                _ => Ok(json!({})),
            },
            _ => {
                let path = self.object(input)?;
                let body = std::fs::read(&path)
                    .map_err(|_| refused(404, "NoSuchKey", "The specified key does not exist."))?;
                let mut shown = described(&path, &body);
                if let Some(members) = shown.as_object_mut().filter(|_| action == "GetObject") {
                    members.insert("Body".into(), String::from_utf8_lossy(&body).into());
                }
                Ok(shown)
            }
        }
    }

    fn list(&self, input: &Value) -> Result<Value, TaskError> {
        let bucket = self.bucket(required(input, "Bucket")?)?;
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        let after =
            if text("ContinuationToken").is_empty() { text("StartAfter") } else { text("ContinuationToken") };
        let limit = input
            .get("MaxKeys")
            .and_then(Value::as_u64)
            .map_or(PAGE, |most| usize::try_from(most).unwrap_or(PAGE));
        let mut keys = Vec::new();
        collect(&bucket, &bucket, &mut keys).map_err(|error| failed(&error))?;
        keys.sort();
        let mut rest = keys
            .into_iter()
            .filter(|key| key.starts_with(text("Prefix")) && (after.is_empty() || key.as_str() > after));
        let page: Vec<String> = rest.by_ref().take(limit.clamp(1, PAGE)).collect();
        let more = rest.next().is_some();
        let mut contents = Vec::new();
        for key in &page {
            let path = bucket.join(key);
            let body = std::fs::read(&path).map_err(|error| failed(&error))?;
            contents.push(json!({
                "Key": key,
                "LastModified": modified(&path),
                "ETag": etag(&body),
                "Size": body.len(),
                "StorageClass": "STANDARD",
            }));
        }
        let mut shown = json!({"Name": text("Bucket"), "Prefix": text("Prefix"), "KeyCount": page.len(),
            "IsTruncated": more, "Contents": contents});
        if let (true, Some(last), Some(members)) = (more, page.last(), shown.as_object_mut()) {
            members.insert("NextContinuationToken".into(), last.as_str().into());
        }
        Ok(shown)
    }
}

impl TaskService for LocalBuckets {
    fn accepts(&self, _: &str, integration: &Integration) -> bool {
        action_of(integration).is_some_and(|action| knows(&action))
    }

    fn call(&self, call: TaskCall) -> TaskFuture {
        let buckets = self.clone();
        Box::pin(async move {
            let action = action_of(&call.request.integration).unwrap_or_default();
            let work = move || buckets.run(&action, call.input().value());
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or_else(|_| Err(TaskError::new("S3.S3Exception", "The folder could not be read")))
                .map(Payload::from)
        })
    }
}

fn action_of(integration: &Integration) -> Option<String> {
    let (service, action, _) = super::aws::action_of(integration)?;
    (service == "s3").then_some(action)
}

fn collect(bucket: &Path, folder: &Path, keys: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // Links are not followed: they may lead out of the bucket, or in circles.
        let kind = path.symlink_metadata()?.file_type();
        if kind.is_dir() {
            collect(bucket, &path, keys)?;
        } else if kind.is_file()
            && let Some(key) = path.strip_prefix(bucket).ok().and_then(Path::to_str)
        {
            keys.push(key.to_owned());
        }
    }
    Ok(())
}

/// Writes a file whole or not at all.
fn write(path: &Path, body: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{}", crate::engine::random_uuid()));
    let mut file = std::fs::File::create(&unfinished)?;
    let written =
        file.write_all(body).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&unfinished, path));
    if written.is_err() {
        // What is half written is of no use, and its absence no loss.
        let _ = std::fs::remove_file(&unfinished);
    }
    written.and_then(|()| std::fs::File::open(folder)?.sync_all())
}

fn described(path: &Path, body: &[u8]) -> Value {
    json!({
        "AcceptRanges": "bytes",
        "ContentLength": body.len(),
        "ContentType": "binary/octet-stream",
        "ETag": etag(body),
        "LastModified": modified(path),
        "Metadata": {},
    })
}

fn modified(path: &Path) -> String {
    let since =
        path.metadata().and_then(|it| it.modified()).ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let seconds = since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0));
    Timestamp(seconds * 1000).to_string()
}

/// Tells contents apart, as S3's does; it is no MD5, which S3 does not promise either.
fn etag(body: &[u8]) -> String {
    let hash = crate::api::sign::hex(&Sha256::digest(body));
    format!("\"{}\"", hash.get(..32).unwrap_or_default())
}

fn refused(status: u16, code: &str, message: &str) -> TaskError {
    let id = crate::engine::random_uuid();
    TaskError::new(
        &format!("S3.{code}Exception"),
        format!(
            "{message} (Service: S3, Status Code: {status}, Request ID: {id}, Extended Request ID: {id})"
        ),
    )
}

fn failed(error: &std::io::Error) -> TaskError {
    TaskError::new("S3.S3Exception", format!("The folder that stands in for S3: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_objects_and_lets_none_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        let buckets = LocalBuckets::new(folder.path());
        for key in ["a/1.json", "a/2.json", "c"] {
            buckets.run("PutObject", &json!({"Bucket": "b", "Key": key, "Body": {"key": key}})).unwrap();
        }
        let object = buckets.run("GetObject", &json!({"Bucket": "b", "Key": "a/2.json"})).unwrap();
        assert_eq!(object["Body"], r#"{"key":"a/2.json"}"#);
        let first =
            buckets.run("ListObjectsV2", &json!({"Bucket": "b", "Prefix": "a/", "MaxKeys": 1})).unwrap();
        assert_eq!((&first["Contents"][0]["Key"], &first["IsTruncated"]), (&json!("a/1.json"), &json!(true)));
        let next =
            json!({"Bucket": "b", "Prefix": "a/", "ContinuationToken": first["NextContinuationToken"]});
        let next = buckets.run("ListObjectsV2", &next).unwrap();
        assert_eq!((&next["Contents"][0]["Key"], &next["KeyCount"]), (&json!("a/2.json"), &json!(1)));
        let error = |input: Value| buckets.run("GetObject", &input).unwrap_err().error.unwrap();
        assert_eq!(&*error(json!({"Bucket": "b", "Key": "nowhere"})), "S3.NoSuchKeyException");
        assert_eq!(&*error(json!({"Bucket": "no", "Key": "a"})), "S3.NoSuchBucketException");
        for (bucket, key) in
            [("b", "../secret"), ("b", "/etc/passwd"), ("..", "x"), (".", "secret"), ("b/a", "1.json")]
        {
            assert!(
                buckets.run("GetObject", &json!({"Bucket": bucket, "Key": key})).is_err(),
                "{bucket} {key}"
            );
        }
    }

    #[test]
    fn requests_are_encoded_as_signatures_want_them() {
        let wire = request("GetObject", &json!({"Bucket": "b", "Key": "a b/ü+.json"})).unwrap();
        assert_eq!((wire.method, wire.path.as_str()), ("GET", "/b/a%20b/%C3%BC%2B.json"));
        let wire = request("ListObjectsV2", &json!({"Bucket": "b", "Prefix": "x/", "MaxKeys": 5})).unwrap();
        assert_eq!(wire.path, "/b?list-type=2&max-keys=5&prefix=x%2F");
        assert!(request("GetObject", &json!({"Bucket": "b"})).is_err());
    }

    #[test]
    fn a_listing_and_a_refusal_are_understood() {
        let xml = b"<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>\
            <Contents><Key>k</Key><Size>3</Size><ETag>&quot;e&quot;</ETag></Contents></ListBucketResult>";
        let shown = answer("ListObjectsV2", &http::HeaderMap::new(), xml);
        assert_eq!(shown["Contents"][0]["ETag"], "\"e\"");
        assert_eq!(
            (&shown["NextContinuationToken"], &shown["Contents"][0]["Size"]),
            (&json!("t"), &json!(3))
        );
        let (code, message) = refusal(b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>");
        assert_eq!((code.as_str(), message.as_str()), ("NoSuchKey", "no"));
    }
}
