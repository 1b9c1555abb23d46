//! A bank: money is moved between accounts that fail now and then, and none is made or lost.
//!
//! An account takes or gives money in a call of its own, and notes it with the branch's books in the same call. If the
//! call fails, the note is taken back with it, so the books never hold what did not happen; a restarted account learns from
//! them what it has. One that fails too often is closed.
//!
//! A transfer is two calls of two actors, either of which may fail: its clerk takes the money from one account, awaits it,
//! and brings it to the other. If it cannot be brought there it is returned; if that fails too, it is held by the branch, until somebody
//! asks for it. After every tick the money in the books, held and under way is counted: it is what it was in the beginning.
//!
//! `cargo run --release --example bank -- --accounts 100000 --transfers 2000000`

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use bevy_ecs::component::Component;
use clap::Parser;
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use rand_core::RngCore;
use thiserror::Error;
use throng::prelude::*;
use throng::{ActorRefs, This, service};

/// Moves money between accounts that fail, and counts it.
#[derive(Clone, Debug, Parser)]
#[command(name = "bank")]
struct Plan {
    /// Accounts, each with as many coins in the beginning.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    accounts: u32,

    /// Coins of each account.
    #[arg(long, value_name = "N", default_value_t = 100)]
    coins: u32,

    /// Branches, which keep the accounts' books.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    branches: u32,

    /// Clerks, who make transfers.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    clerks: u32,

    /// Transfers in all, rounded up so that all clerks make as many.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    transfers: u64,

    /// One in so many calls of an account fails.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..))]
    failure_in: u32,

    /// Threads that handle messages; all processors unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    threads: Option<u16>,

    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

impl Plan {
    /// Ticks in which each clerk begins one transfer.
    fn ticks(&self) -> u64 {
        self.transfers.div_ceil(self.clerks.into())
    }

    fn threads(&self) -> usize {
        self.threads.map_or_else(|| available_parallelism().map_or(1, NonZeroUsize::get), usize::from)
    }

    fn money(&self) -> u64 {
        u64::from(self.accounts) * u64::from(self.coins)
    }
}

/// The books of a branch.
#[service]
trait Books: Actor {
    /// Notes that an account has so much more, or less.
    fn book(&mut self, account: u32, amount: i64);
    /// What an account has.
    fn balance(&self, account: u32) -> i64;
    /// Keeps money that belongs to an account which cannot take it.
    fn hold(&mut self, account: u32, amount: u64);
}

/// A branch: the balance of each account of the bank that is kept here, by number.
#[derive(Component, Hash)]
struct Branch {
    balances: Vec<i64>,
    held: Vec<(u32, u64)>,
}

impl Books for Branch {
    fn book(&mut self, account: u32, amount: i64) {
        self.balances[account as usize] += amount;
    }

    fn balance(&self, account: u32) -> i64 {
        self.balances[account as usize]
    }

    fn hold(&mut self, account: u32, amount: u64) {
        self.held.push((account, amount));
    }
}

impl Actor for Branch {
    type Msg = BooksMsg;
    type Params = ();

