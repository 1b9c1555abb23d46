//! The charts that are registered, for who has an instance and no world: so that `{:?}` of a [`Charted`] says names.
//!
//! A pointer to its chart would make every instance larger by half. So names are looked up by type, when they are printed.
//! Worlds may have different charts for one type; then it is not known which one an instance is of, and numbers are printed.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::{ChartActor, Charting};
use crate::statechart::Chart;

type Charts = BTreeMap<TypeId, Vec<Weak<dyn Any + Send + Sync>>>;

static CHARTS: RwLock<Charts> = RwLock::new(BTreeMap::new());

/// Remembers a chart for as long as it lives.
pub(super) fn remember<C: ChartActor>(chart: &Arc<Chart<Charting<C>>>) {
    let mut charts = CHARTS.write().unwrap_or_else(PoisonError::into_inner);
    let charts = charts.entry(TypeId::of::<C>()).or_default();
    charts.retain(|chart| chart.strong_count() > 0);
    let chart: Weak<Chart<Charting<C>>> = Arc::downgrade(chart);
    charts.push(chart);
}

/// The chart of a type, if all that live have the same names.
pub(super) fn chart_of<C: ChartActor>() -> Option<Arc<Chart<Charting<C>>>> {
    let charts = CHARTS.read().unwrap_or_else(PoisonError::into_inner);
    let living = charts.get(&TypeId::of::<C>())?.iter().filter_map(Weak::upgrade);
    let mut living = living.filter_map(|chart| chart.downcast::<Chart<Charting<C>>>().ok());
    let first = living.next()?;
    living.all(|other| other.speaks_like(&first)).then_some(first)
}
