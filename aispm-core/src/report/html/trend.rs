//! Risk over time as a line.

use std::io;

use super::{Out, Safe};
use crate::report::Report;

/// Snapshots in the line at most, the newest.
const POINTS: usize = 200;
/// Width and height, in its own units; risk goes from 0 to 100.
const SIZE: (usize, usize) = (300, 100);

pub(super) fn card(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let skipped = report.trend.len().saturating_sub(POINTS);
    let points = report.trend.get(skipped..).unwrap_or_default();
    let ([first, .., last], [_, gaps @ ..]) = (points, points) else { return Ok(()) };
    let told = format!("{:.0} on {}, {:.0} on {}", first.1, day(first.0), last.1, day(last.0));
    write!(out, "<div class=\"card\"><h2>Risk over time</h2><svg class=\"trend\" role=\"img\" ")?;
    write!(out, "aria-label=\"Risk over time: {}\" preserveAspectRatio=\"none\" ", Safe(&told))?;
    let (width, height) = SIZE;
    write!(
        out,
        "viewBox=\"0 0 {width} {height}\"><line x2=\"{width}\" y1=\"{height}\" y2=\"{height}\"/><polyline points=\""
    )?;
    for (n, (_, risk)) in points.iter().enumerate() {
        let x = n * width / gaps.len().max(1);
        write!(out, "{x},{:.1} ", 100.0 - risk.clamp(0.0, 100.0))?;
    }
    writeln!(out, "\"/></svg><p class=\"soft\">{}</p></div>", Safe(&told))
}

/// The day of a time.
fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}
