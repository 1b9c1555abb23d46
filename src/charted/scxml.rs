//! Charted actors of SCXML documents: what they invoke are their children (feature `scxml`).

use std::sync::Arc;

use super::{ChartActor, Charted, Charting};
use crate::actor::{ActorRef, Context, ExitReason};
use crate::id::ActorId;
use crate::statechart::{Chart, Configuration, Family, Instant, ScxmlBindings, ScxmlEvent, ScxmlSession, StateId, Step};

impl<C> ScxmlBindings<Charting<C>>
where
    C: ChartActor<State = StateId, Event = ScxmlEvent> + AsRef<ScxmlSession> + AsMut<ScxmlSession>,
{
    /// Lets documents `invoke` others: each is a session of its own, and an actor of the same type, a child of the one that
    /// invokes it. `context` makes its context.
    ///
    /// The child lives in the tick as other actors do: it starts in the round after its state was entered, and events
    /// between the two take a round. It stops when it is done, when its state is left, and when its parent is restarted
    /// or stops; if it is stopped, the exit actions of its states run. One that fails is not started anew: its parent gets
    /// `error.communication`. Documents that are named by `src` are read with
    /// [`ScxmlBindings::sources`]; [`Model::Set`](crate::statechart::Model::Set) must hold the states of each.
    ///
    /// # Examples
    ///
    /// ```
    /// use throng::prelude::*;
    /// use throng::statechart::{ScxmlBindings, ScxmlDocument, ScxmlEvent, ScxmlSession, StateId};
    /// use throng::{ChartActor, Charted};
    ///
    /// struct Desk(ScxmlSession);
    /// impl ChartActor for Desk {
    ///     type State = StateId;
    ///     type Event = ScxmlEvent;
    ///     type Set = u64;
    ///     type Params = ();
    /// }
    /// impl AsRef<ScxmlSession> for Desk {
    ///     fn as_ref(&self) -> &ScxmlSession { &self.0 }
    /// }
    /// impl AsMut<ScxmlSession> for Desk {
    ///     fn as_mut(&mut self) -> &mut ScxmlSession { &mut self.0 }
    /// }
    ///
    /// let document = ScxmlDocument::parse(r#"
    ///     <scxml xmlns="http://www.w3.org/2005/07/scxml" datamodel="native">
    ///         <datamodel><data id="price" expr="0"/></datamodel>
    ///         <state id="asking">
    ///             <invoke id="clerk">
    ///                 <param name="pieces" expr="3"/>
    ///                 <content>
    ///                     <scxml>
    ///                         <datamodel><data id="pieces"/></datamodel>
    ///                         <final><donedata><param name="price" expr="pieces * 40"/></donedata></final>
    ///                     </scxml>
    ///                 </content>
    ///             </invoke>
    ///             <transition event="done.invoke.clerk" target="told">
    ///                 <assign location="price" expr="_event.data.price"/>
    ///             </transition>
    ///         </state>
    ///         <state id="told"/>
    ///     </scxml>"#)?;
    /// let bindings = ScxmlBindings::new().children(Desk);
    /// let mut throng = Throng::default();
    /// throng.register_chart(document.define(&bindings, 1)?)?;
    /// let desk = throng.spawn(Charted::new(Desk(document.session())));
    /// throng.tick();
    /// assert_eq!(throng.active_states(desk), [StateId::from("told")]);
    /// assert_eq!(throng.state(desk).unwrap().context().0.get("price"), Some(&120.into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn children(self, context: impl Fn(ScxmlSession) -> C + Send + Sync + 'static) -> Self {
        self.family(Actors(context))
    }
}

/// Sessions that are actors; with what makes their contexts.
struct Actors<F>(F);

impl<C, F> Family<Charting<C>> for Actors<F>
where
    C: ChartActor<State = StateId, Event = ScxmlEvent>,
    F: Fn(ScxmlSession) -> C + Send + Sync,
{
    fn me(&self, step: &Step<'_, Charting<C>>) -> ActorId {
        step.id()
    }

    fn now(&self, step: &Step<'_, Charting<C>>) -> Instant {
        Instant { tick: step.tick(), round: step.round() }
    }

    fn spawn(&self, chart: Arc<Chart<Charting<C>>>, session: ScxmlSession, step: &Step<'_, Charting<C>>) -> ActorId {
        step.spawn(Charted { context: (self.0)(session), configuration: Configuration::of(chart) }).id()
    }

    fn tell(&self, to: ActorId, event: ScxmlEvent, step: &Step<'_, Charting<C>>) {
        step.tell(ActorRef::<Charted<C>>::from_id(to), event.into());
    }

    fn stop(&self, child: ActorId, step: &Step<'_, Charting<C>>) {
        step.port().stop(child);
    }
}

/// The end of a session that was invoked: its states are left, and nothing takes its place.
pub(super) fn terminate<C: ChartActor>(charted: &mut Charted<C>, reason: &ExitReason, cx: &Context<'_, Charted<C>>) {
    let Some(chart) = charted.own_chart() else { return };
    if reason.is_normal() {
        // What fails on the way out has nobody left to be told to.
        if let Err(error) = chart.leave(&mut charted.configuration, &mut charted.context, cx.tick(), cx) {
            tracing::warn!(chart = chart.name(), %error, "an exit action failed");
        }
    } else {
        // A fresh one would be of the chart that all share.
        cx.exit(ExitReason::shutdown_with(reason.to_string()));
    }
}
