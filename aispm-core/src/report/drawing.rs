//! Attack paths as SVG: assets in layers from left to right, moves as arrows.
//!
//! Layers are longest distances from the sources; arrows that would close a circle do not count for them. Within a
//! layer assets stand at the mean height of those before them (Sugiyama's barycentre, one sweep). Drawings are
//! bounded by [`NODES`], so the quadratic steps stay small.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::escape;
use super::{Report, sources};
use crate::asset::{AssetId, AssetKind};
use crate::path::{AttackPath, Step};

/// The most assets in one drawing; what would have more is not drawn.
pub(super) const NODES: usize = 48;
/// Code points of a name that fit into a box.
const NAME: usize = 24;

const BOX: (usize, usize) = (184, 46);
const GAP: (usize, usize) = (72, 20);
const MARGIN: usize = 12;

/// What a click on an arrow leads to, and what the arrow says.
pub(super) struct Label {
    /// An id on the page.
    pub(super) href: String,
    /// On the arrow: a number.
    pub(super) text: String,
    /// When pointed at.
    pub(super) title: String,
}

#[derive(Default)]
pub(super) struct Drawing<'a> {
    nodes: Vec<&'a AssetId>,
    index: BTreeMap<&'a AssetId, usize>,
    arrows: Vec<(usize, usize, Label)>,
    sources: Vec<usize>,
    targets: Vec<usize>,
}

impl<'a> Drawing<'a> {
    /// One path; arrows are numbered by step and lead to `#{anchor}s{step}`.
    pub(super) fn of_path(path: &'a AttackPath, anchor: &str) -> Self {
        let mut drawing = Self::default();
        drawing.ends(path);
        for (n, step) in path.steps.iter().enumerate() {
            for from in sources(step) {
                let label =
                    Label { href: format!("{anchor}s{}", n + 1), text: (n + 1).to_string(), title: explain(step) };
                drawing.arrow(from, &step.to, label);
            }
        }
        drawing
    }

    /// Several paths as one map; arrows are numbered by how many paths take them, and lead to the first. Paths that
    /// would make the map too large are left out; returns how many were drawn.
    pub(super) fn of_paths(paths: &'a [AttackPath]) -> (Self, usize) {
        let mut drawing = Self::default();
        let mut taken = BTreeMap::<(&AssetId, &AssetId), (usize, usize, &Step)>::new();
        let mut drawn = 0;
        for (n, path) in paths.iter().enumerate() {
            let fresh = super::chain(path).into_iter().filter(|id| !drawing.index.contains_key(id)).count();
            if drawing.nodes.len() + fresh > NODES {
                continue;
            }
            drawn += 1;
            drawing.ends(path);
            for step in &path.steps {
                drawing.node(&step.to);
                for from in sources(step) {
                    drawing.node(from);
                    taken.entry((from, &step.to)).or_insert((0, n, step)).0 += 1;
                }
            }
        }
        for ((from, to), (count, first, step)) in taken {
            let label = Label { href: format!("p{}", first + 1), text: count.to_string(), title: explain(step) };
            drawing.arrow(from, to, label);
        }
        (drawing, drawn)
    }

    fn ends(&mut self, path: &'a AttackPath) {
        let (source, target) = (self.node(&path.source), self.node(&path.target));
        self.sources.push(source);
        self.targets.push(target);
    }

    fn node(&mut self, id: &'a AssetId) -> usize {
        let next = self.nodes.len();
        let n = *self.index.entry(id).or_insert(next);
        if n == next {
            self.nodes.push(id);
        }
        n
    }

    fn arrow(&mut self, from: &'a AssetId, to: &'a AssetId, label: Label) {
        let (from, to) = (self.node(from), self.node(to));
        self.arrows.push((from, to, label));
    }

