//! Who is asking: credentials, checked as GitHub checks them. What is not plainly good is refused.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::reply::Refusal;
use crate::ids::{AccountId, AppId};
use crate::state::State;
use crate::state::token::{Bearer, InstallationBearer, UserBearer};

/// Whom a request comes from.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    Anonymous,
    /// An App as itself, by JWT.
    App(AppId),
    /// An App by client id and secret, on the OAuth endpoints.
    Client(AppId),
    Installation(InstallationBearer),
    User(UserBearer),
    Personal(AccountId),
}

impl State {
    /// Reads an `Authorization` header.
    pub(crate) fn authenticate(&self, header: Option<&str>) -> Result<Caller, Refusal> {
        let Some(header) = header else { return Ok(Caller::Anonymous) };
        let (scheme, credential) = header.split_once(' ').ok_or_else(Refusal::bad_credentials)?;
        let credential = credential.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" | "token" if credential.matches('.').count() == 2 => self.app_by_jwt(credential),
            "bearer" | "token" => self.by_token(credential),
            "basic" => self.by_client_secret(credential),
            _ => Err(Refusal::bad_credentials()),
        }
    }

    fn by_token(&self, text: &str) -> Result<Caller, Refusal> {
        let token = self.live_token(text).ok_or_else(Refusal::bad_credentials)?;
        match &token.bearer {
            Bearer::Installation(bearer) => {
                let installation =
                    self.installations.get(&bearer.installation).ok_or_else(Refusal::bad_credentials)?;
                if installation.suspended.is_some() {
                    return Err(Refusal::new(403, "This installation has been suspended"));
                }
                Ok(Caller::Installation(bearer.clone()))
            }
            Bearer::User(bearer) => Ok(Caller::User(*bearer)),
            Bearer::Personal(user) => Ok(Caller::Personal(*user)),
        }
    }

    fn by_client_secret(&self, credential: &str) -> Result<Caller, Refusal> {
        let text = STANDARD.decode(credential).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(Refusal::bad_credentials)?;
        let (id, secret) = text.split_once(':').ok_or_else(Refusal::bad_credentials)?;
        let app = self.apps.values().find(|app| app.client_id == id && app.client_secret == secret);
        app.map(|app| Caller::Client(app.id)).ok_or_else(Refusal::bad_credentials)
    }

    /// An App's JWT: RS256 by one of its keys, issued for at most ten minutes.
    fn app_by_jwt(&self, jwt: &str) -> Result<Caller, Refusal> {
        let undecodable = || Refusal::new(401, "A JSON web token could not be decoded");
        let (signed, signature) = jwt.rsplit_once('.').ok_or_else(undecodable)?;
        let (header, claims) = signed.split_once('.').ok_or_else(undecodable)?;
        let header = part(header).ok_or_else(undecodable)?;
        let claims = part(claims).ok_or_else(undecodable)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| undecodable())?;
        if header["alg"] != "RS256" {
            return Err(undecodable());
        }
        // GitHub takes the App's number, as number or text, or its client id.
        let issuer = match &claims["iss"] {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => return Err(Refusal::new(401, "Missing 'issuer' claim ('iss') in assertion")),
        };
        let app = self.apps.values().find(|app| app.client_id == issuer || app.id.to_string() == issuer);
        let app = app.ok_or_else(|| Refusal::new(404, "Integration not found"))?;
        if !app.keys.iter().any(|key| key.signed(signed.as_bytes(), &signature)) {
            return Err(undecodable());
        }
        let moment = |claim: &str, name: &str| {
            let value = claims[claim].as_f64();
            value
                .ok_or_else(|| Refusal::new(401, &format!("Missing '{name}' claim ('{claim}') in assertion")))
        };
        let (issued, expires) = (moment("iat", "Issued at")?, moment("exp", "Expiration time")?);
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
        let now = self.now().timestamp() as f64;
        if issued > now {
            return Err(Refusal::new(
                401,
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
            ));
        }
        if expires <= now {
            let text = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
            return Err(Refusal::new(401, text));
        }
        if expires > now + 600.0 {
            return Err(Refusal::new(401, "'Expiration time' claim ('exp') is too far in the future"));
        }
        Ok(Caller::App(app.id))
    }

    /// The caller as a person reads it in the transcript.
    pub(crate) fn caller_name(&self, caller: &Caller) -> String {
        match caller {
            Caller::Anonymous => "nobody".to_owned(),
            Caller::App(app) | Caller::Client(app) => format!("App {}", self.app(*app).slug),
            Caller::Installation(bearer) => match self.installations.get(&bearer.installation) {
                Some(installation) => self.login(self.app(installation.app).bot).to_owned(),
                None => "a deleted installation".to_owned(),
            },
            Caller::User(bearer) => {
                format!("{} through {}", self.login(bearer.user), self.app(bearer.app).slug)
            }
            Caller::Personal(user) => self.login(*user).to_owned(),
        }
    }
}

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
