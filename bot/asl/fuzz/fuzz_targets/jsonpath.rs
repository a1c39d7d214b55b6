//! Any path over any document: an answer or an error, in bounded time.
#![no_main]

use deputy_asl::jsonpath::Path;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|given: (&str, &str)| {
    let (path, document) = given;
    let Ok(path) = Path::parse(path) else { return };
    let document: Value = serde_json::from_str(document).unwrap_or_else(|_| {
        serde_json::json!({"a": [{"b": 1, "c": "x"}, [1, 2.5, null]], "b": {"a": true}})
    });
    let found = path.query(&document);
    if path.is_reference() && found.is_ok() {
        // What can be found can be replaced.
        assert!(path.set(document, Value::Null).is_ok());
    }
});
