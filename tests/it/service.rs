//! Services: traits whose methods are messages and calls.

use std::time::Duration;

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, RestartIntensity, This, service};

use crate::support::{everywhere, settle_all};

/// A shelf in a shop.
#[service]
trait Shelf: Actor {
    /// Puts goods on it.
    fn put(&mut self, goods: u32);
    /// Takes goods off it; how many there were.
    fn take(&mut self, goods: u32) -> u32;
    /// What is on it.
    fn count(&self) -> u32;
    /// Takes goods off it, or fails.
    fn take_all_of(&mut self, goods: u32) -> Result<u32, ActorFailure>;
    /// Fails.
    fn collapse(&mut self) -> Handled;
    /// Who asks.
    fn who(&self, cx: &Context<'_, Self>) -> Option<ActorId>;
    /// Answers when there are so many goods.
    fn when(&mut self, goods: u32, reply: ReplyTo<u32>);
    /// A method whose parameters have the names that the macro uses.
    fn odd_names(&mut self, actor: u32, cx: u32, make: u32) -> u32;
    /// A method with a default.
    fn label(&self) -> &'static str {
        "shelf"
    }
}

#[derive(Component, Default)]
struct Oak {
    goods: u32,
    waiting: Vec<(u32, ReplyTo<u32>)>,
}

impl Shelf for Oak {
    fn put(&mut self, goods: u32) {
        self.goods += goods;
        let goods = self.goods;
        for (_, reply) in self.waiting.extract_if(.., |(wanted, _)| *wanted <= goods) {
            reply.send(goods);
        }
    }

    fn take(&mut self, goods: u32) -> u32 {
        let taken = goods.min(self.goods);
        self.goods -= taken;
        taken
    }

    fn count(&self) -> u32 {
        self.goods
    }

    fn take_all_of(&mut self, goods: u32) -> Result<u32, ActorFailure> {
        self.goods = self.goods.checked_sub(goods).ok_or_else(|| ActorFailure::msg("too few"))?;
        Ok(goods)
    }

    fn collapse(&mut self) -> Handled {
        Err(ActorFailure::msg("too much"))
    }

    fn who(&self, cx: &Context<'_, Self>) -> Option<ActorId> {
        cx.sender()
    }

    fn when(&mut self, goods: u32, reply: ReplyTo<u32>) {
        self.waiting.push((goods, reply));
    }

    fn odd_names(&mut self, actor: u32, cx: u32, make: u32) -> u32 {
        actor * 100 + cx * 10 + make
    }
}

impl Actor for Oak {
    type Msg = ShelfMsg;
    type Params = ();

    fn handle(&mut self, msg: ShelfMsg, cx: &Context<'_, Self>) -> Handled {
        msg.dispatch(self, cx)
    }
}

/// Another type with the same service among other messages.
#[derive(Component, Default)]
struct Fridge {
    goods: u32,
    warm: bool,
}

enum FridgeMsg {
    Shelf(ShelfMsg),
    Defrost,
}

impl From<ShelfMsg> for FridgeMsg {
    fn from(msg: ShelfMsg) -> Self {
        Self::Shelf(msg)
    }
}

impl Shelf for Fridge {
    fn put(&mut self, goods: u32) {
        self.goods += goods;
    }
    fn take(&mut self, goods: u32) -> u32 {
        goods
    }
    fn count(&self) -> u32 {
        if self.warm { 0 } else { self.goods }
    }
    fn take_all_of(&mut self, goods: u32) -> Result<u32, ActorFailure> {
        Ok(goods)
    }
    fn collapse(&mut self) -> Handled {
        Ok(())
    }
    fn who(&self, cx: &Context<'_, Self>) -> Option<ActorId> {
        Some(cx.id())
    }
    fn when(&mut self, goods: u32, reply: ReplyTo<u32>) {
        reply.send(goods);
    }
    fn odd_names(&mut self, _actor: u32, cx: u32, _make: u32) -> u32 {
        cx
    }
    fn label(&self) -> &'static str {
        "fridge"
    }
}

impl Actor for Fridge {
    type Msg = FridgeMsg;
    type Params = ();

    fn handle(&mut self, msg: FridgeMsg, cx: &Context<'_, Self>) -> Handled {
        match msg {
            FridgeMsg::Shelf(msg) => msg.dispatch(self, cx),
            FridgeMsg::Defrost => {
                self.warm = true;
                Ok(())
            }
        }
    }
}

/// Calls shelves from its handler, and notes the answers.
#[derive(Component, Default)]
struct Clerk(Vec<Result<u32, AskError>>);

