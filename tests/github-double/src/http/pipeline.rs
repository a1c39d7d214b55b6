//! One request's way through the double: fault, credentials, rate limit, route, checks, headers.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use serde_json::Value;

use super::auth::Caller;
use super::call::Call;
use super::rate::Standing;
use super::reply::{Refusal, Reply};
use super::route::{self, Route};
use super::server::{HttpResponse, Text};
use crate::clock::Moment;
use crate::faults::Fault;
use crate::hub::{Hub, lock};
use crate::random;
use crate::schema::{Operation, operation};
use crate::{graphql, oauth};

/// More than any request that GitHub takes from us.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// The versions of the REST API that GitHub serves.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

/// The Enterprise Server that the double is, when it is one.
pub(crate) const ENTERPRISE: &str = "3.19.0";

const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// A request with its body read.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Without the `/api/v3` of GitHub Enterprise Server.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Address up to the query, as the client wrote it.
    pub(crate) url: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Answers a request; `None` cuts the connection off.
pub(crate) async fn answer(hub: &Arc<Hub>, request: Request<Incoming>) -> Option<HttpResponse> {
    let received = receive(hub, request).await?;
    let fault = lock(&hub.faults).strike(&received.method, &received.path);
    if let Some(fault) = &fault {
        hub.change(|state| {
            state.tell(format!("   fault on {} {}: {fault:?}", received.method, received.path));
        });
    }
    match fault {
        None => Some(respond(hub, &received).into_response()),
        Some(Fault::Drop) => None,
        Some(Fault::DropAfter) => {
            respond(hub, &received);
            None
        }
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            Some(respond(hub, &received).into_response())
        }
        Some(Fault::Truncate) => {
            let whole = respond(hub, &received);
            Some(whole.into_half_response())
        }
        Some(Fault::Status(status)) => Some(fail(hub, &received, status_refusal(status))),
        Some(Fault::PrimaryRateLimit(reset)) => Some(primary_rate_limit(hub, &received, reset)),
        Some(Fault::SecondaryRateLimit(after)) => {
            let refusal = Refusal {
                headers: vec![("retry-after", after.as_secs().to_string())],
                ..Refusal::new(403, SECONDARY)
            };
            Some(fail(hub, &received, refusal))
        }
        Some(Fault::TooManyRequests) => Some(fail(hub, &received, Refusal::new(429, SECONDARY))),
    }
}

const SECONDARY: &str =
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";

fn status_refusal(status: u16) -> Refusal {
    let text = hyper::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    Refusal::new(status, text.unwrap_or("Unknown Error"))
}

async fn receive(hub: &Arc<Hub>, request: Request<Incoming>) -> Option<Received> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await.ok()?.to_bytes();
    let whole = parts.uri.path();
    let path = whole.strip_prefix("/api/v3").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = path.unwrap_or(whole);
    let path = if path == "/api/graphql" { "/graphql" } else { path };
    let query = parts.uri.query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let web = hub.read(|state| state.urls.web.clone());
    Some(Received {
        method: parts.method.to_string(),
        path: path.to_owned(),
        query,
        headers: parts.headers,
        body,
        url: format!("{web}{whole}"),
    })
}

/// An answer with all its headers, before it becomes bytes.
#[derive(Debug)]
pub(crate) struct Ready {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Ready {
    fn into_response(self) -> HttpResponse {
        let body = Text::whole(self.body.clone());
        self.head(body)
    }

    /// Announces the whole body and sends half of it.
    fn into_half_response(self) -> HttpResponse {
        let body = Text::half(&self.body);
        self.head(body)
    }

