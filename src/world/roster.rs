//! All that is kept for one actor type.

use std::collections::HashSet;

use smallvec::SmallVec;

use super::{AnswerLanes, AnswerParts, Held, SlotTable, Ticking};
use crate::actor::{HasMailbox, LaneSlot, Newborn};
use crate::id::{ActorId, Kind};
use crate::mailbox::{DeadReason, Lane, MailStats, MailboxConfig, Part};

/// One block's mail in one pass.
#[derive(Debug)]
pub(crate) struct Job<M> {
    pub(crate) block: u32,
    /// Messages in `parts`, mailboxes that are due, ends of asks, and actors that were told to act unasked.
    pub(crate) messages: usize,
    /// Ends of the actors' asks.
    pub(crate) answers: AnswerParts,
    /// Mail by lane, in the order of the lanes.
    pub(crate) parts: SmallVec<[(u32, Part<M>); 1]>,
    /// Slots with kept mail that is due; ascending.
    pub(crate) due: Vec<u32>,
}

/// What one worker counts in a pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Messages that were sent and not gathered: to all actors of a type, or in a relay.
    pub(crate) sent: u64,
    pub(crate) handled: u64,
    pub(crate) failed: u64,
    pub(crate) overflowed: u64,
    pub(crate) postponed: u64,
    pub(crate) dead: [u64; DeadReason::ALL.len()],
    /// Messages put into mailboxes less those taken out.
    pub(crate) kept: i64,
}

impl Tally {
    /// Adds what was counted to the type's statistics.
    pub(crate) fn add_to(self, stats: &mut MailStats) {
        stats.sent += self.sent;
        stats.handled += self.handled;
        stats.failed += self.failed;
        stats.overflowed += self.overflowed;
        stats.postponed += self.postponed;
        for (sum, n) in stats.dead_by_reason.iter_mut().zip(self.dead) {
            *sum += n;
        }
    }
}

/// Boxes that a worker keeps for mailboxes that will hold something, and bytes that each may have for messages.
const SPARE: usize = 64;
const SPARE_BYTES: usize = 8 << 10;

/// What one worker needs again and again.
#[derive(Debug)]
#[expect(clippy::vec_box, reason = "mailboxes hold boxes")]
pub(crate) struct Scratch<M> {
    /// Slots of the running block whose mailboxes got mail.
    pub(crate) visits: Vec<u32>,
    /// Messages taken in this round by place in the block; all zero between blocks.
    pub(crate) taken: Vec<u32>,
    /// Slots to visit in the next round.
    pub(crate) due: Vec<u32>,
    pub(crate) tally: Tally,
    /// Rounds that the worker ran on its own.
    pub(crate) relayed: u32,
    spare: Vec<Box<Held<M>>>,
}

impl<M> Default for Scratch<M> {
    fn default() -> Self {
        Self { visits: Vec::new(), taken: Vec::new(), due: Vec::new(), tally: Tally::default(), relayed: 0, spare: Vec::new() }
    }
}

impl<M> Scratch<M> {
    /// What a mailbox holds, nothing at first.
    #[inline]
    pub(crate) fn hold<'h>(&mut self, slot: &'h mut Option<Box<Held<M>>>) -> &'h mut Held<M> {
        slot.get_or_insert_with(|| self.spare.pop().unwrap_or_default())
    }

    /// Takes the box of a mailbox, if it holds nothing.
    #[inline]
    pub(crate) fn let_go(&mut self, slot: &mut Option<Box<Held<M>>>) {
        if let Some(mut empty) = slot.take_if(|held| held.is_idle())
            && self.spare.len() < SPARE
            && empty.kept.room_bytes() <= SPARE_BYTES
        {
            empty.kept.renew();
            self.spare.push(empty);
        }
    }
}

/// The slots, the waiting mail and the settings of one actor type.
pub(crate) struct Roster<A: HasMailbox> {
    pub(crate) kind: Kind,
    pub(crate) slots: SlotTable,
    pub(crate) config: MailboxConfig<A::Msg>,
    stats: MailStats,
    /// Messages in mailboxes, counted as they go in and out.
    kept: i64,
    /// Messages that wait for an actor to be activated. They are counted as sent here, and in `stats` when they go on.
    pub(crate) waiting: u64,
    /// Lanes that were sent in this round, in order: mail for the next.
    incoming: Vec<LaneSlot>,
    /// Lanes with mail for this round's pass, in order.
    pending: Vec<LaneSlot>,
    /// Actors that act unasked...
    pub(crate) ticking: Ticking,
    /// ...which they do in the next pass.
    pub(crate) ticks: bool,
    /// Passes run over this mail.
    pub(crate) passes: u64,
    spare: Vec<LaneSlot>,
    /// Ends of the actors' asks.
    pub(crate) answers: AnswerLanes,
    /// Slots with kept mail that is due in the next pass; any order, maybe twice.
    pub(crate) due: Vec<u32>,
    pub(crate) births: Vec<Newborn<A>>,
    jobs: Vec<Job<A::Msg>>,
    pub(crate) scratch: Vec<Scratch<A::Msg>>,
}

