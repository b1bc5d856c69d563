//! Where the boxes of a drawing stand: layers from top to bottom, for any graph.
//!
//! Layers are longest distances from the sources; arrows that would close a circle do not count for them. An arrow over
//! several layers holds a lane in each, so that it passes between boxes. Going down and up a few times, each layer is
//! ordered by the mean place of what its boxes hang on, and placed as near to it as their widths allow (the layered
//! method of Sugiyama, Tagawa and Toda, 1981, with order and place found in one).
//!
//! O(arrows² + sweeps · (boxes + lanes) · log): the caller bounds boxes and arrows.

/// A box.
pub(super) const BOX: Point = (190, 46);
/// Between boxes.
const GAP: Point = (26, 54);
/// The width of a lane.
const LANE: i32 = 10;
/// Round the whole.
const MARGIN: i32 = 12;
/// Beside the boxes, for arrows that go back.
pub(super) const BEND: i32 = 56;
/// Beside an arrow that goes back, for what it says.
const NOTE: i32 = 72;
/// How often the layers are gone through, downwards and upwards by turns.
const SWEEPS: usize = 7;

pub(super) type Point = (i32, i32);

/// Where boxes and lanes stand.
pub(super) struct Layout {
    /// The middle of each slot: boxes first, then lanes.
    slots: Vec<Point>,
    /// For each arrow the slots it passes, its ends among them; none if it goes back.
    pub(super) routes: Vec<Vec<usize>>,
    pub(super) size: Point,
}

impl Layout {
    pub(super) fn of(nodes: usize, arrows: &[(usize, usize)]) -> Self {
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
        let mut routes = Vec::with_capacity(arrows.len());
        for (&(from, to), is_forward) in arrows.iter().zip(&is_forward) {
            let mut route = Vec::new();
            if *is_forward {
                let ends = (layer.get(from).copied().unwrap_or(0), layer.get(to).copied().unwrap_or(0));
                route.push(from);
                for between in ends.0 + 1..ends.1 {
                    route.push(layer.len());
                    layer.push(between);
                }
                route.push(to);
            }
            routes.push(route);
        }
        let bend = if routes.iter().any(Vec::is_empty) { BEND + NOTE } else { 0 };
        let (slots, (width, height)) = place(nodes, &layer, &routes);
        Self { slots, routes, size: (width + bend, height) }
    }

    pub(super) fn at(&self, slot: usize) -> Point {
        self.slots.get(slot).copied().unwrap_or_default()
    }
}

/// Longest distances from where nothing leads to; what nothing leads to stands right above what it leads to. The arrows
/// must be free of circles.
fn layers(nodes: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let mut layer = vec![0usize; nodes];
    let mut is_start = vec![true; nodes];
    // a layer is final after at most as many rounds as there are boxes
    for _ in 0..nodes {
        for &(from, to) in arrows {
            let next = layer.get(from).map_or(0, |layer| layer + 1);
            if let (Some(layer), Some(is_start)) = (layer.get_mut(to), is_start.get_mut(to)) {
                (*layer, *is_start) = (next.max(*layer), false);
            }
        }
    }
    for (start, _) in is_start.iter().enumerate().filter(|(_, is_start)| **is_start) {
        let below =
            arrows.iter().filter(|(from, _)| *from == start).filter_map(|(_, to)| layer.get(*to)).min().copied();
        if let (Some(below), Some(layer)) = (below, layer.get_mut(start)) {
            *layer = below.saturating_sub(1);
        }
    }
    layer
}