    fn head(self, body: Text) -> HttpResponse {
        let mut response = Response::new(body);
        *response.status_mut() =
            hyper::StatusCode::from_u16(self.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        if !matches!(self.status, 204 | 304) {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        response
    }
}

fn respond(hub: &Arc<Hub>, received: &Received) -> Ready {
    if oauth::is_web(&received.path) {
        return web(hub, received);
    }
    hub.change(|state| {
        state.keep_secret_jwt(received);
        state.check_discretion(received);
    });
    let caller = hub.read(|state| state.authenticate(received.header("authorization")));
    let caller = match caller {
        Ok(caller) => caller,
        Err(refusal) => return refuse(hub, received, &Caller::Anonymous, refusal, None),
    };
    if received.header("user-agent").is_none() {
        let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return refuse(hub, received, &caller, Refusal::new(403, text), None);
    }
    if let Some(version) = received.header("x-github-api-version")
        && !VERSIONS.contains(&version)
    {
        let text =
            format!("\"{version}\" is not a valid version. Supported versions are {}.", VERSIONS.join(", "));
        return refuse(hub, received, &caller, Refusal::new(400, &text), None);
    }
    let standing = hub.read(|state| state.standing(&caller));
    if standing.remaining() == 0 && received.path != "/rate_limit" {
        let text = format!("API rate limit exceeded for {}.", hub.read(|state| state.caller_name(&caller)));
        return refuse(hub, received, &caller, Refusal::new(403, &text), None);
    }
    if received.path == "/graphql" {
        let reply = graphql::answer(hub, &caller, received);
        return ready(hub, received, &caller, reply, true);
    }
    rest(hub, received, caller)
}

/// A page or token endpoint outside the REST API: no rate limit, no description to check against.
fn web(hub: &Arc<Hub>, received: &Received) -> Ready {
    let reply = hub.change(|state| {
        let reply = oauth::answer(state, received);
        state.tell(format!("→ {} {} → {}", received.method, received.path, reply.status));
        reply
    });
    let body = Bytes::from(reply.bytes());
    let reply_is_text = reply.is_text || body.is_empty();
    let mut headers = reply.headers;
    if !reply_is_text {
        headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
    }
    headers.push(("date", hub.read(|state| http_date(state.now()))));
    headers.push(("x-github-request-id", request_id()));
    Ready { status: reply.status, headers, body }
}

fn rest(hub: &Arc<Hub>, received: &Received, caller: Caller) -> Ready {
    let Some((route, parameters)) = route::find(&received.method, &received.path) else {
        return unknown(hub, received, &caller);
    };
    let described = if hub.validate { operation(route.method, route.template) } else { None };
    let body = match parse_body(&received.body) {
        Ok(body) => body,
        Err(refusal) => return refuse(hub, received, &caller, refusal, described.as_ref()),
    };
    if let Some(described) = &described {
        let mut faults = described.check_request(&parameters, &received.query, body.as_ref());
        faults.extend(accept_fault(received));
        report(hub, "request", received, &faults);
    }
    let call = Call {
        caller,
        url: received.url.clone(),
        path: parameters,
        query: received.query.clone(),
        body: body.unwrap_or_default(),
        accept: received.header("accept").unwrap_or_default().to_owned(),
    };
    let answer = hub.change(|state| {
        let answer = (route.handler)(state, &call);
        let how = match &answer {
            Ok(reply) => reply.status.to_string(),
            Err(refusal) => format!("{} {}", refusal.status, refusal.message),
        };
        let who = state.caller_name(&call.caller);
        state.tell(format!("→ {} {} by {who} → {how}", received.method, received.path));
        answer
    });
    let url = described.as_ref().and_then(Operation::documentation_url).unwrap_or(DOCUMENTATION);
    let reply = answer.unwrap_or_else(|refusal| refusal.into_reply(url));
    // Descriptions speak of JSON only.
    if let Some(described) = described.as_ref().filter(|_| !reply.is_text) {
        let faults = described.check_response(reply.status, reply.body.as_ref());
        report(hub, &format!("answer {}", reply.status), received, &faults);
    }
    conditional(hub, received, &call.caller, route, reply)
}

/// Answers 304, which costs nothing, if the client has this version already.
fn conditional(
    hub: &Arc<Hub>,
    received: &Received,
    caller: &Caller,
    route: &Route,
    mut reply: Reply,
) -> Ready {
    let free = route.template == "/rate_limit";
    if route.method != "GET" || reply.status != 200 || free {
        return ready(hub, received, caller, reply, !free);
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, &reply.bytes());
    let etag = format!("W/\"{}\"", random::hex(digest.as_ref()));
    let known = received.header("if-none-match").is_some_and(|tags| {
        tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag.trim_start_matches("W/"))
    });
    reply = reply
        .with_header("etag", etag)
        .with_header("cache-control", "private, max-age=60, s-maxage=60".into());
    if known {
        reply.status = 304;
        reply.body = None;
    }
    ready(hub, received, caller, reply, !known)
}

fn unknown(hub: &Arc<Hub>, received: &Received, caller: &Caller) -> Ready {
    let request = format!("{} {}", received.method, received.path);
    let allowed = lock(&hub.settings).allowed_unknown.iter().any(|part| request.contains(part.as_str()));
    hub.change(|state| {
        if allowed {
            state.tell(format!("→ {request} → 404, as the test expects"));
        } else {
            state.violation(format!("{request}: the double has no such route"));
        }
    });
    ready(hub, received, caller, Refusal::not_found().into_reply(DOCUMENTATION), true)
}

fn parse_body(bytes: &Bytes) -> Result<Option<Value>, Refusal> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::new(400, "Problems parsing JSON"))?;
    let body: Value = text.parse().map_err(|_| Refusal::new(400, "Problems parsing JSON"))?;
    if body.is_object() || body.is_array() {
        Ok(Some(body))
    } else {
        Err(Refusal::new(400, "Body should be a JSON object"))
    }
}

