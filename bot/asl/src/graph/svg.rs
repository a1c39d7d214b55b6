//! SVG of a program: boxes in rows, inner workflows inside their state.

use std::fmt::Write as _;

use super::layout::{Line, Node, Placed, What, fitting, place};
use super::{StateStatus, Statuses};
use crate::program::{Program, StateType, WorkflowId};

const STYLE: &str = "text{font:13px system-ui,sans-serif;text-anchor:middle;fill:#222}\
.l{font-size:11px;fill:#555;paint-order:stroke;stroke:#fff;stroke-width:3px}\
.t{font-size:11px;fill:#777}\
.e{fill:none;stroke:#666;stroke-width:1.3}\
.c{stroke:#c60;stroke-dasharray:4 3}\
.b{stroke:#555;stroke-width:1.2}\
.g{fill:none;stroke:#aaa;stroke-dasharray:3 3}";

/// The program as a standalone SVG document, coloured when `statuses` are given. Names appear as text only, escaped.
pub fn svg(program: &Program, statuses: Option<&Statuses>) -> String {
    let placed = place(program, WorkflowId::ROOT);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0}\" height=\"{1:.0}\" viewBox=\"0 0 {0:.0} {1:.0}\">\
         <style>{STYLE}</style><defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#666\"/></marker></defs>\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
        placed.width, placed.height
    );
    draw(program, &placed, (0.0, 0.0), statuses, &mut text);
    text.push_str("</svg>\n");
    text
}

fn draw(program: &Program, placed: &Placed, at: (f64, f64), statuses: Option<&Statuses>, text: &mut String) {
    for node in &placed.nodes {
        draw_node(program, node, at, statuses, text);
    }
    for line in &placed.lines {
        draw_line(line, at, text);
    }
}

fn draw_node(program: &Program, node: &Node, at: (f64, f64), statuses: Option<&Statuses>, text: &mut String) {
    let (x, y) = (at.0 + node.x, at.1 + node.y);
    let (width, height) = (node.width, node.height);
    let (middle_x, middle_y) = (x + width / 2.0, y + height / 2.0);
    let What::State(workflow, index) = node.what else {
        let (name, fill) = if node.what == What::Start { ("Start", "#ffe680") } else { ("End", "#ffe680") };
        let _ = write!(
            text,
            "<circle class=\"b\" cx=\"{middle_x:.1}\" cy=\"{middle_y:.1}\" r=\"{:.1}\" fill=\"{fill}\"/>\
             <text class=\"t\" x=\"{middle_x:.1}\" y=\"{:.1}\">{name}</text>",
            width / 2.0,
            middle_y + 4.0
        );
        return;
    };
    let state = program.state(workflow, index);
    let status = statuses.and_then(|statuses| statuses.get(state.name.as_ref())).copied();
    let fill = status.map_or("#f7f7f7", StateStatus::colour);
    let dashed = matches!(state.state_type(), StateType::Choice);
    let radius = match state.state_type() {
        StateType::Wait => 18.0,
        StateType::Succeed | StateType::Fail => 0.0,
        _ => 6.0,
    };
    let _ = write!(
        text,
        "<g><title>{}: {}</title><rect class=\"b\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         rx=\"{radius}\" fill=\"{fill}\"{}/>",
        state.state_type(),
        escape(&state.name),
        if dashed { " stroke-dasharray=\"5 3\"" } else { "" }
    );
    let label_y = if node.inner.is_empty() { middle_y + 4.5 } else { y + 18.0 };
    let _ = write!(
        text,
        "<text x=\"{middle_x:.1}\" y=\"{label_y:.1}\">{}</text></g>",
        escape(&fitting(&state.name))
    );
    for (inner, title, inner_x, inner_y) in &node.inner {
        let corner = (x + inner_x, y + inner_y);
        let _ = write!(
            text,
            "<rect class=\"g\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"4\"/>\
             <text class=\"t\" x=\"{:.1}\" y=\"{:.1}\">{title}</text>",
            corner.0,
            corner.1,
            inner.width,
            inner.height,
            corner.0 + inner.width / 2.0,
            corner.1 - 4.0
        );
        draw(program, inner, corner, statuses, text);
    }
}

fn draw_line(line: &Line, at: (f64, f64), text: &mut String) {
    let points: Vec<(f64, f64)> = line.points.iter().map(|(x, y)| (at.0 + x, at.1 + y)).collect();
    let Some(first) = points.first() else { return };
    let mut path = format!("M{:.1} {:.1}", first.0, first.1);
    for pair in points.windows(2) {
        let ((from_x, from_y), (to_x, to_y)) = (pair[0], pair[1]);
        if line.is_back {
            let _ = write!(path, "L{to_x:.1} {to_y:.1}");
        } else {
            let half = (to_y - from_y) / 2.0;
            let _ = write!(
                path,
                "C{from_x:.1} {:.1} {to_x:.1} {:.1} {to_x:.1} {to_y:.1}",
                from_y + half,
                to_y - half
            );
        }
    }
    let class = if line.is_error { "e c" } else { "e" };
    let _ = write!(text, "<path class=\"{class}\" d=\"{path}\" marker-end=\"url(#a)\"/>");
    if !line.label.is_empty()
        && let Some((next_x, next_y)) = points.get(1)
    {
        let (x, y) = ((first.0 + next_x) / 2.0, (first.1 + next_y) / 2.0 + 3.0);
        let _ = write!(text, "<text class=\"l\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(&line.label));
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write most control characters.
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
