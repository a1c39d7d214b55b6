//! One operation of the REST API: what may be sent to it, and what it may answer.

use serde_json::{Value, json};

use super::load::{Description, rest};

/// An operation as GitHub describes it: a method on a path template.
#[derive(Debug)]
pub(crate) struct Operation {
    pointer: String,
    described: &'static Value,
}

/// The operation of `method` on `template`, if GitHub has one.
pub(crate) fn operation(method: &str, template: &str) -> Option<Operation> {
    let escaped = template.replace('~', "~0").replace('/', "~1");
    let pointer = format!("/paths/{escaped}/{}", method.to_ascii_lowercase());
    let described = rest().document.pointer(&pointer)?;
    Some(Operation { pointer, described })
}

impl Operation {
    /// The operation's page in GitHub's documentation.
    pub(crate) fn documentation_url(&self) -> Option<&'static str> {
        self.described["externalDocs"]["url"].as_str()
    }

    /// What is wrong with a request: parameters by their description, unknown ones, the body.
    pub(crate) fn check_request(
        &self,
        path: &[(String, String)],
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let parameters = self.parameters();
        for (kind, given) in [("path", path), ("query", query)] {
            for (name, value) in given {
                let known = parameters
                    .iter()
                    .find(|(_, described)| described["in"] == kind && described["name"] == **name);
                match known {
                    Some((pointer, described)) => {
                        let value = typed(described, value);
                        for fault in rest().faults(&format!("{pointer}/schema"), &value) {
                            faults.push(format!("{kind} parameter {name}: {fault}"));
                        }
                    }
                    None => faults.push(format!("{kind} parameter {name} is none of GitHub's here")),
                }
            }
        }
        for (_, described) in &parameters {
            let required = described["required"].as_bool() == Some(true) && described["in"] == "query";
            if required && !query.iter().any(|(name, _)| described["name"] == **name) {
                faults.push(format!("query parameter {} is missing", described["name"]));
            }
        }
        faults.extend(self.check_body(body));
        faults
    }

    fn check_body(&self, body: Option<&Value>) -> Vec<String> {
        let pointer = rest().resolve(format!("{}/requestBody", self.pointer));
        let described = rest().document.pointer(&pointer);
        let schema = format!("{pointer}/content/application~1json/schema");
        let Some(body) = body else {
            let required = described.is_some_and(|body| body["required"].as_bool() == Some(true));
            return if required { vec!["the body is missing".to_owned()] } else { Vec::new() };
        };
        if rest().document.pointer(&schema).is_none() {
            // Clients send `{}` with a bodiless PUT or POST, and GitHub does not mind.
            let empty = body.as_object().is_some_and(serde_json::Map::is_empty);
            return if empty {
                Vec::new()
            } else {
                vec!["there is a body where GitHub reads none".to_owned()]
            };
        }
        let mut faults: Vec<String> =
            rest().faults(&schema, body).into_iter().map(|fault| format!("body {fault}")).collect();
        faults.extend(unknown_fields(rest(), schema, body));
        faults
    }

    /// What is wrong with an answer.
    pub(crate) fn check_response(&self, status: u16, body: Option<&Value>) -> Vec<String> {
        let pointer = rest().resolve(format!("{}/responses/{status}", self.pointer));
        let described = rest().document.pointer(&pointer);
        if status >= 400 {
            // Descriptions leave out most refusals; all of them have this shape.
            let message = body.and_then(|body| body["message"].as_str());
            return if message.is_some() { Vec::new() } else { vec!["a refusal without message".to_owned()] };
        }
        let Some(described) = described else {
            return vec![format!("GitHub never answers {status} here")];
        };
        let content = described.get("content").and_then(|content| content.get("application/json"));
        match (content, body) {
            (None, None) => Vec::new(),
            (None, Some(_)) => vec![format!("a {status} has no body here")],
            (Some(_), None) => vec![format!("a {status} has a body here")],
            (Some(_), Some(body)) => {
                rest().faults(&format!("{pointer}/content/application~1json/schema"), body)
            }
        }
    }

    /// Where each parameter is described, and how.
    fn parameters(&self) -> Vec<(String, &'static Value)> {
        let count = self.described["parameters"].as_array().map_or(0, Vec::len);
        (0..count)
            .filter_map(|index| {
                let pointer = rest().resolve(format!("{}/parameters/{index}", self.pointer));
                let described = rest().document.pointer(&pointer)?;
                Some((pointer, described))
            })
            .collect()
    }
}

