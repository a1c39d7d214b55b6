//! Generated paths over generated documents, against json-path 2.0.0.

use std::process::Command;

use deputy_asl::jsonpath::{Path, PathError};
use serde_json::{Value, json};

use crate::generate::{Dice, NAMES, container};
use crate::{Tally, ask, setting, work_folder};

fn operand(dice: &mut Dice) -> String {
    match dice.below(14) {
        0 => "1".to_owned(),
        1 => "0.5".to_owned(),
        2 => "-1".to_owned(),
        3 => "'a'".to_owned(),
        4 => "'abc'".to_owned(),
        5 => "true".to_owned(),
        6 => "null".to_owned(),
        7 => "'1'".to_owned(),
        8 => "b".to_owned(),
        9 => r"'it\'s'".to_owned(),
        10 => "1.50".to_owned(),
        11 => "15000000000".to_owned(),
        12 => format!("$.{}", dice.pick(&NAMES[..4])),
        _ => format!("@.{}", dice.pick(&NAMES[..4])),
    }
}

fn condition(dice: &mut Dice) -> String {
    let name = dice.pick(&NAMES);
    let subject = match dice.below(8) {
        0 => "@".to_owned(),
        1 => format!("@['{name}']"),
        2 => format!("@.{}[{}]", dice.pick(&NAMES[..4]), dice.below(2)),
        3 => format!("@.{}.{}", dice.pick(&NAMES[..4]), dice.pick(&NAMES[..4])),
        4 => format!("$.{}", dice.pick(&NAMES[..4])),
        5 if dice.one_in(4) => format!("@['a','{name}']"),
        _ => format!("@.{}", dice.pick(&NAMES[..4])),
    };
    match dice.below(9) {
        0 => subject,
        1 => format!("!{subject}"),
        2 => format!(
            "{subject} =~ {}",
            dice.pick(&["/a.*/", "/A.*/i", "/[0-9]+/", "/.*/", "/a|b/", "/(a)(b)?/"])
        ),
        3 if dice.one_in(3) => format!("{} {} {subject}", operand(dice), operator(dice)),
        4 if dice.one_in(6) => format!("{subject} in ['a', 'b']"),
        _ => {
            let space = dice.pick(&["", " "]);
            format!("{subject}{space}{}{space}{}", operator(dice), operand(dice))
        }
    }
}

fn operator(dice: &mut Dice) -> &'static str {
    dice.pick(&["==", "!=", "<", "<=", ">", ">="])
}

fn filter(dice: &mut Dice) -> String {
    let mut text = condition(dice);
    for _ in 0..dice.below(3) {
        let connective = dice.pick(&["&&", "||"]);
        let next = condition(dice);
        text = match dice.below(4) {
            0 => format!("({text}) {connective} ({next})"),
            1 => format!("{text}{connective}{next}"),
            _ => format!("{text} {connective} {next}"),
        };
    }
    format!("[?({text})]")
}

fn step(dice: &mut Dice) -> String {
    let name = dice.pick(&NAMES);
    let plain = dice.pick(&["a", "b", "c", "a1", "length()", "null", "é", "a-b", "$"]);
    let number = dice.below(5);
    let from = i64::try_from(dice.below(7)).expect("small") - 3;
    let to = i64::try_from(dice.below(7)).expect("small") - 3;
    match dice.below(24) {
        0..=4 => format!(".{}", dice.pick(&NAMES[..4])),
        5 => format!(".{plain}"),
        6..=7 => format!("['{name}']"),
        8..=9 => format!("[{number}]"),
        10 => format!("[{from}]"),
        11 => format!("[{from}:]"),
        12 => format!("[:{to}]"),
        13 => format!("[{from}:{to}]"),
        14 => format!("[{number},{from}]"),
        15 => format!("['a', '{name}']"),
        16 => "[*]".to_owned(),
        17 => ".*".to_owned(),
        18 => "..".to_owned() + dice.pick(&["a", "b", "*", "[0]", "[*]", "c.a", "['a','b']"]),
        19 => "[(@.length-1)]".to_owned(),
        20 => "[ 0 ]".to_owned(),
        21 => format!("..{}", filter(dice)),
        _ => filter(dice),
    }
}

