//! A comment's Markdown as HTML, without the HTML that somebody wrote into it.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Event, Options, Parser, html};

pub fn render(text: &str) -> Markup {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(text, options).filter_map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) if html.trim_start().starts_with("<!--") => None,
        Event::Html(html) | Event::InlineHtml(html) => Some(Event::Text(html)),
        // As GitHub does in comments.
        Event::SoftBreak => Some(Event::HardBreak),
        event => Some(event),
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    PreEscaped(out)
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn html_is_shown_not_run_and_markers_are_hidden() {
        let html =
            render("hi <script>alert(1)</script>\n\n<img src=x onerror=y>\n\n<!-- marker -->").into_string();
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("marker"), "{html}");
    }
}
