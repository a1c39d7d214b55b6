//! What services answer, as far as `TestState` checks mocked results against it.
//!
//! AWS checks against the models of all its services. Here are those of the services that workflows call most; answers of
//! others pass unchecked. Sources: the response syntax of each action in the service's API reference.

use serde_json::{Map, Value};

/// The type of a member of an answer.
#[derive(Debug)]
enum Shape {
    Text {
        min: usize,
        one_of: &'static [&'static str],
    },
    Number {
        min: f64,
        max: f64,
    },
    Flag,
    Time,
    List(Members),
    Object(Members),
    /// Anything goes.
    Any,
}

type Members = fn(&str) -> Option<Shape>;

const TEXT: Shape = Shape::Text { min: 0, one_of: &[] };
const NUMBER: Shape = Shape::Number { min: f64::MIN, max: f64::MAX };

/// What a member must be before its value is looked at, and what is wrong with `result`; `required` also wants all members
/// that the service always answers.
pub(super) fn check(resource: &str, result: &Value, required: bool) -> Option<String> {
    let name = resource.strip_prefix("arn:aws:states:::")?;
    let name = name.strip_prefix("aws-sdk:").unwrap_or(name);
    let (service, action) = name.split_once(':')?;
    let service = if service == "sfn" { "states" } else { service };
    let action = action.split('.').next()?;
    let (members, always): (Members, &[&str]) = match (service, action) {
        ("lambda", "invoke") => (invocation, &[]),
        ("lambda", "getFunction") => (function, &[]),
        ("events" | "eventbridge", "putEvents") => (put_events, &[]),
        ("dynamodb", "putItem" | "deleteItem" | "updateItem" | "getItem" | "query" | "scan") => (item, &[]),
        ("states", "startExecution") => (execution, &["ExecutionArn", "StartDate"]),
        ("sqs", "sendMessage") | ("sns", "publish") => (message, &[]),
        ("s3", "getObject" | "putObject") => (object, &[]),
        ("kms", "encrypt" | "decrypt") => (cipher, &[]),
        ("secretsmanager", "getSecretValue" | "createSecret" | "putSecretValue") => (secret, &[]),
        _ => return None,
    };
    let Value::Object(given) = result else { return Some("Mocked result must be a JSON object.".into()) };
    if required && let Some(missing) = always.iter().find(|name| !given.contains_key(**name)) {
        return Some(format!("Required field '{missing}' is missing"));
    }
    object_fault(given, members)
}

fn object_fault(given: &Map<String, Value>, members: Members) -> Option<String> {
    given.iter().find_map(|(name, value)| fault(name, value, &members(name)?))
}

fn fault(name: &str, value: &Value, shape: &Shape) -> Option<String> {
    let wrong = |what: &str| Some(format!("Field '{name}' {what}"));
    match (shape, value) {
        (Shape::Text { min, one_of }, Value::String(text)) => {
            if text.chars().count() < *min {
                wrong("is smaller than the minimum length")
            } else if !one_of.is_empty() && !one_of.contains(&text.as_str()) {
                wrong("is not an expected value")
            } else {
                None
            }
        }
        (Shape::Text { .. }, _) => wrong("must be a string"),
        (Shape::Number { min, max }, Value::Number(number)) => {
            let number = number.as_f64().unwrap_or_default();
            if number > *max {
                wrong("exceeds the maximum value")
            } else if number < *min {
                wrong("is smaller than the minimum value")
            } else {
                None
            }
        }
        (Shape::Number { .. }, _) => wrong("must be a number"),
        (Shape::Any, _)
        | (Shape::Flag, Value::Bool(_))
        | (Shape::Time, Value::String(_) | Value::Number(_)) => None,
        (Shape::Flag, _) => wrong("must be a boolean"),
        (Shape::Time, _) => wrong("must be a valid timestamp"),
        (Shape::List(members), Value::Array(items)) => {
            items.iter().filter_map(Value::as_object).find_map(|item| object_fault(item, *members))
        }
        (Shape::List(_), _) => wrong("must be an array"),
        (Shape::Object(members), Value::Object(inner)) => object_fault(inner, *members),
        (Shape::Object(_), _) => wrong("must be an object"),
    }
}

fn invocation(name: &str) -> Option<Shape> {
    Some(match name {
        "StatusCode" => NUMBER,
        "ExecutedVersion" | "FunctionError" | "LogResult" => TEXT,
        "Payload" => Shape::Any,
        _ => return None,
    })
}

fn function(name: &str) -> Option<Shape> {
    Some(match name {
        "Configuration" => Shape::Object(function_configuration),
        "Code" | "Tags" | "Concurrency" => Shape::Object(|_| None),
        _ => return None,
    })
}

