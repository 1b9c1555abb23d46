//! What charted actors invoke and spawn: it lives as long as its state, and its end is an event.

use throng::prelude::*;
use throng::statechart::{Actions, ChartEvent, StateDef};
use throng::{ActorFailure, Callback, ChartActor, Charted, Charting, JobMode, Notice};

use crate::support::everywhere;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Idle,
    Working,
    Broken,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, ChartEvent)]
enum Task {
    Begin,
    Finished(u32),
    Abort,
    Again,
    Fail,
    Hand(u32),
    Gone(String),
}

/// What was reported, and why children failed.
#[derive(Clone, Default, Debug, PartialEq, Eq, Hash)]
struct Foreman {
    reports: Vec<u32>,
    failures: Vec<String>,
}

impl ChartActor for Foreman {
    type State = Job;
    type Event = Task;
    type Set = u64;
    type Params = ();

    fn noticed(&self, notice: &Notice) -> Option<Task> {
        match notice {
            Notice::Stopped { reason, .. } => Some(Task::Gone(reason.to_string())),
            _ => None,
        }
    }
}

/// Stops at 0, fails at 1, and reports every other number.
#[derive(bevy_ecs::component::Component)]
struct Worker(ActorRef<Charted<Foreman>>);

impl Actor for Worker {
    type Msg = u32;
    type Params = ();

    fn handle(&mut self, number: u32, cx: &Context<'_, Self>) -> Handled {
        match number {
            0 => cx.stop_self(),
            1 => return Err(ActorFailure::msg("worn out")),
            number => cx.tell(self.0, Task::Finished(number).into()),
        }
        Ok(())
    }
}

type Foremen = ActorRef<Charted<Foreman>>;

/// A foreman whose state `Working` is written by the test.
fn foreman(options: ThrongOptions, write: impl FnOnce(&mut StateDef<Charting<Foreman>>)) -> (Throng, Foremen) {
    let chart = Charted::<Foreman>::define("foreman", |foreman| {
        foreman.initial(Job::Idle);
        foreman.on(TaskKind::Gone).run(|foreman, task, _| {
            if let Some(Task::Gone(reason)) = task.event() {
                foreman.failures.push(format!("gone: {reason}"));
            }
        });
        foreman.state(Job::Idle, |idle| {
            idle.on(TaskKind::Begin).go(Job::Working);
        });
        foreman.state(Job::Working, |working| {
            working.on(TaskKind::Finished).go(Job::Idle).run(|foreman, task, _| {
                if let Some(Task::Finished(number)) = task.event() {
                    foreman.reports.push(*number);
                }
            });
            working.on(TaskKind::Abort).go(Job::Idle);
            working.on(TaskKind::Again).go(Job::Working).reenter();
            working.on(TaskKind::Fail).run(|_, _, step| step.fail("no more"));
            write(working);
        });
        foreman.state(Job::Broken, |_| {});
    });
    let mut throng = Throng::new(options.jobs(JobMode::Inline));
    throng.register::<Worker>().expect("its parameters are sound");
    throng.register::<Callback<Foreman>>().expect("its parameters are sound");
    let config = ActorConfig::new().digest();
    throng.register_chart_with(chart.lenient(), config).expect("the chart is sound");
    let foreman = throng.spawn_with(|_| Charted::new(Foreman::default()));
    (throng, foreman)
}

fn tell(throng: &mut Throng, foreman: Foremen, tasks: impl IntoIterator<Item = Task>) {
    tasks.into_iter().for_each(|task| throng.tell(foreman, task.into()));
    throng.tick();
}

fn seen(throng: &mut Throng, foreman: Foremen) -> Foreman {
    throng.state(foreman).expect("it lives").context().clone()
}

