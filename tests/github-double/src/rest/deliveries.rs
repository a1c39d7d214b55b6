//! Webhook deliveries of an App: <https://docs.github.com/en/rest/apps/webhooks>. App JWT only.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::apps::app;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get, patch, post};
use crate::ids::DeliveryId;
use crate::json::delivery_item;
use crate::state::State;
use crate::state::delivery::Delivery;

pub(crate) const ROUTES: &[Route] = &[
    get("/app/hook/config", config),
    patch("/app/hook/config", configure),
    get("/app/hook/deliveries", list),
    get("/app/hook/deliveries/{delivery_id}", get_delivery),
    post("/app/hook/deliveries/{delivery_id}/attempts", redeliver),
];

/// GitHub keeps deliveries for three days.
const KEPT: TimeDelta = TimeDelta::days(3);

fn config(state: &mut State, call: &Call) -> Answer {
    let webhook = &state.app(app(call)?).webhook;
    let mut config = json!({
        "content_type": if webhook.form { "form" } else { "json" },
        "insecure_ssl": "0",
        "secret": "********",
    });
    if let Some(url) = &webhook.url {
        config["url"] = json!(url);
    }
    Ok(Reply::ok(config))
}

fn configure(state: &mut State, call: &Call) -> Answer {
    let webhook = &mut state.app_mut(app(call)?).webhook;
    let text = |name: &str| call.body[name].as_str().map(str::to_owned);
    if let Some(url) = text("url") {
        webhook.url = Some(url);
    }
    if let Some(secret) = text("secret") {
        webhook.secret = secret;
    }
    if let Some(kind) = text("content_type") {
        webhook.form = kind == "form";
    }
    config(state, call)
}

/// Newest first; `cursor` in the `Link` header leads to older ones.
fn list(state: &mut State, call: &Call) -> Answer {
    let app = app(call)?;
    let per_page = call.query("per_page").and_then(|text| text.parse().ok()).unwrap_or(30).clamp(1, 100);
    let before = match call.query("cursor") {
        None => u64::MAX,
        Some(cursor) => {
            let known = cursor.strip_prefix("v1_").and_then(|id| id.parse().ok());
            known.ok_or_else(|| Refusal::new(422, "Invalid cursor"))?
        }
    };
    let oldest = state.now() - KEPT;
    let wanted = |delivery: &&Delivery| {
        let status = match call.query("status") {
            Some("success") => delivery.is_delivered(),
            Some("failure") => !delivery.is_delivered(),
            _ => true,
        };
        delivery.app == app
            && delivery.id.0 < before
            && delivery.at > oldest
            && !delivery.is_pending()
            && status
    };
    let mut matching = state.deliveries.values().rev().filter(wanted);
    let page: Vec<&Delivery> = matching.by_ref().take(per_page).collect();
    let more = matching.next().is_some();
    let items: Vec<Value> = page.iter().map(|delivery| delivery_item(delivery)).collect();
    let reply = Reply::ok(Value::Array(items));
    match page.last() {
        Some(last) if more => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(call.query.iter().filter(|(name, _)| name != "cursor"));
            query.append_pair("cursor", &format!("v1_{}", last.id));
            Ok(reply.with_header("link", format!("<{}?{}>; rel=\"next\"", call.url, query.finish())))
        }
        _ => Ok(reply),
    }
}

fn get_delivery(state: &mut State, call: &Call) -> Answer {
    let id = delivery(state, call)?;
    Ok(Reply::ok(state.delivery_json(&state.deliveries[&id])))
}

fn redeliver(state: &mut State, call: &Call) -> Answer {
    let id = delivery(state, call)?;
    state.redeliver(id).ok_or_else(Refusal::not_found)?;
    Ok(Reply::new(202, json!({})))
}

fn delivery(state: &State, call: &Call) -> Result<DeliveryId, Refusal> {
    let app = app(call)?;
    let id = DeliveryId(call.number("delivery_id")?);
    let oldest = state.now() - KEPT;
    match state.deliveries.get(&id) {
        Some(delivery) if delivery.app == app && delivery.at > oldest => Ok(id),
        _ => Err(Refusal::not_found()),
    }
}
