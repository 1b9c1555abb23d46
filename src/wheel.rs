//! A hierarchical timing wheel: values that fall due at a tick, by the million.
//!
//! # Model
//!
//! A tick number is read as digits to base 64. A timer lies at the *level* of the highest digit in which
//! its due tick differs from the present one, in the *slot* that this digit names. When the present comes
//! to the first tick of a slot, the slot is opened: what is due is delivered, and the rest moves to lower
//! levels. So a timer is moved at most once a level, and in whole slots, which are read from end to end:
//! a timer that waits among millions of others costs what it costs alone.
//!
//! A timer that cannot be cancelled lies in its slot. The others have a place there that leads to a slab, where
//! the value is, at the price of a cache miss each way. To cancel takes the value out at once and leaves the
//! place behind; when the abandoned places outnumber the live timers, all are swept out.
//!
//! # Invariants
//!
//! 1. Where a timer lies is a function of its due tick and the present. So timers due at one tick are
//!    always in one slot, and in it in the order in which they were set.
//! 2. Of the slots with timers, the lowest slot of the lowest level is the next to open.
//! 3. `abandoned <= len + SWEEP_SLACK`.
//!
//! # Source
//!
//! Varghese and Lauck, "Hashed and hierarchical timing wheels", SOSP 1987 (scheme 7).

use std::num::NonZeroU32;

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Abandoned places that are not worth a sweep.
const SWEEP_SLACK: usize = 1024;
/// An emptied slot keeps memory for so many timers.
const KEPT_CAPACITY: usize = 256;

/// Names a timer that was set. It names no other timer until its place in the wheel was used again four
/// billion times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TimerKey {
    index: u32,
    generation: NonZeroU32,
}

/// Where the value of a timer is.
#[derive(Clone, Debug)]
struct Cell<T> {
    generation: NonZeroU32,
    /// `None` when the cell is free.
    value: Option<T>,
}

#[derive(Clone, Debug)]
struct Place<T> {
    due: u64,
    held: Held<T>,
}

#[derive(Clone, Debug)]
enum Held<T> {
    Value(T),
    Key(TimerKey),
}

#[derive(Clone, Debug)]
struct Slot<T> {
    places: Vec<Place<T>>,
    /// No place here falls due before it.
    earliest: u64,
}

#[derive(Clone, Debug)]
struct Level<T> {
    /// A bit for each slot that is not empty.
    occupied: u64,
    slots: [Slot<T>; SLOTS],
}

impl<T> Level<T> {
    fn new() -> Self {
        Self { occupied: 0, slots: std::array::from_fn(|_| Slot { places: Vec::new(), earliest: u64::MAX }) }
    }

    fn push(&mut self, digit: usize, place: Place<T>) {
        let slot = &mut self.slots[digit];
        slot.earliest = slot.earliest.min(place.due);
        slot.places.push(place);
        self.occupied |= 1 << digit;
    }

    fn take(&mut self, digit: usize) -> Vec<Place<T>> {
        self.occupied &= !(1 << digit);
        self.slots[digit].earliest = u64::MAX;
        std::mem::take(&mut self.slots[digit].places)
    }

    /// Takes the memory of a slot back that was read.
    fn give_back(&mut self, digit: usize, places: Vec<Place<T>>) {
        debug_assert!(places.is_empty());
        if places.capacity() <= KEPT_CAPACITY {
            self.slots[digit].places = places;
        }
    }

    /// The first slot that is not empty.
    fn first(&self) -> Option<usize> {
        (self.occupied != 0).then(|| self.occupied.trailing_zeros() as usize)
    }
}

/// Timers with values of type `T`.
///
/// To set and to cancel take O(1), to deliver O(1) a timer, all amortised; a wheel takes memory for the
/// most timers that it ever had.
///
/// # Determinism
///
/// What is delivered, in which order, and the keys are a function of the calls alone.
#[derive(Clone, Debug)]
pub(crate) struct Wheel<T> {
    now: u64,
    /// As many as the timer furthest away has needed.
    levels: Vec<Level<T>>,
    cells: Vec<Cell<T>>,
    /// Free cells. A list apart: one threaded through the cells would make each `set` wait for a miss.
    free: Vec<u32>,
    len: usize,
    /// Places in slots whose timers were cancelled.
    abandoned: usize,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<T> Wheel<T> {
    /// An empty wheel whose present is tick `now`.
    pub(crate) fn new(now: u64) -> Self {
        Self { now, levels: Vec::new(), cells: Vec::new(), free: Vec::new(), len: 0, abandoned: 0 }
    }

    /// Pending timers.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer is pending.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets a timer. One for the present or the past falls due at the next tick.
    ///
    /// # Panics
    ///
    /// Panics beyond 2^32 pending timers.
    pub(crate) fn set(&mut self, due: u64, value: T) -> TimerKey {
        let key = self.store(value);
        self.put(due, Held::Key(key));
        self.len += 1;
        key
    }

    /// Sets a timer that cannot be cancelled, which costs less.
    pub(crate) fn set_for_good(&mut self, due: u64, value: T) {
        self.put(due, Held::Value(value));
        self.len += 1;
    }

    /// Takes a pending timer out; `None` if it was delivered or cancelled before.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let value = self.take(key)?;
        self.abandoned += 1;
        if self.abandoned > self.len + SWEEP_SLACK {
            self.retain(|_| true, |_| ());
        }
        Some(value)
    }

