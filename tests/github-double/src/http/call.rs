//! One request as a route sees it.

use serde_json::Value;

use super::auth::Caller;
use super::reply::{Refusal, Reply};

/// A request: who asks, for what, with which parameters.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    /// The address without parameters, for `Link` headers.
    pub(crate) url: String,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    /// The `Accept` header.
    pub(crate) accept: String,
}

impl Call {
    /// A path parameter; the route's template names it.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A path parameter that is a number; GitHub knows nothing by another name.
    pub(crate) fn number(&self, name: &str) -> Result<u64, Refusal> {
        self.path(name).parse().map_err(|_| Refusal::not_found())
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A text that the body must have; `resource` is what GitHub calls the thing being made.
    pub(crate) fn text(&self, resource: &str, field: &str) -> Result<&str, Refusal> {
        match self.body[field].as_str() {
            Some(text) if !text.trim().is_empty() => Ok(text),
            _ => Err(Refusal::unprocessable(resource, field, "missing_field")),
        }
    }

    /// One page of a list, with GitHub's `Link` header to the others.
    pub(crate) fn page(&self, items: Vec<Value>) -> Reply {
        self.page_in(items, Value::Array)
    }

    /// One page of a list that GitHub wraps in something.
    pub(crate) fn page_in(&self, items: Vec<Value>, wrap: impl FnOnce(Vec<Value>) -> Value) -> Reply {
        let number = |name, default: usize| {
            self.query(name).and_then(|text| text.parse().ok()).filter(|n| *n > 0).unwrap_or(default)
        };
        let (per_page, page) = (number("per_page", 30).min(100), number("page", 1));
        let last = items.len().div_ceil(per_page).max(1);
        let some = items.into_iter().skip((page - 1) * per_page).take(per_page).collect();
        let link = |rel: &str, page: usize| format!("<{}>; rel=\"{rel}\"", self.url_of_page(page));
        let mut links = Vec::new();
        if page > 1 {
            links.push(link("prev", page - 1));
        }
        if page < last {
            links.push(link("next", page + 1));
            links.push(link("last", last));
        }
        if page > 1 {
            links.push(link("first", 1));
        }
        let reply = Reply::ok(wrap(some));
        if links.is_empty() { reply } else { reply.with_header("link", links.join(", ")) }
    }

    fn url_of_page(&self, page: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.query.iter().filter(|(name, _)| name != "page"));
        query.append_pair("page", &page.to_string());
        format!("{}?{}", self.url, query.finish())
    }
}
