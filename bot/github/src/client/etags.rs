//! Answers kept by their ETag: asking again costs nothing of the rate limit when nothing has changed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::identity::Identity;

const MOST_ENTRIES: usize = 1024;
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Larger answers are pages of lists, which hardly come back unchanged.
const LARGEST: usize = 256 * 1024;

/// A bounded cache of answers. What one identity may see is never shown to another.
#[derive(Default)]
pub(crate) struct ETags(Mutex<Cache>);

#[derive(Default)]
struct Cache {
    entries: HashMap<(Identity, String), Entry>,
    bytes: usize,
    /// Counts uses; the entry with the lowest is the one unused for longest.
    uses: u64,
}

struct Entry {
    etag: HeaderValue,
    link: Option<HeaderValue>,
    body: Bytes,
    used: u64,
}

/// An answer as it was when GitHub gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) etag: HeaderValue,
    pub(crate) link: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

impl ETags {
    pub(crate) fn get(&self, identity: Identity, url: &str) -> Option<Known> {
        let mut cache = self.lock();
        cache.uses += 1;
        let uses = cache.uses;
        let entry = cache.entries.get_mut(&(identity, url.to_owned()))?;
        entry.used = uses;
        Some(Known { etag: entry.etag.clone(), link: entry.link.clone(), body: entry.body.clone() })
    }

    pub(crate) fn put(&self, identity: Identity, url: &str, headers: &HeaderMap, body: &Bytes) {
        let Some(etag) = headers.get(header::ETAG) else { return };
        if body.len() > LARGEST {
            return;
        }
        let mut cache = self.lock();
        cache.uses += 1;
        cache.bytes += body.len();
        let link = headers.get(header::LINK).cloned();
        let entry = Entry { etag: etag.clone(), link, body: body.clone(), used: cache.uses };
        if let Some(old) = cache.entries.insert((identity, url.to_owned()), entry) {
            cache.bytes -= old.body.len();
        }
        while cache.entries.len() > MOST_ENTRIES || cache.bytes > MOST_BYTES {
            let oldest = cache.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { break };
            if let Some(old) = cache.entries.remove(&key) {
                cache.bytes -= old.body.len();
            }
        }
    }

    /// Drops all that an identity has seen: it logged out, or was uninstalled.
    pub(crate) fn forget(&self, identity: Identity) {
        let mut cache = self.lock();
        let mut freed = 0;
        cache.entries.retain(|(owner, _), entry| {
            let keep = *owner != identity;
            freed += if keep { 0 } else { entry.body.len() };
            keep
        });
        cache.bytes -= freed;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use deputy_core::ids::UserId;

    use super::*;

    fn tagged(tag: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static(tag))])
    }

    #[test]
    fn nobody_sees_what_another_may_see() {
        let etags = ETags::default();
        let [ada, bob] = [Identity::User(UserId(1)), Identity::User(UserId(2))];
        etags.put(ada, "/x", &tagged("a"), &Bytes::from_static(b"secret"));
        assert_eq!(etags.get(bob, "/x"), None);
        assert_eq!(etags.get(ada, "/x").unwrap().body, "secret");
        etags.forget(ada);
        assert_eq!(etags.get(ada, "/x"), None);
        assert_eq!(etags.lock().bytes, 0);
    }

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let etags = ETags::default();
        let large = Bytes::from(vec![0; LARGEST]);
        etags.put(Identity::App, "/kept", &tagged("k"), &large);
        for number in 0..100 {
            etags.put(Identity::App, &format!("/{number}"), &tagged("n"), &large);
            assert!(etags.get(Identity::App, "/kept").is_some());
        }
        for number in 0..2000 {
            etags.put(Identity::App, &format!("/small/{number}"), &tagged("n"), &Bytes::new());
        }
        let cache = etags.lock();
        assert!(cache.bytes <= MOST_BYTES && cache.entries.len() <= MOST_ENTRIES);
        assert_eq!(cache.bytes, cache.entries.values().map(|entry| entry.body.len()).sum::<usize>());
    }
}
