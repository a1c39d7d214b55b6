//! What an `ItemReader` makes of a file: CSV, JSON, JSON Lines or a list of objects become items.

use serde_json::{Map, Value};

use crate::history::ErrorDetails;
use crate::map_run::failure;

/// How many items AWS reads at most.
const MAX_ITEMS: u64 = 100_000_000;

/// The items in `body`, according to `ReaderConfig` as it stands in a
/// [`ReaderRequest`](crate::ReaderRequest). For `s3:listObjectsV2`, `body` is the JSON array of the listing's `Contents`.
///
/// The error is the one to report with [`MapRunFailed`](crate::EventKind::MapRunFailed).
pub fn items_of(config: &Value, body: &[u8]) -> Result<Vec<Value>, ErrorDetails> {
    let failed = |cause: &str| failure("States.ItemReaderFailed", cause);
    let limit = match config.get("MaxItems") {
        None | Some(Value::Null) => MAX_ITEMS,
        Some(value) => max_items(config, value).map_err(|cause| failed(&cause))?,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let text = std::str::from_utf8(body).map_err(|_| failed("The file is not valid UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut items = match config.get("InputType").and_then(Value::as_str) {
        Some("CSV") => csv_items(config, text, limit),
        Some("JSONL") => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .take(limit)
            .map(serde_json::from_str)
            .collect::<Result<Vec<Value>, _>>()
            .map_err(|_| failed("Attempting to parse an invalid JSON line."))?,
        _ => {
            let document: Value = serde_json::from_str(text)
                .map_err(|_| failed("Attempting to parse an invalid JSON file."))?;
            let pointer = config.get("ItemsPointer").and_then(Value::as_str).unwrap_or_default();
            match document.pointer(pointer) {
                Some(Value::Array(items)) => items.clone(),
                _ => return Err(failed("Attempting to map over non-iterable node.")),
            }
        }
    };
    items.truncate(limit);
    Ok(items)
}

/// How many items to read at most; 0 stands for all.
fn max_items(config: &Value, value: &Value) -> Result<u64, String> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        // A literal may have come as a double.
        other => other.as_f64().filter(|number| number.fract() == 0.0),
    };
    let Some(number) = number else {
        let path = config.get("MaxItemsPath").and_then(Value::as_str).unwrap_or("MaxItems");
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Err(format!(
            "The MaxItemsPath field refers to value \"{value}\" which is not a valid integer: {path}"
        ));
    };
    if number < 0.0 {
        return Err("field MaxItems must be positive".to_owned());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Bounded above and below.
    let number = number.min(100_000_000.0) as u64;
    Ok(if number == 0 { MAX_ITEMS } else { number })
}

fn csv_items(config: &Value, text: &str, limit: usize) -> Vec<Value> {
    let delimiter = match config.get("CSVDelimiter").and_then(Value::as_str) {
        Some("PIPE") => '|',
        Some("SEMICOLON") => ';',
        Some("SPACE") => ' ',
        Some("TAB") => '\t',
        _ => ',',
    };
    let mut rows = csv_rows(text, delimiter, limit.saturating_add(1)).into_iter();
    let headers: Vec<String> = match config.get("CSVHeaders").and_then(Value::as_array) {
        Some(headers) => headers.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => rows.next().unwrap_or_default(),
    };
    rows.map(|row| {
        let mut cells = row.into_iter();
        let object: Map<String, Value> =
            headers.iter().map(|header| (header.clone(), cells.next().unwrap_or_default().into())).collect();
        Value::Object(object)
    })
    .collect()
}

/// RFC 4180, with any delimiter; rows without any character are no rows.
fn csv_rows(text: &str, delimiter: char, limit: usize) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let mut cell = String::new();
    let (mut quoted, mut blank) = (false, true);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if quoted {
            if character != '"' {
                cell.push(character);
            } else if characters.next_if_eq(&'"').is_some() {
                cell.push('"');
            } else {
                quoted = false;
            }
            continue;
        }
        match character {
            '"' if cell.is_empty() => {
                quoted = true;
                blank = false;
            }
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' => {
                if !blank {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                    if rows.len() >= limit {
                        return rows;
                    }
                }
                blank = true;
            }
            other => {
                blank = false;
                if other == delimiter {
                    row.push(std::mem::take(&mut cell));
                } else {
                    cell.push(other);
                }
            }
        }
    }
    if !blank {
        row.push(cell);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_takes_headers_from_the_first_row_or_the_definition() {
        let first = json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"});
        assert_eq!(
            items_of(&first, b"A,B\n1,\"x,\"\"y\"\n\n2\n").unwrap(),
            [json!({"A": "1", "B": "x,\"y"}), json!({"A": "2", "B": ""}),]
        );
        let given =
            json!({"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["H"], "MaxItems": 1});
        assert_eq!(items_of(&given, b"a,b\r\nc,d\r\n").unwrap(), [json!({"H": "a"})]);
    }

    #[test]
    fn json_must_be_an_array_and_lines_must_be_json() {
        let config = json!({"InputType": "JSON"});
        let cause = items_of(&config, b"{\"a\": 1}").unwrap_err().cause;
        assert_eq!(cause.as_deref(), Some("Attempting to map over non-iterable node."));
        assert_eq!(
            items_of(&json!({"InputType": "JSON", "ItemsPointer": "/a"}), b"{\"a\": [1]}").unwrap(),
            [json!(1)]
        );
        assert_eq!(items_of(&json!({"InputType": "JSONL"}), b"1\n\n{}\n").unwrap(), [json!(1), json!({})]);
        assert!(items_of(&json!({"InputType": "JSONL"}), b"1\nx\n").is_err());
    }

    #[test]
    fn a_negative_limit_is_refused() {
        let config = json!({"InputType": "JSON", "MaxItems": -1});
        let error = items_of(&config, b"[]").unwrap_err();
        assert_eq!(error.cause.as_deref(), Some("field MaxItems must be positive"));
        let config = json!({"InputType": "JSON", "MaxItems": "many", "MaxItemsPath": "$.m"});
        assert_eq!(
            items_of(&config, b"[]").unwrap_err().cause.as_deref(),
            Some("The MaxItemsPath field refers to value \"many\" which is not a valid integer: $.m")
        );
    }
}