fn path(dice: &mut Dice) -> String {
    if dice.one_in(6) {
        // Any text made of what the scanner looks at.
        let mut text = dice.pick(&["$.", "$["]).to_owned();
        for _ in 0..dice.below(14) {
            text.push_str(dice.pick(&[
                "a", "b", "1", "0", "-", ".", "[", "]", "'", "?", "(", ")", "*", ":", ",", " ", "@", "$",
                "=", "==", "<", "!", "&&", "||", "/", "\\", "\"", "@.a", "['a']", "[?(@.a)]",
            ]));
        }
        return text;
    }
    let mut text = "$".to_owned();
    for _ in 0..=dice.below(4) {
        text.push_str(&step(dice));
    }
    text
}

/// Differences that are meant, with the reason.
fn allowed(ours: &str, theirs: &str) -> Option<&'static str> {
    if theirs.contains("StackOverflow") {
        return Some("Jayway overflows the stack");
    }
    if ours.starts_with("S A filter needs a condition") {
        return Some("a filter without a condition is refused when parsed, not when evaluated");
    }
    let both_fail = ours.starts_with("I ") && theirs.starts_with("I ");
    if both_fail && theirs.contains("cannot be cast to class java.util.regex.Pattern") {
        return Some("the text of Java's ClassCastException names class loaders");
    }
    let no_number = |text: &str| text.starts_with("I Character ") || text == "I No digits found.";
    if both_fail
        && no_number(ours)
        && (no_number(theirs) || theirs.starts_with("I null") || theirs.contains("decimal"))
    {
        return Some("BigDecimal's texts for what is no number depend on Java's version");
    }
    None
}

fn answer(path: &str, document: &Value) -> String {
    let path = match Path::parse(path) {
        Ok(path) => path,
        Err(error) => return format!("S {error}"),
    };
    match path.query(document) {
        Ok(value) => format!("V {value}"),
        Err(error @ PathError::NotFound(_)) => format!("N {error}"),
        Err(error) => format!("I {error}").replace('\n', "\\n"),
    }
}

fn same(ours: &str, theirs: &str) -> bool {
    match (ours.split_once(' '), theirs.split_once(' ')) {
        (Some(("V", ours)), Some(("V", theirs))) => {
            // As texts, because the order of members counts, too.
            let read = |text| serde_json::from_str::<Value>(text).expect("JSON").to_string();
            read(ours) == read(theirs)
        }
        (Some(("S", _)), Some(("S", _))) => true,
        _ => ours == theirs,
    }
}

#[test]
#[ignore = "needs Java; see tests/oracles/run.sh"]
fn paths_answer_as_jayway_does() {
    let mut dice = Dice::new(setting("ORACLE_SEED", 1));
    let count = setting("ORACLE_COUNT", 100_000);
    let cases: Vec<(String, Value)> = (0..count).map(|_| (path(&mut dice), container(&mut dice))).collect();
    let questions: Vec<String> = cases
        .iter()
        .map(|(path, document)| json!({"path": path, "document": document}).to_string())
        .collect();
    let class_path = std::env::var("JAYWAY_CLASS_PATH").expect("run tests/oracles/run.sh");
    let answers = ask(
        Command::new("java")
            .args(["-Xss16m", "-cp"])
            .arg(format!("{}:{class_path}", work_folder().join("jayway").display()))
            .arg("Driver"),
        &questions,
    );
    let mut tally = Tally::default();
    for ((path, document), theirs) in cases.iter().zip(&answers) {
        let ours = answer(path, document);
        if same(&ours, theirs) {
            tally.equal += 1;
        } else if let Some(reason) = allowed(&ours, theirs) {
            *tally.allowed.entry(reason).or_default() += 1;
        } else {
            tally.different.push(format!("{path}  on {document}\n    ours   {ours}\n    theirs {theirs}"));
        }
    }
    tally.report("JSONPath against json-path 2.0.0");
}