type Errand = Box<dyn Fn(&Context<'_, Clerk>) + Send>;

impl Actor for Clerk {
    type Msg = Errand;
    type Params = ();

    fn handle(&mut self, errand: Errand, cx: &Context<'_, Self>) -> Handled {
        errand(cx);
        Ok(())
    }
}

fn keep(clerk: &mut Clerk, answer: Result<u32, AskError>, _: &Context<'_, Clerk>) -> Handled {
    clerk.0.push(answer);
    Ok(())
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn handlers_call_each_other() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (oak, clerk) = (throng.spawn(Oak::default()), throng.spawn(Clerk::default()));
        throng.tell(
            clerk,
            Box::new(move |cx| {
                oak.put(cx, 5);
                oak.take(cx, 2).then(keep);
                oak.take_all_of(cx, 1).within(3).then(keep);
                oak.odd_names(cx, 1, 2, 3).then(keep);
                oak.count(cx).then(keep);
            }),
        );
        settle_all(&mut throng);
        assert_eq!(throng.state(clerk).unwrap().0, [Ok(2), Ok(1), Ok(123), Ok(2)]);
    });
}

#[test]
fn a_call_in_a_call_that_fails_is_taken_back() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let oak = throng.spawn(Oak::default());
        let clerk = throng.spawn_with(|_| Clerk::default());
        throng.tell(
            clerk,
            Box::new(move |cx| {
                oak.put(cx, 5);
                oak.count(cx).then(keep);
                panic!("as told");
            }),
        );
        settle_all(&mut throng);
        assert_eq!(throng.state(oak).unwrap().goods, 0);
        assert!(throng.state(clerk).unwrap().0.is_empty());
    });
}

#[test]
fn a_method_that_fails_fails_the_actor_and_the_ask() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        throng.register_with(ActorConfig::<Oak>::new().restart(RestartIntensity { intensity: 1, period_ticks: 100 })).unwrap();
        let oak = throng.spawn_with(|_| Oak { goods: 3, ..Oak::default() });
        let clerk = throng.spawn(Clerk::default());
        throng.tell(clerk, Box::new(move |cx| oak.take_all_of(cx, 4).then(keep)));
        settle_all(&mut throng);
        assert_eq!(throng.state(clerk).unwrap().0, [Err(AskError::NoReply)]);
        assert_eq!((throng.stats().restarts, throng.state(oak).unwrap().goods), (1, 3));
        oak.collapse(&mut throng);
        settle_all(&mut throng);
        assert!(!throng.is_alive(oak));
    });
}

#[test]
fn other_threads_call_and_wait() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let oak = throng.spawn(Oak::default());
        let inlet = throng.inlet();
        let caller = std::thread::spawn(move || {
            oak.put(&inlet, 7).unwrap();
            let who = oak.who(&inlet).wait(SOON).unwrap();
            (oak.count(&inlet).wait(SOON).unwrap(), who, oak.label(&inlet).wait(SOON).unwrap())
        });
        while !caller.is_finished() {
            throng.tick();
        }
        assert_eq!(caller.join().unwrap(), (7, None, "shelf"));
    });
}

#[test]
fn a_refused_call_gives_its_message_back() {
    let mut throng = Throng::new(ThrongOptions::new().inlet_capacity(1));
    let oak = throng.spawn(Oak::default());
    let inlet = throng.inlet();
    oak.put(&inlet, 1).unwrap();
    let refused = oak.put(&inlet, 2).unwrap_err();
    assert!(matches!(refused.into_message(), ShelfMsg::Put { goods: 2 }));
    assert_eq!(oak.count(&inlet).wait(SOON), Err(AskError::InletFull));
}

#[test]
fn a_method_with_a_reply_answers_when_it_can() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (oak, clerk) = (throng.spawn(Oak::default()), throng.spawn(Clerk::default()));
        throng.tell(clerk, Box::new(move |cx| oak.when(cx, 3).then(keep)));
        settle_all(&mut throng);
        assert!(throng.state(clerk).unwrap().0.is_empty());
        oak.put(&mut throng, 2);
        oak.put(&mut throng, 2);
        settle_all(&mut throng);
        assert_eq!(throng.state(clerk).unwrap().0, [Ok(4)]);
    });
}

#[test]
fn actors_of_several_types_are_called_alike() {
    everywhere(|options| {
        let mut throng = Throng::new(options);
        let (oak, fridge, clerk) = (throng.spawn(Oak::default()), throng.spawn(Fridge::default()), throng.spawn(Clerk::default()));
        let shelves: [Recipient<ShelfMsg>; 2] = [oak.recipient(), fridge.recipient()];
        for shelf in shelves {
            shelf.put(&mut throng, 9);
        }
        throng.tell(clerk, Box::new(move |cx| shelves.iter().for_each(|shelf| shelf.count(cx).then(keep))));
        settle_all(&mut throng);
        throng.tell(fridge, FridgeMsg::Defrost);
        throng.tell(clerk, Box::new(move |cx| shelves[1].count(cx).then(keep)));
        settle_all(&mut throng);
        assert_eq!(throng.state(clerk).unwrap().0, [Ok(9), Ok(9), Ok(0)]);
    });
}

#[test]
fn messages_can_be_shown() {
    assert_eq!(format!("{:?} {:?}", ShelfMsg::Put { goods: 1 }, ShelfMsg::Collapse), "Put Collapse");
}