/// The middles of all slots, and the size of the whole.
fn place(nodes: usize, layer: &[usize], routes: &[Vec<usize>]) -> (Vec<Point>, Point) {
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); layer.len()];
    let mut below = above.clone();
    for (upper, lower) in routes.iter().flat_map(|route| route.iter().zip(route.iter().skip(1))) {
        above.get_mut(*lower).into_iter().for_each(|list| list.push(*upper));
        below.get_mut(*upper).into_iter().for_each(|list| list.push(*lower));
    }
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
    for (slot, layer) in layer.iter().enumerate() {
        rows.get_mut(*layer).into_iter().for_each(|row| row.push(slot));
    }
    let half = |slot: usize| if slot < nodes { BOX.0 / 2 } else { LANE / 2 };
    let mut across = vec![0; layer.len()];
    for row in &rows {
        spread(row, &vec![0; row.len()], half, &mut across);
    }
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let near = if down { &above } else { &below };
        let settle = |row: &mut Vec<usize>| {
            let wish = |slot: usize| mean(near.get(slot), &across).or(across.get(slot).copied()).unwrap_or_default();
            row.sort_by_key(|slot| wish(*slot));
            let wishes: Vec<i32> = row.iter().map(|slot| wish(*slot)).collect();
            spread(row, &wishes, half, &mut across);
        };
        if down { rows.iter_mut().for_each(settle) } else { rows.iter_mut().rev().for_each(settle) }
    }
    let left = (0..layer.len()).map(|slot| across.get(slot).map_or(0, |x| x - half(slot))).min().unwrap_or(0);
    let right = (0..layer.len()).map(|slot| across.get(slot).map_or(0, |x| x + half(slot))).max().unwrap_or(0);
    let down = |layer: usize| MARGIN + BOX.1 / 2 + i32::try_from(layer).unwrap_or(0) * (BOX.1 + GAP.1);
    let slots = across.iter().zip(layer).map(|(x, layer)| (x - left + MARGIN, down(*layer))).collect();
    (slots, (right - left + 2 * MARGIN, down(rows.len()) - GAP.1 - BOX.1 / 2 + MARGIN))
}

fn mean(of: Option<&Vec<usize>>, across: &[i32]) -> Option<i32> {
    let places = of?.iter().filter_map(|slot| across.get(*slot));
    let (sum, n) = places.fold((0, 0), |(sum, n), x| (sum + x, n + 1));
    i32::checked_div(sum, n)
}

/// Stands a row's slots in their order, as near to their wishes as their widths allow: half way between pushing to the
/// right and pushing to the left.
fn spread(row: &[usize], wishes: &[i32], half: impl Fn(usize) -> i32, across: &mut [i32]) {
    let push = |slots: &mut dyn Iterator<Item = (&usize, &i32)>, sign: i32| -> Vec<i32> {
        let mut edge = None;
        slots
            .map(|(slot, wish)| {
                let wish = sign * wish;
                let place = edge.map_or(wish, |edge: i32| wish.max(edge + GAP.0 + half(*slot)));
                edge = Some(place + half(*slot));
                sign * place
            })
            .collect()
    };
    let rightwards = push(&mut row.iter().zip(wishes), 1);
    let leftwards = push(&mut row.iter().zip(wishes).rev(), -1);
    for ((slot, right), left) in row.iter().zip(rightwards).zip(leftwards.into_iter().rev()) {
        across.get_mut(*slot).into_iter().for_each(|x| *x = i32::midpoint(right, left));
    }
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

    #[test]
    fn layers_are_longest_distances_and_circles_do_no_harm() {
        let layout = Layout::of(4, &[(0, 1), (1, 2), (0, 2), (2, 3), (3, 1), (1, 1)]);
        assert!(layout.slots[..4].is_sorted_by_key(|(_, y)| *y));
        let went_back: Vec<bool> = layout.routes.iter().map(Vec::is_empty).collect();
        assert_eq!(went_back, [false, false, false, false, true, true]);
    }

    #[test]
    fn long_arrows_keep_clear_of_boxes() {
        let layout = Layout::of(3, &[(0, 1), (1, 2), (0, 2)]);
        let (skipped, lane) = (layout.at(1), layout.at(3));
        assert_eq!(layout.routes[2], [0, 3, 2]);
        assert_eq!(skipped.1, lane.1);
        assert!(skipped.0.abs_diff(lane.0) >= (BOX.0 + LANE).unsigned_abs() / 2);
    }

    #[test]
    fn a_second_source_stands_above_what_it_joins() {
        let layout = Layout::of(4, &[(0, 1), (1, 2), (3, 2)]);
        assert_eq!(layout.at(3).1, layout.at(1).1);
    }

    #[test]
    fn boxes_of_a_row_never_overlap_and_all_stand_inside() {
        let arrows: Vec<(usize, usize)> = (0..40).map(|n| (n % 7, 7 + n % 11)).chain([(17, 2), (8, 9)]).collect();
        let layout = Layout::of(18, &arrows);
        for (n, a) in layout.slots[..18].iter().enumerate() {
            assert!(a.0 >= BOX.0 / 2 && a.0 <= layout.size.0 - BOX.0 / 2 && a.1 <= layout.size.1 - BOX.1 / 2);
            for b in &layout.slots[..n] {
                assert!(a.1 != b.1 || a.0.abs_diff(b.0) >= BOX.0.unsigned_abs(), "{a:?} {b:?}");
            }
        }
    }
}
