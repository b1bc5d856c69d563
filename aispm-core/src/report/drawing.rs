//! Attack paths as SVG: assets in layers from left to right, moves as arrows.
//!
//! Layers are longest distances from the sources; arrows that would close a circle do not count for them and bend
//! back below. Arrows over several layers hold a lane in each, so that they pass between boxes. Within a layer boxes
//! and lanes are ordered by the mean height of what leads to them (the layered method of Sugiyama, Tagawa and Toda,
//! 1981, one sweep). [`NODES`] and [`ARROWS`] bound the work.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::escape;
use super::{Report, sources};
use crate::asset::{AssetId, AssetKind};
use crate::path::{AttackPath, Step};

/// The most assets in one drawing; what would have more is not drawn.
pub(super) const NODES: usize = 48;
/// The most assets in a map of several paths: more than an eye can follow.
const MAP: usize = 28;
/// The most arrows in one drawing.
const ARROWS: usize = 4 * NODES;
/// Layers that fit beside one another on a page; wider drawings scroll.
const FITTING: usize = 7;
/// Code points of a name that fit into a box.
const NAME: usize = 21;

const BOX: (usize, usize) = (164, 46);
const GAP: (usize, usize) = (52, 18);
/// The height of a lane.
const LANE: usize = 14;
const MARGIN: usize = 10;
/// Below the boxes, for arrows that go back.
const BEND: usize = 28;

/// What a click on an arrow leads to, and what the arrow says.
pub(super) struct Label {
    /// An id on the page.
    pub(super) href: String,
    /// On the arrow: a number.
    pub(super) text: String,
    /// When pointed at.
    pub(super) title: String,
    /// The paths that take it, by their ids on the page; in a map.
    pub(super) paths: Vec<String>,
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
                let label = Label {
                    href: format!("{anchor}s{}", n + 1),
                    text: (n + 1).to_string(),
                    title: explain(step),
                    paths: Vec::new(),
                };
                drawing.arrow(from, &step.to, label);
            }
        }
        drawing
    }

    /// Several paths as one map; arrows are numbered by how many paths take them, and lead to the first. From
    /// the first path on that would make the map too large they are left out; returns how many were drawn.
    pub(super) fn of_paths(paths: &'a [AttackPath]) -> (Self, usize) {
        let mut drawing = Self::default();
        let mut taken = BTreeMap::<(&AssetId, &AssetId), (Vec<usize>, &Step)>::new();
        let mut drawn = 0;
        for (n, path) in paths.iter().enumerate() {
            let fresh = super::chain(path).into_iter().filter(|id| !drawing.index.contains_key(id)).count();
            if drawing.nodes.len() + fresh > MAP {
                break;
            }
            drawn += 1;
            drawing.ends(path);
            for step in &path.steps {
                drawing.node(&step.to);
                for from in sources(step) {
                    drawing.node(from);
                    let takers = &mut taken.entry((from, &step.to)).or_insert((Vec::new(), step)).0;
                    if takers.last() != Some(&n) {
                        takers.push(n);
                    }
                }
            }
        }
        for ((from, to), (takers, step)) in taken {
            let paths: Vec<String> = takers.iter().map(|n| format!("p{}", n + 1)).collect();
            let href = paths.first().cloned().unwrap_or_default();
            let label = Label { href, text: paths.len().to_string(), title: explain(step), paths };
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

    /// The drawing as an `svg` element, or nothing if it would be too large. `name` is what screen readers say.
    pub(super) fn svg(&self, report: &Report<'_>, name: &str) -> String {
        if self.nodes.is_empty() || self.nodes.len() > NODES || self.arrows.len() > ARROWS {
            return String::new();
        }
        let layout = Layout::of(self.nodes.len(), self.arrows.iter().map(|(from, to, _)| (*from, *to)));
        let (width, height) = layout.size;
        let wide = if layout.layers > FITTING { " wide" } else { "" };
        let mut svg = String::new();
        // writing to a String cannot fail
        let _ = write!(
            svg,
            "<svg class=\"drawing{wide}\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\">",
            escape::html(name)
        );
        for ((from, to, label), route) in self.arrows.iter().zip(&layout.routes) {
            match route.as_slice() {
                [] => back_arrow(&mut svg, layout.at(*from), layout.at(*to), label),
                slots => {
                    let points: Vec<Point> = slots.iter().map(|slot| layout.at(*slot)).collect();
                    arrow(&mut svg, &points, self.label_place(*from, *to), label);
                }
            }
        }
        for (n, id) in self.nodes.iter().enumerate() {
            let role = match (self.targets.contains(&n), self.sources.contains(&n)) {
                (true, _) => " target",
                (_, true) => " source",
                _ => "",
            };
            node(&mut svg, report, id, layout.at(n), role);
        }
        svg.push_str("</svg>");
        svg
    }

    /// How far along and across its first gap an arrow carries its label, in percent: where arrows that share an end
    /// have parted.
    fn label_place(&self, from: usize, to: usize) -> (usize, usize) {
        let shared =
            |same: &dyn Fn(usize, usize) -> bool| self.arrows.iter().filter(|(f, t, _)| same(*f, *t)).count() > 1;
        // points of the curve at 7, 3 and 5 tenths
        match (shared(&|f, _| f == from), shared(&|_, t| t == to)) {
            (true, _) => (62, 78),
            (false, true) => (34, 22),
            (false, false) => (46, 50),
        }
    }
}

/// Where boxes and lanes stand.
struct Layout {
    /// The left end and the middle height of each slot: nodes first, then lanes.
    slots: Vec<Point>,
    /// For each arrow the slots it passes, its ends among them; none if it goes back.
    routes: Vec<Vec<usize>>,
    layers: usize,
    size: (usize, usize),
}

type Point = (usize, usize);

impl Layout {
    fn of(nodes: usize, arrows: impl Iterator<Item = (usize, usize)>) -> Self {
        let arrows: Vec<(usize, usize)> = arrows.collect();
        let mut forward: Vec<(usize, usize)> = Vec::new();
        let is_forward: Vec<bool> = arrows
            .iter()
            .map(|&(from, to)| {
                let fits = !reaches(&forward, to, from);
                forward.extend(fits.then_some((from, to)));
                fits
            })
            .collect();
        let mut layer = layers(nodes, &forward);
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); nodes];
        let mut routes = Vec::with_capacity(arrows.len());
        for ((from, to), is_forward) in arrows.into_iter().zip(&is_forward) {
            let mut route = Vec::new();
            if *is_forward {
                let ends = (layer.get(from).copied().unwrap_or(0), layer.get(to).copied().unwrap_or(0));
                route.push(from);
                for between in ends.0 + 1..ends.1 {
                    route.push(layer.len());
                    layer.push(between);
                    before.push(Vec::new());
                }
                route.push(to);
                for (slot, next) in route.iter().zip(route.iter().skip(1)) {
                    before.get_mut(*next).into_iter().for_each(|list| list.push(*slot));
                }
            }
            routes.push(route);
        }
        let bend = if routes.iter().any(Vec::is_empty) { BEND } else { 0 };
        let (slots, size) = place(nodes, &layer, &before);
        let layers = layer.iter().max().map_or(0, |last| last + 1);
        Self { slots, routes, layers, size: (size.0, size.1 + bend) }
    }

    fn at(&self, slot: usize) -> Point {
        self.slots.get(slot).copied().unwrap_or_default()
    }
}