    fn handle(&mut self, msg: BooksMsg, cx: &Context<'_, Self>) -> Handled {
        msg.dispatch(self, cx)
    }
}

/// There is too little in an account.
#[derive(Clone, Copy, Debug)]
struct Short;

/// What clerks ask of accounts.
#[service]
trait Account: Actor {
    /// Puts money in; what is in it now.
    fn deposit(&mut self, cx: &Context<'_, Self>, amount: u64) -> u64;
    /// Takes money out; what is left.
    fn withdraw(&mut self, cx: &Context<'_, Self>, amount: u64) -> Result<u64, Short>;
}

#[derive(Component, Hash)]
struct Savings {
    /// Its number in the branch.
    number: u32,
    branch: ActorRef<Branch>,
    /// One in so many calls fails.
    failure_in: u32,
    /// Unknown until the branch has told.
    balance: Option<u64>,
}

impl Savings {
    /// Changes the balance and has it booked; and fails between the two, now and then.
    fn change(&mut self, cx: &Context<'_, Self>, balance: u64) -> u64 {
        let before = self.balance.replace(balance).unwrap_or_default();
        assert!(!cx.rng().next_u32().is_multiple_of(self.failure_in), "the drawer is jammed");
        self.branch.book(cx, self.number, balance.cast_signed() - before.cast_signed());
        balance
    }
}

impl Account for Savings {
    fn deposit(&mut self, cx: &Context<'_, Self>, amount: u64) -> u64 {
        self.change(cx, self.balance.unwrap_or_default() + amount)
    }

    fn withdraw(&mut self, cx: &Context<'_, Self>, amount: u64) -> Result<u64, Short> {
        let left = self.balance.unwrap_or_default().checked_sub(amount).ok_or(Short)?;
        Ok(self.change(cx, left))
    }
}

impl Actor for Savings {
    type Msg = AccountMsg;
    type Params = ();

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        self.branch.balance(cx, self.number).then(|account, balance, cx| {
            account.balance = Some(balance?.try_into()?);
            cx.replay_postponed();
            Ok(())
        });
        Ok(())
    }

    fn handle(&mut self, msg: AccountMsg, cx: &Context<'_, Self>) -> Handled {
        if self.balance.is_none() {
            cx.postpone(msg);
            return Ok(());
        }
        msg.dispatch(self, cx)
    }
}

/// An account, with its place in the books.
#[derive(Clone, Copy, Debug)]
struct Target {
    account: ActorRef<Savings>,
    branch: ActorRef<Branch>,
    number: u32,
}

/// What became of transfers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Outcomes {
    done: u64,
    /// There was too little money.
    refused: u64,
    /// The first account failed or was closed: nothing was taken.
    failed: u64,
    /// The second account failed or was closed: the first has its money back.
    returned: u64,
    /// Neither took the money: its branch has it.
    held: u64,
    /// Coins that are on their way.
    under_way: u64,
}

impl Outcomes {
    fn plus(self, other: Self) -> Self {
        Self {
            done: self.done + other.done,
            refused: self.refused + other.refused,
            failed: self.failed + other.failed,
            returned: self.returned + other.returned,
            held: self.held + other.held,
            under_way: self.under_way + other.under_way,
        }
    }

    fn all(self) -> u64 {
        self.done + self.refused + self.failed + self.returned + self.held
    }
}

/// What the bank asks of clerks.
#[service]
trait Clerk: Actor {
    /// Makes one transfer, from beginning to end before the next.
    async fn transfer(this: This<Self>);
}

#[derive(Component)]
struct Teller {
    bank: Bank,
    outcomes: Outcomes,
}

impl Teller {
    fn pick(&self, cx: &Context<'_, Self>) -> Target {
        self.bank.target(cx.rng().next_u32() % self.bank.accounts.len() as u32)
    }
}

/// Takes money from one account to the other; what became of it.
async fn transfer(this: This<Teller>, from: Target, to: Target, amount: u64) -> fn(&mut Outcomes) -> &mut u64 {
    match from.account.withdraw(this, amount).await {
        Ok(Ok(_)) => {}
        Ok(Err(Short)) => return |outcomes| &mut outcomes.refused,
        Err(_) => return |outcomes| &mut outcomes.failed,
    }
    this.with(|clerk, _| clerk.outcomes.under_way += amount);
    let outcome: fn(&mut Outcomes) -> &mut u64 = if to.account.deposit(this, amount).await.is_ok() {
        |outcomes| &mut outcomes.done
    } else if from.account.deposit(this, amount).await.is_ok() {
        |outcomes| &mut outcomes.returned
    } else {
        from.branch.hold(this, from.number, amount);
        |outcomes| &mut outcomes.held
    };
    this.with(|clerk, _| clerk.outcomes.under_way -= amount);
    outcome
}

impl Clerk for Teller {
    async fn transfer(this: This<Self>) {
        let (from, to, amount) = this.with(|clerk, cx| (clerk.pick(cx), clerk.pick(cx), u64::from(cx.rng().next_u32() % 50 + 1)));
        let outcome = transfer(this, from, to, amount).await;
        this.with(|clerk, _| *outcome(&mut clerk.outcomes) += 1);
    }
}

impl Actor for Teller {
    type Msg = ClerkMsg;
    type Params = ();

