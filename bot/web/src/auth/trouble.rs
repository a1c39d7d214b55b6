//! Everything that can keep somebody from logging in: for programs a status and a code, for people what to do.

use std::borrow::Cow;

use axum::http::StatusCode;
use deputy_core::authorization::NotAdministrator;
use deputy_core::ports::{GitHubError, NoncesError, OAuthError, SessionsError, VaultError};
use deputy_core::vault::NoRandomness;

/// Why a login did not happen, or a session does not hold. No text of GitHub's or of a request's is in it but logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody has set up logging in.
    NotConfigured,
    /// Too many logins begin at once.
    TooMany,
    /// The request is not of its form.
    Malformed,
    /// The link leads neither to GitHub nor to us afterwards.
    ForeignReturn,
    /// GitHub sent somebody who did not begin here.
    NotBegun,
    /// The login is unknown: finished, or too old.
    Stale,
    /// Begun in one browser, finished in another.
    OtherBrowser,
    /// The answer is not from the GitHub that was asked.
    OtherServer,
    /// The link was made for somebody else.
    OtherPerson {
        /// Whom it was made for, where the link says so.
        asked: Option<String>,
        /// Who it was.
        is: String,
    },
    /// The person said no.
    Denied,
    /// GitHub's code is wrong, used or too old.
    CodeExpired,
    /// The App's settings do not allow the device flow.
    DeviceFlowDisabled,
    /// The App's client id and secret are wrong.
    BadClient,
    /// The App's settings do not list our callback address.
    RedirectMismatch,
    /// GitHub wants the person's address verified first.
    UnverifiedEmail,
    /// GitHub suspended the App.
    AppSuspended,
    /// GitHub said no for a reason that it does not document.
    Refused(String),
    /// GitHub cannot be asked.
    GitHubAway,
    /// Our own store cannot be read or written.
    StoreAway,
    /// The request carries no session.
    NoSession,
    /// The session expired, or was ended.
    SessionEnded,
    /// The session is of somebody who may not operate this Deputy.
    NotAdministrator,
    /// GitHub does not accept the App's key.
    BadKey,
    /// The delivery was accepted before, so that another one would be a duplicate.
    AlreadyAccepted,
    /// The delivery was accepted, and these handlers gave it up.
    DeadLetter(Vec<String>),
    /// GitHub does not list the delivery.
    UnknownDelivery,
    /// Nothing is left to show.
    NothingToShow,
}

