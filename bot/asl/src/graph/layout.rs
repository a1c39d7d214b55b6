//! Layered layout: every workflow in rows from start to end, inner workflows inside their state's box.

use std::collections::HashMap;

use super::{edges, ends, inner};
use crate::program::{Program, StateId, WorkflowId};

const CHARACTER: f64 = 7.5;
const BOX_HEIGHT: f64 = 40.0;
const TITLE_HEIGHT: f64 = 26.0;
const PADDING: f64 = 16.0;
const COLUMN_GAP: f64 = 28.0;
const ROW_GAP: f64 = 44.0;
const DOT: f64 = 28.0;
const LONGEST_NAME: usize = 32;

/// Ways over more rows than this in all are drawn straight, so that the picture of a huge machine stays affordable.
const MAX_BENDS: usize = 20_000;

/// A placed workflow; coordinates are relative to its own corner.
pub(super) struct Placed {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) nodes: Vec<Node>,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Node {
    pub(super) what: What,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// Inner workflows, with their corners relative to the node's.
    pub(super) inner: Vec<(Placed, String, f64, f64)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Start,
    End,
    State(WorkflowId, StateId),
}

pub(super) struct Line {
    pub(super) points: Vec<(f64, f64)>,
    pub(super) label: String,
    pub(super) is_error: bool,
    /// Against the direction of reading.
    pub(super) is_back: bool,
}

struct Arrow {
    from: usize,
    to: usize,
    label: String,
    is_error: bool,
}

pub(super) fn place(program: &Program, id: WorkflowId) -> Placed {
    let workflow = program.workflow(id);
    let count = workflow.states.len();
    let (start, end) = (count, count + 1);
    let mut nodes: Vec<Node> =
        (0..).map(StateId).zip(&workflow.states).map(|(index, _)| node(program, id, index)).collect();
    for what in [What::Start, What::End] {
        nodes.push(Node { what, x: 0.0, y: 0.0, width: DOT, height: DOT, inner: Vec::new() });
    }
    let mut arrows =
        vec![Arrow { from: start, to: workflow.start.0 as usize, label: String::new(), is_error: false }];
    for edge in edges(workflow) {
        let (from, to) = (edge.from.0 as usize, edge.to.0 as usize);
        arrows.push(Arrow { from, to, label: edge.label, is_error: edge.is_error });
    }
    for (index, state) in workflow.states.iter().enumerate() {
        if ends(state) {
            arrows.push(Arrow { from: index, to: end, label: String::new(), is_error: false });
        }
    }
    let back = back_arrows(nodes.len(), start, &arrows);
    let mut layers = layers(nodes.len(), &arrows, &back);
    // The end stands below everything.
    layers[end] = layers.iter().copied().max().unwrap_or(0).max(1);
    if layers.iter().enumerate().any(|(index, layer)| index != end && *layer == layers[end]) {
        layers[end] += 1;
    }
    arrange(nodes, &arrows, &back, &layers)
}

fn node(program: &Program, id: WorkflowId, index: StateId) -> Node {
    let state = program.state(id, index);
    #[allow(clippy::cast_precision_loss)] // At most LONGEST_NAME.
    let name = state.name.chars().count().min(LONGEST_NAME) as f64 * CHARACTER;
    let mut node = Node {
        what: What::State(id, index),
        x: 0.0,
        y: 0.0,
        width: (name + 2.0 * PADDING).max(80.0),
        height: BOX_HEIGHT,
        inner: Vec::new(),
    };
    let nested = inner(program, state);
    if !nested.is_empty() {
        let (mut x, mut height) = (PADDING, 0.0_f64);
        for (inner_id, title) in nested {
            let placed = place(program, inner_id);
            height = height.max(placed.height);
            let width = placed.width;
            node.inner.push((placed, title, x, TITLE_HEIGHT + PADDING));
            x += width + PADDING;
        }
        node.width = node.width.max(x);
        node.height = TITLE_HEIGHT + height + 2.0 * PADDING;
    }
    node
}

/// The arrows that close a circle, found by a walk in depth that needs no stack of its own.
fn back_arrows(count: usize, start: usize, arrows: &[Arrow]) -> Vec<bool> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, arrow) in arrows.iter().enumerate() {
        out[arrow.from].push(index);
    }
    // 0: not seen, 1: on the way, 2: done.
    let mut colour = vec![0_u8; count];
    let mut back = vec![false; arrows.len()];
    for root in std::iter::once(start).chain(0..count) {
        if colour[root] != 0 {
            continue;
        }
        colour[root] = 1;
        let mut walk: Vec<(usize, usize)> = vec![(root, 0)];
        while let Some((at, next)) = walk.last_mut() {
            let Some(arrow) = out[*at].get(*next).copied() else {
                colour[*at] = 2;
                walk.pop();
                continue;
            };
            *next += 1;
            let to = arrows[arrow].to;
            match colour[to] {
                0 => {
                    colour[to] = 1;
                    walk.push((to, 0));
                }
                1 => back[arrow] = true,
                _ => {}
            }
        }
    }
    back
}