    fn handle(&mut self, msg: ClerkMsg, cx: &Context<'_, Self>) -> Handled {
        msg.dispatch(self, cx)
    }
}

/// Where everything is.
#[derive(Clone)]
struct Bank {
    branches: ActorRefs<Branch>,
    accounts: ActorRefs<Savings>,
}

impl Bank {
    /// Account `number` of the bank is number `number / branches` of its branch.
    fn target(&self, number: u32) -> Target {
        let account = self.accounts.get(number as usize).expect("invariant: it is one of the bank's accounts");
        let branches = self.branches.len() as u32;
        let branch = self.branches.get((number % branches) as usize).expect("invariant: one of as many");
        Target { account, branch, number: number / branches }
    }
}

/// The money is not what it was.
#[derive(Debug, Error)]
#[error("after tick {tick} there are {found} coins of {expected}; this is a fault of the program")]
struct Miscounted {
    tick: u64,
    found: u64,
    expected: u64,
}

/// How it ended.
struct Report {
    outcomes: Outcomes,
    closed: usize,
    restarts: u64,
    messages: u64,
    digest: u64,
}

struct Run {
    throng: Throng,
    plan: Plan,
    bank: Bank,
    tellers: ActorRefs<Teller>,
}

impl Run {
    fn new(plan: Plan) -> Result<Self, Box<dyn std::error::Error>> {
        let mut throng = Throng::new(ThrongOptions::new().threads(plan.threads()).seed(7));
        throng.register_with(ActorConfig::<Branch>::new().mailbox(MailboxConfig::unbounded()).digest())?;
        let restart = RestartIntensity { intensity: 2, period_ticks: 1_000_000 };
        throng.register_with(ActorConfig::<Savings>::new().mailbox(MailboxConfig::unbounded()).restart(restart).digest())?;
        let kept = plan.accounts.div_ceil(plan.branches);
        let branches = throng.spawn_many((0..plan.branches).map(|branch| {
            let is_account = |number: u32| number * plan.branches + branch < plan.accounts;
            let balances = (0..kept).map(|number| if is_account(number) { i64::from(plan.coins) } else { 0 });
            Branch { balances: balances.collect(), held: Vec::new() }
        }));
        let (failure_in, all) = (plan.failure_in, branches.clone());
        let accounts = throng.spawn_many_with(plan.accounts as usize, move |id| {
            let branches = all.len() as u32;
            let branch = all.get((id.slot() % branches) as usize).expect("invariant: one of as many");
            Savings { number: id.slot() / branches, branch, failure_in, balance: None }
        });
        let bank = Bank { branches, accounts };
        let tellers = (0..plan.clerks).map(|_| Teller { bank: bank.clone(), outcomes: Outcomes::default() });
        let tellers = throng.spawn_many(tellers);
        Ok(Self { throng, plan, bank, tellers })
    }

    /// Makes all transfers, and counts after each tick.
    fn finish(mut self, mut told: impl FnMut(u64)) -> Result<Report, Box<dyn std::error::Error>> {
        for tick in 1..=self.plan.ticks() {
            for teller in self.tellers.iter() {
                teller.transfer(&mut self.throng);
            }
            self.throng.tick();
            self.count(tick)?;
            told(tick);
        }
        while self.throng.stats().asks.pending > 0 {
            self.throng.tick();
        }
        self.count(self.plan.ticks())?;
        self.compare()?;
        let stats = self.throng.stats();
        Ok(Report {
            outcomes: self.outcomes(),
            closed: self.bank.accounts.iter().filter(|account| !self.throng.is_alive(*account)).count(),
            restarts: stats.restarts,
            messages: stats.mail.handled,
            digest: self.throng.digest(),
        })
    }

    fn outcomes(&mut self) -> Outcomes {
        let outcomes = self.tellers.iter().filter_map(|teller| self.throng.state(teller).map(|teller| teller.outcomes));
        outcomes.fold(Outcomes::default(), Outcomes::plus)
    }

    /// Counts the money, wherever it is.
    fn count(&mut self, tick: u64) -> Result<(), Miscounted> {
        let mut found = self.outcomes().under_way;
        for branch in self.bank.branches.iter() {
            let branch = self.throng.state(branch).expect("invariant: branches never fail");
            found += branch.balances.iter().sum::<i64>().cast_unsigned() + branch.held.iter().map(|(_, amount)| amount).sum::<u64>();
        }
        let expected = self.plan.money();
        if found == expected { Ok(()) } else { Err(Miscounted { tick, found, expected }) }
    }

