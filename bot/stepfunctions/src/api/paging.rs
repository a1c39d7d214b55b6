//! Lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::params::{Params, constraint};
use crate::error::ApiError;

/// How many entries a page has when the request does not say.
const DEFAULT: usize = 100;
/// How many it may ask for.
const MAX: usize = 1000;

/// Which page is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) size: usize,
    /// Where the last page ended.
    pub(crate) after: Option<String>,
}

impl Page {
    pub(crate) fn read(params: Params<'_>) -> Result<Self, ApiError> {
        let size = match params.number("maxResults")? {
            None => DEFAULT,
            Some(0.0) => DEFAULT,
            Some(number) if number > 1000.0 => {
                return Err(constraint(
                    &format!("'{number}'"),
                    "maxResults",
                    "Member must have value less than or equal to 1000",
                ));
            }
            Some(number) if number < 0.0 => {
                return Err(constraint(
                    &format!("'{number}'"),
                    "maxResults",
                    "Member must have value greater than or equal to 0",
                ));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Bounded just above.
            Some(number) => (number as usize).min(MAX),
        };
        let after = match params.text("nextToken")? {
            None => None,
            Some(token) => Some(open(token).ok_or_else(|| {
                ApiError::new("InvalidToken", "Invalid Token: 'Response token is invalid'")
            })?),
        };
        Ok(Self { size, after })
    }

    /// The entries of this page of all that there are, in order, and the token of the next. `key` names an entry.
    pub(crate) fn cut<T>(
        &self,
        all: impl Iterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let mut all = all.skip_while({
            let mut found = self.after.is_none();
            let key = &key;
            move |entry| {
                let skip = !found;
                found |= self.after.as_deref() == Some(key(entry).as_str());
                skip
            }
        });
        let page: Vec<T> = all.by_ref().take(self.size).collect();
        let more = all.next().is_some();
        let token = if more { page.last().map(|entry| seal(&key(entry))) } else { None };
        (page, token)
    }
}

/// A token that says where a page ended.
pub(crate) fn seal(after: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("p1:{after}"))
}

fn open(token: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("p1:").map(Into::into)
}

/// Puts the token of the next page into an answer.
pub(crate) fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let (Some(members), Some(token)) = (answer.as_object_mut(), token) {
        members.insert("nextToken".into(), token.into());
    }
    answer
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_follow_one_another() {
        let all = ["a", "b", "c"];
        let request = json!({"maxResults": 2});
        let first = Page::read(Params::new(&request).unwrap()).unwrap();
        let (page, token) = first.cut(all.iter(), ToString::to_string);
        assert_eq!(page, [&"a", &"b"]);
        let request = json!({"maxResults": 2, "nextToken": token});
        let second = Page::read(Params::new(&request).unwrap()).unwrap();
        let (page, token) = second.cut(all.iter(), ToString::to_string);
        assert_eq!((page, token), (vec![&"c"], None));
        let request = json!({"nextToken": "x"});
        assert_eq!(Page::read(Params::new(&request).unwrap()).unwrap_err().code, "InvalidToken");
    }
}
