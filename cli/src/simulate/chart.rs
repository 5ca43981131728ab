//! The picture of a simulation: shares of the streams over the steps, and the annotations below.

use anyhow::Result;
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::history::History;

/// Streams with a colour of their own; the rest is drawn as one.
const NAMED: usize = 10;

/// Colours that stay apart for people who see few (after Okabe and Ito, *Color Universal Design*, 2008), then lighter ones.
const COLOURS: [RGBColor; NAMED] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(240, 228, 66),
    RGBColor(120, 120, 200),
    RGBColor(150, 190, 110),
    RGBColor(190, 140, 110),
];
const OTHERS: RGBColor = RGBColor(200, 200, 200);
const INK: RGBColor = RGBColor(40, 44, 52);

const WIDTH: u32 = 1000;
const LEGEND: i32 = 250;
const FONT: &str = "sans-serif";

/// Draws a simulation as SVG.
pub(crate) fn draw(title: &str, history: &History) -> Result<String> {
    let panels: Vec<&str> = history.annotations.keys().map(String::as_str).collect();
    let lines = panels.len().min(4);
    let height = 60 + 360 + 150 * lines as u32 + 20;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE).map_err(broken)?;
        root.draw(&Text::new(title.to_owned(), (60, 18), (FONT, 20).into_font().color(&INK))).map_err(broken)?;
        let (_, below_title) = root.split_vertically(50);
        let (shares, mut rest) = below_title.split_vertically(370);
        draw_shares(&shares, history)?;
        for name in panels.iter().take(lines) {
            let (panel, below) = rest.split_vertically(150);
            draw_annotation(&panel, history, name)?;
            rest = below;
        }
        root.present().map_err(broken)?;
    }
    Ok(svg)
}

fn broken(error: impl std::error::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot draw the picture: {error}")
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn step_of(history: &History, span: usize) -> f64 {
    // The middle of the span.
    history.first as f64 + (span as f64 + 0.5) * history.span as f64
}

fn steps(history: &History) -> std::ops::Range<f64> {
    let first = history.first as f64;
    first..first + history.steps.max(1) as f64
}

fn draw_shares(area: &Area<'_>, history: &History) -> Result<()> {
    let streams = history.by_size();
    let n_spans = streams.iter().map(|(_, d)| d.spans.len()).max().unwrap_or(0);
    // Rows of the stack: named streams, then the rest.
    let mut rows: Vec<(String, RGBColor, Vec<u64>)> = Vec::new();
    for (i, (name, drawn)) in streams.iter().enumerate() {
        let (name, colour) = match COLOURS.get(i) {
            Some(colour) => ((*name).to_owned(), *colour),
            None => (format!("{} other streams", streams.len() - NAMED), OTHERS),
        };
        if i > NAMED {
            if let Some((_, _, sums)) = rows.last_mut() {
                add(sums, &drawn.spans);
            }
        } else {
            let mut sums = vec![0; n_spans];
            add(&mut sums, &drawn.spans);
            rows.push((name, colour, sums));
        }
    }
    let totals: Vec<u64> = (0..n_spans).map(|s| rows.iter().map(|(_, _, sums)| sums[s]).sum()).collect();

    let (plot, legend) = area.split_horizontally(WIDTH as i32 - LEGEND);
    let mut chart = ChartBuilder::on(&plot)
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(steps(history), 0.0..1.0)
        .map_err(broken)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("step")
        .y_desc("share of the batch")
        .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
        .x_label_formatter(&|step| format!("{step:.0}"))
        .label_style((FONT, 12).into_font().color(&INK))
        .axis_style(INK)
        .draw()
        .map_err(broken)?;
    let mut floor = vec![0u64; n_spans];
    for (_, colour, sums) in &rows {
        let ceiling: Vec<u64> = floor.iter().zip(sums).map(|(a, b)| a + b).collect();
        let share = |span: usize, n: u64| n as f64 / totals[span].max(1) as f64;
        let edge = |line: &[u64]| -> Vec<(f64, f64)> {
            // Reaches both ends, so that the stack fills the frame.
            let inner = line.iter().enumerate().map(|(s, &n)| (step_of(history, s), share(s, n)));
            let first = line.first().map(|&n| (steps(history).start, share(0, n)));
            let last = line.last().map(|&n| (steps(history).end, share(n_spans - 1, n)));
            first.into_iter().chain(inner).chain(last).map(|(x, y)| (x.min(steps(history).end), y)).collect()
        };
        let mut outline = edge(&ceiling);
        outline.extend(edge(&floor).into_iter().rev());
        chart.draw_series([Polygon::new(outline, colour.filled())]).map_err(broken)?;
        floor = ceiling;
    }
    for (i, (name, colour, _)) in rows.iter().enumerate() {
        let y = 14 + i as i32 * 24;
        legend.draw(&Rectangle::new([(8, y), (22, y + 14)], colour.filled())).map_err(broken)?;
        legend.draw(&Text::new(shortened(name, 34), (30, y), (FONT, 13).into_font().color(&INK))).map_err(broken)?;
    }
    Ok(())
}

fn draw_annotation(area: &Area<'_>, history: &History, name: &str) -> Result<()> {
    let Some(values) = history.annotations.get(name) else { return Ok(()) };
    let points: Vec<(f64, f64)> = values.iter().enumerate().filter_map(|(s, v)| Some((step_of(history, s), (*v)?))).collect();
    let (low, high) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), (_, v)| (lo.min(*v), hi.max(*v)));
    let room = if high > low { (high - low) * 0.08 } else { high.abs().max(1.0) * 0.1 };
    let (plot, legend) = area.split_horizontally(WIDTH as i32 - LEGEND);
    let mut chart = ChartBuilder::on(&plot)
        .margin(8)
        .x_label_area_size(22)
        .y_label_area_size(52)
        .build_cartesian_2d(steps(history), low - room..high + room)
        .map_err(broken)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(6)
        .y_labels(4)
        .x_label_formatter(&|step| format!("{step:.0}"))
        .label_style((FONT, 12).into_font().color(&INK))
        .axis_style(INK)
        .draw()
        .map_err(broken)?;
    let end = steps(history).end;
    let line = points.iter().map(|(x, y)| (x.min(end), *y));
    chart.draw_series(LineSeries::new(line, COLOURS[0].stroke_width(2))).map_err(broken)?;
    let style = (FONT, 13).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Top));
    legend.draw(&Text::new(shortened(name, 36), (8, 12), style)).map_err(broken)?;
    Ok(())
}

fn add(sums: &mut [u64], spans: &[u64]) {
    for (sum, n) in sums.iter_mut().zip(spans) {
        *sum += n;
    }
}

/// A name that fits the legend: the middle goes, since streams differ in their ends.
fn shortened(name: &str, longest: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= longest {
        return name.to_owned();
    }
    let half = (longest - 1) / 2;
    let (head, tail) = (&letters[..half], &letters[letters.len() - half..]);
    head.iter().chain(['…'].iter()).chain(tail).collect()
}
