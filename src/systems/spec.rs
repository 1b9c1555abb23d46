//! Specs of children and of supervisors: a whole tree in one expression.

use std::any::{Any, TypeId};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bevy_ecs::component::Component;
use bevy_ecs::world::World;

use super::behaviour::ActorBehaviour;
use super::config::{ActorConfig, Fresh};
use super::engine::Engine;
use crate::actor::{Actor, Context, Handled};
use crate::error::RegisterError;
use crate::id::{ActorId, Kind};
use crate::supervision::{
    AutoShutdown, Backoff, ChildError, ChildRules, RestartIntensity, RestartPolicy, RestartStrategy, Shutdown, SpecError, SupervisorRules,
};

/// An actor that starts, stops and restarts its children by OTP's rules.
///
/// # Examples
///
/// ```
/// # use bevy_ecs::component::Component;
/// # use throng::prelude::*;
/// use throng::{ChildSpec, Shutdown, Supervisor};
/// # #[derive(Component)] struct Door; #[derive(Component)] struct Guard;
/// # impl Actor for Door { type Msg = (); type Params = (); fn handle(&mut self, _: (), _: &Context<'_, Self>) -> Handled { Ok(()) } }
/// # impl Actor for Guard { type Msg = (); type Params = (); fn handle(&mut self, _: (), _: &Context<'_, Self>) -> Handled { Ok(()) } }
/// let mut throng = Throng::default();
/// throng.start_tree(
///     Supervisor::one_for_one("castle")
///         .intensity(3, 60)
///         .child(ChildSpec::new("door", |_| Door).shutdown(Shutdown::BrutalKill))
///         .child(Supervisor::one_for_all("watch").child(ChildSpec::new("guard", |_| Guard).transient())),
/// )?;
/// assert_eq!(throng.supervision_tree().to_string(), "\
/// castle [one_for_one] running
///   door running
///   watch [one_for_all] running
///     guard running
/// ");
/// # Ok::<(), throng::ChildError>(())
/// ```
#[derive(Component, Clone, Copy, Debug)]
pub struct Supervisor(());

/// A supervisor gets no mail: use [`Throng::start_child`](crate::Throng::start_child) and its kin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMail {}

impl Actor for Supervisor {
    type Msg = NoMail;
    type Params = ();

    fn handle(&mut self, msg: NoMail, _: &Context<'_, Self>) -> Handled {
        match msg {}
    }
}

impl Supervisor {
    pub(crate) fn mark() -> Self {
        Self(())
    }

    /// A supervisor that restarts the child that ended.
    #[must_use]
    pub fn one_for_one(name: impl Into<Arc<str>>) -> SupervisorSpec {
        SupervisorSpec::new(name.into(), RestartStrategy::OneForOne)
    }

    /// A supervisor that restarts all children when one ended.
    #[must_use]
    pub fn one_for_all(name: impl Into<Arc<str>>) -> SupervisorSpec {
        SupervisorSpec::new(name.into(), RestartStrategy::OneForAll)
    }

    /// A supervisor that restarts the child that ended, and those after it.
    #[must_use]
    pub fn rest_for_one(name: impl Into<Arc<str>>) -> SupervisorSpec {
        SupervisorSpec::new(name.into(), RestartStrategy::RestForOne)
    }

    /// A supervisor of any number of alike children, started at run time. The name of the template is not used.
    #[must_use]
    pub fn simple_one_for_one(name: impl Into<Arc<str>>, template: impl Into<ChildSpec>) -> SupervisorSpec {
        SupervisorSpec { template: Some(Box::new(template.into())), ..SupervisorSpec::new(name.into(), RestartStrategy::SimpleOneForOne) }
    }
}

/// How a supervisor is made; see [`Supervisor`].
#[derive(Clone, Debug)]
pub struct SupervisorSpec {
    pub(crate) name: Arc<str>,
    pub(crate) strategy: RestartStrategy,
    pub(crate) intensity: RestartIntensity,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) children: Vec<ChildSpec>,
    pub(crate) template: Option<Box<ChildSpec>>,
}