/// Longest distances from where nothing leads to; the arrows must be free of circles.
fn layers(nodes: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let mut layer = vec![0usize; nodes];
    // a layer is final after at most as many rounds as there are nodes
    for _ in 0..nodes {
        for &(from, to) in arrows {
            let next = layer.get(from).map_or(0, |layer| layer + 1);
            if let Some(layer) = layer.get_mut(to) {
                *layer = next.max(*layer);
            }
        }
    }
    layer
}

/// Stacks each layer's slots, layers centred on one another, and gives their points and the size of the whole.
fn place(nodes: usize, layer: &[usize], before: &[Vec<usize>]) -> (Vec<Point>, Point) {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
    for (slot, layer) in layer.iter().enumerate() {
        members.get_mut(*layer).into_iter().for_each(|list| list.push(slot));
    }
    let height = |slot: usize| if slot < nodes { BOX.1 } else { LANE };
    let total = |slots: &[usize]| slots.iter().map(|slot| height(*slot) + GAP.1).sum::<usize>().saturating_sub(GAP.1);
    let tallest = members.iter().map(|slots| total(slots)).max().unwrap_or(0);
    let mut points: Vec<Point> = vec![(0, 0); layer.len()];
    for (n, slots) in members.iter_mut().enumerate() {
        slots.sort_by_cached_key(|slot| {
            let before = before.get(*slot).map_or(&[][..], Vec::as_slice);
            let heights = before.iter().filter_map(|slot| points.get(*slot)).map(|(_, y)| y);
            heights.sum::<usize>().checked_div(before.len()).unwrap_or(0)
        });
        let mut top = MARGIN + (tallest - total(slots)) / 2;
        for slot in slots {
            if let Some(point) = points.get_mut(*slot) {
                *point = (MARGIN + n * (BOX.0 + GAP.0), top + height(*slot) / 2);
            }
            top += height(*slot) + GAP.1;
        }
    }
    let width = members.len() * (BOX.0 + GAP.0) - GAP.0;
    (points, (width + 2 * MARGIN, tallest + 2 * MARGIN))
}