/// GitHub ignores fields that it does not know; in a test they are slips of the pen.
fn unknown_fields(description: &Description, schema: String, body: &Value) -> Vec<String> {
    let schema = description.resolve(schema);
    let described = description.document.pointer(&schema);
    let Some(properties) = described.and_then(|schema| schema["properties"].as_object()) else {
        return Vec::new();
    };
    let Some(fields) = body.as_object() else { return Vec::new() };
    fields
        .keys()
        .filter(|field| !properties.contains_key(*field))
        .map(|field| format!("body field {field} is none of GitHub's here"))
        .collect()
}

/// Parameters arrive as text; what they mean is in their schema.
fn typed(described: &Value, text: &str) -> Value {
    let schema = &described["schema"];
    let kinds = [&schema["type"], &schema["oneOf"][0]["type"], &schema["oneOf"][1]["type"]];
    if kinds.iter().any(|kind| **kind == "integer")
        && let Ok(number) = text.parse::<i64>()
    {
        return json!(number);
    }
    match (kinds[0].as_str(), text) {
        (Some("boolean"), "true") => json!(true),
        (Some("boolean"), "false") => json!(false),
        (Some("array"), _) => text.split(',').map(|item| json!(item)).collect(),
        _ => json!(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMENTS: &str = "/repos/{owner}/{repo}/issues/{issue_number}/comments";

    fn pair(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn what_github_does_not_know_is_a_fault() {
        let create = operation("POST", COMMENTS).expect("GitHub's");
        let number = pair("issue_number", "1");
        assert_eq!(create.check_request(&number, &[], Some(&json!({ "body": "x" }))), [""; 0]);
        for (path, query, body) in [
            (pair("issue_number", "one"), vec![], Some(json!({ "body": "x" }))),
            (number.clone(), pair("draft", "true"), Some(json!({ "body": "x" }))),
            (number.clone(), vec![], Some(json!({ "body": 1 }))),
            (number.clone(), vec![], Some(json!({ "body": "x", "bodi": "x" }))),
            (number.clone(), vec![], Some(json!({}))),
            (number.clone(), vec![], None),
        ] {
            assert_eq!(
                create.check_request(&path, &query, body.as_ref()).len(),
                1,
                "{path:?} {query:?} {body:?}"
            );
        }
    }

    #[test]
    fn an_answer_that_github_would_not_give_is_a_fault() {
        let list = operation("GET", COMMENTS).expect("GitHub's");
        assert_eq!(list.check_response(200, Some(&json!([]))), [""; 0]);
        assert_eq!(list.check_response(404, Some(&json!({ "message": "Not Found" }))), [""; 0]);
        for (status, body) in [
            (200, Some(json!({}))),
            (200, Some(json!([{ "id": "text" }]))),
            (200, None),
            (207, Some(json!([]))),
            (404, Some(json!({}))),
        ] {
            assert!(!list.check_response(status, body.as_ref()).is_empty(), "{status} {body:?}");
        }
    }

    #[test]
    fn null_is_allowed_where_github_says_nullable_and_nowhere_else() {
        let get = operation("GET", "/orgs/{org}/memberships/{username}").expect("GitHub's");
        let faults = get.check_response(200, Some(&json!({ "user": null, "organization": null })));
        assert!(!faults.iter().any(|fault| fault.starts_with("/user")), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.starts_with("/organization")), "{faults:?}");
    }
}
