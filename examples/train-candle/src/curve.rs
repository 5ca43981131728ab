//! The loss of each step and how hard it was, as a table and as a picture.

use std::fmt::Write;

use anyhow::{Context, Result, anyhow, ensure};
use plotters::prelude::*;

/// Annotations that are difficulties begin so.
const DIFFICULTY: &str = "difficulty:";

const LOSS: RGBColor = RGBColor(0, 114, 178);
/// Of the difficulties, in the order of their names.
const DIFFICULTIES: [RGBColor; 3] = [RGBColor(230, 159, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];
const INK: RGBColor = RGBColor(40, 44, 52);
const SIZE: (u32, u32) = (900, 420);
const FONT: &str = "sans-serif";

/// What was trained so far: a row for each step from 0.
#[derive(Debug, Default)]
pub(crate) struct Curve {
    /// Names of the difficulties.
    names: Vec<String>,
    rows: Vec<(f32, Vec<f64>)>,
}

impl Curve {
    /// Adds a step, with what the policy put beside its batch, and gives the line that tells it. Numbers are written so that they can be
    /// read again to the bit.
    pub(crate) fn push(&mut self, loss: f32, annotations: &[(String, f64)]) -> String {
        let named = annotations.iter().filter_map(|(name, value)| Some((name.strip_prefix(DIFFICULTY)?, *value)));
        let (names, difficulties): (Vec<_>, Vec<_>) = named.unzip();
        let mut line = format!("step {} loss {loss}", self.rows.len());
        for (name, difficulty) in names.iter().zip(&difficulties) {
            // Writing to a string does not fail.
            let _ = write!(line, " {name} {difficulty}");
        }
        if self.rows.is_empty() {
            self.names = names.into_iter().map(str::to_owned).collect();
        }
        self.rows.push((loss, difficulties));
        line
    }

    /// The table, a line for each step.
    pub(crate) fn csv(&self) -> String {
        let mut text = ["step", "loss"].into_iter().chain(self.names.iter().map(String::as_str)).collect::<Vec<_>>().join(",");
        for (step, (loss, difficulties)) in self.rows.iter().enumerate() {
            let _ = write!(text, "\n{step},{loss}");
            for difficulty in difficulties {
                let _ = write!(text, ",{difficulty}");
            }
        }
        text + "\n"
    }

    /// Reads what [`csv`](Curve::csv) wrote.
    pub(crate) fn parse(text: &str) -> Result<Curve> {
        let mut lines = text.lines();
        let names = lines.next().and_then(|head| head.strip_prefix("step,loss")).context("a table of losses begins with `step,loss`")?;
        let names = names.split(',').skip(1).map(str::to_owned).collect();
        let row = |(step, line): (usize, &str)| -> Result<(f32, Vec<f64>)> {
            let mut fields = line.split(',');
            ensure!(fields.next() == Some(step.to_string().as_str()), "line {} of the losses is not that of step {step}", step + 2);
            let loss = fields.next().context("a line without a loss")?.parse()?;
            Ok((loss, fields.map(str::parse).collect::<Result<_, _>>()?))
        };
        Ok(Curve { names, rows: lines.enumerate().map(row).collect::<Result<_>>()? })
    }

    /// The picture, as SVG: the loss on the left axis, the difficulties on the right one.
    pub(crate) fn svg(&self) -> Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| anyhow!("cannot draw the picture: {error}"))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let steps = 0.0..self.rows.len().max(1) as f64;
        let most = |values: &mut dyn Iterator<Item = f64>| values.filter(|value| value.is_finite()).fold(1.0, f64::max) * 1.05;
        let most_loss = most(&mut self.rows.iter().map(|(loss, _)| f64::from(*loss)));
        let most_difficulty = most(&mut self.rows.iter().flat_map(|(_, difficulties)| difficulties.iter().copied()));
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(48)
            .right_y_label_area_size(52)
            .build_cartesian_2d(steps.clone(), 0.0..most_loss)?
            .set_secondary_coord(steps, 0.0..most_difficulty);
        let text = (FONT, 13).into_font().color(&INK);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc("step")
            .y_desc("loss (nats a byte)")
            .x_label_formatter(&|step| format!("{step:.0}"))
            .label_style(text.clone())
            .axis_style(INK)
            .draw()?;
        chart.configure_secondary_axes().y_desc("difficulty").y_label_formatter(&|d| format!("{d:.0}")).label_style(text.clone()).draw()?;
        for (i, name) in self.names.iter().enumerate() {
            let colour = DIFFICULTIES[i % DIFFICULTIES.len()];
            let points = self.rows.iter().enumerate().filter_map(|(step, (_, difficulties))| Some((step as f64, *difficulties.get(i)?)));
            chart.draw_secondary_series(LineSeries::new(points, colour.stroke_width(2)))?.label(name).legend(key(colour));
        }
        let points = self.rows.iter().enumerate().map(|(step, (loss, _))| (step as f64, f64::from(*loss)));
        chart.draw_series(LineSeries::new(points, LOSS.stroke_width(1)))?.label("loss").legend(key(LOSS));
        chart.configure_series_labels().border_style(INK.mix(0.3)).background_style(WHITE.mix(0.8)).label_font(text).draw()?;
        root.present()?;
        Ok(())
    }
}

/// What stands for a line in the legend.
fn key(colour: RGBColor) -> impl Fn((i32, i32)) -> PathElement<(i32, i32)> {
    move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_written_and_nothing_else_is() {
        let mut curve = Curve::default();
        let annotations = |length| [("difficulty:length".to_owned(), length), ("samples".to_owned(), 16.0)];
        assert_eq!(curve.push(5.545_177_5, &annotations(32.0)), "step 0 loss 5.5451775 length 32");
        assert_eq!(curve.push(f32::from_bits(0x4012_3457), &annotations(64.5)), "step 1 loss 2.2844446 length 64.5");
        let text = curve.csv();
        assert_eq!(text, "step,loss,length\n0,5.5451775,32\n1,2.2844446,64.5\n");
        let read = Curve::parse(&text).unwrap();
        assert_eq!(read.csv(), text);
        assert_eq!(read.rows[1].0.to_bits(), 0x4012_3457);
        for broken in ["", "loss\n1\n", "step,loss\n1,2\n", "step,loss\n0\n", "step,loss\n0,x\n", "step,loss,length\n0,1,y\n"] {
            assert!(Curve::parse(broken).is_err(), "{broken:?}");
        }
        assert!(read.svg().unwrap().ends_with("</svg>\n"));
    }
}