/// An arrow to the right along these slots, the first and last of them boxes.
fn arrow(svg: &mut String, slots: &[Point], (along, across): (usize, usize), label: &Label) {
    let (mut curve, mut place, mut tip) = (String::new(), None, (0, 0));
    for (n, (from, to)) in slots.iter().zip(slots.iter().skip(1)).enumerate() {
        let start = (from.0 + BOX.0, from.1);
        let is_last = n + 2 == slots.len();
        tip = *to;
        let end = if is_last { to.0 - 7 } else { to.0 };
        let bend = usize::midpoint(start.0, to.0);
        // through a lane in a straight line, from the second gap on
        let lead = if n == 0 { 'M' } else { 'L' };
        let _ = write!(curve, "{lead}{} {}C{bend} {} {bend} {} {end} {}", start.0, start.1, start.1, to.1, to.1);
        place = place.or(Some((start.0 + GAP.0 * along / 100, (start.1 * (100 - across) + to.1 * across) / 100)));
    }
    let head = format!("M{} {}l-9 -5v10z", tip.0, tip.1);
    write_move(svg, &curve, &head, place.unwrap_or_default(), label);
}

/// An arrow to the left or to its own layer: out of the bottom and in at the bottom.
fn back_arrow(svg: &mut String, from: Point, to: Point, label: &Label) {
    let (from, to) = ((from.0 + BOX.0 / 2, from.1 + BOX.1 / 2), (to.0 + BOX.0 / 2 + 24, to.1 + BOX.1 / 2));
    let low = from.1.max(to.1) + BEND;
    let curve = format!("M{} {}C{} {low} {} {low} {} {}", from.0, from.1, from.0, to.0, to.0, to.1 + 7);
    let head = format!("M{} {}l-5 9h10z", to.0, to.1);
    write_move(svg, &curve, &head, (usize::midpoint(from.0, to.0), low - 8), label);
}

fn write_move(svg: &mut String, curve: &str, head: &str, (x, y): Point, label: &Label) {
    let takers = match label.paths.as_slice() {
        [] => String::new(),
        paths => format!(" data-paths=\"{}\"", escape::html(&paths.join(" "))),
    };
    let _ = write!(
        svg,
        "<a class=\"move\" href=\"#{}\"{takers}><title>{}</title><path class=\"wide\" d=\"{curve}\"/>\
         <path class=\"line\" d=\"{curve}\"/><path class=\"head\" d=\"{head}\"/>\
         <circle cx=\"{x}\" cy=\"{y}\" r=\"10\"/><text x=\"{x}\" y=\"{}\">{}</text></a>",
        escape::html(&label.href),
        escape::html(&label.title),
        y + 4,
        escape::html(&label.text)
    );
}

fn node(svg: &mut String, report: &Report<'_>, id: &AssetId, (x, middle): Point, role: &str) {
    let kind = report.kind(id);
    let name = shorten(&escape::plain(report.name(id)));
    let y = middle - BOX.1 / 2;
    let _ = write!(
        svg,
        "<g class=\"node {}{role}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"7\"/>\
         <rect class=\"strip\" x=\"{}\" y=\"{}\" width=\"4\" height=\"{}\" rx=\"2\"/>\
         <text class=\"kind\" x=\"{}\" y=\"{}\">{kind}</text><text class=\"name{}\" x=\"{}\" y=\"{}\">{}</text></g>",
        family(kind),
        escape::html(id.as_str()),
        BOX.0,
        BOX.1,
        x + 8,
        y + 9,
        BOX.1 - 18,
        x + 19,
        y + 18,
        if name.chars().count() > 17 { " long" } else { "" },
        x + 19,
        y + 35,
        escape::html(&name),
    );
}

/// Kinds that look alike.
fn family(kind: AssetKind) -> &'static str {
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
    let half = (NAME - 1) / 2;
    name.chars().take(half).chain(['…']).chain(name.chars().skip(length - half)).collect()
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

    fn layout(nodes: usize, arrows: &[(usize, usize)]) -> Layout {
        Layout::of(nodes, arrows.iter().copied())
    }

    #[test]
    fn layers_are_longest_distances_and_circles_do_no_harm() {
        let layout = layout(4, &[(0, 1), (1, 2), (0, 2), (2, 3), (3, 1), (1, 1)]);
        assert_eq!(layout.layers, 4);
        assert!(layout.slots[..4].is_sorted_by_key(|(x, _)| *x));
        let went_back: Vec<bool> = layout.routes.iter().map(Vec::is_empty).collect();
        assert_eq!(went_back, [false, false, false, false, true, true]);
    }

    #[test]
    fn long_arrows_keep_clear_of_boxes() {
        let layout = layout(3, &[(0, 1), (1, 2), (0, 2)]);
        let (skipped, lane) = (layout.at(1), layout.at(3));
        assert_eq!(layout.routes[2], [0, 3, 2]);
        assert_eq!(skipped.0, lane.0);
        assert!(skipped.1.abs_diff(lane.1) >= (BOX.1 + LANE) / 2);
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shorten("short"), "short");
        let long = shorten("arn:aws:iam::123456789012:role/team/ChatServiceRole");
        assert_eq!(long, "arn:aws:ia…erviceRole");
        assert_eq!(long.chars().count(), NAME);
    }
}
