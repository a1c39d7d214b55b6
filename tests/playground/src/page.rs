//! The page: a pull request as GitHub shows it, and beside it what went over the wire.

use github_double::{Comment, Delivery};
use maud::{DOCTYPE, Markup, html};

use crate::markdown;
use crate::stage::Scene;

/// What to try, with a word on what it shows.
const SUGGESTIONS: &[(&str, &str)] = &[
    ("@deputy help", "what there is"),
    ("@deputy ping", "how fast it answers"),
    ("@deputy echo \"two words\" three", "quoting"),
    ("@deputy pign", "did you mean"),
    ("@deputy help --all", "a usage error"),
    ("> @deputy ping\n\nA quote is no command, and neither is `@deputy ping` in code.", "nothing happens"),
];

pub fn whole(scene: &Scene) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Deputy's playground" }
                link rel="stylesheet" href="/playground.css";
                link rel="icon" href="data:,";
                script src="/playground.js" defer {}
            }
            body {
                header {
                    p .where { (scene.repository) " · playground" }
                    h1 { (scene.pull_request.title()) " " span .number { "#" (scene.pull_request.number()) } }
                    p .state { span .open { "Open" } " " (scene.pull_request.author()) " wants to merge " code { (short(&scene.pull_request.head_sha().to_string())) } }
                }
                main #live { (conversation(scene)) }
                (form(scene))
            }
        }
    }
}

/// The part that changes.
pub fn conversation(scene: &Scene) -> Markup {
    let pull_request = &scene.pull_request;
    html! {
        section .timeline aria-label="Conversation" {
            (entry(&pull_request.author(), pull_request.body().as_deref().unwrap_or_default(), &html! {}))
            @for comment in pull_request.comments() {
                (entry(&comment.author(), &comment.body(), &reactions(&comment)))
            }
            section .checks aria-label="Checks" {
                h2 { "Checks" }
                p { "No check has reported on " code { (short(&pull_request.head_sha().to_string())) } " yet." }
            }
        }
        aside aria-label="Deliveries" {
            h2 { "Webhooks to Deputy" }
            ol .deliveries {
                @for delivery in scene.app.deliveries().iter().rev().take(12) { (delivered(delivery)) }
            }
        }
    }
}

fn entry(author: &str, body: &str, below: &Markup) -> Markup {
    let bot = author.strip_suffix("[bot]");
    html! {
        article .comment .bot[bot.is_some()] {
            span .avatar aria-hidden="true" { (author.chars().next().unwrap_or('?').to_ascii_uppercase()) }
            div .bubble {
                p .by { strong { (bot.unwrap_or(author)) } @if bot.is_some() { span .badge { "bot" } } }
                div .text { (markdown::render(body)) }
                (below)
            }
        }
    }
}

fn reactions(comment: &Comment) -> Markup {
    let reactions = comment.reactions();
    html! {
        @if !reactions.is_empty() {
            ul .reactions aria-label="Reactions" {
                @for reaction in reactions {
                    li title=(format!("{} by {}", reaction.content, reaction.user)) { (emoji(&reaction.content)) " 1" }
                }
            }
        }
    }
}

fn delivered(delivery: &Delivery) -> Markup {
    let action = delivery.action.as_deref().map(|action| format!(".{action}")).unwrap_or_default();
    let (class, status) = match delivery.status {
        Some(status @ 200..300) => ("good", status.to_string()),
        Some(status) => ("bad", status.to_string()),
        None => ("", "…".to_owned()),
    };
    html! {
        li title=(delivery.answer) {
            span .status .(class) { (status) }
            " " (delivery.event) (action) " "
            code { (short(&delivery.guid)) }
        }
    }
}

fn form(scene: &Scene) -> Markup {
    html! {
        form #comment method="post" action="/comment" {
            label for="body" { "Comment" }
            textarea #body name="body" rows="3" required maxlength="65536" autofocus { "@deputy help" }
            div .row {
                label for="person" { "as" }
                select #person name="person" {
                    @for person in &scene.people {
                        option value=(person.user.login()) { (person.user.login()) ", " (person.about) }
                    }
                }
                button type="submit" { "Comment" }
                span .hint { "Ctrl + Enter sends" }
            }
            div .suggestions aria-label="Try" {
                @for (text, about) in SUGGESTIONS {
                    button type="button" data-text=(text) title=(text) { (text.lines().next().unwrap_or_default()) small { (about) } }
                }
            }
        }
    }
}

fn emoji(content: &str) -> &'static str {
    match content {
        "+1" => "👍",
        "-1" => "👎",
        "laugh" => "😄",
        "confused" => "😕",
        "heart" => "❤️",
        "hooray" => "🎉",
        "rocket" => "🚀",
        "eyes" => "👀",
        _ => "?",
    }
}

fn short(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}
