//! What people ask, and what they get.

use github_double::Permission;
use scenarios::World;

#[tokio::test]
async fn help_lists_what_there_is() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    let asked = pr.comment(&world.ada, "@deputy help").await;
    let list = world.reply_on(&pr, 0).await;
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines[..2], ["| Command | What it does | Who may use it |", "|---|---|---|"]);
    // Whichever there are: a command more is a file more, and changes no test.
    let vocabulary = deputy_embedded::app::vocabulary("deputy").unwrap();
    let (rows, rest) = lines[2..].split_at(vocabulary.definitions().len());
    for (row, known) in rows.iter().zip(vocabulary.definitions()) {
        assert!(row.starts_with(&format!("| `@deputy {}` | {} | ", known.name, known.summary)), "{row}");
    }
    for row in [
        "| `@deputy echo` | Say back the words, as Deputy read them | people with write access |",
        "| `@deputy ping` | Check that Deputy is there, and how fast it answers | people with read access |",
    ] {
        assert!(rows.contains(&row), "{list}");
    }
    insta::assert_snapshot!(rest[1..].join("\n"), @"Write a command at the beginning of a line. `@deputy help <command>` tells more about one.");
    assert!(asked.has_reaction("deputy[bot]", "eyes"));
    world.end().await;
}

#[tokio::test]
async fn help_explains_one_command() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(&world.grace, "/deputy help echo").await;
    insta::assert_snapshot!(world.reply_on(&pr, 0).await, @r#"
    **`@deputy echo`**: Say back the words, as Deputy read them.

    ```text
    @deputy echo <words>...
    ```

    **Arguments**

    - `<words>...`: What to say back.

    **Who may use it:** people with write access.

    **Examples**

    ```text
    @deputy echo hello
    @deputy echo "two words" three
    ```
    "#);
    world.end().await;
}

#[tokio::test]
async fn echo_says_the_words_back_as_they_were_read() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo \"two words\" --three *four*").await;
    insta::assert_snapshot!(world.reply_on(&pr, 0).await, @"
    ```text
    two words
    --three
    *four*
    ```
    ");
    world.end().await;
}

#[tokio::test]
async fn several_commands_run_in_order_and_each_is_answered() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "First:\n@deputy echo one\nthen\n@deputy echo two\n").await;
    assert!(world.reply_on(&pr, 0).await.contains("one"));
    assert!(world.reply_on(&pr, 1).await.contains("two"));
    world.end().await;
}

#[tokio::test]
async fn a_mistyped_command_is_answered_with_a_guess() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    let asked = pr.comment(&world.ada, "@deputy pign").await;
    insta::assert_snapshot!(world.reply_on(&pr, 0).await, @"I know no command `pign`. Did you mean `ping`? `@deputy help` lists all commands.");
    assert!(asked.has_reaction("deputy[bot]", "confused"));
    world.end().await;
}

#[tokio::test]
async fn text_in_code_quotes_and_html_comments_is_no_command() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(
        &world.ada,
        "> @deputy ping\n\n`@deputy ping`\n\n```\n@deputy ping\n```\n<!--\n@deputy ping\n-->",
    )
    .await;
    world.quiet().await;
    assert_eq!(pr.comments().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn an_edit_runs_only_what_it_adds() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    let comment = pr.comment(&world.ada, "@deputy echo one").await;
    world.reply_on(&pr, 0).await;
    comment.edit(&world.ada, "@deputy echo one\n@deputy echo two").await;
    assert!(world.reply_on(&pr, 1).await.contains("two"));
    world.quiet().await;
    assert_eq!(pr.comments().len(), 3, "the comment and two replies");
    world.end().await;
}

#[tokio::test]
async fn nobody_can_put_words_into_another_persons_mouth() {
    let world = World::new().await;
    let maintainer = world.github.user("linus");
    world.acme.add_member(&maintainer);
    world.shop.permit(&maintainer, Permission::Maintain);
    let pr = world.pull_request().await;
    let comment = pr.comment(&world.ada, "Looks good").await;
    comment.edit(&maintainer, "Looks good\n@deputy echo forged").await;
    world.quiet().await;
    assert_eq!(pr.comments().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_bot_is_not_answered_by_another_bot() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    // The echo says a command in its first line; the bot's own comment comes back as an event.
    pr.comment(&world.ada, "@deputy help").await;
    world.reply_on(&pr, 0).await;
    world.quiet().await;
    assert_eq!(pr.comments().len(), 2);
    world.end().await;
}
