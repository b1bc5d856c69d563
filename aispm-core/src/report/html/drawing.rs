//! Attack paths as SVG: assets in layers from top to bottom, moves as arrows. [`NODES`] and [`ARROWS`] bound the work.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::layout::{BEND, BOX, Layout, Point};
use crate::asset::{AssetId, AssetKind};
use crate::path::{AttackPath, Step};
use crate::report::{Report, chain, escape, sources};

/// The most assets in one drawing; what would have more is not drawn.
pub(super) const NODES: usize = 48;
/// The most assets in a map of several paths: more than an eye can follow.
const MAP: usize = 28;
/// The most arrows in one drawing.
const ARROWS: usize = 4 * NODES;
/// Code points of a name that fit into a box.
const NAME: usize = 24;

/// What a click on an arrow leads to, and what the arrow says.
pub(super) struct Label {
    /// An id on the page.
    pub(super) href: String,
    /// On the arrow: a number.
    pub(super) text: String,
    /// Beside the number.
    pub(super) note: String,
    /// When pointed at.
    pub(super) title: String,
    /// Whether the move needs what is not known to hold.
    pub(super) maybe: bool,
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
                    note: step.technique.clone(),
                    title: explain(step),
                    maybe: !step.conditions.is_empty(),
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
            let fresh = chain(path).into_iter().filter(|id| !drawing.index.contains_key(id)).count();
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
            let (text, title, maybe) = (paths.len().to_string(), explain(step), !step.conditions.is_empty());
            let label = Label { href, text, note: String::new(), title, maybe, paths };
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
        let ends: Vec<(usize, usize)> = self.arrows.iter().map(|(from, to, _)| (*from, *to)).collect();
        let layout = Layout::of(self.nodes.len(), &ends);
        let (width, height) = layout.size;
        let mut svg = String::new();
        // writing to a String cannot fail
        let _ = write!(
            svg,
            "<svg class=\"drawing\" role=\"group\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\" \
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

    /// How far across and down its first gap an arrow carries its label, in percent: where arrows that share an end
    /// have parted.
    fn label_place(&self, from: usize, to: usize) -> Point {
        let shared =
            |same: &dyn Fn(usize, usize) -> bool| self.arrows.iter().filter(|(f, t, _)| same(*f, *t)).count() > 1;
        // points of the curve at 7, 3 and 5 tenths
        match (shared(&|f, _| f == from), shared(&|_, t| t == to)) {
            (true, _) => (78, 66),
            (false, true) => (22, 34),
            (false, false) => (50, 46),
        }
    }
}

/// An arrow downwards along these slots, the first and last of them boxes.
fn arrow(svg: &mut String, slots: &[Point], (across, down): Point, label: &Label) {
    let (mut curve, mut place, mut tip) = (String::new(), None, (0, 0));
    for (n, (from, to)) in slots.iter().zip(slots.iter().skip(1)).enumerate() {
        let (top, bottom) = (from.1 + BOX.1 / 2, to.1 - BOX.1 / 2);
        tip = (to.0, bottom);
        let end = if n + 2 == slots.len() { bottom - 7 } else { bottom };
        let bend = i32::midpoint(top, bottom);
        // through a lane in a straight line, from the second gap on
        let lead = if n == 0 { 'M' } else { 'L' };
        let _ = write!(curve, "{lead}{} {top}C{} {bend} {} {bend} {} {end}", from.0, from.0, to.0, to.0);
        place = place.or(Some((from.0 + (to.0 - from.0) * across / 100, top + (bottom - top) * down / 100)));
    }
    let head = format!("M{} {}l-5 -9h10z", tip.0, tip.1);
    write_move(svg, &curve, &head, place.unwrap_or_default(), label);
}

/// An arrow upwards or to its own layer: out at the right and in at the right.
fn back_arrow(svg: &mut String, from: Point, to: Point, label: &Label) {
    let (from, to) = ((from.0 + BOX.0 / 2, from.1 + 11), (to.0 + BOX.0 / 2, to.1 - 11));
    let far = from.0.max(to.0) + BEND;
    let middle = (from.0 + 6 * far + to.0) / 8;
    let curve = format!("M{} {}C{far} {} {far} {} {} {}", from.0, from.1, from.1, to.1, to.0 + 7, to.1);
    let head = format!("M{} {}l9 -5v10z", to.0, to.1);
    write_move(svg, &curve, &head, (middle, i32::midpoint(from.1, to.1)), label);
}

fn write_move(svg: &mut String, curve: &str, head: &str, (x, y): Point, label: &Label) {
    let takers = match label.paths.as_slice() {
        [] => String::new(),
        paths => format!(" data-paths=\"{}\"", escape::html(&paths.join(" "))),
    };
    let maybe = if label.maybe { " maybe" } else { "" };
    let (href, title, text) = (escape::html(&label.href), escape::html(&label.title), escape::html(&label.text));
    let note = escape::html(&shorten(&escape::plain(&label.note)));
    // the name that is spoken begins with what is seen
    let _ = write!(
        svg,
        "<a class=\"move{maybe}\" href=\"#{href}\"{takers} aria-label=\"{text} {note} {title}\"><title>{title}</title>\
         <path class=\"wide\" d=\"{curve}\"/><path class=\"line\" d=\"{curve}\"/><path class=\"head\" d=\"{head}\"/>\
         <circle cx=\"{x}\" cy=\"{y}\" r=\"10\"/><text x=\"{x}\" y=\"{0}\">{text} </text>\
         <text class=\"note\" x=\"{1}\" y=\"{0}\">{note}</text>",
        y + 4,
        x + 15
    );
    svg.push_str("</a>");
}

fn node(svg: &mut String, report: &Report<'_>, id: &AssetId, (middle, centre): Point, role: &str) {
    let kind = report.kind(id);
    let name = shorten(&escape::plain(report.name(id)));
    let (x, y) = (middle - BOX.0 / 2, centre - BOX.1 / 2);
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
        x + 20,
        y + 18,
        if name.chars().count() > 20 { " long" } else { "" },
        x + 20,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shorten("short"), "short");
        let long = shorten("arn:aws:iam::123456789012:role/team/ChatServiceRole");
        assert_eq!(long, "arn:aws:iam…ServiceRole");
        assert!(long.chars().count() <= NAME);
    }
}
