//! A worker's shift: the mail of its blocks, one handler call after the other.
//!
//! # Model
//!
//! Ends of asks come before a block's mail: they go past mailboxes, to whoever still runs and waits for them.
//!
//! Most actors hold nothing: their mail is handled straight from the delivery bucket, in order of
//! arrival. Mail for the others (kept mail, a full mailbox, a budget, a failure...) is put into their
//! mailboxes, which are visited when the block's buckets are empty, actor by actor in the order of
//! their ids. Both orders are functions of the mail alone.
//!
//! # Invariants
//!
//! 1. A call that fails is undone and fails its own actor; the loop goes on behind it. One
//!    `catch_unwind` spans many calls: it is entered anew only after a panic.
//! 2. Every message taken from a bucket is counted as handled, dead, or kept.

#![expect(unsafe_code, reason = "cells and states of the worker's own blocks are reached through shared references")]

use std::any::type_name;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bevy_ecs::query::{QueryData, SingleEntityQueryData};

use super::lens::Lens;
use crate::actor::{AskEnd, Batch, Failure, FailureKind, Handled, HasMailbox, Leg, Outbox, Signal, Turn, Undelivered, drop_because};
use crate::cache::prefetch_slice;
use crate::id::{ActorId, BLOCK, BLOCK_BITS, BlockId, Kind, MemberId};
use crate::mailbox::{DeadLetter, DeadReason, Envelope, KeptMail, MailboxConfig, Overflow, Part, Reader, Segment, Shout, take_only};
use crate::panics;
use crate::world::{AnswerParts, Held, Job, Life, Mailbox, Scratch, SlotTable, Tally, Ticking};

/// A mailbox in which mail was postponed this often is reported.
const POSTPONED_REPORT: u32 = 1_000;
/// Blocks whose actors the cache holds anyway. With fewer, asking for them ahead is wasted (a tenth of
/// the time of a message, measured with two actors).
const CACHED_BLOCKS: u32 = 4;
/// Messages of the next block whose receivers are asked for while this block's mail is handled.
const ASKED_AHEAD: usize = 16;
/// Dead letters that a worker keeps for the log when nobody has subscribed to them.
const DEAD_SAMPLES: usize = 4;

/// Handles messages: an actor's `handle`, or a closure of a mail system.
pub(crate) trait Receive<A: HasMailbox, D: QueryData> {
    /// Whether an actor's mail is handed over at once.
    const BATCH: bool;

    fn turn(&self) -> &Turn<'_>;
    fn receive(&self, item: D::Item<'_, '_>, msg: A::Msg) -> Handled;
    /// Lets an actor act without mail.
    fn tick(&self, item: D::Item<'_, '_>) -> Handled;
    fn receive_batch(&self, item: D::Item<'_, '_>, mail: Batch<'_, A::Msg>) -> Handled;
    /// Takes the messages that the last call postponed, with their senders.
    fn take_postponed(&self) -> Vec<(Option<ActorId>, A::Msg)>;

    /// Lets an asker go on, if it can run: `asker` is its item then. `None` if it cannot, or its ask was over.
    ///
    /// # Safety
    ///
    /// The worker owns the block of the asker, whose call has begun.
    unsafe fn go_on(&self, asker: Option<D::Item<'_, '_>>, over: AskEnd) -> Option<Handled>;
    /// Takes back all that the running call did.
    fn roll_back(&self);
    /// Whether there are async blocks that the last call started, and that have not begun.
    fn has_started(&self) -> bool;
    /// Begins the next of them.
    fn begin_next(&self, item: D::Item<'_, '_>) -> Handled;
    /// Drops the async blocks that the last call started.
    fn drop_started(&self);
    /// Turns that the actor entered less those it left since the last time.
    fn take_turns(&self) -> i32;
}

/// What a worker has for its shift.
pub(crate) struct Shift<'w, 's, A: HasMailbox, D: QueryData> {
    pub(crate) lens: Lens<'w, 's, A, D>,
    pub(crate) slots: &'s SlotTable,
    pub(crate) config: &'s MailboxConfig<A::Msg>,
    pub(crate) scratch: &'s mut Scratch<A::Msg>,
    pub(crate) jobs: &'s mut [Job<A::Msg>],
    /// Number of the first job in its pass, and how many the pass has.
    pub(crate) first: u32,
    pub(crate) chunks: u32,
    /// Whether somebody wants to see the dead letters.
    pub(crate) keep_dead: bool,
    /// Those who act before their mail comes.
    pub(crate) ticking: Option<&'s Ticking>,
    /// Rounds that may be run on the spot; see [`Worker::relay`].
    pub(crate) relay_max: u32,
}

impl<'w, 's, A: HasMailbox, D: SingleEntityQueryData> Shift<'w, 's, A, D> {
    /// Works all jobs.
    pub(crate) fn run<R: Receive<A, D>>(self, receiver: &R) {
        let Self { lens, slots, config, scratch, jobs, first, chunks, keep_dead, ticking, relay_max } = self;
        let diverts_all = R::BATCH || !config.is_plain();
        let capacity = config.capacity();
        let mut worker = Worker { lens, slots, config, scratch, receiver, keep_dead, capacity, kind: slots.kind() };
        let (mut left, mut chunk) = (jobs, first);
        while let Some((job, next)) = left.split_first_mut() {
            worker.receiver.turn().outbox().with(Outbox::take_returns);
            worker.receiver.turn().begin_block(chunk, chunks);
            worker.lens.aim_at_block(job.block);
            if job.messages > 1 {
                worker.lens.prepare_prefetch();
            }
            if let Some(next) = next.first() {
                worker.ask_ahead(next);
            }
            if let Some(ticking) = ticking {
                worker.tick(job.block, ticking);
            }
            if !job.answers.is_empty() {
                worker.answers(job.block, &mut job.answers);
            }
            // Messages to all come on top of those counted.
            let has_shouts = job.parts.iter().any(|(_, part)| !part.shouts.is_empty());
            let may_fill = capacity < u32::MAX && (has_shouts || job.messages > capacity as usize);
            for (_, part) in &mut job.parts {
                if part.shouts.is_empty() {
                    worker.segments(job.block, part, diverts_all, may_fill);
                } else {
                    worker.with_shouts(job.block, part, diverts_all);
                }
            }
            worker.diverted(&job.due);
            job.due.clear();
            (left, chunk) = (next, chunk + 1);
        }
        if relay_max > 0 {
            worker.relay(relay_max, diverts_all);
        }
    }
}

struct Worker<'r, 'w, 's, A: HasMailbox, D: QueryData, R> {
    lens: Lens<'w, 's, A, D>,
    slots: &'s SlotTable,
    config: &'s MailboxConfig<A::Msg>,
    scratch: &'s mut Scratch<A::Msg>,
    receiver: &'r R,
    keep_dead: bool,
    capacity: u32,
    kind: Kind,
}

