//! What the double answers: a reply, or a refusal in GitHub's words.

use serde_json::{Value, json};

/// An answer before headers that every answer gets.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    /// The body is a text to be sent as it is, not JSON.
    pub(crate) is_text: bool,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// Something GitHub does not do for this caller.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) errors: Option<Box<Value>>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// What every route gives.
pub(crate) type Answer = Result<Reply, Refusal>;

impl Reply {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), is_text: false, headers: Vec::new() }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    /// 201, with where the new thing is.
    pub(crate) fn created(body: Value) -> Self {
        let location = body["url"].as_str().map(|url| ("location", url.to_owned()));
        Self { headers: location.into_iter().collect(), ..Self::new(201, body) }
    }

    pub(crate) fn no_content() -> Self {
        Self::empty(204)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, body: None, is_text: false, headers: Vec::new() }
    }

    /// Something that is not JSON.
    pub(crate) fn text(content_type: &str, text: &str) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status: 200, body: Some(Value::String(text.to_owned())), is_text: true, headers }
    }

    /// The body as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match &self.body {
            None => Vec::new(),
            Some(Value::String(text)) if self.is_text => text.clone().into_bytes(),
            Some(json) => json.to_string().into_bytes(),
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl Refusal {
    pub(crate) fn new(status: u16, message: &str) -> Self {
        Self { status, message: message.to_owned(), errors: None, headers: Vec::new() }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub(crate) fn bad_credentials() -> Self {
        Self::new(401, "Bad credentials")
    }

    /// An App lacks the permission, or is not installed there.
    pub(crate) fn not_for_integration() -> Self {
        Self::new(403, "Resource not accessible by integration")
    }

    /// 422 with one `errors` entry.
    pub(crate) fn unprocessable(resource: &str, field: &str, code: &str) -> Self {
        let errors = json!([{ "resource": resource, "field": field, "code": code }]);
        Self { errors: Some(Box::new(errors)), ..Self::new(422, "Validation Failed") }
    }

    pub(crate) fn into_reply(self, documentation_url: &str) -> Reply {
        let mut body = json!({ "message": self.message });
        if let Some(errors) = self.errors {
            body["errors"] = *errors;
        }
        body["documentation_url"] = json!(documentation_url);
        body["status"] = json!(self.status.to_string());
        Reply { headers: self.headers, ..Reply::new(self.status, body) }
    }
}