/// A service with methods that wait.
#[service]
trait Carrier: Actor {
    /// Carries goods from shelf to shelf; how many were taken.
    async fn carry(this: This<Self>, from: ActorRef<Oak>, to: ActorRef<Oak>, goods: u32) -> u32;
    /// As `carry`, with mail meanwhile.
    #[reentrant]
    async fn carry_slowly(this: This<Self>, ticks: u64, to: ActorRef<Oak>) -> u32;
    /// Fails after some ticks.
    async fn stumble(this: This<Self>, ticks: u64) -> Result<u32, ActorFailure>;
    /// Tells, and waits.
    async fn drop_off(this: This<Self>, to: ActorRef<Oak>) -> Handled;
    /// Answers in the middle.
    async fn promise(this: This<Self>, reply: ReplyTo<u32>);
    /// Has a default.
    async fn rest(this: This<Self>, ticks: u64) -> u64 {
        this.sleep(ticks).await;
        this.with(|_, cx| cx.tick())
    }
    /// How often it carried something.
    fn carried(&self) -> u32;
}

#[derive(Component, Default)]
struct Porter(u32);

impl Carrier for Porter {
    async fn carry(this: This<Self>, from: ActorRef<Oak>, to: ActorRef<Oak>, goods: u32) -> u32 {
        let taken = from.take(this, goods).await.unwrap_or(0);
        this.sleep(1).await;
        to.put(this, taken);
        this.with(|porter, _| porter.0 += 1);
        taken
    }

    async fn carry_slowly(this: This<Self>, ticks: u64, to: ActorRef<Oak>) -> u32 {
        this.sleep(ticks).await;
        to.count(this).within(5).await.unwrap_or(u32::MAX)
    }

    async fn stumble(this: This<Self>, ticks: u64) -> Result<u32, ActorFailure> {
        this.sleep(ticks).await;
        Err(ActorFailure::msg("a root"))
    }

    async fn drop_off(this: This<Self>, to: ActorRef<Oak>) -> Handled {
        to.put(this, 1);
        this.sleep(1).await;
        to.put(this, 10);
        Ok(())
    }

    async fn promise(this: This<Self>, reply: ReplyTo<u32>) {
        this.with(|_, cx| cx.reply(reply, 1));
        this.sleep(1).await;
        this.with(|porter, _| porter.0 += 100);
    }

    fn carried(&self) -> u32 {
        self.0
    }
}

impl Actor for Porter {
    type Msg = CarrierMsg;
    type Params = ();

    fn handle(&mut self, msg: CarrierMsg, cx: &Context<'_, Self>) -> Handled {
        msg.dispatch(self, cx)
    }
}

/// Two shelves, a porter, and somebody who calls.
fn warehouse(options: ThrongOptions) -> (Throng, ActorRef<Oak>, ActorRef<Oak>, ActorRef<Porter>, ActorRef<Clerk>) {
    let mut throng = Throng::new(options);
    let (full, bare) = (throng.spawn(Oak { goods: 9, ..Oak::default() }), throng.spawn(Oak::default()));
    let (porter, clerk) = (throng.spawn(Porter::default()), throng.spawn(Clerk::default()));
    (throng, full, bare, porter, clerk)
}

#[test]
fn an_async_method_is_a_turn() {
    everywhere(|options| {
        let (mut throng, full, bare, porter, clerk) = warehouse(options);
        throng.tell(
            clerk,
            Box::new(move |cx| {
                porter.carry(cx, full, bare, 4).then(keep);
                porter.carried(cx).then(keep);
                porter.carry(cx, full, bare, 7).then(keep);
                porter.carried(cx).then(keep);
            }),
        );
        throng.run_ticks(6);
        assert_eq!(throng.state(clerk).unwrap().0, [Ok(4), Ok(1), Ok(5), Ok(2)], "one after the other");
        assert_eq!((throng.state(full).unwrap().goods, throng.state(bare).unwrap().goods), (0, 9));
    });
}

#[test]
fn a_reentrant_method_lets_mail_in() {
    everywhere(|options| {
        let (mut throng, full, _, porter, clerk) = warehouse(options);
        throng.tell(
            clerk,
            Box::new(move |cx| {
                porter.carry_slowly(cx, 3, full).then(keep);
                porter.carried(cx).then(keep);
            }),
        );
        throng.run_ticks(6);
        assert_eq!(throng.state(clerk).unwrap().0, [Ok(0), Ok(9)]);
    });
}

#[test]
fn an_async_method_fails_tells_promises_and_rests() {
    everywhere(|options| {
        let (mut throng, _, bare, porter, clerk) = warehouse(options);
        throng.tell(
            clerk,
            Box::new(move |cx| {
                porter.promise(cx).then(keep);
                porter.drop_off(cx, bare);
                porter.rest(cx, 2).then(|clerk, tick, cx| keep(clerk, tick.map(|tick| tick as u32), cx));
                porter.stumble(cx, 1).then(keep);
            }),
        );
        throng.run_ticks(10);
        assert_eq!(throng.state(clerk).unwrap().0, [Ok(1), Ok(5), Err(AskError::NoReply)]);
        assert_eq!(throng.state(bare).unwrap().goods, 11);
        assert!(!throng.is_alive(porter), "nobody knew how to restart it");
    });
}