impl<'s, A: HasMailbox, D: SingleEntityQueryData, R: Receive<A, D>> Worker<'_, '_, 's, A, D, R> {
    /// Runs the next rounds on the spot while there is no mail but a few messages for one block of the
    /// same type, and nothing to settle.
    ///
    /// A message that hops from actor to actor makes a round of every hop. Going out to the engine and
    /// coming back costs several times the hop; the outcome is the same.
    fn relay(&mut self, rounds_max: u32, diverts_all: bool) {
        let (kind, turn) = (self.kind, self.receiver.turn());
        let mut rounds = 0;
        let mut block = None;
        let (mut mail, mut answers) = turn.outbox().with(|outbox| (outbox.take_empty_segment::<A>(kind), outbox.take_empty_answers(kind)));
        self.through_panics(|worker| {
            while rounds < rounds_max && worker.scratch.due.is_empty() {
                let leg = turn.outbox().with(|outbox| outbox.exchange_only_segment::<A>(kind, &mut mail, &mut answers));
                let (Leg::Mail { to, from } | Leg::Answers { to, from }) = leg else { break };
                rounds += 1;
                turn.next_round();
                if block.replace(to) != Some(to) {
                    worker.lens.aim_at_block(to);
                }
                let to = BlockId::new(kind, to);
                if let Leg::Mail { .. } = leg {
                    worker.relay_mail(to, from, &mut mail, diverts_all);
                } else {
                    worker.relay_answers(to, from, &mut answers);
                }
                worker.diverted(&[]);
            }
        });
        turn.outbox().with(|outbox| outbox.end_relay::<A>(kind, mail, answers));
        self.scratch.relayed = rounds;
    }

    /// Mostly it is one message, which is handled without more ado.
    #[inline(always)]
    fn relay_mail(&mut self, block: BlockId, source: BlockId, segment: &mut Segment<A::Msg>, diverts_all: bool) {
        if !diverts_all && let Some((to, from, msg)) = take_only(segment) {
            self.scratch.tally.sent += 1;
            self.scratch.tally.handled += 1;
            self.receiver.turn().set_source(source);
            return self.deliver::<false>(block.member(to), from, msg);
        }
        self.relay_all_mail(Reader::from_one(block, source), segment, diverts_all);
    }

    #[inline(never)]
    fn relay_all_mail(&mut self, mut mail: Reader<'_, A::Msg>, segment: &mut Segment<A::Msg>, diverts_all: bool) {
        mail.open(std::mem::take(segment));
        let all = mail.left();
        self.scratch.tally.sent += all as u64;
        self.take_in(&mut mail, all, diverts_all, all > self.capacity as usize);
        *segment = mail.finish();
    }

