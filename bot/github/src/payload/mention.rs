//! Tells at a glance that a payload cannot hold a command, so that most of them are never decoded.

/// Looks for a mention in raw JSON. Made once, used for every delivery.
#[derive(Debug, Clone)]
pub struct MentionFinder {
    /// The name without `@` or `/`, in lower case.
    name: Box<[u8]>,
    /// Where in it the letter stands that is rarest in GitHub's payloads.
    rarest: usize,
}

impl MentionFinder {
    /// For a mention such as `deputy`; a leading `@` or `/` is left out.
    pub fn new(mention: &str) -> Self {
        // Logins are ASCII. Of another name only core knows what its other case is, so everything may hold it.
        let name = Some(mention.trim_start_matches(['@', '/'])).filter(|name| name.is_ascii());
        let name: Box<[u8]> = name.unwrap_or_default().to_ascii_lowercase().into_bytes().into();
        let rarest = (0..name.len()).max_by_key(|&at| rarity(name[at])).unwrap_or(0);
        Self { name, rarest }
    }

    /// Whether the payload may hold the mention: `false` is certain, `true` is not.
    ///
    /// The name has to stand in the source as it is, in any case. JSON could spell a letter as `\u0064`, so an
    /// escape for an ASCII character that a name can hold makes it a `true`; GitHub's own payloads escape only
    /// `&`, `<`, `>` and control characters. A name spelt in Markdown's ways (`&#100;eputy`, `dep**uty**`) is
    /// nobody's command and is not found.
    pub fn may_hold_command(&self, body: &[u8]) -> bool {
        let Some(&rare) = self.name.get(self.rarest) else { return true };
        let here = |at: usize| {
            at.checked_sub(self.rarest)
                .and_then(|start| body.get(start..start + self.name.len()))
                .is_some_and(|found| found.eq_ignore_ascii_case(&self.name))
        };
        memchr::memchr2_iter(rare, rare.to_ascii_uppercase(), body).any(here) || may_be_escaped(body)
    }
}

/// Whether some `\u00XX` stands for a character of a name.
fn may_be_escaped(body: &[u8]) -> bool {
    memchr::memmem::find_iter(body, br"\u00").any(|at| {
        let digit = |at| body.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (digit(at + 4), digit(at + 5)) {
            (Some(high), Some(low)) => {
                let code = high << 4 | low;
                code >= 0x80
                    || char::from_u32(code).is_some_and(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            }
            _ => true,
        }
    })
}

/// How rare a letter is in payloads, which are URLs and English for the most part.
fn rarity(letter: u8) -> usize {
    const FROM_COMMON_TO_RARE: &[u8] = b"etsroainuplhcmdbgfywv_-0123456789kxjqz";
    FROM_COMMON_TO_RARE.iter().position(|known| *known == letter).unwrap_or(FROM_COMMON_TO_RARE.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deputy(body: &str) -> bool {
        MentionFinder::new("@deputy").may_hold_command(body.as_bytes())
    }

    #[test]
    fn the_name_is_found_in_any_case_and_place() {
        for body in ["deputy", r#"{"body":"@Deputy ping"}"#, r#"{"body":"\/DEPUTY"}"#, "ydeputy", "y deputy"]
        {
            assert!(deputy(body), "{body}");
        }
        for body in
            ["", "y", "eputy", "deput", r#"{"body":"dep uty"}"#, r#"{"body":"\u003cb\u003e \u0026 é"}"#]
        {
            assert!(!deputy(body), "{body}");
        }
    }

    #[test]
    fn an_escape_that_could_spell_it_is_looked_into() {
        for body in [r"\u0064eputy", r"d\u0065puty", r"\u0044EPUTY", r"\u00", r"\u006", r"\u00c4"] {
            assert!(deputy(body), "{body}");
        }
    }

    #[test]
    fn recorded_payloads_are_turned_away() {
        let finder = MentionFinder::new("deputy");
        let kept: Vec<_> = recorded_payloads::all()
            .iter()
            .filter(|recorded| finder.may_hold_command(&recorded.body))
            .map(|recorded| &recorded.name)
            .collect();
        assert!(kept.is_empty(), "{kept:?}");
    }

    proptest::proptest! {
        /// Whatever surrounds it and however serde_json writes it, the mention is not overlooked.
        #[test]
        fn a_mention_is_never_overlooked(before: String, after: String, name in "[a-zA-Z][a-zA-Z0-9-]{0,38}") {
            let body = serde_json::json!({ "body": format!("{before}@{name} {after}") }).to_string();
            proptest::prop_assert!(MentionFinder::new(&name).may_hold_command(body.as_bytes()));
        }

        #[test]
        fn no_input_panics(body: Vec<u8>, mention: String) {
            MentionFinder::new(&mention).may_hold_command(&body);
        }
    }
}