/// The row of every node: one below the lowest of those that lead to it.
fn layers(count: usize, arrows: &[Arrow], back: &[bool]) -> Vec<usize> {
    let forward = || arrows.iter().zip(back).filter(|(_, back)| !**back).map(|(arrow, _)| arrow);
    let mut incoming = vec![0_usize; count];
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    for arrow in forward() {
        incoming[arrow.to] += 1;
        out[arrow.from].push(arrow.to);
    }
    let mut layers = vec![0; count];
    let mut ready: Vec<usize> = (0..count).filter(|node| incoming[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for to in &out[node] {
            layers[*to] = layers[*to].max(layers[node] + 1);
            incoming[*to] -= 1;
            if incoming[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    layers
}

/// Orders every row, gives coordinates, and bends long ways around what stands between.
fn arrange(mut nodes: Vec<Node>, arrows: &[Arrow], back: &[bool], layers: &[usize]) -> Placed {
    let rows_count = layers.iter().copied().max().unwrap_or(0) + 1;
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); rows_count];
    for (node, layer) in layers.iter().enumerate() {
        rows[*layer].push(node);
    }
    // Bends are nodes without a size in the rows that a way crosses.
    let real = nodes.len();
    let mut widths: Vec<f64> = nodes.iter().map(|node| node.width).collect();
    let mut chains: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut links: Vec<(usize, usize)> = Vec::new();
    for (index, arrow) in arrows.iter().enumerate() {
        if back[index] {
            continue;
        }
        let mut previous = arrow.from;
        let between = layers[arrow.from] + 1..layers[arrow.to];
        if widths.len() + between.len() < real + MAX_BENDS {
            for row in between {
                let bend = widths.len();
                widths.push(8.0);
                rows[row].push(bend);
                chains.entry(index).or_default().push(bend);
                links.push((previous, bend));
                previous = bend;
            }
        }
        links.push((previous, arrow.to));
    }
    order(&mut rows, widths.len(), &links);
    let row_width = |row: &[usize]| -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let gaps = row.len().saturating_sub(1) as f64 * COLUMN_GAP;
        row.iter().map(|node| widths[*node]).sum::<f64>() + gaps
    };
    let inside = rows.iter().map(|row| row_width(row)).fold(0.0, f64::max);
    let width = inside + 2.0 * PADDING + 24.0;
    let mut centre = vec![(0.0, 0.0); widths.len()];
    let mut y = PADDING;
    for row in &rows {
        let height =
            row.iter().filter_map(|node| nodes.get(*node)).map(|node| node.height).fold(8.0_f64, f64::max);
        let mut x = PADDING + (inside - row_width(row)) / 2.0;
        for node in row {
            centre[*node] = (x + widths[*node] / 2.0, y + height / 2.0);
            if let Some(node) = nodes.get_mut(*node) {
                node.x = x;
                node.y = y + (height - node.height) / 2.0;
            }
            x += widths[*node] + COLUMN_GAP;
        }
        y += height + ROW_GAP;
    }
    let lines = arrows
        .iter()
        .enumerate()
        .map(|(index, arrow)| {
            let (from, to) = (&nodes[arrow.from], &nodes[arrow.to]);
            let points = if back[index] {
                let side = (from.x + from.width).max(to.x + to.width) + 14.0;
                let (low, high) = (from.y + from.height / 2.0, to.y + to.height / 2.0);
                vec![(from.x + from.width, low), (side, low), (side, high), (to.x + to.width, high)]
            } else {
                let bends = chains.get(&index).into_iter().flatten().map(|bend| centre[*bend]);
                std::iter::once((from.x + from.width / 2.0, from.y + from.height))
                    .chain(bends)
                    .chain(std::iter::once((to.x + to.width / 2.0, to.y)))
                    .collect()
            };
            Line { points, label: arrow.label.clone(), is_error: arrow.is_error, is_back: back[index] }
        })
        .collect();
    Placed { width, height: y - ROW_GAP + PADDING, nodes, lines }
}

/// Brings every node under the middle of those that lead to it, which keeps ways from crossing.
fn order(rows: &mut [Vec<usize>], count: usize, links: &[(usize, usize)]) {
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in links {
        above[*to].push(*from);
        below[*from].push(*to);
    }
    let mut place = vec![0.0_f64; count];
    #[allow(clippy::cast_precision_loss)]
    let settle = |row: &[usize], place: &mut [f64]| {
        for (index, node) in row.iter().enumerate() {
            place[*node] = (index as f64 + 0.5) / row.len() as f64;
        }
    };
    for row in rows.iter() {
        settle(row, &mut place);
    }
    for sweep in 0..4 {
        let down = sweep % 2 == 0;
        let neighbours = if down { &above } else { &below };
        let indices: Vec<usize> =
            if down { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for index in indices {
            let row = &mut rows[index];
            #[allow(clippy::cast_precision_loss)]
            let middle = |node: usize, place: &[f64]| -> f64 {
                let near = &neighbours[node];
                if near.is_empty() {
                    return place[node];
                }
                near.iter().map(|other| place[*other]).sum::<f64>() / near.len() as f64
            };
            let mut keyed: Vec<(f64, usize)> =
                row.iter().map(|node| (middle(*node, &place), *node)).collect();
            keyed.sort_by(|left, right| left.0.total_cmp(&right.0));
            *row = keyed.into_iter().map(|(_, node)| node).collect();
            settle(row, &mut place);
        }
    }
}

/// A name as it fits into a box.
pub(super) fn fitting(name: &str) -> String {
    super::shorten(name, LONGEST_NAME)
}
