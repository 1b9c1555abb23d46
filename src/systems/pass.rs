//! A pass: one actor type handles its mail of a round.
//!
//! # Model
//!
//! The mail lies in buckets by block. Blocks are dealt out in runs of about equal mail, called claims,
//! each with an outbox of its own. Workers take claims in order from a counter; the outboxes are read
//! in claim order afterwards. Since a block's outcome does not depend on its claim, the cut between
//! claims, the number of workers and their speed leave no trace in the result.
//!
//! A small pass is not cut: waking a thread costs more than its work.

#![expect(unsafe_code, reason = "workers share the world: each touches the actors of its own blocks only")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bevy_ecs::change_detection::Tick;
use bevy_ecs::component::ComponentId;
use bevy_ecs::query::{QueryData, SingleEntityQueryData};
use bevy_ecs::world::World;
use bevy_ecs::world::unsafe_world_cell::UnsafeWorldCell;

use super::hub::{Hub, Sharing};
use super::lens::Lens;
use super::shift::Shift;
use crate::actor::{Anywhere, AtWork, HasMailbox, OutboxCell, Turn, TurnEnv};
use crate::id::ActorId;
use crate::mailbox::MailboxConfig;
use crate::world::{Job, Roster, Scratch, SlotTable, Ticking};
use rayon::ThreadPool;

/// Messages below which a pass stays on one thread. A parked helper takes some 20 to 50 microseconds to
/// wake, in which one thread handles about this many.
const SHARE_MESSAGES: usize = 4_096;

/// Whoever handles the mail: makes a worker's receiver and sets it to work.
pub(crate) trait Crew<A: HasMailbox, D: QueryData>: Sync {
    /// Whether all of it runs on the thread that runs the tick.
    const PINNED: bool = false;

    /// What each worker keeps from pass to pass.
    type Local: Send;

    /// Works a shift.
    ///
    /// # Safety
    ///
    /// `world` may be read except for the components that `D` writes.
    unsafe fn work(&self, local: &mut Self::Local, world: UnsafeWorldCell<'_>, turn: Turn<'_>, shift: Shift<'_, '_, A, D>);
}

/// What a pass looks at: the mailboxes' component, and the state of the query for the others.
pub(crate) struct Sight<'a, S> {
    pub(crate) cell_component: ComponentId,
    pub(crate) state: &'a S,
}

/// Runs a pass over all mail that waits for the roster's actors.
pub(crate) fn run_pass<A, D, C>(
    world: &mut World,
    hub: &mut Hub,
    roster: &mut Roster<A>,
    crew: &C,
    locals: &mut Vec<C::Local>,
    sight: Sight<'_, D::State>,
    new_local: impl Fn(&mut World) -> C::Local,
) where
    A: HasMailbox,
    D: SingleEntityQueryData,
    C: Crew<A, D>,
{
    while locals.len() < hub.claims_max() {
        locals.push(new_local(world));
    }
    // Everything written in a pass counts as changed now.
    let now = world.change_tick();
    // SAFETY: the world is borrowed exclusively.
    unsafe { run_pass_in(world.as_unsafe_world_cell(), (now, now), hub, roster, crew, locals, sight) };
}

/// As [`run_pass`], in a world of which the caller has a part.
///
/// # Safety
///
/// The caller may read all mailboxes of type `A`, access what `D` does, and read what the crew reads.
pub(crate) unsafe fn run_pass_in<A, D, C>(
    world: UnsafeWorldCell<'_>,
    change_ticks: (Tick, Tick),
    hub: &mut Hub,
    roster: &mut Roster<A>,
    crew: &C,
    locals: &mut [C::Local],
    sight: Sight<'_, D::State>,
) where
    A: HasMailbox,
    D: SingleEntityQueryData,
    C: Crew<A, D>,
{
    let mut jobs = roster.make_jobs();
    let ticks = std::mem::take(&mut roster.ticks);
    let messages: usize = jobs.iter().map(|job| job.messages).sum();
    let shared = jobs.len() > 1
        && !C::PINNED
        && match hub.sharing {
            Sharing::Auto => hub.pool.is_some() && (messages >= SHARE_MESSAGES || (ticks && roster.ticking.is_all()) || has_shouts(&jobs)),
            Sharing::Never => false,
            Sharing::Always => true,
        };
    let claims = if shared { locals.len().min(jobs.len()) } else { 1 };
    make_room::<A>(hub, roster, claims);
    let mut scratch = std::mem::take(&mut roster.scratch);
    let mut outboxes = std::mem::take(&mut hub.outboxes);
    let stage = Stage {
        env: hub.env(),
        slots: &roster.slots,
        config: &roster.config,
        crew,
        sight,
        change_ticks,
        keep_dead: hub.keep_dead,
        ticking: ticks.then_some(&roster.ticking),
        relay_max: if claims == 1 && jobs.len() == 1 { hub.relay_max } else { 0 },
        chunks: jobs.len() as u32,
    };
    if claims == 1 {
        let mut claim = Claim { first: 0, jobs: &mut jobs, outbox: &mut outboxes[0], scratch: &mut scratch[0], local: &mut locals[0] };
        // SAFETY: the caller's promise, and this is the only claim.
        unsafe { stage.work(world, &mut claim, &[]) };
    } else {
        let cut = cut(&mut jobs, messages, &mut outboxes[..claims], &mut scratch, locals);
        // SAFETY: the caller's promise.
        unsafe { stage.share(world, cut, hub.pool.as_ref()) };
    }
    hub.outboxes = outboxes;
    roster.scratch = scratch;
    roster.put_away(jobs);
    roster.collect_scratch(claims);
    hub.relayed = std::mem::take(&mut roster.scratch[0].relayed);
    hub.collect(claims);
}

