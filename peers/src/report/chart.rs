//! The bar chart: messages a second on a logarithmic scale.

use std::error::Error;
use std::path::{Path, PathBuf};

use plotters::prelude::*;

use super::Entry;
use crate::bench::Bench;
use crate::harness::name;

/// Pixels.
const WIDTH: u32 = 1400;
const HEIGHT: u32 = 640;

/// Share of a bench's width that its bars fill.
const FILL: f64 = 0.84;

/// Draws next to the build; says where, or what went wrong.
pub fn draw(entries: &[Entry]) -> bool {
    let rated: Vec<&Entry> = entries.iter().filter(|entry| entry.messages > 0).collect();
    if rated.is_empty() {
        return true;
    }
    let drawn = path().and_then(|path| draw_to(&path, &rated).map(|()| path));
    match &drawn {
        Ok(path) => println!("chart: {}", path.display()),
        Err(error) => eprintln!("error: no chart: {error}"),
    }
    drawn.is_ok()
}

/// `target/peers.svg`, found from this program in `target/<profile>`.
fn path() -> Result<PathBuf, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or("no target folder")?;
    Ok(target.join("peers.svg"))
}

fn draw_to(path: &Path, entries: &[&Entry]) -> Result<(), Box<dyn Error>> {
    let benches = distinct(entries.iter().map(|entry| entry.bench));
    let peers = distinct(entries.iter().map(|entry| entry.peer));
    let rates = entries.iter().filter_map(|entry| entry.messages_per_s);
    let (low, high) = rates.fold((f64::MAX, f64::MIN), |(low, high), rate| (low.min(rate), high.max(rate)));
    let floor = 10_f64.powf(low.log10().floor());

    let area = SVGBackend::new(path, (WIDTH, HEIGHT)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("messages a second", ("sans-serif", 22))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..benches.len() as f64, (floor..high * 2.0).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(2 * benches.len() + 1)
        .x_label_formatter(&|x| bench_label(*x, &benches))
        .y_label_formatter(&|rate| format!("{rate:.0e}"))
        .draw()?;
    for (at, &peer) in peers.iter().enumerate() {
        let style = Palette99::pick(at).filled();
        let bars = entries.iter().filter(|entry| entry.peer == peer);
        let bars = bars.filter_map(|entry| {
            let bench = benches.iter().position(|&bench| bench == entry.bench)?;
            let width = FILL / peers.len() as f64;
            let left = bench as f64 + (1.0 - FILL) / 2.0 + at as f64 * width;
            let corners = [(left, floor), (left + width, entry.messages_per_s?)];
            Some(Rectangle::new(corners, style))
        });
        chart.draw_series(bars)?.label(name(peer)).legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], style));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).draw()?;
    area.present()?;
    Ok(())
}

/// The bench whose middle is at `x`.
fn bench_label(x: f64, benches: &[Bench]) -> String {
    let middle = (x.fract() - 0.5).abs() < 1e-6;
    let bench = benches.get(x as usize).filter(|_| middle);
    bench.map_or_else(String::new, |&bench| name(bench))
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}
