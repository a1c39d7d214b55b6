//! What an accepted delivery is answered with.

use bytes::Bytes;
use deputy_core::ids::DeliveryId;
use deputy_core::ports::Accepted;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};

/// A delivery is accepted, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Whether it is new.
    pub accepted: Accepted,
    /// For `ping`, the name of the App that heard it, so that whoever sets a webhook up sees where it ends.
    pub app: Option<Box<str>>,
}

impl Receipt {
    /// `accepted` or `duplicate`.
    pub fn status(&self) -> &'static str {
        match self.accepted {
            Accepted::New => "accepted",
            Accepted::Duplicate => "duplicate",
        }
    }

    /// `{"delivery": "…", "status": "…"}`, and `"app": "…"` for `ping`.
    pub fn to_json(&self) -> String {
        use std::fmt::Write as _;
        // Put together by hand: nothing in it needs escaping but the App's name, which only `ping` carries.
        let mut json = String::with_capacity(96);
        json.push_str("{\"delivery\":\"");
        // Writing to a String cannot fail.
        let _ = write!(json, "{}", self.delivery);
        json.push_str("\",\"status\":\"");
        json.push_str(self.status());
        json.push('"');
        if let Some(app) = &self.app {
            json.push_str(",\"app\":");
            json.push_str(&serde_json::Value::from(&**app).to_string());
        }
        json.push('}');
        json
    }

    /// 202 with [the JSON](Self::to_json).
    pub(crate) fn response<B: From<Bytes>>(&self) -> hyper::Response<B> {
        let mut response = hyper::Response::new(B::from(Bytes::from(self.to_json())));
        *response.status_mut() = StatusCode::ACCEPTED;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_json_whatever_the_app_is_called() {
        let delivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958".parse().unwrap();
        let mut receipt = Receipt { delivery, accepted: Accepted::New, app: None };
        assert_eq!(
            receipt.to_json(),
            r#"{"delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0958","status":"accepted"}"#
        );
        receipt.app = Some("a \"b\"\n\\ é".into());
        receipt.accepted = Accepted::Duplicate;
        let back: serde_json::Value = serde_json::from_str(&receipt.to_json()).unwrap();
        assert_eq!(back["app"], "a \"b\"\n\\ é");
        assert_eq!(back["status"], "duplicate");
    }
}