/// Whether the child ends well or not, and why.
fn with_ends(working: &mut StateDef<Charting<Foreman>>, name: &str) {
    working.on_invoke_done(name).go(Job::Idle).run(|foreman, end, _| {
        foreman.reports.extend(match end.output() {
            Some(Task::Finished(number)) => Some(*number),
            _ => None,
        });
        foreman.failures.push("none".to_owned());
    });
    working.on_invoke_error(name).go(Job::Broken).run(|foreman, end, _| {
        foreman.failures.extend(end.failure().map(str::to_owned));
    });
}

fn hands(working: &mut StateDef<Charting<Foreman>>) {
    working.invoke("hand", |_, foreman| Worker(foreman));
}

fn living<A: Actor>(throng: &mut Throng) -> usize {
    let mut query = throng.world_mut().query::<&A>();
    query.iter(throng.world()).count()
}

#[test]
fn children_live_as_long_as_their_state() {
    everywhere(|options| {
        let (mut throng, chief) = foreman(options, hands);
        for (task, alive) in [(Task::Begin, 1), (Task::Again, 1), (Task::Abort, 0), (Task::Begin, 1), (Task::Fail, 0), (Task::Begin, 1)] {
            tell(&mut throng, chief, [task]);
            assert_eq!(living::<Worker>(&mut throng), alive);
        }
        throng.broadcast::<Worker>(5);
        throng.tick();
        assert_eq!(seen(&mut throng, chief).reports, [5], "it reported");
        assert_eq!(living::<Worker>(&mut throng), 0, "and its state was left");
        tell(&mut throng, chief, [Task::Begin]);
        throng.stop(chief);
        assert_eq!(living::<Worker>(&mut throng), 0, "children stop with their parent");
    });
}

#[test]
fn the_end_of_a_child_is_an_event_of_the_charts_own() {
    everywhere(|options| {
        let write = |working: &mut StateDef<_>| {
            hands(working);
            with_ends(working, "hand");
        };
        for (word, state, failure) in [(0, Job::Idle, "none"), (1, Job::Broken, "error:worn out")] {
            let (mut throng, chief) = foreman(options.clone(), write);
            tell(&mut throng, chief, [Task::Begin]);
            throng.broadcast::<Worker>(word);
            throng.tick();
            assert_eq!(throng.active_states(chief), [state]);
            assert_eq!(seen(&mut throng, chief).failures, [failure]);
        }
        let (mut throng, chief) = foreman(options, write);
        tell(&mut throng, chief, [Task::Begin, Task::Abort]);
        throng.run_ticks(2);
        let ends = seen(&mut throng, chief).failures;
        assert_eq!(ends, ["gone: shutdown"], "one that the chart stopped is an actor like any other");
    });
}

#[test]
fn a_failure_that_no_state_takes_fails_the_actor() {
    everywhere(|options| {
        let (mut throng, chief) = foreman(options, hands);
        tell(&mut throng, chief, [Task::Begin]);
        throng.broadcast::<Worker>(1);
        throng.run_ticks(2);
        assert_eq!(throng.active_states(chief), [Job::Idle], "it is restarted");
    });
}

#[test]
fn actions_reach_the_child_by_its_name() {
    everywhere(|options| {
        let (mut throng, chief) = foreman(options, |working| {
            hands(working);
            working.on(TaskKind::Hand).run(|foreman, task, step| {
                let Some(Task::Hand(number)) = task.event() else { return };
                match step.invoked::<Worker>("hand") {
                    Some(hand) => step.tell(hand, *number),
                    None => foreman.failures.push("no hand".to_owned()),
                }
                assert_eq!(step.invoked::<Worker>("foot"), None);
                assert_eq!(step.invoked::<Callback<Foreman>>("hand"), None, "it is of another type");
            });
        });
        tell(&mut throng, chief, [Task::Begin, Task::Hand(9)]);
        let seen = seen(&mut throng, chief);
        assert_eq!((seen.reports, seen.failures), (vec![9], vec!["gone: shutdown".to_owned()]));
    });
}

