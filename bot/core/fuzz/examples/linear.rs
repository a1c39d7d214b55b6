//! Looks for texts that take the command language more than linear time, and prints the slowest.
//!
//! `cargo run --release --example linear [SECONDS]` in `bot/core/fuzz`. Each text is a prefix and a repeated unit of
//! one to four pieces that mean something to Markdown; it is timed at a quarter of a comment's longest length and
//! at the whole of it, where a linear reader takes four times as long. Nothing is asserted: look at the figures.

use std::time::{Duration, Instant};

use deputy_core::language::{MAX_CHARACTERS, Vocabulary};

#[rustfmt::skip]
const PIECES: &[&str] = &[
    "@deputy ", "/deputy a", "a", " ", "\n", "\n\n", "\r\n", "    ", "\t", "`", "``", "```\n", "~~~\n", ">",
    "> ", "- ", "* ", "1. ", "# ", "---\n", "=\n", "|", "|-|\n", "*", "**", "_", "~~", "[", "]", "](",
    "](x)", "(", ")", "![", "[^", "[^1]", "[^1]: ", "[x]: ", "[x]", "<!--", "-->", "<", ">", "<b", "</b>",
    "<br>", "<pre>", "<code>", "<a b=\"", "<![CDATA[", "<?", "<!A", "&", "&#", ";", "\\", "'", "\"", "“",
    "‘", "$", "\0", "🦀", ":",
];

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let vocabulary = Vocabulary::new("deputy", []).expect("a vocabulary without commands");
    let time = |body: &str| {
        let start = Instant::now();
        for line in vocabulary.read(body) {
            vocabulary.parse(&line);
        }
        start.elapsed()
    };
    let text = |prefix: &str, unit: &str, length: usize| {
        let times = (length - 50) / unit.chars().count();
        format!("@deputy a\n\n{prefix}{}", unit.repeat(times))
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
        // Only what looks slow is timed with care: three times each, the shortest counts.
        if took < Duration::from_millis(3) {
            continue;
        }
        let best = |body: &str| (0..3).map(|_| time(body)).min().unwrap_or_default();
        let took = took.min(best(&whole));
        let quarter = best(&text(&prefix, &unit, MAX_CHARACTERS / 4));
        let factor = took.as_secs_f64() / quarter.as_secs_f64().max(1e-9);
        slowest.push((took, factor, prefix, unit));
        slowest.sort_by(|a, b| b.0.cmp(&a.0));
        slowest.truncate(15);
    }

    println!(
        "{tried} texts of {MAX_CHARACTERS} characters; the slowest, with the factor over a quarter of it (linear: 4):"
    );
    for (took, factor, prefix, unit) in slowest {
        println!("{:8.2} ms  ×{factor:4.1}  {prefix:?} then {unit:?} repeated", took.as_secs_f64() * 1e3);
    }
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