impl<A: HasMailbox> Roster<A> {
    pub(crate) fn new(kind: Kind, config: MailboxConfig<A::Msg>) -> Self {
        Self {
            kind,
            slots: SlotTable::new(kind),
            config,
            stats: MailStats::default(),
            kept: 0,
            waiting: 0,
            incoming: Vec::new(),
            pending: Vec::new(),
            ticking: Ticking::default(),
            ticks: false,
            passes: 0,
            spare: Vec::new(),
            answers: AnswerLanes::default(),
            due: Vec::new(),
            births: Vec::new(),
            jobs: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Stands in where a roster is lent out.
    pub(crate) fn vacant() -> Self {
        Self::new(0, MailboxConfig::default())
    }

    pub(crate) fn has_mail(&self) -> bool {
        !self.incoming.is_empty() || !self.pending.is_empty() || !self.due.is_empty() || !self.answers.is_empty()
    }

    /// Whether mail waits in mailboxes.
    pub(crate) fn has_kept(&self) -> bool {
        self.kept > 0
    }

    /// A round begins: what was sent until now is to be handled.
    pub(crate) fn begin_round(&mut self) {
        self.pending.append(&mut self.incoming);
        self.answers.begin_round();
    }

    /// Takes a lane's mail over, leaving an empty lane in its place.
    pub(crate) fn take_over(&mut self, slot: &mut LaneSlot) {
        let full = lane::<A>(slot);
        self.stats.sent += full.len() as u64;
        let mut taken = self.spare.pop().unwrap_or_else(|| slot.sibling());
        // The worker keeps its shelf.
        std::mem::swap(&mut lane::<A>(&mut taken).shelf, &mut lane::<A>(slot).shelf);
        taken.swap(slot);
        self.incoming.push(taken);
    }

    /// Sorts what waits into one job a block, blocks ascending.
    pub(crate) fn make_jobs(&mut self) -> Vec<Job<A::Msg>> {
        let mut jobs = std::mem::take(&mut self.jobs);
        debug_assert!(jobs.is_empty());
        self.passes += 1;
        for block in self.blocks_with_mail() {
            let (messages, answers) = self.answers.take(block);
            let told = if self.ticks { self.ticking.told_in(block) } else { 0 };
            let mut job = Job { block, messages: messages + told, answers, parts: SmallVec::new(), due: Vec::new() };
            for (index, slot) in self.pending.iter_mut().enumerate() {
                let part = lane::<A>(slot).take(block);
                if !part.segments.is_empty() || !part.shouts.is_empty() {
                    job.messages += part.len();
                    job.parts.push((index as u32, part));
                }
            }
            jobs.push(job);
        }
        self.deal_out_due(&mut jobs);
        jobs
    }

    fn blocks_with_mail(&mut self) -> SmallVec<[u32; 4]> {
        let mut blocks: SmallVec<[u32; 4]> = SmallVec::new();
        if self.ticks {
            blocks.extend(self.ticking.blocks(self.slots.blocks()));
        }
        for slot in &mut self.pending {
            let lane = lane::<A>(slot);
            blocks.extend(lane.shouted_at(self.slots.blocks()));
            blocks.extend_from_slice(lane.touched());
        }
        blocks.extend(self.answers.blocks());
        blocks.extend(self.due.iter().map(|slot| slot >> crate::id::BLOCK_BITS));
        if blocks.len() > 1 {
            blocks.sort_unstable();
            blocks.dedup();
        }
        blocks
    }

    fn deal_out_due(&mut self, jobs: &mut [Job<A::Msg>]) {
        if self.due.is_empty() {
            return;
        }
        self.due.sort_unstable();
        self.due.dedup();
        let mut at = 0;
        for slot in self.due.drain(..) {
            while jobs[at].block < slot >> crate::id::BLOCK_BITS {
                at += 1;
            }
            jobs[at].due.push(slot);
            // Kept mail is work too: it decides whether a pass is worth sharing.
            jobs[at].messages += 1;
        }
    }

    /// Takes the emptied buckets and lanes back for reuse.
    pub(crate) fn put_away(&mut self, mut jobs: Vec<Job<A::Msg>>) {
        for job in jobs.drain(..) {
            self.answers.give_back(job.block, job.answers);
            for (index, part) in job.parts {
                lane::<A>(&mut self.pending[index as usize]).give_back(job.block, part);
            }
        }
        for mut slot in self.pending.drain(..) {
            lane::<A>(&mut slot).reset();
            self.spare.push(slot);
        }
        self.answers.put_away();
        self.jobs = jobs;
    }

    /// Takes what workers counted and whom they want to see again, in worker order.
    pub(crate) fn collect_scratch(&mut self, workers: usize) {
        for scratch in &mut self.scratch[..workers] {
            self.due.append(&mut scratch.due);
            let tally = std::mem::take(&mut scratch.tally);
            self.kept += tally.kept;
            tally.add_to(&mut self.stats);
        }
    }

    /// Counts what happened outside a pass.
    pub(crate) fn count(&mut self, tally: Tally) {
        self.kept += tally.kept;
        tally.add_to(&mut self.stats);
    }

    /// The accounting, with `queued` counted where the mail is.
    pub(crate) fn stats(&mut self) -> MailStats {
        let lanes = self.pending.iter_mut().chain(&mut self.incoming);
        let on_their_way: usize = lanes.map(|slot| lane::<A>(slot).len()).sum();
        let queued = on_their_way as i64 + self.kept;
        let queued = u64::try_from(queued).unwrap_or(u64::MAX) + self.waiting;
        MailStats { sent: self.stats.sent + self.waiting, queued, ..self.stats.clone() }
    }

    /// Whom mail is on its way to, broadcasts aside.
    pub(crate) fn receivers(&mut self) -> HashSet<ActorId> {
        let lanes = self.pending.iter_mut().chain(&mut self.incoming);
        lanes.flat_map(|slot| lane::<A>(slot).receivers(self.kind)).collect()
    }
}

fn lane<A: HasMailbox>(slot: &mut LaneSlot) -> &mut Lane<A::Msg> {
    slot.lane_mut::<A>().expect("invariant: a roster keeps lanes of its own message type")
}
