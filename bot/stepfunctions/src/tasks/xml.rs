//! The little XML that S3 and the query protocol answer: elements and texts, nothing else.

/// An element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

/// How deep elements may nest.
const MAX_DEPTH: usize = 64;

impl Element {
    /// Reads a document. `None` if it is not well-formed, as far as anybody looks.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut open: Vec<Element> = vec![Element::default()];
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            open.last_mut()?.text.push_str(&unescape(&rest[..start]));
            rest = &rest[start..];
            if let Some(after) = rest.strip_prefix("<!--") {
                rest = after.split_once("-->")?.1;
            } else if let Some(after) = rest.strip_prefix("<![CDATA[") {
                let (data, after) = after.split_once("]]>")?;
                open.last_mut()?.text.push_str(data);
                rest = after;
            } else {
                let (tag, after) = rest[1..].split_once('>')?;
                rest = after;
                if tag.starts_with(['?', '!']) {
                    continue;
                }
                if let Some(name) = tag.strip_prefix('/') {
                    let element = open.pop()?;
                    if element.name != name.trim() {
                        return None;
                    }
                    open.last_mut()?.children.push(element);
                    continue;
                }
                let empty = tag.ends_with('/');
                let name = tag.trim_end_matches('/').split_whitespace().next()?.to_owned();
                let element = Element { name, ..Element::default() };
                if empty {
                    open.last_mut()?.children.push(element);
                } else if open.len() > MAX_DEPTH {
                    return None;
                } else {
                    open.push(element);
                }
            }
        }
        let root = open.pop()?;
        if open.is_empty() { root.children.into_iter().next() } else { None }
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first element of that name, here or below.
    pub(super) fn find(&self, name: &str) -> Option<&Element> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }

    /// The text of a child.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }
}

fn unescape(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let Some((name, behind)) = after.split_once(';') else {
            plain.push('&');
            rest = after;
            continue;
        };
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let character = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => match name.strip_prefix("#x") {
                Some(digits) => number(digits, 16),
                None => name.strip_prefix('#').and_then(|digits| number(digits, 10)),
            },
        };
        plain.push(character.unwrap_or('&'));
        rest = if character.is_some() { behind } else { after };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read() {
        let text = "<?xml version=\"1.0\"?>\n<List xmlns=\"x\"><A><K>a &amp; &#x62;</K><E/></A><A><K><![CDATA[<c>]]></K></A></List>";
        let list = Element::parse(text).unwrap();
        let keys: Vec<&str> = list.children.iter().filter_map(|item| item.text_of("K")).collect();
        assert_eq!(keys, ["a & b", "<c>"]);
        assert_eq!(list.find("E").unwrap().text, "");
    }

    #[test]
    fn what_is_no_xml_is_no_element() {
        for text in ["", "{}", "<a>", "<a></b>", "</a>", "<a", "<!-- <a/>"] {
            assert_eq!(Element::parse(text), None, "{text}");
        }
        assert!(Element::parse(&"<a>".repeat(100_000)).is_none());
    }
}