fn function_configuration(name: &str) -> Option<Shape> {
    Some(match name {
        "MemorySize" => Shape::Number { min: 128.0, max: 10_240.0 },
        "Timeout" => Shape::Number { min: 1.0, max: f64::MAX },
        "CodeSize" => NUMBER,
        "FunctionName" | "FunctionArn" | "Role" | "Handler" | "Description" | "LastModified"
        | "CodeSha256" | "Version" | "RevisionId" | "Runtime" => TEXT,
        "State" => Shape::Text { min: 0, one_of: &["Pending", "Active", "Inactive", "Failed"] },
        "PackageType" => Shape::Text { min: 0, one_of: &["Zip", "Image"] },
        _ => return None,
    })
}

fn put_events(name: &str) -> Option<Shape> {
    Some(match name {
        "FailedEntryCount" => NUMBER,
        "Entries" => {
            Shape::List(|name| matches!(name, "EventId" | "ErrorCode" | "ErrorMessage").then_some(TEXT))
        }
        _ => return None,
    })
}

fn item(name: &str) -> Option<Shape> {
    Some(match name {
        "ConsumedCapacity" => Shape::Object(capacity),
        "Attributes" | "Item" | "ItemCollectionMetrics" | "LastEvaluatedKey" => Shape::Object(|_| None),
        "Items" => Shape::List(|_| None),
        "Count" | "ScannedCount" => NUMBER,
        _ => return None,
    })
}

fn capacity(name: &str) -> Option<Shape> {
    Some(match name {
        "TableName" => Shape::Text { min: 1, one_of: &[] },
        "CapacityUnits" | "ReadCapacityUnits" | "WriteCapacityUnits" => NUMBER,
        "Table" => Shape::Object(capacity),
        _ => return None,
    })
}

fn execution(name: &str) -> Option<Shape> {
    Some(match name {
        "ExecutionArn" => Shape::Text { min: 1, one_of: &[] },
        "StartDate" | "StopDate" => Shape::Time,
        _ => return None,
    })
}

fn message(name: &str) -> Option<Shape> {
    let texts = [
        "MD5OfMessageBody",
        "MD5OfMessageAttributes",
        "MD5OfMessageSystemAttributes",
        "MessageId",
        "SequenceNumber",
    ];
    texts.contains(&name).then_some(TEXT)
}

fn object(name: &str) -> Option<Shape> {
    const CLASSES: &[&str] = &[
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "OUTPOSTS",
        "GLACIER_IR",
        "SNOW",
        "EXPRESS_ONEZONE",
    ];
    Some(match name {
        "ContentLength" | "MissingMeta" | "PartsCount" | "TagCount" => NUMBER,
        "DeleteMarker" | "BucketKeyEnabled" => Shape::Flag,
        "LastModified" => Shape::Time,
        "StorageClass" => Shape::Text { min: 0, one_of: CLASSES },
        "ETag" | "VersionId" | "ContentType" | "ContentEncoding" | "CacheControl" | "Expiration"
        | "Restore" | "ContentDisposition" | "ContentLanguage" | "ContentRange" | "AcceptRanges" | "Body" => {
            TEXT
        }
        "ServerSideEncryption" => {
            Shape::Text { min: 0, one_of: &["AES256", "aws:fsx", "aws:kms", "aws:kms:dsse"] }
        }
        "Metadata" => Shape::Object(|_| Some(TEXT)),
        _ => return None,
    })
}

fn cipher(name: &str) -> Option<Shape> {
    const ALGORITHMS: &[&str] = &["SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"];
    Some(match name {
        "CiphertextBlob" | "Plaintext" | "KeyId" => Shape::Text { min: 1, one_of: &[] },
        "EncryptionAlgorithm" => Shape::Text { min: 0, one_of: ALGORITHMS },
        _ => return None,
    })
}

fn secret(name: &str) -> Option<Shape> {
    Some(match name {
        "ARN" | "Name" | "VersionId" | "SecretString" | "SecretBinary" => TEXT,
        "CreatedDate" => Shape::Time,
        "VersionStages" => Shape::List(|_| None),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mocked_results_are_held_against_what_services_answer() {
        let check =
            |resource: &str, result: Value| check(&format!("arn:aws:states:::{resource}"), &result, false);
        assert_eq!(check("events:putEvents", json!({"random": "json"})), None);
        assert_eq!(
            check("events:putEvents", json!({"Entries": [{"EventId": "a"}, {"EventId": []}]})).as_deref(),
            Some("Field 'EventId' must be a string")
        );
        assert_eq!(
            check("aws-sdk:lambda:getFunction", json!({"Configuration": {"MemorySize": 10241}})).as_deref(),
            Some("Field 'MemorySize' exceeds the maximum value")
        );
        assert_eq!(check("aws-sdk:unknown:doThis", json!({"a": 1})), None);
    }
}
