//! Places in texts that people wrote.

/// Line and column, in characters and both from 1 on, of the byte `at`; of the end where the text is shorter.
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

#[cfg(test)]
mod tests {
    use super::line_and_column;

    #[test]
    fn a_place_counts_characters_and_never_splits_one() {
        let text = "é = 1\n  ü";
        for (at, place) in
            [(0, (1, 1)), (1, (1, 1)), (2, (1, 2)), (7, (2, 1)), (9, (2, 3)), (10, (2, 3)), (99, (2, 4))]
        {
            assert_eq!(line_and_column(text, at), place, "{at}");
        }
    }
}
