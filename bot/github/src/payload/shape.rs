//! The part of a payload that a comment is made of, borrowed from the buffer; everything else is skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// Declares a struct whose fields are read from a JSON object: each by its key, absent and `null` alike as
/// `None`, unknown keys skipped.
///
/// serde's derive would do but for one thing: it refuses an object that repeats a key, which JSON allows and
/// every JavaScript reader resolves to the last one.
macro_rules! shape {
    ($($(#[$doc:meta])* struct $name:ident { $($field:ident: $key:literal as $type:ty,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: Option<$type>,)+
            /// Some shapes borrow nothing.
            lifetime: std::marker::PhantomData<&'a ()>,
        }

        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[allow(non_camel_case_types)]
                enum Key { $($field,)+ Other }

                impl<'de> Deserialize<'de> for Key {
                    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                        struct KeyVisitor;
                        impl Visitor<'_> for KeyVisitor {
                            type Value = Key;
                            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                                f.write_str("a key")
                            }
                            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                                Ok(match key { $($key => Key::$field,)+ _ => Key::Other })
                            }
                        }
                        deserializer.deserialize_identifier(KeyVisitor)
                    }
                }

                struct ShapeVisitor<'a>(std::marker::PhantomData<&'a ()>);
                impl<'de: 'a, 'a> Visitor<'de> for ShapeVisitor<'a> {
                    type Value = $name<'a>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name<'a>, A::Error> {
                        let mut shape = $name::default();
                        while let Some(key) = map.next_key()? {
                            match key {
                                $(Key::$field => shape.$field = map.next_value()?,)+
                                Key::Other => { map.next_value::<IgnoredAny>()?; }
                            }
                        }
                        Ok(shape)
                    }
                }
                deserializer.deserialize_map(ShapeVisitor(std::marker::PhantomData))
            }
        }
    )+};
}

shape! {
    /// A payload, of any event that carries text.
    struct Payload {
        action: "action" as Text<'a>,
        comment: "comment" as Item<'a>,
        review: "review" as Item<'a>,
        issue: "issue" as Item<'a>,
        pull_request: "pull_request" as Item<'a>,
        discussion: "discussion" as Item<'a>,
        changes: "changes" as Changes<'a>,
        repository: "repository" as Repository<'a>,
        installation: "installation" as WithId<'a>,
        sender: "sender" as Account<'a>,
    }

    /// Whatever has an author and a text: comment, review, issue, pull request, discussion. GitHub uses the
    /// same words for all of them, so one shape does.
    struct Item {
        id: "id" as u64,
        node_id: "node_id" as Text<'a>,
        number: "number" as u64,
        body: "body" as Text<'a>,
        user: "user" as Account<'a>,
        html_url: "html_url" as Text<'a>,
        created_at: "created_at" as Text<'a>,
        submitted_at: "submitted_at" as Text<'a>,
        updated_at: "updated_at" as Text<'a>,
        via_app: "performed_via_github_app" as WithId<'a>,
        pull_request: "pull_request" as IgnoredAny,
        in_reply_to: "in_reply_to_id" as u64,
        parent: "parent_id" as u64,
        commit: "commit_id" as Text<'a>,
    }

    /// What an edit changed.
    struct Changes {
        body: "body" as Change<'a>,
    }

    /// One changed field.
    struct Change {
        from: "from" as Text<'a>,
    }

    /// The repository.
    struct Repository {
        id: "id" as u64,
        name: "name" as Text<'a>,
        owner: "owner" as Account<'a>,
    }

    /// A person, an organization, a bot.
    struct Account {
        id: "id" as u64,
        login: "login" as Text<'a>,
        kind: "type" as Text<'a>,
    }

    /// Something of which only the id matters.
    struct WithId {
        id: "id" as u64,
    }
}

/// A string, borrowed where it holds no escape.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(TextVisitor).map(Text)
    }
}
