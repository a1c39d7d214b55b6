//! The link that asks somebody to log in, and what their login sets in motion.

use std::fmt;

use async_trait::async_trait;

use crate::ids::UserId;

/// Where a login begins, below Deputy's public address.
pub const LOGIN_PATH: &str = "/auth/login";

/// What happens once somebody has logged in, by whichever way.
#[async_trait]
pub trait OnLogin: Send + Sync {
    /// The person's grant is stored. Hands on what waited for it, and tells what that is, oldest first.
    ///
    /// Does not fail: the login holds whatever happens here, and what cannot be handed on now is found by the
    /// sweep.
    async fn logged_in(&self, user: UserId) -> Vec<Resumed>;
}

/// A command that waited for a login and runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The command's name: `deploy`.
    pub command: String,
    /// Where it was asked for, as people write it: `acme/shop#12`.
    pub place: String,
    /// The comment that asked for it.
    pub html_url: String,
}

/// For a home in which nothing waits.
#[derive(Debug, Clone, Copy, Default)]
pub struct NothingWaits;

#[async_trait]
impl OnLogin for NothingWaits {
    async fn logged_in(&self, _user: UserId) -> Vec<Resumed> {
        Vec::new()
    }
}

/// The link in a reply: who is asked to log in, and where they come from.
///
/// It stands in public, so it holds nothing that must be hidden and nothing that can be used up. A token that works
/// once would be burnt by whoever clicks first, and would protect nothing: the name in it only ever narrows. Who takes
/// it out of the link logs in as themselves, which anybody may; who leaves it in and is somebody else is refused.
#[derive(Debug, Clone, Copy)]
pub struct LoginLink<'a> {
    /// Deputy's public address, without a slash at its end.
    pub public_url: &'a str,
    /// Who is asked.
    pub user: UserId,
    /// Their login, so that GitHub's page suggests that account.
    pub login: &'a str,
    /// The page to send them back to.
    pub return_to: &'a str,
}

impl fmt::Display for LoginLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { public_url, user, login, return_to } = self;
        write!(f, "{public_url}{LOGIN_PATH}?user={user}&login={}&return={}", Query(login), Query(return_to))
    }
}

/// A value in a URL's query: everything encoded but what RFC 3986 calls unreserved.
struct Query<'a>(&'a str);

impl fmt::Display for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    write!(f, "{}", char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_whole_in_markdown() {
        let link = LoginLink {
            public_url: "https://deputy.example",
            user: UserId(583_231),
            login: "octo-cat",
            return_to: "https://github.com/acme/shop/pull/12#issuecomment-(1)",
        };
        assert_eq!(
            link.to_string(),
            "https://deputy.example/auth/login?user=583231&login=octo-cat&return=https%3A%2F%2Fgithub.com%2Facme%2F\
             shop%2Fpull%2F12%23issuecomment-%281%29"
        );
    }
}
