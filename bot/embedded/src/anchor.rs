//! What the database may not take back: the least version of each person's grant, in a file beside it.
//!
//! Every sealed grant stays valid for the version it was sealed as, so somebody who can write the database could put
//! an earlier one back. The anchor remembers how far each person's versions have come, over deletions too, with an
//! HMAC whose key is wrapped by [`Keys`]. A grant below it is refused. It is raised after each commit and before the
//! write is answered, so it never runs ahead of the database; where it lags because the process died in between, the
//! newer grant proves itself by opening.
//!
//! **Detected**: an earlier version or a deleted grant put back in the database, one row or all of them, while the
//! server runs or while it does not; an anchor that was made up, changed or removed.
//! **Not detected**: the database *and* the anchor put back together as they were at one moment. That is
//! indistinguishable from a machine that was restored from a backup. GitHub limits what it is worth: refreshing
//! has killed the tokens in all versions but the last.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deputy_core::ids::UserId;
use deputy_core::ports::{KeyId, Keys, KeysError, Version, WrappedKey};
use deputy_core::vault::SealContext;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::folder::{read_private, replace_private};

/// The file's name in the data folder.
pub(crate) const FILE: &str = "grants.anchor";
/// The wrapped key is for the anchor of this database only.
const CONTEXT: SealContext = SealContext { table: "anchor", user: UserId(0), version: Version(0) };

/// The least versions, in memory and in the file.
pub(crate) struct Anchor {
    path: PathBuf,
    key: hmac::Key,
    state: Mutex<State>,
    /// Which generation of the state the file has. Held while writing.
    written: Mutex<u64>,
}

struct State {
    wrapped: WrappedKey,
    /// Holds for everybody: raised where there was no trustworthy anchor.
    floor: u64,
    versions: BTreeMap<u64, u64>,
    /// Grows with every change.
    generation: u64,
}

/// Whether the file could be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is what we wrote.
    Whole,
    /// There is none. Right only where there are no grants either.
    Missing,
    /// Somebody wrote to it, or the key that authenticates it is lost.
    Forged,
}

impl Anchor {
    /// Reads the anchor. Where there is none to rely on, a new one, which knows nobody.
    pub(crate) async fn open(path: PathBuf, keys: &dyn Keys) -> anyhow::Result<(Self, Found)> {
        let (written, mut found) = match read_private(&path)? {
            None => (None, Found::Missing),
            Some((text, _)) => match serde_json::from_slice::<Written>(&text) {
                Ok(written) => (Some(written), Found::Whole),
                Err(_) => (None, Found::Forged),
            },
        };
        if let Some(written) = written {
            match written.authenticate(keys).await {
                Ok(Some((key, state))) => {
                    let (state, written) = (Mutex::new(state), Mutex::new(0));
                    return Ok((Self { path, key, state, written }, Found::Whole));
                }
                Ok(None) | Err(KeysError::Refused | KeysError::Unknown(_)) => found = Found::Forged,
                Err(error) => return Err(error.into()),
            }
        }
        let (data, wrapped) = keys.generate(&CONTEXT).await?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, data.expose());
        let state = Mutex::new(State { wrapped, floor: 0, versions: BTreeMap::new(), generation: 1 });
        Ok((Self { path, key, state, written: Mutex::new(0) }, found))
    }

    /// The least version that this person's grant may have. Versions start at 1.
    pub(crate) fn known(&self, user: UserId) -> Version {
        let state = self.state();
        Version(state.versions.get(&user.0).copied().unwrap_or(0).max(state.floor))
    }

    /// From now on nothing below `version` is this person's grant.
    pub(crate) fn raise(&self, user: UserId, version: Version) {
        let mut state = self.state();
        let least = state.versions.entry(user.0).or_default();
        if *least < version.0 {
            *least = version.0;
            state.generation += 1;
        }
    }

    /// From now on nothing below `version` is anybody's grant.
    pub(crate) fn raise_floor(&self, version: Version) {
        let mut state = self.state();
        state.floor = state.floor.max(version.0);
        state.generation += 1;
    }

    /// What the key is wrapped with.
    pub(crate) fn wrapped_by(&self) -> KeyId {
        self.state().wrapped.key.clone()
    }

    /// Brings the key under the active one.
    pub(crate) async fn rewrap(&self, keys: &dyn Keys) -> Result<(), KeysError> {
        let wrapped = self.state().wrapped.clone();
        if wrapped.key == keys.active().await? {
            return Ok(());
        }
        let rewrapped = keys.rewrap(&wrapped, &CONTEXT).await?;
        let mut state = self.state();
        state.wrapped = rewrapped;
        state.generation += 1;
        Ok(())
    }

    /// Brings the file up to the state at this moment; writes that wait for each other become one. Blocks.
    pub(crate) fn persist(&self) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let (text, generation) = {
            let state = self.state();
            if *written >= state.generation {
                return Ok(());
            }
            (serde_json::to_vec(&Written::of(&state, &self.key))?, state.generation)
        };
        replace_private(&self.path, &text)?;
        *written = generation;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file. Nothing in it is secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key_id: String,
    wrapped: String,
    floor: u64,
    /// User id and version.
    versions: BTreeMap<u64, u64>,
    mac: String,
}

impl Written {
    fn of(state: &State, key: &hmac::Key) -> Self {
        let mac = hmac::sign(key, &authenticated(state.floor, &state.versions));
        Self {
            key_id: state.wrapped.key.0.clone(),
            wrapped: STANDARD.encode(&state.wrapped.bytes),
            floor: state.floor,
            versions: state.versions.clone(),
            mac: STANDARD.encode(mac),
        }
    }

    /// The state, if we wrote it.
    async fn authenticate(self, keys: &dyn Keys) -> Result<Option<(hmac::Key, State)>, KeysError> {
        let decoded = STANDARD.decode(&self.wrapped).and_then(|it| Ok((it, STANDARD.decode(&self.mac)?)));
        let Ok((bytes, mac)) = decoded else { return Ok(None) };
        let wrapped = WrappedKey { key: KeyId(self.key_id), bytes };
        let data = keys.unwrap(&wrapped, &CONTEXT).await?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, data.expose());
        if hmac::verify(&key, &authenticated(self.floor, &self.versions), &mac).is_err() {
            return Ok(None);
        }
        Ok(Some((key, State { wrapped, floor: self.floor, versions: self.versions, generation: 0 })))
    }
}

fn authenticated(floor: u64, versions: &BTreeMap<u64, u64>) -> Vec<u8> {
    let mut bytes = b"deputy anchor 1".to_vec();
    bytes.extend_from_slice(&floor.to_be_bytes());
    for (user, version) in versions {
        bytes.extend_from_slice(&user.to_be_bytes());
        bytes.extend_from_slice(&version.to_be_bytes());
    }
    bytes
}
