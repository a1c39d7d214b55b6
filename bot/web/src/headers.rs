//! What a delivery's HTTP headers say: which delivery, which event, how encoded; and which of them are kept.

use deputy_core::delivery::Headers;
use deputy_core::ids::{DeliveryId, EventName};
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, USER_AGENT};

use crate::problem::Problem;

pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
const EVENT: HeaderName = HeaderName::from_static("x-github-event");
const DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");

/// What the headers of a delivery say.
#[derive(Debug)]
pub(crate) struct Heading {
    pub(crate) id: DeliveryId,
    pub(crate) event: EventName,
    pub(crate) encoding: Encoding,
    pub(crate) kept: Headers,
}

/// The two encodings that GitHub offers in a webhook's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Form,
}

impl Heading {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let event = only(headers, &EVENT, "X-GitHub-Event")?.parse().map_err(|_| {
            let expected = "1 to 64 characters of a-z, 0-9 and _, like issue_comment";
            Problem::HeaderMalformed { name: "X-GitHub-Event", expected }
        })?;
        let id = only(headers, &DELIVERY, "X-GitHub-Delivery")?.parse().map_err(|_| {
            let expected = "a GUID like 72d3162e-cc78-11e3-81ab-4c9367dc0958";
            Problem::HeaderMalformed { name: "X-GitHub-Delivery", expected }
        })?;
        let encoding =
            Encoding::of(only(headers, &CONTENT_TYPE, "Content-Type")?).ok_or(Problem::ContentType)?;
        Ok(Self { id, event, encoding, kept: kept(headers) })
    }
}

impl Encoding {
    /// From a media type. Parameters do not matter: JSON is UTF-8 whatever a `charset` says.
    fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split_once(';').map_or(content_type, |(essence, _)| essence).trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Some(Self::Form)
        } else {
            None
        }
    }
}

/// The value of a header that must be there exactly once: the signature does not cover headers, so that a
/// second value is more likely somebody's trick than a choice to make.
///
/// A value that is not visible ASCII reads as empty, which no header here may be.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName, shown: &'static str) -> Result<&'a str, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Problem::HeaderMissing(shown))?;
    if values.next().is_some() {
        return Err(Problem::HeaderRepeated(shown));
    }
    Ok(value.to_str().unwrap_or_default())
}

/// GitHub's own headers. Not `Authorization`, `Cookie` or what a proxy adds: archives are read by people.
fn kept(headers: &HeaderMap) -> Headers {
    let mut kept = Headers::new();
    for (name, value) in headers {
        if name.as_str().starts_with("x-github-") || [SIGNATURE, CONTENT_TYPE, USER_AGENT].contains(name) {
            match value.to_str() {
                Ok(value) => kept.push(name.as_str(), value),
                Err(_) => kept.push(name.as_str(), &String::from_utf8_lossy(value.as_bytes())),
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        map
    }

    const GOOD: [(&str, &str); 3] = [
        ("X-GitHub-Event", "issue_comment"),
        ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("Content-Type", "application/json"),
    ];

    #[test]
    fn githubs_headers_are_kept_and_credentials_are_not() {
        let mut lines = GOOD.to_vec();
        lines.extend([
            ("User-Agent", "GitHub-Hookshot/044aadd"),
            ("X-GitHub-Hook-ID", "292430182"),
            ("X-Hub-Signature-256", "sha256=00"),
            ("X-Hub-Signature", "sha1=00"),
            ("Authorization", "Bearer hush"),
            ("Cookie", "session=hush"),
            ("X-Forwarded-For", "192.0.2.1"),
        ]);
        let heading = Heading::read(&headers(&lines)).unwrap();
        let names: Vec<_> = heading.kept.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "x-github-event",
                "x-github-delivery",
                "content-type",
                "user-agent",
                "x-github-hook-id",
                "x-hub-signature-256"
            ]
        );
        assert_eq!(heading.kept.get("X-GitHub-Hook-ID"), Some("292430182"));
    }

    #[test]
    fn each_missing_or_malformed_header_is_named() {
        for (missing, (name, _)) in GOOD.iter().enumerate() {
            let mut lines = GOOD.to_vec();
            lines.remove(missing);
            assert_eq!(Heading::read(&headers(&lines)).unwrap_err(), Problem::HeaderMissing(name));
            let mut lines = GOOD.to_vec();
            lines.push(GOOD[missing]);
            assert_eq!(Heading::read(&headers(&lines)).unwrap_err(), Problem::HeaderRepeated(name));
        }
        for (at, value, code) in [
            (0, "Issue Comment", "header_malformed"),
            (1, "72d3162e", "header_malformed"),
            (2, "text/plain", "content_type"),
        ] {
            let mut lines = GOOD;
            lines[at].1 = value;
            assert_eq!(Heading::read(&headers(&lines)).unwrap_err().code(), code);
        }
    }

    #[test]
    fn parameters_and_case_of_the_content_type_do_not_matter() {
        for (text, encoding) in [
            ("application/json", Some(Encoding::Json)),
            ("Application/JSON; charset=UTF-8", Some(Encoding::Json)),
            (" application/json ;", Some(Encoding::Json)),
            ("application/x-www-form-urlencoded;charset=utf-8", Some(Encoding::Form)),
            ("application/jsonp", None),
            ("text/json", None),
            ("", None),
            (";", None),
        ] {
            assert_eq!(Encoding::of(text), encoding, "{text}");
        }
    }

    proptest! {
        /// Whatever the three values are, the answer is a heading with those values or a problem.
        #[test]
        fn any_bytes_are_read_or_refused(values in proptest::array::uniform3(
            proptest::collection::vec(any::<u8>(), 0..80)
        )) {
            let mut map = HeaderMap::new();
            for ((name, _), value) in GOOD.iter().zip(&values) {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    map.append(name.parse::<HeaderName>().unwrap(), value);
                }
            }
            if let Ok(heading) = Heading::read(&map) {
                prop_assert_eq!(heading.event.as_str().as_bytes(), &values[0][..]);
                prop_assert!(heading.id.to_string().eq_ignore_ascii_case(str::from_utf8(&values[1]).unwrap()));
            }
        }

        /// A GUID and an event of GitHub's form are always taken, in any case of the names.
        #[test]
        fn what_github_sends_is_read(
            id in any::<[u8; 16]>(), event in "[a-z0-9_]{1,64}", upper in any::<bool>()
        ) {
            let id = DeliveryId::from_bytes(id);
            let text = id.to_string();
            let fold = |name: &str| if upper { name.to_uppercase() } else { name.to_lowercase() };
            let names = GOOD.map(|(name, _)| fold(name));
            let map = headers(&[(&names[0], &event), (&names[1], &text), (&names[2], "application/json")]);
            let heading = Heading::read(&map).unwrap();
            prop_assert_eq!(heading.id, id);
            prop_assert_eq!(heading.event.as_str(), event);
        }
    }
}
