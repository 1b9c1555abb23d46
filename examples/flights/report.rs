//! Shows the figures of the year: tables on the terminal and a bar chart as an SVG file.

use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use plotters::coord::Shift;
use plotters::coord::ranged1d::SegmentValue;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::actors::RunwayFigures;
use super::data::Year;
use super::direct::{Figures, Tally, Usage, carriers_by_delay, top};

const TOP_AIRPORTS: usize = 10;
const TOP_AIRCRAFT: usize = 5;
const TOP_RUNWAYS: usize = 5;

const CHART_TITLE: &str = "Mean arrival delay of flights from New York, 2013";
const CHART_SIZE: (u32, u32) = (960, 640);
const LATE: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const EARLY: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);

/// How the run went, apart from its figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunStats {
    pub actors: usize,
    pub threads: usize,
    pub ticks: u64,
    pub messages: u64,
    pub elapsed: Duration,
}

impl RunStats {
    #[allow(clippy::cast_precision_loss, reason = "a rate for the reader's eye")]
    pub(crate) fn messages_per_second(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

/// The chart could not be drawn or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw {}: {reason}", path.display())]
pub(crate) struct ChartError {
    path: PathBuf,
    reason: String,
}

/// Writes every table of the report.
pub(crate) fn print(out: &mut impl Write, year: &Year, figures: &Figures, runways: &[RunwayFigures], run: &RunStats) -> io::Result<()> {
    let by_flights = |usage: &Usage| u64::from(usage.flown);
    let by_air_time = |usage: &Usage| usage.air_minutes;
    let tables = [
        ("The year", totals(figures)),
        ("Mean arrival delay by airline", airlines(year, figures)),
        ("Busiest hour, by actual departure", busiest_hours(year, figures)),
        ("Most arrivals", arrivals(year, figures)),
        ("Longest runway queues", runway_queues(year, runways)),
        ("Aircraft with the most flights", aircraft(year, figures, by_flights)),
        ("Aircraft longest in the air", aircraft(year, figures, by_air_time)),
        ("The run", run_table(run)),
    ];
    for (title, table) in tables {
        writeln!(out, "{title}\n{table}\n")?;
    }
    Ok(())
}

/// A table with text on the left and, from column `numbers` on, numbers on the right.
fn table<const N: usize>(header: [&str; N], numbers: usize, rows: Vec<[String; N]>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header).add_rows(rows);
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn totals(figures: &Figures) -> Table {
    let mean = figures.arrival_delay.mean().map_or_else(|| "-".to_owned(), |m| format!("{m:.3}"));
    let row = [grouped(figures.flights), grouped(figures.cancelled), grouped(figures.arrival_delay.count), mean];
    table(["flights", "cancelled", "with an arrival delay", "mean delay, min"], 0, vec![row])
}

fn airlines(year: &Year, figures: &Figures) -> Table {
    let rows = carriers_by_delay(year, figures)
        .into_iter()
        .map(|(airline, tally, mean)| [airline.code.clone(), airline.name.clone(), grouped(tally.count), format!("{mean:.2}")]);
    table(["", "airline", "arrivals timed", "mean delay, min"], 2, rows.collect())
}

fn busiest_hours(year: &Year, figures: &Figures) -> Table {
    let airports = year.airports.iter().zip(&figures.airports);
    let rows = airports.filter_map(|(airport, counted)| {
        let (hour, departures) = counted.busiest_hour()?;
        let hour = format!("{hour:02}:00-{hour:02}:59");
        Some([airport.code.clone(), airport.name.clone(), hour, grouped(departures.into())])
    });
    table(["", "airport", "hour", "departures"], 2, rows.collect())
}

fn arrivals(year: &Year, figures: &Figures) -> Table {
    let busiest = top(&figures.airports, TOP_AIRPORTS, |airport| airport.arrivals);
    let rows = busiest.into_iter().map(|index| {
        let airport = &year.airports[index];
        let arrivals = grouped(figures.airports[index].arrivals.into());
        [airport.code.clone(), airport.name.clone(), arrivals]
    });
    table(["", "airport", "arrivals"], 2, rows.collect())
}

fn runway_queues(year: &Year, runways: &[RunwayFigures]) -> Table {
    let longest = top(runways, TOP_RUNWAYS, |runway| runway.longest_queue);
    let rows = longest.into_iter().map(|index| {
        let (airport, runway) = (&year.airports[index], &runways[index]);
        let mean = Tally { count: runway.waited.into(), sum: runway.waited_minutes.cast_signed() }.mean();
        [
            airport.code.clone(),
            airport.name.clone(),
            grouped(runway.cleared()),
            grouped(runway.waited.into()),
            mean.map_or_else(|| "-".to_owned(), |m| format!("{m:.2}")),
            grouped(runway.longest_queue.into()),
        ]
    });
    table(["", "airport", "cleared", "of them waited", "mean wait, min", "longest queue"], 2, rows.collect())
}

fn aircraft(year: &Year, figures: &Figures, key: impl Fn(&Usage) -> u64) -> Table {
    let rows = top(&figures.aircraft, TOP_AIRCRAFT, key).into_iter().map(|index| {
        let usage = &figures.aircraft[index];
        [
            year.aircraft[index].clone(),
            grouped(usage.planned.into()),
            grouped(usage.flown.into()),
            grouped(usage.air_minutes),
            grouped(usage.miles),
        ]
    });
    table(["aircraft", "planned", "flown", "minutes in the air", "miles"], 1, rows.collect())
}

fn run_table(run: &RunStats) -> Table {
    let row = [
        grouped(run.actors as u64),
        run.threads.to_string(),
        grouped(run.ticks),
        grouped(run.messages),
        format!("{:.2}", run.elapsed.as_secs_f64()),
        format!("{:.2} million", run.messages_per_second() / 1e6),
    ];
    table(["actors", "threads", "ticks", "messages", "seconds", "messages a second"], 0, vec![row])
}

/// 336776 -> 336,776.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Draws the mean arrival delay by airline as an SVG file.
pub(crate) fn draw_chart(year: &Year, figures: &Figures, path: &Path) -> Result<(), ChartError> {
    let bars: Vec<Bar> = carriers_by_delay(year, figures)
        .into_iter()
        .map(|(airline, _, mean)| Bar { label: format!("{} ({})", airline.name, airline.code), mean })
        .collect();
    let area = SVGBackend::new(path, CHART_SIZE).into_drawing_area();
    // The library's error type names the backend's; its text is all the reader needs.
    let failed = |error: DrawingError| ChartError { path: path.into(), reason: error.to_string() };
    draw(&area, &bars).map_err(failed)?;
    area.present().map_err(failed)
}

type DrawingError = DrawingAreaErrorKind<io::Error>;

struct Bar {
    label: String,
    mean: f64,
}

/// The latest airline on top, a bar to the right of zero for late and to the left for early.
fn draw(area: &DrawingArea<SVGBackend<'_>, Shift>, bars: &[Bar]) -> Result<(), DrawingError> {
    area.fill(&WHITE)?;
    // The library counts the end of the range as one more row.
    let rows = 0..bars.len().saturating_sub(1);
    let mut chart = ChartBuilder::on(area)
        .caption(CHART_TITLE, ("sans-serif", 26, &INK))
        .margin(16)
        .margin_right(32)
        .x_label_area_size(56)
        .y_label_area_size(240)
        .build_cartesian_2d(delay_axis(bars), rows.into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(0xdd, 0xdd, 0xdd))
        .x_desc("mean arrival delay, minutes (below zero: early)")
        .x_label_formatter(&|minutes| format!("{minutes:.0}"))
        .y_labels(bars.len())
        .y_label_formatter(&|segment| bar_at(bars, segment).map_or_else(String::new, |b| b.label.clone()))
        .label_style(("sans-serif", 16, &INK))
        .axis_desc_style(("sans-serif", 18, &INK))
        .draw()?;
    let reversed = || bars.iter().rev().enumerate();
    chart.draw_series(reversed().map(|(row, bar)| rectangle(row, bar)))?;
    chart.draw_series(reversed().map(|(row, bar)| value(row, bar)))?;
    Ok(())
}

/// From bar to bar in steps of five minutes, with room for the numbers at the ends.
fn delay_axis(bars: &[Bar]) -> Range<f64> {
    let means = || bars.iter().map(|bar| bar.mean);
    let low = means().fold(0.0, f64::min);
    let high = means().fold(0.0, f64::max);
    ((low - 2.0) / 5.0).floor() * 5.0..((high + 2.0) / 5.0).ceil() * 5.0
}

/// The vertical axis grows upwards, the list of bars downwards.
fn bar_at<'a>(bars: &'a [Bar], segment: &SegmentValue<usize>) -> Option<&'a Bar> {
    match segment {
        SegmentValue::CenterOf(row) => bars.iter().rev().nth(*row),
        _ => None,
    }
}