impl Trouble {
    /// A stable word for programs and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotConfigured => "login_not_configured",
            Self::TooMany => "too_many_logins",
            Self::Malformed => "malformed",
            Self::ForeignReturn => "foreign_return",
            Self::NotBegun => "login_not_begun",
            Self::Stale => "login_expired",
            Self::OtherBrowser => "other_browser",
            Self::OtherServer => "other_server",
            Self::OtherPerson { .. } => "other_person",
            Self::Denied => "access_denied",
            Self::CodeExpired => "code_expired",
            Self::DeviceFlowDisabled => "device_flow_disabled",
            Self::BadClient => "bad_client",
            Self::RedirectMismatch => "redirect_uri_mismatch",
            Self::UnverifiedEmail => "unverified_email",
            Self::AppSuspended => "app_suspended",
            Self::Refused(_) => "refused_by_github",
            Self::GitHubAway => "github_unavailable",
            Self::StoreAway => "store_unavailable",
            Self::NoSession => "session_missing",
            Self::SessionEnded => "session_expired",
            Self::NotAdministrator => "not_administrator",
            Self::BadKey => "bad_key",
            Self::AlreadyAccepted => "already_accepted",
            Self::DeadLetter(_) => "dead_letter",
            Self::UnknownDelivery => "unknown_delivery",
            Self::NothingToShow => "nothing_to_show",
        }
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed | Self::ForeignReturn | Self::NotBegun | Self::OtherServer => {
                StatusCode::BAD_REQUEST
            }
            Self::NoSession | Self::SessionEnded => StatusCode::UNAUTHORIZED,
            Self::OtherBrowser
            | Self::OtherPerson { .. }
            | Self::Denied
            | Self::UnverifiedEmail
            | Self::NotAdministrator => StatusCode::FORBIDDEN,
            Self::NothingToShow | Self::UnknownDelivery => StatusCode::NOT_FOUND,
            Self::AlreadyAccepted | Self::DeadLetter(_) => StatusCode::CONFLICT,
            Self::Stale | Self::CodeExpired => StatusCode::GONE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Refused(_) => StatusCode::BAD_GATEWAY,
            Self::NotConfigured
            | Self::DeviceFlowDisabled
            | Self::BadClient
            | Self::BadKey
            | Self::RedirectMismatch
            | Self::AppSuspended
            | Self::GitHubAway
            | Self::StoreAway => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// After how many seconds it may be otherwise by itself.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::TooMany => Some(60),
            Self::GitHubAway | Self::StoreAway => Some(30),
            _ => None,
        }
    }

    /// Whether beginning anew, at once and by the same person, may end otherwise.
    pub(super) fn is_worth_another_try(&self) -> bool {
        matches!(
            self,
            Self::NotBegun
                | Self::Stale
                | Self::OtherBrowser
                | Self::OtherServer
                | Self::OtherPerson { .. }
                | Self::Denied
                | Self::CodeExpired
                | Self::UnverifiedEmail
                | Self::GitHubAway
                | Self::NothingToShow
        )
    }

    /// The page's heading.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::NotConfigured => "Logging in is not set up yet",
            Self::TooMany => "Too many people are logging in",
            Self::Malformed | Self::ForeignReturn => "This link does not work",
            Self::NotBegun => "This login did not begin here",
            Self::Stale => "This login is over",
            Self::OtherBrowser => "This login began in another browser",
            Self::OtherServer | Self::Refused(_) => "GitHub’s answer was not accepted",
            Self::OtherPerson { .. } => "This link is for somebody else",
            Self::Denied => "You said no, and nothing was stored",
            Self::CodeExpired => "That took too long",
            Self::DeviceFlowDisabled | Self::BadClient | Self::RedirectMismatch | Self::AppSuspended => {
                "Logging in is not set up right"
            }
            Self::UnverifiedEmail => "GitHub wants your e-mail address verified",
            Self::GitHubAway => "GitHub cannot be reached",
            Self::StoreAway => "Something broke on our side",
            Self::NoSession | Self::SessionEnded => "You are not logged in",
            Self::NotAdministrator => "This is for administrators",
            Self::BadKey => "GitHub does not accept the App's key",
            Self::AlreadyAccepted | Self::DeadLetter(_) => "The delivery was accepted before",
            Self::UnknownDelivery => "GitHub does not list this delivery",
            Self::NothingToShow => "There is nothing to show here",
        }
    }

    /// What happened and what to do, for the person.
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Self::NotConfigured => {
                "Whoever runs this Deputy has to give it the App's client secret first: \
                 `deputy check-config --fields` tells how."
            }
            Self::TooMany => "Wait a minute, then try again.",
            Self::Malformed => "It is incomplete or was changed on the way. Go back to where you found it and open it again.",
            Self::ForeignReturn => {
                "It would send you on to a place that is neither GitHub nor this Deputy, as no link of ours does. \
                 Nothing was stored."
            }
            Self::NotBegun => {
                "GitHub sent you here, but the login was not begun at this Deputy, so nobody can tell who asked for it. \
                 Nothing was stored. If you have just installed the App, all is well: log in when Deputy asks you to."
            }
            Self::Stale => "It was finished already, or begun more than ten minutes ago. Nothing more was stored. Begin anew.",
            Self::OtherBrowser => {
                "A login must end in the browser in which it began, within ten minutes, and with cookies allowed. Nothing \
                 was stored. If you did not begin one, somebody tried to make you log in: close this page."
            }
            Self::OtherServer => {
                "It names another server than the one that was asked. Nothing was stored. Begin anew; if it happens again, \
                 tell whoever runs this Deputy."
            }
            Self::OtherPerson { asked, is } => return other_person(asked.as_deref(), is).into(),
            Self::Denied => {
                "Without your permission Deputy cannot act for you, and commands that need it keep waiting for an hour. \
                 If you change your mind, begin anew."
            }
            Self::CodeExpired => "GitHub's code is not valid any more: it works once, and for minutes only. Begin anew.",
            Self::DeviceFlowDisabled => {
                "Logging in from a terminal is switched off. Whoever owns the App ticks “Enable Device Flow” in its settings \
                 on GitHub."
            }
            Self::BadClient => {
                "GitHub does not accept the App's client id and secret. Whoever runs this Deputy generates a new client \
                 secret in the App's settings on GitHub and configures it here."
            }
            Self::RedirectMismatch => {
                "GitHub does not know this Deputy's callback address. Whoever owns the App adds it to the callback URLs in \
                 its settings on GitHub: this Deputy's public address and `/auth/callback`."
            }
            Self::UnverifiedEmail => "Verify your primary e-mail address in your settings on GitHub, then begin anew.",
            Self::AppSuspended => "GitHub or its owner suspended the App. Ask whoever owns it.",
            Self::Refused(code) => {
                return format!(
                    "GitHub refuses the login with `{code}`, which it does not document. Begin anew; if it happens again, \
                     tell whoever runs this Deputy."
                )
                .into();
            }
            Self::GitHubAway => "Nothing was stored. Try again in a few minutes; githubstatus.com tells of outages.",
            Self::StoreAway => "Nobody was logged in. Whoever runs this Deputy finds the cause in its log; try again later.",
            Self::NoSession => "The request carries no session. Run `deputyctl login`.",
            Self::SessionEnded => "Your session has expired or was ended. Run `deputyctl login`.",
            Self::NotAdministrator => {
                "This is for the administrators of this Deputy. Whoever runs it names them in its configuration: \
                 `admins = [\"your-login\"]`."
            }
            Self::BadKey => {
                "GitHub does not accept the App's private key. Whoever runs this Deputy finds out why with `deputy doctor`."
            }
            Self::AlreadyAccepted => {
                "The delivery was accepted before, so GitHub's delivering it again would change nothing."
            }
            Self::DeadLetter(handlers) => return dead_letter(handlers).into(),
            Self::UnknownDelivery => {
                "GitHub lists no delivery of this App with this GUID. It keeps them for three days; `deputyctl deliveries \
                 --since 3d` lists them."
            }
            Self::NothingToShow => "If you have just logged in, that holds. Otherwise begin here.",
        }
        .into()
    }
}