    /// Each node's layer and its row there, and how many rows each layer has.
    fn layout(&self) -> (Vec<(usize, usize)>, Vec<usize>) {
        let mut acyclic: Vec<(usize, usize)> = Vec::new();
        for (from, to, _) in &self.arrows {
            if !reaches(&acyclic, *to, *from) {
                acyclic.push((*from, *to));
            }
        }
        let mut layer = vec![0usize; self.nodes.len()];
        // without circles a layer is final after as many rounds as there are nodes
        for _ in 0..self.nodes.len() {
            for &(from, to) in &acyclic {
                let next = layer.get(from).map_or(0, |layer| layer + 1);
                if let Some(layer) = layer.get_mut(to) {
                    *layer = next.max(*layer);
                }
            }
        }
        let layers = layer.iter().max().map_or(0, |last| last + 1);
        let mut place = vec![(0usize, 0usize); self.nodes.len()];
        let mut rows = Vec::with_capacity(layers);
        for current in 0..layers {
            let mut members: Vec<(usize, usize)> = (0..self.nodes.len())
                .filter(|n| layer.get(*n) == Some(&current))
                .map(|n| (self.mean_row_before(n, &acyclic, &place), n))
                .collect();
            members.sort_unstable();
            rows.push(members.len());
            for (row, (_, n)) in members.into_iter().enumerate() {
                if let Some(place) = place.get_mut(n) {
                    *place = (current, row);
                }
            }
        }
        (place, rows)
    }

    /// In thousandths of a row.
    fn mean_row_before(&self, n: usize, arrows: &[(usize, usize)], place: &[(usize, usize)]) -> usize {
        let before = arrows.iter().filter(|(_, to)| *to == n).filter_map(|(from, _)| place.get(*from));
        let (sum, count) = before.fold((0, 0), |(sum, count), (_, row)| (sum + row * 1000, count + 1));
        sum.checked_div(count).unwrap_or(0)
    }

    /// The drawing as an `svg` element, or nothing if it would be too large. `name` is what screen readers say.
    pub(super) fn svg(&self, report: &Report<'_>, name: &str) -> String {
        if self.nodes.is_empty() || self.nodes.len() > NODES || self.arrows.len() > NODES * NODES {
            return String::new();
        }
        let (place, rows) = self.layout();
        let tallest = rows.iter().max().copied().unwrap_or(1);
        let at = |n: usize| -> (usize, usize) {
            let (layer, row) = place.get(n).copied().unwrap_or_default();
            let slack = tallest - rows.get(layer).copied().unwrap_or(tallest).min(tallest);
            (MARGIN + layer * (BOX.0 + GAP.0), MARGIN + row * (BOX.1 + GAP.1) + slack * (BOX.1 + GAP.1) / 2)
        };
        let width = 2 * MARGIN + rows.len() * (BOX.0 + GAP.0) - GAP.0;
        let height = 2 * MARGIN + tallest * (BOX.1 + GAP.1) - GAP.1 + 26;
        let mut svg = String::new();
        // writing to a String cannot fail
        let _ = write!(
            svg,
            "<svg class=\"drawing\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\">",
            escape::html(name)
        );
        for (from, to, label) in &self.arrows {
            arrow(&mut svg, at(*from), at(*to), label);
        }
        for (n, id) in self.nodes.iter().enumerate() {
            let role = match (self.targets.contains(&n), self.sources.contains(&n)) {
                (true, _) => " target",
                (_, true) => " source",
                _ => "",
            };
            node(&mut svg, report, id, at(n), role);
        }
        svg.push_str("</svg>");
        svg
    }
}

fn arrow(svg: &mut String, (x1, y1): (usize, usize), (x2, y2): (usize, usize), label: &Label) {
    let (start, end) = ((x1 + BOX.0, y1 + BOX.1 / 2), (x2, y2 + BOX.1 / 2));
    let (curve, middle) = if end.0 > start.0 {
        let bend = (end.0 - start.0) / 2;
        let curve = format!(
            "M{} {}C{} {} {} {} {} {}",
            start.0,
            start.1,
            start.0 + bend,
            start.1,
            end.0 - bend,
            end.1,
            end.0 - 7,
            end.1
        );
        (curve, (usize::midpoint(start.0, end.0), usize::midpoint(start.1, end.1)))
    } else {
        // back, or within a layer: out of the bottom and in at the bottom
        let (from, to) = ((x1 + BOX.0 / 2, y1 + BOX.1), (x2 + BOX.0 / 2 + 16, y2 + BOX.1 + 7));
        let low = from.1.max(to.1) + 34;
        let curve = format!("M{} {}C{} {low} {} {low} {} {}", from.0, from.1, from.0, to.0, to.0, to.1);
        (curve, (usize::midpoint(from.0, to.0), low - 9))
    };
    let back = if end.0 > start.0 { "" } else { " up" };
    let tip = if back.is_empty() { (end.0, end.1) } else { (x2 + BOX.0 / 2 + 16, y2 + BOX.1) };
    let head = if back.is_empty() {
        format!("M{} {}l-9 -5v10z", tip.0, tip.1)
    } else {
        format!("M{} {}l-5 9h10z", tip.0, tip.1)
    };
    let _ = write!(
        svg,
        "<a class=\"move{back}\" href=\"#{}\"><title>{}</title><path class=\"hit\" d=\"{curve}\"/>\
         <path class=\"line\" d=\"{curve}\"/><path class=\"head\" d=\"{head}\"/>\
         <circle cx=\"{}\" cy=\"{}\" r=\"11\"/><text x=\"{}\" y=\"{}\">{}</text></a>",
        escape::html(&label.href),
        escape::html(&label.title),
        middle.0,
        middle.1,
        middle.0,
        middle.1 + 4,
        escape::html(&label.text)
    );
}