#[test]
fn jobs_come_back_as_outputs_and_failures() {
    everywhere(|options| {
        let job = |sum: Option<u32>| {
            move |working: &mut StateDef<Charting<Foreman>>| {
                let prepare = move |_: &Foreman| move || sum.map(|sum| (1..=sum).sum()).expect("a job that panics");
                working.invoke_job("sum", prepare, Task::Finished);
                with_ends(working, "sum");
            }
        };
        let (mut throng, chief) = foreman(options.clone(), job(Some(4)));
        tell(&mut throng, chief, [Task::Begin]);
        assert_eq!(throng.active_states(chief), [Job::Working]);
        throng.tick();
        assert_eq!(throng.active_states(chief), [Job::Idle]);
        assert_eq!(seen(&mut throng, chief).reports, [10]);
        tell(&mut throng, chief, [Task::Begin, Task::Abort]);
        tell(&mut throng, chief, [Task::Begin]);
        assert_eq!(seen(&mut throng, chief).reports, [10], "a job of a state that was left is heard no more");
        throng.tick();
        assert_eq!(seen(&mut throng, chief).reports, [10, 10]);

        let (mut throng, chief) = foreman(options, job(None));
        tell(&mut throng, chief, [Task::Begin]);
        throng.tick();
        assert_eq!(throng.active_states(chief), [Job::Broken]);
        let failures = seen(&mut throng, chief).failures;
        assert!(failures.len() == 1 && failures[0].starts_with("the job panicked: a job that panics"), "{failures:?}");
    });
}

/// Says when it is dropped.
struct Guarded(std::sync::Arc<std::sync::atomic::AtomicU32>);

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn callbacks_hear_and_tell_and_let_go() {
    everywhere(|options| {
        let dropped = std::sync::Arc::<std::sync::atomic::AtomicU32>::default();
        let count = dropped.clone();
        let (mut throng, chief) = foreman(options, move |working| {
            working.invoke_callback("ear", move |foreman: &Foreman| {
                let (held, first) = (Guarded(count.clone()), foreman.reports.len());
                move |event, back| {
                    let _ = &held;
                    match event {
                        None if first == 0 => back.send(Task::Hand(7)),
                        None => {}
                        Some(Task::Hand(number)) => back.send(Task::Finished(number * 2)),
                        Some(Task::Abort) => back.finish(),
                        Some(_) => return Err(ActorFailure::msg("what?")),
                    }
                    Ok(())
                }
            });
            working.on(TaskKind::Hand).run(|_, task, step| {
                let ear = step.invoked::<Callback<Foreman>>("ear").expect("it lives");
                step.tell(ear, task.event().expect("it is one").clone());
            });
            with_ends(working, "ear");
        });
        let drops = || dropped.load(std::sync::atomic::Ordering::Relaxed);
        tell(&mut throng, chief, [Task::Begin]);
        assert_eq!(seen(&mut throng, chief).reports, [14], "it told, heard, and told again");
        assert_eq!(drops(), 1, "and was dropped when its state was left");
        for (word, state) in [(Task::Abort, Job::Idle), (Task::Begin, Job::Broken)] {
            tell(&mut throng, chief, [Task::Begin]);
            throng.broadcast::<Callback<Foreman>>(word);
            throng.run_ticks(2);
            assert_eq!(throng.active_states(chief), [state]);
        }
        assert_eq!(seen(&mut throng, chief).failures[1..], ["none", "error:what?"]);
        assert_eq!(drops(), 3);
    });
}

/// A chart that a chart invokes: it is done at once, and tells what it found before.
struct Scout(Foremen);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    Looking,
    Found,
}

#[derive(Clone, ChartEvent)]
enum Sight {
    Seen,
}

impl ChartActor for Scout {
    type State = Search;
    type Event = Sight;
    type Set = u64;
    type Params = ();
}