fn has_shouts<M>(jobs: &[Job<M>]) -> bool {
    jobs.iter().any(|job| job.parts.iter().any(|(_, part)| !part.shouts.is_empty()))
}

fn make_room<A: HasMailbox>(hub: &mut Hub, roster: &mut Roster<A>, claims: usize) {
    if roster.scratch.len() < claims {
        roster.scratch.resize_with(claims, Scratch::default);
    }
    while hub.outboxes.len() < claims {
        let outbox = hub.outboxes[0].get_mut().sibling();
        hub.outboxes.push(OutboxCell::new(outbox));
    }
}

/// A run of blocks with all that its worker needs.
struct Claim<'a, A: HasMailbox, L> {
    /// The number of its first job in the pass.
    first: u32,
    jobs: &'a mut [Job<A::Msg>],
    outbox: &'a mut OutboxCell,
    scratch: &'a mut Scratch<A::Msg>,
    local: &'a mut L,
}

/// Cuts the jobs into runs of about equal mail, one for each outbox.
fn cut<'a, A: HasMailbox, L>(
    mut jobs: &'a mut [Job<A::Msg>],
    messages: usize,
    outboxes: &'a mut [OutboxCell],
    scratch: &'a mut [Scratch<A::Msg>],
    locals: &'a mut [L],
) -> Vec<Claim<'a, A, L>> {
    let claims = outboxes.len();
    // A shout is no message yet but work in every block, so each block counts for a little.
    let weight = |job: &Job<A::Msg>| job.messages + 1;
    let share = (messages + jobs.len()) / claims + 1;
    let mut cut = Vec::with_capacity(claims);
    let mut first = 0;
    for (number, ((outbox, scratch), local)) in outboxes.iter_mut().zip(scratch).zip(locals).enumerate() {
        let mut sum = 0;
        let mut end = 0;
        while end < jobs.len() && (sum < share || number + 1 == claims) {
            sum += weight(&jobs[end]);
            end += 1;
        }
        let (mine, rest) = jobs.split_at_mut(end);
        jobs = rest;
        cut.push(Claim { first, jobs: mine, outbox, scratch, local });
        first += end as u32;
    }
    cut
}

/// What all claims of a pass have in common.
struct Stage<'a, A: HasMailbox, D: QueryData, C> {
    env: TurnEnv<'a>,
    slots: &'a SlotTable,
    config: &'a MailboxConfig<A::Msg>,
    crew: &'a C,
    sight: Sight<'a, D::State>,
    change_ticks: (Tick, Tick),
    keep_dead: bool,
    /// Those who act unasked, if they do so now.
    ticking: Option<&'a Ticking>,
    relay_max: u32,
    chunks: u32,
}

impl<A: HasMailbox, D: SingleEntityQueryData, C: Crew<A, D>> Stage<'_, A, D, C> {
    /// Works one claim.
    ///
    /// # Safety
    ///
    /// The caller has the world to itself but for other claims of this pass, which have other blocks.
    unsafe fn work(&self, world: UnsafeWorldCell<'_>, claim: &mut Claim<'_, A, C::Local>, before: &[AtomicBool]) {
        let Claim { first, jobs, outbox, scratch, local } = claim;
        let _at_work = AtWork::begin(self.env.world);
        let _anywhere = (!C::PINNED).then(Anywhere::begin);
        let nobody = ActorId::new(0, 0, 1);
        let first = *first;
        let turn = Turn::new(outbox, self.env, before, nobody);
        // SAFETY: actors of different blocks are different, so claims look at different actors; the
        // crew reads what `D` does not write; nobody changes the world's structure in a pass.
        let lens = unsafe { Lens::new(world, self.sight.cell_component, self.slots, self.sight.state, self.change_ticks) };
        let (slots, config) = (self.slots, self.config);
        let Self { chunks, keep_dead, ticking, relay_max, .. } = *self;
        let shift = Shift { lens, slots, config, scratch, jobs, first, chunks, keep_dead, ticking, relay_max };
        // SAFETY: as above.
        unsafe { self.crew.work(local, world, turn, shift) };
        outbox.get_mut().take_returns();
    }

    /// Lets the pool's threads and this one take claims in order until none is left.
    ///
    /// # Safety
    ///
    /// As [`run_pass_in`].
    unsafe fn share(&self, world: UnsafeWorldCell<'_>, claims: Vec<Claim<'_, A, C::Local>>, pool: Option<&ThreadPool>) {
        let done: Vec<AtomicBool> = claims.iter().map(|_| AtomicBool::new(false)).collect();
        let claims: Vec<_> = claims.into_iter().map(|claim| Mutex::new(Some(claim))).collect();
        let next = AtomicUsize::new(0);
        let take_claims = || {
            let mut last: Option<Claim<'_, A, C::Local>> = None;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(claim) = claims.get(number) else { return };
                let claim = claim.lock().ok().and_then(|mut claim| claim.take());
                let Some(mut claim) = claim else { return };
                if let Some(last) = &mut last {
                    claim.outbox.get_mut().swap_shelf::<A>(self.slots.kind(), last.outbox.get_mut());
                }
                // SAFETY: the caller's promise, and each claim is taken once.
                unsafe { self.work(world, &mut claim, &done[..number]) };
                done[number].store(true, Ordering::Release);
                last = Some(claim);
            }
        };
        match pool {
            None => take_claims(),
            Some(pool) => pool.in_place_scope(|scope| {
                for _ in 0..pool.current_num_threads().min(claims.len() - 1) {
                    scope.spawn(|_| take_claims());
                }
                take_claims();
            }),
        }
    }
}