type Point = (f64, SegmentValue<usize>);

fn rectangle(row: usize, bar: &Bar) -> Rectangle<Point> {
    let corners = [(0.0, SegmentValue::Exact(row)), (bar.mean, SegmentValue::Exact(row + 1))];
    let colour = if bar.mean > 0.0 { LATE } else { EARLY };
    let mut rectangle = Rectangle::new(corners, colour.filled());
    rectangle.set_margin(4, 4, 0, 0);
    rectangle
}

/// The number beside the end of a bar.
fn value(row: usize, bar: &Bar) -> Text<'static, Point, String> {
    let (side, gap) = if bar.mean > 0.0 { (HPos::Left, 0.3) } else { (HPos::Right, -0.3) };
    let style = ("sans-serif", 15, &INK).into_text_style(&CHART_SIZE).pos(Pos::new(side, VPos::Center));
    Text::new(format!("{:.1}", bar.mean), (bar.mean + gap, SegmentValue::CenterOf(row)), style)
}

#[cfg(test)]
mod tests {
    use super::super::data::tests::YEAR;
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let texts = [0, 999, 1_000, 336_776, 49_326_610].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "336,776", "49,326,610"]);
    }

    #[test]
    fn tables_name_the_extremes() {
        let figures = Figures::direct(&YEAR);
        let airlines = airlines(&YEAR, &figures).to_string();
        assert!(airlines.contains("Frontier") && airlines.contains("21.92"), "{airlines}");
        assert_eq!(busiest_hours(&YEAR, &figures).row_count(), 3);
        assert_eq!(arrivals(&YEAR, &figures).row_count(), TOP_AIRPORTS);
    }

    #[test]
    fn chart_names_every_airline() {
        let path = std::env::temp_dir().join(format!("flights-{}.svg", std::process::id()));
        draw_chart(&YEAR, &Figures::direct(&YEAR), &path).expect("invariant: temp dir is writable");
        let svg = std::fs::read_to_string(&path).expect("invariant: just written");
        std::fs::remove_file(&path).expect("invariant: just written");
        for airline in &YEAR.carriers {
            assert!(svg.contains(&airline.name), "{} is not in the chart", airline.name);
        }
    }

    #[test]
    fn unwritable_chart_is_an_error() {
        let path = Path::new("/nowhere/chart.svg");
        let error = draw_chart(&YEAR, &Figures::empty(&YEAR), path).unwrap_err();
        assert!(error.to_string().contains("/nowhere/chart.svg"));
    }
}