/// GitHub recommends `application/vnd.github+json`; anything that is not JSON asks for something else.
fn accept_fault(received: &Received) -> Option<String> {
    let accept = received.header("accept")?;
    let json = ["application/json", "application/vnd.github", "*/*"];
    (!json.iter().any(|kind| accept.contains(kind))).then(|| format!("accept: {accept} is not JSON"))
}

fn report(hub: &Arc<Hub>, what: &str, received: &Received, faults: &[String]) {
    if faults.is_empty() {
        return;
    }
    let text = format!("{} {}: {what}: {}", received.method, received.path, faults.join("; "));
    hub.change(|state| state.violation(text));
}

fn refuse(
    hub: &Arc<Hub>,
    received: &Received,
    caller: &Caller,
    refusal: Refusal,
    described: Option<&Operation>,
) -> Ready {
    hub.change(|state| {
        let (who, status) = (state.caller_name(caller), refusal.status);
        state
            .tell(format!("→ {} {} by {who} → {status} {}", received.method, received.path, refusal.message));
    });
    let url = described.and_then(Operation::documentation_url).unwrap_or(DOCUMENTATION);
    ready(hub, received, caller, refusal.into_reply(url), false)
}

/// Adds what every answer has: request id, media type, and how the caller's hour stands.
fn ready(hub: &Arc<Hub>, received: &Received, caller: &Caller, reply: Reply, counts: bool) -> Ready {
    let standing: Standing = hub.read(|state| {
        if counts {
            lock(&state.rates).count(caller, state.now());
        }
        state.standing(caller)
    });
    let mut headers = vec![
        ("content-type", "application/json; charset=utf-8".to_owned()),
        ("date", hub.read(|state| http_date(state.now()))),
        ("server", "github.com".to_owned()),
        ("x-github-request-id", request_id()),
        ("x-github-media-type", "github.v3; format=json".to_owned()),
        (
            "x-github-api-version-selected",
            received.header("x-github-api-version").unwrap_or(VERSIONS[0]).to_owned(),
        ),
    ];
    headers.extend(standing.headers());
    if hub.read(|state| state.is_enterprise) {
        headers.push(("x-github-enterprise-version", ENTERPRISE.to_owned()));
    }
    let body = Bytes::from(reply.bytes());
    // Last, so that a fault's own rate-limit headers win.
    headers.extend(reply.headers);
    if body.is_empty() {
        headers.retain(|(name, _)| *name != "content-type");
    }
    Ready { status: reply.status, headers, body }
}

fn fail(hub: &Arc<Hub>, received: &Received, refusal: Refusal) -> HttpResponse {
    let caller = hub.read(|state| state.authenticate(received.header("authorization")));
    refuse(hub, received, &caller.unwrap_or(Caller::Anonymous), refusal, None).into_response()
}

fn primary_rate_limit(hub: &Arc<Hub>, received: &Received, reset: Duration) -> HttpResponse {
    let reset =
        hub.read(|state| state.now().timestamp()) + i64::try_from(reset.as_secs()).unwrap_or(i64::MAX);
    let headers = vec![
        ("x-ratelimit-limit", "5000".to_owned()),
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-used", "5000".to_owned()),
        ("x-ratelimit-reset", reset.to_string()),
    ];
    let refusal = Refusal { headers, ..Refusal::new(403, "API rate limit exceeded for installation.") };
    fail(hub, received, refusal)
}

/// The time here, not the machine's: who compares clocks compares with GitHub's.
fn http_date(moment: Moment) -> String {
    moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `C0FF:3A2B1C:…`, as support asks for it.
fn request_id() -> String {
    let bytes = random::bytes(16);
    let part = |range: std::ops::Range<usize>| random::hex(&bytes[range]).to_uppercase();
    format!("{}:{}:{}:{}", part(0..2), part(2..5), part(5..11), part(11..16))
}