    /// The value of a pending timer.
    pub(crate) fn get(&self, key: TimerKey) -> Option<&T> {
        value_of(&self.cells, key)
    }

    /// Makes tick `now` the present and delivers what fell due since, ordered by due tick, and by the order
    /// of setting where that is the same.
    ///
    /// What `deliver` returns is set again, with its due tick, under the same key. A `now` in the past
    /// changes nothing. Empty spans are skipped, however long. `deliver` must not panic: the timers that are
    /// due at the same tick would be lost.
    pub(crate) fn advance(&mut self, now: u64, mut deliver: impl FnMut(T) -> Option<(u64, T)>) {
        while let Some((level, digit)) = self.next_slot() {
            let shift = level as u32 * DIGIT_BITS;
            // The digits above stay, those below are zero: a slot opens at its first tick.
            let above = self.now.checked_shr(shift + DIGIT_BITS).unwrap_or(0).checked_shl(shift + DIGIT_BITS).unwrap_or(0);
            let opens = above | (digit as u64) << shift;
            if opens > now {
                break;
            }
            self.now = opens;
            self.open(level, digit, &mut deliver);
        }
        self.now = self.now.max(now);
    }

    /// A tick before which no timer falls due, and after the present; `None` if none is pending. It is the
    /// due tick of the first timer, unless timers in its slot were cancelled.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let (level, digit) = self.next_slot().filter(|_| self.len > 0)?;
        Some(self.levels[level].slots[digit].earliest)
    }

    /// All pending timers with their due ticks, in a fixed order, which is not that of delivery.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        let places = self.levels.iter().flat_map(|level| level.slots.iter().flat_map(|slot| &slot.places));
        places.filter_map(|place| value_in(&self.cells, place).map(|value| (place.due, value)))
    }

    /// Cancels the timers for which `keep` is false, in the order of [`Wheel::iter`]; hands them to
    /// `cancelled`. Throws abandoned places out. Takes O(all timers).
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool, mut cancelled: impl FnMut(T)) {
        let mut gone = Vec::new();
        let Self { levels, cells, .. } = self;
        for level in levels {
            for (digit, slot) in level.slots.iter_mut().enumerate().filter(|(_, slot)| !slot.places.is_empty()) {
                gone.extend(slot.places.extract_if(.., |place| !value_in(cells, place).is_some_and(&mut keep)));
                slot.earliest = slot.places.iter().map(|place| place.due).min().unwrap_or(u64::MAX);
                if slot.places.is_empty() {
                    level.occupied &= !(1 << digit);
                    slot.places.shrink_to(KEPT_CAPACITY);
                }
            }
        }
        self.abandoned = 0;
        for place in gone {
            let value = match place.held {
                Held::Key(key) => self.take(key),
                Held::Value(value) => {
                    self.len -= 1;
                    Some(value)
                }
            };
            value.into_iter().for_each(&mut cancelled);
        }
    }

    /// The slot that opens next.
    fn next_slot(&self) -> Option<(usize, usize)> {
        self.levels.iter().enumerate().find_map(|(level, slots)| Some((level, slots.first()?)))
    }

    fn open(&mut self, level: usize, digit: usize, deliver: &mut impl FnMut(T) -> Option<(u64, T)>) {
        let mut places = self.levels[level].take(digit);
        for place in places.drain(..) {
            if place.due > self.now {
                self.put(place.due, place.held);
                continue;
            }
            let (value, key) = match place.held {
                Held::Value(value) => (value, None),
                Held::Key(key) => match self.cell(key).and_then(|cell| cell.value.take()) {
                    Some(value) => (value, Some(key)),
                    None => {
                        self.abandoned -= 1;
                        continue;
                    }
                },
            };
            self.after(key, deliver(value));
        }
        self.levels[level].give_back(digit, places);
    }

    /// A timer was delivered: it is over, or set again.
    fn after(&mut self, key: Option<TimerKey>, again: Option<(u64, T)>) {
        match (again, key) {
            (Some((due, value)), None) => self.put(due, Held::Value(value)),
            (Some((due, value)), Some(key)) => {
                self.cells[key.index as usize].value = Some(value);
                self.put(due, Held::Key(key));
            }
            (None, Some(key)) => self.vacate(key),
            (None, None) => self.len -= 1,
        }
    }

    /// Files a timer, after the present.
    fn put(&mut self, due: u64, held: Held<T>) {
        let due = due.max(self.now.saturating_add(1));
        // The highest digit that differs. The `| 1` matters only at the end of time.
        let highest_bit = ((due ^ self.now) | 1).ilog2();
        let level = (highest_bit / DIGIT_BITS) as usize;
        while self.levels.len() <= level {
            self.levels.push(Level::new());
        }
        let digit = (due >> (level as u32 * DIGIT_BITS)) as usize % SLOTS;
        self.levels[level].push(digit, Place { due, held });
    }

    fn store(&mut self, value: T) -> TimerKey {
        let Some(index) = self.free.pop() else {
            let index = u32::try_from(self.cells.len()).expect("a wheel holds at most 2^32 timers");
            let generation = NonZeroU32::MIN;
            self.cells.push(Cell { generation, value: Some(value) });
            return TimerKey { index, generation };
        };
        let cell = &mut self.cells[index as usize];
        cell.value = Some(value);
        TimerKey { index, generation: cell.generation }
    }

    /// Takes a value out and frees its cell.
    fn take(&mut self, key: TimerKey) -> Option<T> {
        let value = self.cell(key)?.value.take()?;
        self.vacate(key);
        Some(value)
    }

    fn cell(&mut self, key: TimerKey) -> Option<&mut Cell<T>> {
        self.cells.get_mut(key.index as usize).filter(|cell| cell.generation == key.generation)
    }

    /// Frees the cell of a value that was taken out.
    fn vacate(&mut self, key: TimerKey) {
        let cell = &mut self.cells[key.index as usize];
        cell.generation = cell.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.free.push(key.index);
        self.len -= 1;
    }
}