#[test]
fn a_chart_can_invoke_another() {
    everywhere(|options| {
        let (mut throng, chief) = foreman(options, |working| {
            working.invoke("scout", |_, foreman| Charted::new(Scout(foreman)));
            working.on(TaskKind::Hand).run(|foreman, task, _| {
                if let Some(Task::Hand(number)) = task.event() {
                    foreman.reports.push(*number);
                }
            });
            with_ends(working, "scout");
        });
        let scout = Charted::<Scout>::define("scout", |scout| {
            scout.initial(Search::Looking);
            scout.state(Search::Looking, |looking| {
                looking.on(SightKind::Seen).go(Search::Found);
            });
            scout.end(Search::Found, |found| {
                found.entry().effect(|scout, _, step| step.tell(scout.0, Task::Hand(3).into()));
            });
        });
        throng.register_chart(scout).expect("the chart is sound");
        tell(&mut throng, chief, [Task::Begin]);
        throng.broadcast::<Charted<Scout>>(Sight::Seen.into());
        throng.run_ticks(2);
        assert_eq!(seen(&mut throng, chief), Foreman { reports: vec![3], failures: vec!["none".to_owned()] });
        assert_eq!(throng.active_states(chief), [Job::Idle]);
    });
}

#[test]
fn what_an_action_spawns_outlives_the_state_and_its_end_is_noticed() {
    everywhere(|options| {
        let (mut throng, chief) = foreman(options, |working| {
            working.entry().effect(|_, _, step| {
                step.spawn(Worker(step.me()));
            });
        });
        tell(&mut throng, chief, [Task::Begin, Task::Abort]);
        assert_eq!(living::<Worker>(&mut throng), 1);
        throng.broadcast::<Worker>(1);
        throng.run_ticks(2);
        assert_eq!(seen(&mut throng, chief).failures, ["gone: error:worn out"]);
        assert_eq!(living::<Worker>(&mut throng), 0);
    });
}

#[test]
fn one_that_is_resumed_invokes_anew() {
    everywhere(|options| {
        let (mut throng, chief) = foreman(options, hands);
        tell(&mut throng, chief, [Task::Begin]);
        let state = throng.state(chief).expect("it lives");
        let copy = Charted::resume(state.context().clone(), state.configuration().clone());
        let copy = throng.spawn(copy);
        throng.tick();
        assert_eq!(living::<Worker>(&mut throng), 2);
        tell(&mut throng, copy, [Task::Abort]);
        assert_eq!(living::<Worker>(&mut throng), 1, "each has its own");
        tell(&mut throng, chief, [Task::Abort]);
        assert_eq!(living::<Worker>(&mut throng), 0);
    });
}

/// Children, jobs and failures: the same digests for any cut of the work.
#[test]
fn digests_do_not_depend_on_threads() {
    let digests = |options: ThrongOptions| {
        let (mut throng, _) = foreman(options, |working| {
            hands(working);
            with_ends(working, "hand");
            working.invoke_job(
                "sum",
                |foreman: &Foreman| {
                    let reports = foreman.reports.len() as u32;
                    move || reports
                },
                Task::Finished,
            );
            with_ends(working, "sum");
        });
        let all: Vec<_> = throng.spawn_many_with(17_000, |_| Charted::new(Foreman::default())).iter().collect();
        let mut digests = Vec::new();
        for tick in 0..8 {
            let tasks = all.iter().enumerate().map(|(at, &foreman)| {
                let task = match (at + tick) % 5 {
                    0 => Task::Abort,
                    1 => Task::Fail,
                    2 => Task::Again,
                    _ => Task::Begin,
                };
                (foreman, task.into())
            });
            throng.tell_many(tasks);
            throng.broadcast::<Worker>(tick as u32 % 4);
            throng.tick();
            digests.push(throng.digest());
        }
        digests
    };
    let one = digests(ThrongOptions::new().threads(1));
    assert!(one.windows(2).all(|pair| pair[0] != pair[1]), "something happens in each tick");
    for threads in [2, 8] {
        assert!(one == digests(ThrongOptions::new().threads(threads).share_always(true)), "{threads} threads");
    }
}