impl SupervisorSpec {
    fn new(name: Arc<str>, strategy: RestartStrategy) -> Self {
        Self {
            name,
            strategy,
            intensity: RestartIntensity { intensity: 1, period_ticks: 5 },
            auto_shutdown: AutoShutdown::Never,
            backoff: None,
            children: Vec::new(),
            template: None,
        }
    }

    /// Allows at most so many restarts, of all children together, within so many ticks (both ends included). The default is
    /// OTP's: 1 in 5. One restart more, and the supervisor stops its children and itself, with reason `Shutdown`.
    #[must_use]
    pub fn intensity(mut self, restarts: u32, period_ticks: u64) -> Self {
        self.intensity = RestartIntensity { intensity: restarts, period_ticks };
        self
    }

    /// Allows any number of restarts.
    #[must_use]
    pub fn unlimited_restarts(mut self) -> Self {
        self.intensity = RestartIntensity { intensity: u32::MAX, period_ticks: 1 };
        self
    }

    /// Makes the supervisor stop by itself when significant children have ended by themselves.
    #[must_use]
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Waits before each restart.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// Adds a child, behind those that are there: started last, stopped first.
    #[must_use]
    pub fn child(mut self, child: impl Into<ChildSpec>) -> Self {
        self.children.push(child.into());
        self
    }

    /// Adds children in order.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = impl Into<ChildSpec>>) -> Self {
        self.children.extend(children.into_iter().map(Into::into));
        self
    }

    /// Checks the whole tree. Not recursive: it may be a thousand levels deep.
    ///
    /// # Errors
    ///
    /// A combination that cannot work: the first of the uppermost supervisor that has one.
    pub fn check(&self) -> Result<(), SpecError> {
        self.with_all_below().into_iter().try_for_each(Self::check_own)
    }

    /// This supervisor, and all that are below it.
    pub(crate) fn with_all_below(&self) -> Vec<&Self> {
        let mut all = vec![self];
        let mut at = 0;
        while let Some(&spec) = all.get(at) {
            all.extend(spec.all_children().filter_map(ChildSpec::below));
            at += 1;
        }
        all
    }

    /// Its children, and the template of those to come.
    pub(crate) fn all_children(&self) -> impl Iterator<Item = &ChildSpec> {
        self.children.iter().chain(self.template.as_deref())
    }

    fn check_own(&self) -> Result<(), SpecError> {
        let supervisor = &self.name;
        if self.intensity.period_ticks == 0 {
            return Err(SpecError::PeriodZero { supervisor: supervisor.clone() });
        }
        if self.template.is_some()
            && let Some(child) = self.children.first()
        {
            return Err(SpecError::ChildOfPool { supervisor: supervisor.clone(), child: child.rules.name.clone() });
        }
        let mut names = HashSet::new();
        for child in &self.children {
            if !names.insert(&child.rules.name) {
                return Err(SpecError::DuplicateName { supervisor: supervisor.clone(), child: child.rules.name.clone() });
            }
        }
        self.all_children().try_for_each(|child| self.check_child(child))
    }

    fn check_child(&self, child: &ChildSpec) -> Result<(), SpecError> {
        let (supervisor, name) = (self.name.clone(), child.rules.name.clone());
        if child.rules.significant && child.rules.restart == RestartPolicy::Permanent {
            return Err(SpecError::SignificantPermanent { supervisor, child: name });
        }
        if child.rules.significant && self.auto_shutdown == AutoShutdown::Never {
            return Err(SpecError::SignificantWithNever { supervisor, child: name });
        }
        Ok(())
    }

    pub(crate) fn rules(&self, seed: u64) -> SupervisorRules {
        SupervisorRules {
            strategy: self.strategy,
            intensity: self.intensity,
            auto_shutdown: self.auto_shutdown,
            backoff: self.backoff,
            seed,
        }
    }
}

/// How a child is made, restarted and stopped.
///
/// # Examples
///
/// ```
/// # use bevy_ecs::component::Component;
/// # use throng::prelude::*;
/// use throng::{ChildSpec, Shutdown};
/// # #[derive(Component)] struct Cook;
/// # impl Actor for Cook { type Msg = (); type Params = (); fn handle(&mut self, _: (), _: &Context<'_, Self>) -> Handled { Ok(()) } }
/// let spec = ChildSpec::new("cook", |_id| Cook).transient().shutdown(Shutdown::Ticks(20));
/// # let _ = spec;
/// ```
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) rules: ChildRules,
    pub(crate) keep_mailbox: bool,
    pub(crate) start: StartWith,
}