fn value_of<T>(cells: &[Cell<T>], key: TimerKey) -> Option<&T> {
    cells.get(key.index as usize).filter(|cell| cell.generation == key.generation)?.value.as_ref()
}

/// `None` if the place was abandoned.
fn value_in<'a, T>(cells: &'a [Cell<T>], place: &'a Place<T>) -> Option<&'a T> {
    match &place.held {
        Held::Value(value) => Some(value),
        Held::Key(key) => value_of(cells, *key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        /// Ticks from now until it is due.
        Set(u64),
        SetForGood(u64),
        /// Which of the keys so far.
        Cancel(usize),
        Advance(u64),
        /// Keeps the values that this does not divide.
        Retain(u32),
    }

    fn spans() -> impl Strategy<Value = u64> {
        prop_oneof![0u64..4, 0u64..200, 0u64..10_000, 0u64..1 << 40, Just(u64::MAX)]
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => spans().prop_map(Step::Set),
            3 => spans().prop_map(Step::SetForGood),
            2 => any::<usize>().prop_map(Step::Cancel),
            3 => prop_oneof![0u64..100, 0u64..5_000, 0u64..1 << 41].prop_map(Step::Advance),
            1 => (2u32..7).prop_map(Step::Retain),
        ];
        prop::collection::vec(step, 0..300)
    }

    /// What a wheel means: values by due tick and order of setting.
    #[derive(Default)]
    struct Model {
        now: u64,
        pending: BTreeMap<(u64, u32), ()>,
        due_of: Vec<u64>,
        cancelled_any: bool,
    }

    impl Model {
        fn set(&mut self, due: u64) -> u32 {
            let value = self.due_of.len() as u32;
            let due = due.max(self.now.saturating_add(1));
            self.due_of.push(due);
            self.pending.insert((due, value), ());
            value
        }

        fn cancel(&mut self, value: u32) -> Option<u32> {
            self.pending.remove(&(self.due_of[value as usize], value)).map(|()| {
                self.cancelled_any = true;
                value
            })
        }

        fn advance(&mut self, now: u64) -> Vec<u32> {
            self.now = self.now.max(now);
            let later = self.pending.split_off(&(self.now.saturating_add(1), 0));
            let due = std::mem::replace(&mut self.pending, later);
            due.into_keys().map(|(_, value)| value).collect()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// The wheel agrees with a sorted map in all that it delivers and gives back.
        #[test]
        fn like_a_sorted_map(start in prop_oneof![Just(0), 0u64..1 << 45], steps in steps()) {
            let (mut wheel, mut model, mut keys) = (Wheel::new(start), Model { now: start, ..Model::default() }, Vec::new());
            for step in steps {
                match step {
                    Step::Set(span) => {
                        let due = model.now.saturating_add(span);
                        let value = model.set(due);
                        keys.push((wheel.set(due, value), value));
                    }
                    Step::SetForGood(span) => {
                        let due = model.now.saturating_add(span);
                        wheel.set_for_good(due, model.set(due));
                    }
                    Step::Cancel(which) if !keys.is_empty() => {
                        let (key, value) = keys[which % keys.len()];
                        let pending = model.pending.contains_key(&(model.due_of[value as usize], value));
                        prop_assert_eq!(wheel.get(key).copied(), pending.then_some(value));
                        prop_assert_eq!(wheel.cancel(key), model.cancel(value));
                    }
                    Step::Cancel(_) => {}
                    Step::Advance(span) => {
                        let now = model.now.saturating_add(span);
                        let mut delivered = Vec::new();
                        wheel.advance(now, |value| {
                            delivered.push(value);
                            None
                        });
                        prop_assert_eq!(delivered, model.advance(now));
                        prop_assert_eq!(wheel.now, now);
                    }
                    Step::Retain(divisor) => {
                        let mut cancelled = Vec::new();
                        wheel.retain(|value| value % divisor != 0, |value| cancelled.push(value));
                        let doomed: Vec<u32> = model.pending.keys().map(|key| key.1).filter(|value| value % divisor == 0).collect();
                        doomed.iter().for_each(|&value| { model.cancel(value); });
                        cancelled.sort_unstable();
                        let mut doomed = doomed;
                        doomed.sort_unstable();
                        prop_assert_eq!(cancelled, doomed);
                        prop_assert_eq!(wheel.next_due(), model.pending.keys().next().map(|key| key.0));
                    }
                }
                prop_assert_eq!(wheel.len(), model.pending.len());
                prop_assert_eq!(wheel.is_empty(), model.pending.is_empty());
                let first = model.pending.keys().next().map(|key| key.0);
                let next = wheel.next_due();
                prop_assert_eq!(next.is_some(), first.is_some());
                prop_assert!(next <= first && next.is_none_or(|next| next > model.now || next == u64::MAX));
                prop_assert!(model.cancelled_any || next == first);
                let mut listed: Vec<(u64, u32)> = wheel.iter().map(|(due, &value)| (due, value)).collect();
                listed.sort_unstable();
                prop_assert_eq!(listed, model.pending.keys().copied().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn timers_set_at_different_times_for_one_tick_come_in_the_order_of_setting() {
        let mut wheel = Wheel::new(0);
        for (now, value) in [(0, 'a'), (60, 'b'), (64, 'c'), (4_095, 'd'), (4_096, 'e'), (4_099, 'f')] {
            wheel.advance(now, |_| unreachable!("nothing is due yet"));
            wheel.set(4_100, value);
        }
        let mut delivered = String::new();
        wheel.advance(4_100, |value| {
            delivered.push(value);
            None
        });
        assert_eq!(delivered, "abcdef");
    }

    #[test]
    fn a_timer_set_again_keeps_its_key() {
        let mut wheel = Wheel::new(0);
        let key = wheel.set(10, 'p');
        let mut due = Vec::new();
        for now in 0..1_000 {
            wheel.advance(now, |value| {
                due.push(now);
                Some((now + 100, value))
            });
        }
        assert_eq!(due, (0..10).map(|n| 10 + 100 * n).collect::<Vec<_>>());
        assert_eq!((wheel.len(), wheel.cancel(key)), (1, Some('p')));
        wheel.advance(5_000, |_| unreachable!("it was cancelled"));
        assert_eq!((wheel.len(), wheel.next_due()), (0, None));
    }

    #[test]
    fn cancelled_timers_leave_no_memory_behind() {
        let mut wheel = Wheel::new(0);
        for n in 0..100_000u32 {
            let key = wheel.set(1 << 30, n);
            assert_eq!(wheel.cancel(key), Some(n));
            assert_eq!(wheel.cancel(key), None);
        }
        let places: usize = wheel.levels.iter().flat_map(|level| &level.slots).map(|slot| slot.places.capacity()).sum();
        assert!(places < 8 * SWEEP_SLACK, "{places} places are kept");
        assert_eq!(wheel.cells.len(), 1);
    }

    #[test]
    fn a_timer_is_small() {
        assert_eq!(size_of::<Place<[u64; 3]>>(), 40);
        assert!(size_of::<Place<u64>>() + size_of::<Cell<u64>>() <= 48);
        assert_eq!(size_of::<Option<TimerKey>>(), 8);
    }

    #[test]
    fn the_last_tick_can_be_reached() {
        let mut wheel = Wheel::new(u64::MAX - 1);
        wheel.set(u64::MAX, 'z');
        assert_eq!(wheel.next_due(), Some(u64::MAX));
        let mut delivered = Vec::new();
        wheel.advance(u64::MAX, |value| {
            delivered.push(value);
            None
        });
        assert_eq!(delivered, ['z']);
    }
}
