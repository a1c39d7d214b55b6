//! Looks for texts that take the command language more than linear time, and prints the slowest.
//!
//! `cargo run --release --example linear [SECONDS]` in `bot/core/fuzz`. Each text is a prefix and a repeated unit of
//! one to four pieces that mean something to Markdown; it is timed at a quarter of a comment's longest length and
//! at the whole of it, where a linear reader takes four times as long. Nothing is asserted: look at the figures.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use clap::Arg;
use deputy_core::language::{Definition, MAX_CHARACTERS, Vocabulary};
use deputy_core::permission::Permission;

#[rustfmt::skip]
const PIECES: &[&str] = &[
    "@deputy ", "/deputy a", "a", " ", "\n", "\n\n", "\r\n", "    ", "\t", "`", "``", "```\n", "~~~\n", ">",
    "> ", "- ", "* ", "1. ", "# ", "---\n", "=\n", "|", "|-|\n", "*", "**", "_", "~~", "[", "]", "](",
    "](x)", "(", ")", "![", "[^", "[^1]", "[^1]: ", "[x]: ", "[x]", "<!--", "-->", "<", ">", "<b", "</b>",
    "<br>", "<pre>", "<code>", "<a b=\"", "<![CDATA[", "<?", "<!A", "&", "&#", ";", "\\", "'", "\"", "“",
    "‘", "$", "\0", "🦀", ":",
];

/// Takes any words, so that clap has as many to go through as the text holds.
const ECHO: Definition = Definition {
    name: "a",
    aliases: &[],
    summary: "Takes words.",
    permission: Permission::Read,
    examples: &[],
    arguments: |command| command.arg(Arg::new("text").num_args(0..).allow_hyphen_values(true)),
};

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let vocabulary = Vocabulary::new("deputy", [ECHO]).expect("one command fits together");
    let time = |body: &str| {
        let start = on_cpu();
        for line in vocabulary.read(body) {
            vocabulary.parse(&line);
        }
        on_cpu().saturating_sub(start)
    };
    let text = |prefix: &str, unit: &str, length: usize| {
        let times = (length - 50) / unit.chars().count();
        format!("@deputy a\n@deputy a {prefix}{}", unit.repeat(times))
    };

    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut slowest: Vec<(Duration, f64, String, String)> = Vec::new();
    let mut tried = 0;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        let prefix = if random.below(3) == 0 { random.pieces(2) } else { String::new() };
        let pieces = 1 + random.below(4);
        let unit = random.pieces(pieces);
        let whole = text(&prefix, &unit, MAX_CHARACTERS);
        tried += 1;
        let took = time(&whole);
        // Only what looks slow is timed with care: twenty times each, the mean counts: the clock is coarse.
        if took < Duration::from_millis(7) {
            continue;
        }
        let mean = |body: &str| (0..20).map(|_| time(body)).sum::<Duration>() / 20;
        let took = mean(&whole);
        let quarter = mean(&text(&prefix, &unit, MAX_CHARACTERS / 4));
        let factor = took.as_secs_f64() / quarter.as_secs_f64().max(1e-9);
        slowest.push((took, factor, prefix, unit));
        slowest.sort_by_key(|found| std::cmp::Reverse(found.0));
        slowest.truncate(15);
    }

    println!(
        "{tried} texts of {MAX_CHARACTERS} characters; the slowest, with the factor over a quarter of it (linear: 4):"
    );
    for (took, factor, prefix, unit) in slowest {
        println!("{:8.2} ms  ×{factor:4.1}  {prefix:?} then {unit:?} repeated", took.as_secs_f64() * 1e3);
    }
}

/// The time that this thread had a processor for, where the system tells (Linux); else the time.
fn on_cpu() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = stat.and_then(|stat| stat.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

/// Xorshift: the same texts in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pieces(&mut self, count: usize) -> String {
        (0..count).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}