    #[inline(always)]
    fn relay_answers(&mut self, block: BlockId, source: BlockId, segment: &mut Segment<AskEnd>) {
        if let Some((to, from, over)) = take_only(segment) {
            self.receiver.turn().set_source(source);
            return self.answer(block.member(to), from, over());
        }
        self.answers_of(Reader::from_one(block, source), std::iter::once(segment));
    }

    /// Lets the block's actors go on whose asks are over.
    fn answers(&mut self, block: u32, parts: &mut AnswerParts) {
        for (_, part) in parts {
            let Part { segments, sources, .. } = part;
            self.answers_of(Reader::new(BlockId::new(self.kind, block), sources), segments.iter_mut());
            let kind = self.kind;
            let emptied = segments.drain(..);
            self.receiver.turn().outbox().with(|outbox| emptied.for_each(|segment| outbox.shelve_answers(kind, segment)));
        }
    }

    /// Reads segments with ends of asks, and leaves them empty.
    #[inline(never)]
    fn answers_of<'m>(&mut self, mut answers: Reader<'_, AskEnd>, segments: impl Iterator<Item = &'m mut Segment<AskEnd>>) {
        for segment in segments {
            answers.open(std::mem::take(segment));
            answers.allow(usize::MAX);
            if answers.left() > 1 && self.slots.blocks() > CACHED_BLOCKS {
                answers.receivers().for_each(|to| self.lens.prefetch(to.slot()));
            }
            self.through_panics(|worker| {
                while let Some(source) = answers.run() {
                    worker.receiver.turn().set_source(source);
                    while let Some((to, from, over)) = answers.next() {
                        worker.answer(to, from, over());
                    }
                }
            });
            *segment = answers.finish();
        }
    }

    /// Brings one ask to its end. Past the mailbox: only an actor that does not run cannot go on. What brings the end
    /// is of the turn's source.
    #[inline(never)]
    fn answer(&mut self, to: ActorId, from: Option<MemberId>, over: AskEnd) {
        let found = self.lens.find(to).ok();
        // SAFETY: the actor is in this worker's block.
        let found = found.filter(|(_, cell)| unsafe { cell.held() }.as_ref().is_none_or(|held| held.life == Life::Running));
        // SAFETY: the row was just found, in this worker's block; items live for one call only.
        let asker = found.and_then(|(row, _)| unsafe { self.lens.fetch(row) });
        self.receiver.turn().begin_from(to, from);
        // SAFETY: the asker was an actor of this worker's block.
        let went_on = unsafe { self.receiver.go_on(asker, over) };
        if let Some((handled, (_, cell))) = went_on.zip(found)
            && (handled.is_err() || !self.receiver.turn().wishes_nothing())
        {
            self.forget_postponed();
            self.after::<false>(cell, to, handled);
        }
    }

    /// There was no message to be postponed.
    fn forget_postponed(&self) {
        if self.receiver.turn().wishes_to_postpone() {
            panics::drop_quietly(self.receiver.take_postponed());
        }
    }

    /// Asks for the receivers of the next block's first messages: where a block has little mail, asking when
    /// it is taken in would be too late.
    fn ask_ahead(&self, next: &Job<A::Msg>) {
        let mail = next.parts.first().and_then(|(_, part)| part.segments.first());
        if self.slots.blocks() > CACHED_BLOCKS {
            let block = BlockId::new(self.kind, next.block);
            // The block's offset is not known yet; mostly it is this one's.
            mail.into_iter().flatten().take(ASKED_AHEAD).for_each(|packed| self.lens.prefetch(block.member(packed.to).slot()));
        }
    }

    /// Takes a part's mail in, segment by segment.
    fn segments(&mut self, block: u32, part: &mut Part<A::Msg>, diverts_all: bool, may_fill: bool) {
        let mut mail = Reader::new(BlockId::new(self.kind, block), &part.sources);
        let mut segments = part.segments.drain(..).peekable();
        while let Some(segment) = segments.next() {
            // It was written a round ago, and has left the cache since.
            segments.peek().into_iter().for_each(|next| prefetch_slice(next));
            mail.open(segment);
            let all = mail.left();
            self.take_in(&mut mail, all, diverts_all, may_fill);
            self.shelve(mail.finish());
        }
    }

    /// Takes in the next `n` messages.
    fn take_in(&mut self, mail: &mut Reader<'_, A::Msg>, n: usize, diverts_all: bool, may_fill: bool) {
        mail.allow(n);
        if n > 1 && self.slots.blocks() > CACHED_BLOCKS {
            mail.receivers().for_each(|to| self.lens.prefetch(to.slot()));
        }
        if diverts_all {
            self.divert_each(mail);
        } else if may_fill {
            self.mail::<true>(mail, n);
        } else {
            self.mail::<false>(mail, n);
        }
    }

    /// Puts the next messages into their receivers' mailboxes.
    #[inline(never)]
    fn divert_each(&mut self, mail: &mut Reader<'_, A::Msg>) {
        while let Some(source) = mail.run() {
            self.receiver.turn().set_source(source);
            while let Some((to, from, msg)) = mail.next() {
                self.divert(to, from, msg);
            }
        }
    }

    /// Handles the next messages, `n` by number, in order of arrival. With `COUNT`, an actor takes no more than its capacity.
    fn mail<const COUNT: bool>(&mut self, mail: &mut Reader<'_, A::Msg>, n: usize) {
        if COUNT {
            self.scratch.taken.resize(BLOCK, 0);
        }
        // All but those that turn out to be dead or diverted.
        self.scratch.tally.handled += n as u64;
        self.through_panics(|worker| {
            while let Some(source) = mail.run() {
                worker.receiver.turn().set_source(source);
                while let Some((to, from, msg)) = mail.next() {
                    worker.deliver::<COUNT>(to, from, msg);
                }
            }
        });
    }

    /// Runs `work` until it ends without a panic. After each, its call's actor has failed and `work` goes on
    /// behind it.
    #[inline(always)]
    fn through_panics(&mut self, mut work: impl FnMut(&mut Self)) {
        while let Err(payload) = catch_unwind(AssertUnwindSafe(|| work(self))) {
            self.panicked(payload);
        }
    }

    /// Handles one message, or diverts it. Its sender is of the turn's source.
    #[inline(always)]
    fn deliver<const COUNT: bool>(&mut self, to: ActorId, from: Option<MemberId>, msg: impl FnOnce() -> A::Msg) {
        let (row, cell) = match self.lens.find(to) {
            Ok(found) => found,
            Err(reason) => {
                let envelope = self.whole(to, from, msg);
                return self.dead(envelope, reason);
            }
        };
        // SAFETY: the actor is in this worker's block.
        if !unsafe { cell.is_open() } || (COUNT && !self.has_room(to)) {
            self.hold_back(cell, to, from, msg);
            self.scratch.tally.handled -= 1;
            return;
        }
        // SAFETY: the row was just found, in this worker's block; items live for one call only.
        let Some(item) = (unsafe { self.lens.fetch(row) }) else {
            let envelope = self.whole(to, from, msg);
            return self.dead(envelope, DeadReason::NoState);
        };
        self.receiver.turn().begin_from(to, from);
        let handled = self.receiver.receive(item, msg());
        if handled.is_err() || !self.receiver.turn().wishes_nothing() {
            self.after::<COUNT>(cell, to, handled);
        }
    }

    /// Puts together the envelope of a message that is counted as handled, and is not after all.
    #[cold]
    fn whole(&mut self, to: ActorId, from: Option<MemberId>, msg: impl FnOnce() -> A::Msg) -> Envelope<A::Msg> {
        let envelope = self.envelope(to, from, msg);
        self.scratch.tally.handled -= 1;
        envelope
    }

    /// Puts an envelope together. User code may run in it (the clone of a message to all); should it panic, that is the
    /// receiver's failure, not that of the actor before.
    fn envelope(&self, to: ActorId, from: Option<MemberId>, msg: impl FnOnce() -> A::Msg) -> Envelope<A::Msg> {
        let turn = self.receiver.turn();
        turn.begin_from(to, from);
        Envelope { to, from: turn.sender(), msg: msg() }
    }

    /// Counts a message against its receiver's capacity.
    #[inline]
    fn has_room(&mut self, to: ActorId) -> bool {
        let taken = &mut self.scratch.taken[to.place()];
        if *taken >= self.capacity {
            return false;
        }
        *taken += 1;
        true
    }

    /// Puts a message into its receiver's mailbox.
    fn divert(&mut self, to: ActorId, from: Option<MemberId>, msg: impl FnOnce() -> A::Msg) {
        match self.lens.find(to) {
            Ok((_, cell)) => self.hold_back(cell, to, from, msg),
            Err(reason) => self.dead(self.envelope(to, from, msg), reason),
        }
    }

    /// Puts a message into a mailbox, which is visited when the block's buckets are empty.
    ///
    /// Mostly it goes behind others, with nothing to consider. It is put together in its place: to copy it there from
    /// elsewhere, where it was written in other pieces, waits for these stores (60% of the time of this, measured).
    #[cold]
    #[inline(never)]
    fn hold_back(&mut self, cell: &Mailbox<A>, to: ActorId, from: Option<MemberId>, msg: impl FnOnce() -> A::Msg) {
        // SAFETY: the actor is in this worker's block, and making a message asks for no box.
        match unsafe { cell.held() } {
            Some(held) if held.takes_all => {
                held.kept.push(self.envelope(to, from, msg));
                self.scratch.tally.kept += 1;
            }
            _ => self.admit(cell, self.envelope(to, from, msg)),
        }
    }

    /// Sees to what a call wished, or to its failure. With `COUNTED`, its message was counted against the
    /// capacity.
    #[cold]
    #[inline(never)]
    fn after<const COUNTED: bool>(&mut self, cell: &Mailbox<A>, to: ActorId, handled: Handled) {
        if let Err(error) = handled {
            return self.fail(to, Failure { kind: FailureKind::Error, reason: error.to_string() });
        }
        let wish = self.receiver.turn().take_wish();
        if wish.postpone() {
            for (from, msg) in self.receiver.take_postponed() {
                // It is in the mailbox again, where it counts by itself.
                if COUNTED && let Some(taken) = self.scratch.taken.get_mut(to.place()) {
                    *taken -= 1;
                }
                self.postpone(cell, Envelope { to, from, msg });
            }
        }
        if wish.replay()
            // SAFETY: the actor is in this worker's block.
            && let Some(held) = unsafe { cell.held() }
        {
            held.kept.replay();
            self.scratch.due.push(to.slot());
        }
        if wish.turn() {
            self.turn(cell, to);
        }
        if wish.stop() {
            cell.close();
            self.bury_held(cell);
            self.receiver.drop_started();
        } else if wish.exit() {
            // SAFETY: the actor is in this worker's block.
            self.scratch.hold(unsafe { cell.held() }).life = Life::Failed;
            self.receiver.drop_started();
        } else if wish.start() {
            self.begin_blocks(cell, to);
        }
    }

    /// Begins the async blocks that a call started. The beginning of each is a call of its own.
    fn begin_blocks(&mut self, cell: &Mailbox<A>, to: ActorId) {
        let turn = self.receiver.turn();
        while self.receiver.has_started()
            && let Ok((row, _)) = self.lens.find(to)
            // SAFETY: the row was just found, in this worker's block; items live for one call only.
            && let Some(item) = unsafe { self.lens.fetch(row) }
        {
            turn.begin_again();
            let handled = self.receiver.begin_next(item);
            if handled.is_err() || !turn.wishes_nothing() {
                self.after::<false>(cell, to, handled);
            }
        }
    }

    /// An actor enters turns, or leaves them and takes the mail that it kept.
    fn turn(&mut self, cell: &Mailbox<A>, to: ActorId) {
        let turns = self.receiver.take_turns();
        // SAFETY: the actor is in this worker's block.
        let slot = unsafe { cell.held() };
        let held = self.scratch.hold(slot);
        held.turns = held.turns.saturating_add_signed(turns);
        if held.turns > 0 {
            return;
        }
        if held.kept.has_due() {
            self.scratch.due.push(to.slot());
        }
        self.scratch.let_go(slot);
    }

    fn postpone(&mut self, cell: &Mailbox<A>, envelope: Envelope<A::Msg>) {
        let to = envelope.to;
        // SAFETY: the actor is in this worker's block.
        let held = self.scratch.hold(unsafe { cell.held() });
        let times = held.kept.postpone(envelope);
        let tally = &mut self.scratch.tally;
        tally.handled -= 1;
        tally.kept += 1;
        tally.postponed += 1;
        if times == POSTPONED_REPORT {
            tracing::warn!(actor = %to, actor_type = type_name::<A>(), times, "mail is postponed again and again; does this actor ever replay and handle it?");
        }
    }

    /// A call panicked: `turn` still knows whose it was.
    #[cold]
    #[inline(never)]
    fn panicked(&mut self, payload: Box<dyn std::any::Any + Send>) {
        let id = self.receiver.turn().id();
        let reason = panics::describe(payload);
        self.fail(id, Failure { kind: FailureKind::Panic, reason });
    }

    /// Undoes the running call and marks its actor as failed.
    #[cold]
    fn fail(&mut self, id: ActorId, failure: Failure) {
        let turn = self.receiver.turn();
        turn.take_wish();
        self.receiver.roll_back();
        turn.outbox().with(|outbox| outbox.signals.push(Signal::Failed(id, failure)));
        let postponed = self.receiver.take_postponed();
        panics::drop_quietly(postponed);
        self.scratch.tally.failed += 1;
        if let Ok((_, cell)) = self.lens.find(id) {
            // SAFETY: the actor is in this worker's block.
            self.scratch.hold(unsafe { cell.held() }).life = Life::Failed;
        }
    }

    fn signal(&self, signal: Signal) {
        self.receiver.turn().outbox().with(|outbox| outbox.signals.push(signal));
    }

    #[cold]
    #[inline(never)]
    fn dead(&mut self, envelope: Envelope<A::Msg>, reason: DeadReason) {
        self.scratch.tally.dead[reason as usize] += 1;
        let turn = self.receiver.turn();
        let (to, from, tick) = (envelope.to, envelope.from, turn.tick());
        if self.keep_dead {
            let letter = DeadLetter::of(envelope, reason, tick);
            return turn.outbox().with(|outbox| outbox.dead.push(letter));
        }
        // At once, since an ask in it ends now; how many samples are kept depends on the number of claims.
        if let Some(panic) = drop_because(reason, || panics::drop_quietly(envelope)) {
            tracing::warn!(message_type = type_name::<A::Msg>(), panic, "a message panicked when it was dropped");
        }
        let sample = || DeadLetter { to, from, reason, tick, message_type: type_name::<A::Msg>(), message: Box::new(()) };
        turn.outbox().with(|outbox| {
            if outbox.dead.len() < DEAD_SAMPLES {
                outbox.dead.push(sample());
            }
        });
    }

    /// Makes dead letters of all that a closed mailbox holds.
    fn bury_held(&mut self, cell: &Mailbox<A>) {
        // SAFETY: the actor is in this worker's block.
        let Some(mut held) = (unsafe { cell.held() }).take() else { return };
        self.scratch.tally.kept -= held.queued() as i64;
        for envelope in held.kept.drain() {
            self.dead(envelope, DeadReason::Stopped);
        }
        for envelope in held.parked.drain(..) {
            if let Some(sender) = envelope.from {
                self.signal(Signal::Unmute(sender));
            }
            self.dead(envelope, DeadReason::Stopped);
        }
    }

    /// Mail between which messages to all actors fell.
    #[cold]
    fn with_shouts(&mut self, block: u32, part: &mut Part<A::Msg>, diverts_all: bool) {
        let mut shouts = part.shouts.drain(..).peekable();
        let mut mail = Reader::new(BlockId::new(self.kind, block), &part.sources);
        let mut at = 0;
        for segment in part.segments.drain(..) {
            let end = at + segment.len();
            mail.open(segment);
            while let Some((before, shout)) = shouts.next_if(|(before, _)| (*before as usize) < end) {
                self.take_in(&mut mail, before as usize - at, diverts_all, self.capacity < u32::MAX);
                self.shout(block, &shout, diverts_all);
                at = before as usize;
            }
            self.take_in(&mut mail, end - at, diverts_all, self.capacity < u32::MAX);
            at = end;
            self.shelve(mail.finish());
        }
        for (_, shout) in shouts {
            self.shout(block, &shout, diverts_all);
        }
    }

    /// Visits the actors of the block that act unasked, in the order of their ids.
    fn tick(&mut self, block: u32, ticking: &Ticking) {
        let mut slots = self.slots.slots_of(block);
        if ticking.is_all() {
            self.through_panics(|worker| slots.by_ref().for_each(|slot| worker.tick_one(slot)));
        } else if ticking.told_in(block) > 0 {
            let mut ahead = ticking.told_of(slots.clone());
            let mut told = ticking.told_of(slots);
            ahead.by_ref().take(ASKED_AHEAD).for_each(|slot| self.lens.prefetch(slot));
            self.through_panics(|worker| {
                for slot in told.by_ref() {
                    ahead.next().into_iter().for_each(|slot| worker.lens.prefetch(slot));
                    worker.tick_one(slot);
                }
            });
        }
    }

    #[inline(always)]
    fn tick_one(&mut self, slot: u32) {
        let Some((id, row, cell)) = self.lens.find_holder(slot) else { return };
        // SAFETY: the actor is in this worker's block.
        if !unsafe { cell.may_tick() } {
            return;
        }
        // SAFETY: the row was just found, in this worker's block; items live for one call only.
        let Some(item) = (unsafe { self.lens.fetch(row) }) else { return };
        self.receiver.turn().begin(id, None);
        let done = self.receiver.tick(item);
        if done.is_err() || !self.receiver.turn().wishes_nothing() {
            self.forget_postponed();
            self.after::<false>(cell, id, done);
        }
    }

    fn shout_each<const COUNT: bool>(&mut self, slots: &mut Range<u32>, shout: &Shout<A::Msg>, diverts_all: bool) {
        let from = shout.from.map(ActorId::member_id);
        self.receiver.turn().set_sender(shout.from);
        let members = shout.audience.as_ref().map(|audience| audience.of_block(slots.start >> BLOCK_BITS));
        for slot in slots {
            let generation = members.map(|members| members.map_or(0, |members| members[slot as usize % BLOCK]));
            if generation == Some(0) {
                continue;
            }
            let Some(to) = self.lens.holder(slot).filter(|to| generation.is_none_or(|generation| generation == to.generation())) else {
                continue;
            };
            self.scratch.tally.sent += 1;
            self.scratch.tally.handled += 1;
            if diverts_all {
                self.divert(to, from, || (shout.make)());
                self.scratch.tally.handled -= 1;
            } else {
                self.deliver::<COUNT>(to, from, || (shout.make)());
            }
        }
    }

    fn shelve(&self, segment: Segment<A::Msg>) {
        let kind = self.kind;
        self.receiver.turn().outbox().with(|outbox| outbox.shelve::<A>(kind, segment));
    }

    /// Hands a message to every actor of the block, in the order of their ids.
    fn shout(&mut self, block: u32, shout: &Shout<A::Msg>, diverts_all: bool) {
        let mut slots = self.slots.slots_of(block);
        self.scratch.taken.resize(BLOCK, 0);
        self.through_panics(|worker| {
            if worker.capacity == u32::MAX {
                worker.shout_each::<false>(&mut slots, shout, diverts_all);
            } else {
                worker.shout_each::<true>(&mut slots, shout, diverts_all);
            }
        });
    }

    /// Ends the block: mailboxes with new mail, and those whose mail is due.
    #[inline]
    fn diverted(&mut self, due: &[u32]) {
        if !due.is_empty() || !self.scratch.visits.is_empty() {
            self.visit_each(due);
        }
        self.scratch.taken.clear();
    }

    /// Visits those with new or due mail in their mailboxes, in the order of their ids.
    #[inline(never)]
    fn visit_each(&mut self, due: &[u32]) {
        let mut visits = std::mem::take(&mut self.scratch.visits);
        visits.extend_from_slice(due);
        visits.sort_unstable();
        visits.dedup();
        for id in visits.drain(..).filter_map(|slot| self.slots.holder(slot)) {
            // Who stopped since has no mailbox any more.
            if let Ok((row, cell)) = self.lens.find(id) {
                self.run_kept(row, id, cell);
            }
        }
        self.scratch.visits = visits;
    }

    /// Puts a message into a mailbox, if there is room.
    #[cold]
    #[inline(never)]
    fn admit(&mut self, cell: &Mailbox<A>, envelope: Envelope<A::Msg>) {
        let id = envelope.to;
        // SAFETY: the actor is in this worker's block, and nothing below asks for the box again.
        let held = self.scratch.hold(unsafe { cell.held() });
        if !std::mem::replace(&mut held.is_listed, true) {
            self.scratch.visits.push(id.slot());
        }
        let config = held.config.as_deref().unwrap_or(self.config);
        let (capacity, policy) = (config.capacity() as usize, config.policy());
        held.takes_all = config.is_unbounded();
        let taken = self.scratch.taken.get(id.place()).map_or(0, |&taken| taken as usize);
        let room = capacity.saturating_sub(taken);
        if !held.parked.is_empty() {
            self.let_in(held, room);
        }
        if held.kept.len() < room && held.parked.is_empty() {
            held.kept.push(envelope);
            self.scratch.tally.kept += 1;
            return;
        }
        self.scratch.tally.overflowed += 1;
        match policy {
            Overflow::Backpressure => self.park(held, envelope, capacity),
            Overflow::Bounce => self.bounce(envelope),
            Overflow::DropNewest => self.dead(envelope, DeadReason::MailboxFull),
            Overflow::DropOldest => {
                held.kept.push(envelope);
                let oldest = held.kept.take_oldest().expect("invariant: one was just pushed");
                self.dead(oldest, DeadReason::MailboxFull);
            }
            Overflow::Fail => {
                if std::mem::replace(&mut held.life, Life::Failed) == Life::Running {
                    let reason = format!("more than {capacity} messages in the mailbox");
                    self.signal(Signal::Failed(id, Failure { kind: FailureKind::MailboxFull, reason }));
                }
                self.dead(envelope, DeadReason::MailboxFull);
            }
        }
    }

    /// Moves parked mail into the mailbox as far as there is room; its senders may run again.
    fn let_in(&self, held: &mut Held<A::Msg>, room: usize) {
        while held.kept.len() < room
            && let Some(envelope) = held.parked.pop_front()
        {
            match envelope.from {
                Some(sender) => self.signal(Signal::Unmute(sender)),
                None => held.parked_from_outside -= 1,
            }
            held.kept.push(envelope);
        }
    }

    /// Leaves a message with its sender, who is muted; from outside, as many as the mailbox holds.
    fn park(&mut self, held: &mut Held<A::Msg>, envelope: Envelope<A::Msg>, capacity: usize) {
        match envelope.from {
            Some(sender) => self.signal(Signal::Mute(sender)),
            None if held.parked_from_outside as usize >= capacity => {
                return self.dead(envelope, DeadReason::MailboxFull);
            }
            None => held.parked_from_outside += 1,
        }
        held.parked.push_back(envelope);
        self.scratch.tally.kept += 1;
    }

    fn bounce(&mut self, envelope: Envelope<A::Msg>) {
        let Some(sender) = envelope.from else { return self.dead(envelope, DeadReason::MailboxFull) };
        self.scratch.tally.dead[DeadReason::Bounced as usize] += 1;
        let notice = Undelivered { to: envelope.to, message_type: type_name::<A::Msg>(), message: Box::new(envelope.msg) };
        self.signal(Signal::Bounce { to: sender, notice });
    }

    /// Lets an actor take kept mail: within its budget, unless it failed or is muted.
    fn run_kept(&mut self, row: usize, id: ActorId, cell: &Mailbox<A>) {
        // SAFETY: the actor is in this worker's block; the reference ends before the next call.
        let Some(held) = (unsafe { cell.held() }) else { return };
        (held.is_listed, held.takes_all) = (false, false);
        let config = held.config.as_deref().unwrap_or(self.config);
        let (capacity, budget) = (config.capacity() as usize, config.budget_messages());
        if !held.may_run(capacity) {
            return;
        }
        let priority = config.priority_of();
        let most = budget.min(u32::try_from(held.kept.len()).unwrap_or(u32::MAX));
        self.receiver.turn().begin(id, None);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            if let Some(priority) = priority {
                held.kept.sort_by_priority(priority);
            }
            if R::BATCH { self.take_batch(row, id, cell, most) } else { self.take_each(row, cell, most) }
        }));
        if let Err(payload) = caught {
            self.panicked(payload);
        }
        // SAFETY: as above. A call may have closed the mailbox, which empties it.
        let slot = unsafe { cell.held() };
        if let Some(held) = slot {
            self.let_in(held, capacity);
            if held.kept.has_due() && held.may_run(capacity) {
                self.scratch.due.push(id.slot());
            }
            self.scratch.let_go(slot);
        }
    }

    fn take_each(&mut self, row: usize, cell: &Mailbox<A>, most: u32) {
        let mut left = most;
        // SAFETY: the actor is in this worker's block; the reference ends before `after`, and calls ask for no box.
        while let Some(held) = unsafe { cell.held() }
            && held.life == Life::Running
            && held.turns == 0
            && let Some((to, handled)) = self.take_quiet(row, &mut held.kept, &mut left)
        {
            self.after::<false>(cell, to, handled);
        }
    }

    /// Lets an actor take kept mail, up to the first call that fails or wishes something.
    fn take_quiet(&mut self, row: usize, kept: &mut KeptMail<A::Msg>, left: &mut u32) -> Option<(ActorId, Handled)> {
        while *left > 0 {
            let Envelope { to, from, msg } = kept.next()?;
            *left -= 1;
            self.scratch.tally.kept -= 1;
            // SAFETY: the row was found by `visit_each`, and the lens was not aimed elsewhere since.
            let Some(item) = (unsafe { self.lens.fetch(row) }) else {
                self.dead(Envelope { to, from, msg }, DeadReason::NoState);
                continue;
            };
            self.scratch.tally.handled += 1;
            self.receiver.turn().begin(to, from);
            let handled = self.receiver.receive(item, msg);
            if handled.is_err() || !self.receiver.turn().wishes_nothing() {
                return Some((to, handled));
            }
        }
        None
    }

    fn take_batch(&mut self, row: usize, id: ActorId, cell: &Mailbox<A>, most: u32) {
        // SAFETY: as in `take_each`; a batch has the mailbox to itself while its call runs, in which
        // nothing else asks for the box.
        let Some(held) = (unsafe { cell.held() }) else { return };
        // SAFETY: as in `take_each`.
        let Some(item) = (unsafe { self.lens.fetch(row) }) else {
            let letters: Vec<_> = held.kept.drain().collect();
            self.scratch.tally.kept -= letters.len() as i64;
            letters.into_iter().for_each(|envelope| self.dead(envelope, DeadReason::NoState));
            return;
        };
        self.receiver.turn().begin(id, None);
        let before = held.kept.len();
        let counted = CountOnDrop { before, held, tally: &mut self.scratch.tally };
        let batch = Batch::new(&mut counted.held.kept, self.receiver.turn(), most);
        let handled = self.receiver.receive_batch(item, batch);
        drop(counted);
        if handled.is_err() || !self.receiver.turn().wishes_nothing() {
            self.after::<false>(cell, id, handled);
        }
    }
}

/// Counts what a batch took, also when its call panics.
struct CountOnDrop<'a, M> {
    before: usize,
    held: &'a mut Held<M>,
    tally: &'a mut Tally,
}

impl<M> Drop for CountOnDrop<'_, M> {
    fn drop(&mut self) {
        let taken = (self.before - self.held.kept.len()) as u64;
        self.tally.handled += taken;
        self.tally.kept -= taken as i64;
    }
}
