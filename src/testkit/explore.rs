//! Running a model under many seeds, and making what fails small.
//!
//! Source of the shrinking: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002.

use std::fmt::{self, Debug};
use std::ops::Range;

use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::panics;

/// Runs of a model that shrinking makes at most.
const SHRINK_RUNS_MAX: usize = 2_000;

/// A world under test, driven step by step.
pub trait Model {
    /// What can be done to it.
    type Step: Clone + Debug;

    /// A fresh world. The seed is to be the world's, too.
    fn new(seed: u64) -> Self;

    /// Draws the next step.
    fn draw(&self, random: &mut Xoshiro256PlusPlus) -> Self::Step;

    /// Does a step, and checks what must hold after it.
    ///
    /// # Errors
    ///
    /// What does not hold. A panic counts as an error.
    fn apply(&mut self, step: &Self::Step) -> Result<(), String>;
}

/// A seed under which a model fails, with the shortest trace that was found. Prints as what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<S> {
    /// The seed.
    pub seed: u64,
    /// The steps; the last one fails.
    pub trace: Vec<S>,
    /// Steps before shrinking.
    pub found_after: usize,
    /// What did not hold.
    pub error: String,
}

impl<S: Debug> fmt::Display for Finding<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} fails after {} steps, and after these {}:", self.seed, self.found_after, self.trace.len())?;
        for (number, step) in self.trace.iter().enumerate() {
            writeln!(f, "  {number}: {step:?}")?;
        }
        write!(f, "with: {}", self.error)
    }
}

/// Runs a model under each seed for so many steps.
///
/// # Errors
///
/// The first [`Finding`], with a trace from which no single step can be left out (unless that took too many runs).
pub fn explore<M: Model>(seeds: Range<u64>, steps: usize) -> Result<(), Finding<M::Step>> {
    seeds.into_iter().try_for_each(|seed| match run_seed::<M>(seed, steps) {
        None => Ok(()),
        Some((trace, error)) => Err(shrink::<M>(seed, trace, error)),
    })
}

/// Runs a model through given steps, such as those of a [`Finding`].
///
/// # Errors
///
/// What did not hold, with the number of the step after which it did not.
pub fn replay_steps<M: Model>(seed: u64, steps: &[M::Step]) -> Result<(), (usize, String)> {
    let mut model = fresh::<M>(seed).map_err(|error| (0, error))?;
    steps.iter().enumerate().try_for_each(|(number, step)| apply(&mut model, step).map_err(|error| (number, error)))
}

fn fresh<M: Model>(seed: u64) -> Result<M, String> {
    panics::catch(|| M::new(seed))
}

fn apply<M: Model>(model: &mut M, step: &M::Step) -> Result<(), String> {
    panics::catch(|| model.apply(step)).and_then(|held| held)
}

fn run_seed<M: Model>(seed: u64, steps: usize) -> Option<(Vec<M::Step>, String)> {
    let mut model = match fresh::<M>(seed) {
        Ok(model) => model,
        Err(error) => return Some((Vec::new(), error)),
    };
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut trace = Vec::new();
    for _ in 0..steps {
        trace.push(model.draw(&mut random));
        if let Err(error) = apply(&mut model, &trace[trace.len() - 1]) {
            return Some((trace, error));
        }
    }
    None
}

/// Leaves out ever smaller pieces of the trace as long as it still fails.
fn shrink<M: Model>(seed: u64, mut trace: Vec<M::Step>, mut error: String) -> Finding<M::Step> {
    let found_after = trace.len();
    let mut runs = 0;
    let mut piece = trace.len() / 2;
    while piece > 0 {
        let mut at = 0;
        let mut shrunk = false;
        while at < trace.len() && runs < SHRINK_RUNS_MAX {
            let mut shorter = trace.clone();
            shorter.drain(at..(at + piece).min(trace.len()));
            runs += 1;
            if let Err((last, why)) = replay_steps::<M>(seed, &shorter) {
                shorter.truncate(last + 1);
                (trace, error, shrunk) = (shorter, why, true);
            } else {
                at += piece;
            }
        }
        piece = if shrunk && piece == 1 && runs < SHRINK_RUNS_MAX { 1 } else { piece / 2 };
    }
    Finding { seed, trace, found_after, error }
}