    /// Compares what accounts have with the books.
    fn compare(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        for number in 0..self.plan.accounts {
            let Target { account, branch, number: place } = self.bank.target(number);
            let Some(balance) = self.throng.state(account).map(|account| account.balance) else { continue };
            let booked = self.throng.state(branch).expect("invariant: branches never fail").balances[place as usize];
            if balance.map(u64::cast_signed) != Some(booked) {
                return Err(format!("account {number} has {balance:?}, and by the books {booked}; this is a fault of the program").into());
            }
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let plan = Plan::parse();
    tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).with_writer(io::stderr).init();
    match show(plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If not even this can be written, the exit code must do.
            let _ = writeln!(io::stderr(), "bank: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "people, not actors, read this clock")]
fn show(plan: Plan) -> Result<(), Box<dyn std::error::Error>> {
    let bar = if plan.quiet { ProgressBar::hidden() } else { ProgressBar::new(plan.ticks()) };
    bar.set_style(ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {percent:>3}%, {eta} left")?);
    let lines = !plan.quiet && bar.is_hidden();
    let ticks = plan.ticks();
    let began = Instant::now();
    let report = Run::new(plan.clone())?.finish(|tick| {
        bar.set_position(tick);
        if lines && tick.is_multiple_of((ticks / 10).max(1)) {
            // Progress is a courtesy: nobody may be reading it.
            let _ = writeln!(io::stderr(), "{:6.1} s: tick {tick} of {ticks}", began.elapsed().as_secs_f64());
        }
    })?;
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    print(&plan, &report, seconds).or_else(|error| match error.kind() {
        // The reader of a pipe may have seen enough.
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error.into()),
    })
}

fn print(plan: &Plan, report: &Report, seconds: f64) -> io::Result<()> {
    let Report { outcomes, closed, restarts, messages, digest } = report;
    let mut table = Table::new();
    table.set_header(["transfers", "how many"]);
    let rows = [
        ("done", outcomes.done),
        ("refused: too little money", outcomes.refused),
        ("failed: nothing was taken", outcomes.failed),
        ("returned: the second account failed", outcomes.returned),
        ("held: both accounts failed", outcomes.held),
        ("all", outcomes.all()),
    ];
    table.add_rows(rows.map(|(what, count)| [what.to_owned(), count.to_string()]));
    let mut out = io::stdout().lock();
    writeln!(out, "{table}")?;
    writeln!(out, "{} accounts failed {restarts} times and were restarted; {closed} failed too often and are closed.", plan.accounts)?;
    writeln!(out, "All {} coins were there after each of {} ticks.", plan.money(), plan.ticks())?;
    writeln!(out, "{messages} messages in {seconds:.2} s on {} threads, the counting included.", plan.threads())?;
    writeln!(out, "Digest of all states: {digest:016x}, on any number of threads.")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(threads: u16) -> Plan {
        let mut plan = Plan::parse_from(["bank", "--accounts", "300", "--clerks", "100", "--transfers", "20000", "--failure-in", "40"]);
        plan.threads = Some(threads);
        plan
    }

    fn report(plan: Plan) -> Report {
        Run::new(plan).and_then(|run| run.finish(|_| {})).expect("the money is there")
    }

    #[test]
    fn every_outcome_is_met_and_no_coin_is_lost() {
        let Report { outcomes, closed, restarts, .. } = report(plan(1));
        assert_eq!((outcomes.all(), outcomes.under_way), (20_000, 0));
        let each = [outcomes.done, outcomes.refused, outcomes.failed, outcomes.returned, outcomes.held];
        assert!(each.iter().all(|&count| count > 0), "{outcomes:?}");
        assert!(closed > 0 && restarts > closed as u64, "{closed} of {restarts}");
    }

    #[test]
    fn threads_change_nothing() {
        let [one, two, many] = [1, 2, 5].map(|threads| report(plan(threads)));
        for other in [two, many] {
            assert_eq!((one.digest, one.outcomes, one.closed), (other.digest, other.outcomes, other.closed));
        }
    }

    #[test]
    fn a_lost_coin_is_found_out() {
        let mut run = Run::new(plan(1)).expect("invariant: the world is new");
        let branch = run.bank.branches.get(0).expect("invariant: there is one");
        branch.book(&mut run.throng, 0, -1);
        run.throng.tick();
        let error = run.count(1).expect_err("a coin is gone");
        assert_eq!((error.found, error.expected), (29_999, 30_000));
    }

    #[test]
    fn bad_arguments_are_explained() {
        let error = Plan::try_parse_from(["bank", "--accounts", "1"]).expect_err("nobody to give to");
        assert!(error.to_string().contains("2..=10000000"));
    }
}