fn node(svg: &mut String, report: &Report<'_>, id: &AssetId, (x, y): (usize, usize), role: &str) {
    let kind = report.kind(id);
    let name = report.name(id);
    let _ = write!(
        svg,
        "<g class=\"node {}{role}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"7\"/>\
         <rect class=\"strip\" x=\"{}\" y=\"{}\" width=\"4\" height=\"{}\" rx=\"2\"/>\
         <text class=\"kind\" x=\"{}\" y=\"{}\">{kind}</text><text class=\"name\" x=\"{}\" y=\"{}\">{}</text></g>",
        family(kind),
        escape::html(id.as_str()),
        BOX.0,
        BOX.1,
        x + 8,
        y + 9,
        BOX.1 - 18,
        x + 20,
        y + 18,
        x + 20,
        y + 35,
        escape::html(&shorten(name)),
    );
}

/// Kinds that look alike.
pub(super) fn family(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::NetworkEntry | AssetKind::Endpoint => "entry",
        kind if kind.is_identity() => "identity",
        kind if kind.is_data() => "data",
        kind if kind.is_ai() => "ai",
        _ => "other",
    }
}

/// The beginning and the end of a long name; ends tell most names apart.
fn shorten(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME {
        return name.to_owned();
    }
    let half = NAME / 2;
    name.chars().take(half).chain(['…']).chain(name.chars().skip(length - (half - 1))).collect()
}

fn explain(step: &Step) -> String {
    let mut text = step.description.clone();
    for evidence in &step.evidence {
        text.push_str(" · ");
        text.push_str(&evidence.location());
    }
    text
}

fn reaches(arrows: &[(usize, usize)], from: usize, to: usize) -> bool {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(&here) = seen.get(next) {
        if here == to {
            return true;
        }
        next += 1;
        for (_, there) in arrows.iter().filter(|(start, _)| *start == here) {
            if !seen.contains(there) {
                seen.push(*there);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(ids: &[AssetId], arrows: &[(usize, usize)]) -> (Vec<(usize, usize)>, Vec<usize>) {
        let mut drawing = Drawing::default();
        for id in ids {
            drawing.node(id);
        }
        let label = || Label { href: String::new(), text: String::new(), title: String::new() };
        drawing.arrows.extend(arrows.iter().map(|(from, to)| (*from, *to, label())));
        drawing.layout()
    }

    #[test]
    fn layers_are_longest_distances_and_circles_do_no_harm() {
        let ids: Vec<AssetId> = ["a", "b", "c", "d"].map(AssetId::from).to_vec();
        let (place, rows) = drawing(&ids, &[(0, 1), (1, 2), (0, 2), (2, 3), (3, 1)]);
        assert_eq!(place.iter().map(|(layer, _)| *layer).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(rows, [1, 1, 1, 1]);
        let (place, rows) = drawing(&ids, &[(0, 2), (1, 3), (1, 1)]);
        assert_eq!(place, [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(rows, [2, 2]);
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shorten("short"), "short");
        let long = shorten("arn:aws:iam::123456789012:role/team/ChatServiceRole");
        assert_eq!(long, "arn:aws:iam:…ServiceRole");
        assert_eq!(long.chars().count(), NAME);
    }
}
