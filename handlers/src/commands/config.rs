//! `config`: what `.github/deputy.toml` sets here, and what is wrong with it.

use deputy_core::authorization::RunsAs;
use deputy_core::command::{Command, CommandContext, CommandError, Reply};
use deputy_core::language::Definition;
use deputy_core::permission::Permission;
use deputy_core::settings::{File, ORGANIZATION_REPOSITORY, PATH, explain, summary};

/// Answers as the App: it shows what everybody may read, and must work when nothing else does.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "config",
        aliases: &["settings"],
        summary: "Show what is set for this repository, and what is wrong with it",
        permission: Permission::Read,
        examples: &["config"],
        arguments: |command| command,
    },
    runs_as: RunsAs::App,
    team: None,
    run: |context| Box::pin(answer(context)),
};

async fn answer(context: &CommandContext<'_>) -> Result<Reply, CommandError> {
    let repository = &context.comment.repository;
    let view = context.settings.of(context.installation, repository).await?;
    let mut text = String::new();
    let home = format!("`{PATH}` of `{}/{ORGANIZATION_REPOSITORY}`", repository.owner);
    for (file, place) in [(&view.own, format!("`{PATH}`")), (&view.organization, home)] {
        if let Some(state) = state(file, &place) {
            text.push_str(&state);
            text.push_str("\n\n");
        }
    }
    let explained = explain(&view.settings);
    if !explained.is_empty() {
        text.push_str(&explained);
    } else if view.own.problems.is_empty() && view.organization.problems.is_empty() {
        text = format!(
            "Nothing is set here: every command works as `help` says. Settings go into `{PATH}` on the default branch."
        );
    }
    Ok(Reply::new(text.trim_end()))
}

/// How a file stands; nothing where there is none.
fn state(file: &File, place: &str) -> Option<String> {
    if !file.problems.is_empty() {
        let holds = if file.settings.is_some() {
            "What it said before holds until it is mended."
        } else {
            "Until it is mended, only the commands run that show what is wrong."
        };
        return Some(format!("⚠️ {place} cannot be read. {holds}\n\n{}", summary(&file.problems)));
    }
    file.is_there.then(|| format!("Set in {place}."))
}