fn dead_letter(handlers: &[String]) -> String {
    format!(
        "The delivery arrived, and its handlers gave it up: {}. GitHub's delivering it again would be a duplicate; the log \
         says what failed.",
        handlers.join(", ")
    )
}

fn other_person(asked: Option<&str>, is: &str) -> String {
    let whom = asked.map_or_else(|| "somebody else".to_owned(), |login| format!("@{login}"));
    format!(
        "It asks {whom} to log in, and on GitHub you are @{is}. Nothing was stored, and GitHub's token was given back. \
         If you are both, switch accounts on GitHub and open the link again."
    )
}

impl From<OAuthError> for Trouble {
    fn from(error: OAuthError) -> Self {
        match error {
            OAuthError::BadCode | OAuthError::Expired | OAuthError::BadRefreshToken => Self::CodeExpired,
            OAuthError::Denied => Self::Denied,
            OAuthError::DeviceFlowDisabled => Self::DeviceFlowDisabled,
            OAuthError::BadClient => Self::BadClient,
            OAuthError::RedirectMismatch => Self::RedirectMismatch,
            OAuthError::UnverifiedEmail => Self::UnverifiedEmail,
            OAuthError::AppSuspended => Self::AppSuspended,
            OAuthError::Other(code) => Self::Refused(code),
            // Answers to a poll; elsewhere GitHub does not give them.
            OAuthError::Pending | OAuthError::SlowDown(_) => {
                Self::Refused("authorization_pending".to_owned())
            }
            OAuthError::GitHub(error) => error.into(),
        }
    }
}

impl From<GitHubError> for Trouble {
    fn from(error: GitHubError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "GitHub could not be asked during a login.");
        Self::GitHubAway
    }
}

impl From<NotAdministrator> for Trouble {
    fn from(error: NotAdministrator) -> Self {
        match error {
            NotAdministrator::NotNamed { .. } => Self::NotAdministrator,
            NotAdministrator::NeedsLogin(_) => Self::SessionEnded,
            NotAdministrator::Unknown(error) => error.into(),
        }
    }
}

/// Our own store is not there, or the machine gives no random numbers: the operator's concern, so it is logged here.
macro_rules! store_away {
    ($($error:ty),*) => {$(
        impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                tracing::error!(error = &error as &dyn std::error::Error, "Nobody can log in.");
                Self::StoreAway
            }
        }
    )*};
}

store_away!(NoncesError, SessionsError, VaultError, NoRandomness);