/// What a child is.
#[derive(Clone)]
pub(crate) enum StartWith {
    Worker(Arc<dyn Make>),
    Supervisor(Arc<SupervisorSpec>),
}

impl ChildSpec {
    /// A permanent child; `make` makes its first state, and fresh state for each restart. It is told to stop, and
    /// killed after 100 ticks. Its mailbox is kept over restarts.
    #[must_use]
    pub fn new<A: Actor>(name: impl Into<Arc<str>>, make: impl Fn(ActorId) -> A + Send + Sync + 'static) -> Self {
        let fresh: Fresh<A> = Arc::new(make);
        Self::of(name.into(), Shutdown::default(), StartWith::Worker(Arc::new(Maker(fresh))))
    }

    /// A supervisor as a child: as `From<SupervisorSpec>`. It is told to stop, and waited for.
    #[must_use]
    pub fn supervisor(spec: SupervisorSpec) -> Self {
        Self::of(spec.name.clone(), Shutdown::Infinity, StartWith::Supervisor(Arc::new(spec)))
    }

    fn of(name: Arc<str>, shutdown: Shutdown, start: StartWith) -> Self {
        let rules = ChildRules { name, restart: RestartPolicy::Permanent, shutdown, significant: false };
        Self { rules, keep_mailbox: true, start }
    }

    /// Sets when it is restarted.
    #[must_use]
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.rules.restart = policy;
        self
    }

    /// Restarts it only if it ended abnormally.
    #[must_use]
    pub fn transient(self) -> Self {
        self.restart(RestartPolicy::Transient)
    }

    /// Never restarts it.
    #[must_use]
    pub fn temporary(self) -> Self {
        self.restart(RestartPolicy::Temporary)
    }

    /// Sets how it is stopped.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.rules.shutdown = shutdown;
        self
    }

    /// Makes it one of those that its supervisor's auto-shutdown looks at.
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.rules.significant = true;
        self
    }

    /// Makes mail that waits when it is restarted dead letters, as OTP does.
    #[must_use]
    pub fn drop_mailbox_on_restart(mut self) -> Self {
        self.keep_mailbox = false;
        self
    }

    /// The supervisor that it is.
    pub(crate) fn below(&self) -> Option<&SupervisorSpec> {
        match &self.start {
            StartWith::Worker(_) => None,
            StartWith::Supervisor(spec) => Some(spec),
        }
    }
}

impl From<SupervisorSpec> for ChildSpec {
    fn from(spec: SupervisorSpec) -> Self {
        Self::supervisor(spec)
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec").field("rules", &self.rules).field("keep_mailbox", &self.keep_mailbox).finish_non_exhaustive()
    }
}

/// Makes actors of a type that is forgotten.
pub(crate) trait Make: Send + Sync {
    /// Makes the type known; its kind.
    fn kind(&self, engine: &mut Engine, world: &mut World) -> Result<Kind, RegisterError>;
    /// The [`Fresh`] of its type.
    fn fresh(&self) -> &(dyn Any + Send + Sync);
}

struct Maker<A: Actor>(Fresh<A>);

impl<A: Actor> Make for Maker<A> {
    fn kind(&self, engine: &mut Engine, world: &mut World) -> Result<Kind, RegisterError> {
        known::<A>(engine, world)
    }

    fn fresh(&self) -> &(dyn Any + Send + Sync) {
        &self.0
    }
}

/// The kind of a type, registered with its defaults if it was not known.
pub(crate) fn known<A: Actor>(engine: &mut Engine, world: &mut World) -> Result<Kind, RegisterError> {
    if let Some(&kind) = engine.hub.kinds.get(&TypeId::of::<A>()) {
        return Ok(kind);
    }
    let config = ActorConfig::<A>::new();
    let mailbox = config.mailbox.clone();
    let behaviour = ActorBehaviour::new(world, config)?;
    engine.register(world, mailbox, Some(Box::new(behaviour)))
}

impl From<SpecError> for ChildError {
    fn from(error: SpecError) -> Self {
        Self::Spec(error)
    }
}
