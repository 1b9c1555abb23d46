//! Where a case is played: a throng, and notes of what happens in it.

use std::collections::{BTreeMap, HashMap};

use crossbeam_channel::Receiver;
use serde_json::Value;
use throng::prelude::*;
use throng::{ChildError, ChildKey, ChildReply, ChildState, ExitReason, LifeEvent, LifeStep, SpecError, Supervisor, TreeNode};

use super::compare::Outcome;
use super::process::{Op, Process, Shared, notes};
use super::{reason, spec};

/// Ticks of throng for each tick of a case.
pub(super) const TICKS: u64 = 1000;

/// More events than any step makes.
const EVENTS: usize = 1 << 16;

/// A life: the process's number, counted by attempts, and its address.
type Life = (u64, ActorId);

pub(super) struct Stage {
    throng: Throng,
    events: Receiver<LifeEvent>,
    shared: Shared,
    tree: Value,
    /// Start attempts, by name, as they were told.
    attempts: HashMap<String, u64>,
    alive: BTreeMap<String, Life>,
    /// The address that last had a name.
    last: HashMap<String, ActorId>,
    supervisors: HashMap<String, ActorRef<Supervisor>>,
    /// The templates of simple_one_for_one supervisors.
    templates: HashMap<String, Value>,
    log: Vec<String>,
}

impl Stage {
    /// Sets the processes up that are there from the start.
    pub(super) fn new(case: &Value) -> Result<Self, String> {
        let mut throng = Throng::new(ThrongOptions::new().threads(1));
        throng.register::<Process>().map_err(|error| error.to_string())?;
        let events = throng.life_events(EVENTS);
        let mut stage = Self {
            throng,
            events,
            shared: Shared::default(),
            tree: case["tree"].clone(),
            attempts: HashMap::new(),
            alive: BTreeMap::new(),
            last: HashMap::new(),
            supervisors: HashMap::new(),
            templates: HashMap::new(),
            log: Vec::new(),
        };
        stage.note_templates(&case["tree"]);
        for process in case["procs"].as_array().into_iter().flatten() {
            let name = process["name"].as_str().ok_or("a process without a name")?;
            let made = Process::plain(name, &stage.shared, process["trap_exit"] == true);
            let id = stage.throng.spawn(made).id();
            notes(&stage.shared).names.insert(id, (name.to_owned(), false));
        }
        stage.settle()?;
        stage.log.clear();
        Ok(stage)
    }

    fn note_templates(&mut self, tree: &Value) {
        if let (Some(name), Some(template)) = (tree["name"].as_str(), tree.get("template")) {
            self.templates.insert(name.to_owned(), template.clone());
        }
        for child in tree["children"].as_array().into_iter().flatten() {
            self.note_templates(child);
        }
    }

    /// Takes one step of the environment, and says what it did.
    pub(super) fn step(&mut self, step: &Value) -> Result<Outcome, String> {
        self.run_to(step["tick"].as_u64().ok_or("no tick")? * TICKS);
        self.log.clear();
        let result = match self.act(step)? {
            Done::At(result) => result,
            Done::Reply(reply, none) => {
                self.settle()?;
                answer(&reply, none)
            }
            Done::Told => "ok".to_owned(),
        };
        self.settle()?;
        let result = notes(&self.shared).result.take().unwrap_or(result);
        let died = step["op"] == "exit_signal" && step["args"]["to"] == step["target"] && self.life(step).is_none();
        Ok(Outcome {
            result: if died && result == "ok" { "died".to_owned() } else { result },
            log: std::mem::take(&mut self.log),
            alive: self.alive.iter().map(|(name, life)| (name.clone(), life.0)).collect(),
            children: self.children(),
            mail: self.take_mail(),
        })
    }

    fn run_to(&mut self, tick: u64) {
        while self.throng.stats().ticks < tick {
            self.throng.tick();
        }
    }

    /// Runs until nothing is left to be done, and takes notes.
    fn settle(&mut self) -> Result<(), String> {
        self.throng.tick();
        for _ in 0..TICKS / 2 {
            if self.throng.is_quiet() && self.throng.next_due().is_none() {
                return self.take_notes();
            }
            self.throng.tick();
        }
        Err("never comes to rest".to_owned())
    }

    fn take_notes(&mut self) -> Result<(), String> {
        let events: Vec<LifeEvent> = self.events.try_iter().collect();
        for event in events {
            self.note(event);
        }
        match self.alive.iter().find(|(_, life)| !self.throng.is_alive(life.1)) {
            Some((name, _)) => Err(format!("{name} should live, and does not")),
            None => Ok(()),
        }
    }

    fn note(&mut self, event: LifeEvent) {
        let known = notes(&self.shared).names.get(&event.actor).cloned();
        let (name, is_worker) = match (known, event.name) {
            (Some(known), _) => known,
            (None, Some(name)) => {
                notes(&self.shared).names.insert(event.actor, (name.to_string(), false));
                (name.to_string(), false)
            }
            (None, None) => (event.actor.to_string(), false),
        };
        match event.what {
            LifeStep::Started => {
                let attempt = self.count(&name);
                self.log.push(format!("start {name} {attempt}"));
                self.alive.insert(name.clone(), (attempt, event.actor));
                if let Some(supervisor) = self.throng.actor_ref::<Supervisor>(event.actor) {
                    self.supervisors.insert(name.clone(), supervisor);
                }
                self.last.insert(name, event.actor);
            }
            LifeStep::StartFailed(_) => {
                // A supervisor was told of when it began.
                let attempt = if self.lives(&name, event.actor) { self.attempts[&name] } else { self.count(&name) };
                self.log.push(format!("start_failed {name} {attempt}"));
                self.bury(&name, event.actor);
            }
            LifeStep::StartIgnored => {
                let attempt = self.count(&name);
                self.log.push(format!("start_ignored {name} {attempt}"));
            }
            LifeStep::Terminating(reason) if is_worker => self.log.push(format!("terminate {name} {reason}")),
            LifeStep::Exited(reason) => {
                self.log.push(format!("exit {name} {reason}"));
                self.bury(&name, event.actor);
            }
            _ => {}
        }
    }

    fn count(&mut self, name: &str) -> u64 {
        let attempts = self.attempts.entry(name.to_owned()).or_default();
        *attempts += 1;
        *attempts
    }

    fn lives(&self, name: &str, actor: ActorId) -> bool {
        self.alive.get(name).is_some_and(|life| life.1 == actor)
    }

    fn bury(&mut self, name: &str, actor: ActorId) {
        if self.lives(name, actor) {
            self.alive.remove(name);
        }
    }

    /// The life that a step is for, if it is that of a living process.
    fn life(&self, step: &Value) -> Option<Life> {
        let life = *self.alive.get(step["target"].as_str()?)?;
        let asked = step["args"]["gen"].as_u64();
        asked.is_none_or(|asked| asked == life.0).then_some(life)
    }

    fn act(&mut self, step: &Value) -> Result<Done, String> {
        let (op, args) = (step["op"].as_str().ok_or("no op")?, &step["args"]);
        match op {
            "start_tree" => return self.start_tree(),
            "stop_tree" => return self.stop_tree(args),
            "multi_crash" => return self.multi_crash(args),
            "is_alive" => return Ok(Done::At(self.life(step).is_some().to_string())),
            _ => {}
        }
        let Some((_, id)) = self.life(step) else { return Ok(Done::At("noproc".to_owned())) };
        match op {
            "kill" => self.throng.exit_signal(id, ExitReason::Kill),
            "signal" => self.throng.exit_signal(id, reason_of(args, "shutdown")),
            "start_child" => return self.start_child(step, args),
            "terminate_child" => return self.terminate_child(step, args),
            "restart_child" | "delete_child" => {
                let supervisor = self.supervisor(step)?;
                let name = args["child"].as_str().ok_or("no child")?;
                let reply = if op == "restart_child" {
                    self.throng.restart_child(supervisor, name)
                } else {
                    self.throng.delete_child(supervisor, name)
                };
                return Ok(Done::Reply(reply, if op == "restart_child" { "ok:undefined" } else { "ok" }));
            }
            _ => {
                let process = self.throng.actor_ref::<Process>(id).ok_or("a supervisor cannot do that")?;
                for op in self.ops(op, args)? {
                    self.throng.tell(process, op);
                }
            }
        }
        Ok(Done::Told)
    }

    /// What a process is told to do.
    fn ops(&mut self, op: &str, args: &Value) -> Result<Vec<Op>, String> {
        let label = || args["ref"].as_str().map(str::to_owned);
        Ok(vec![match op {
            "crash" => Op::Exit(reason_of(args, "crash")),
            "error" => Op::Fail(args["reason"].as_str().unwrap_or("boom").to_owned()),
            "exit_normal" => Op::Exit(ExitReason::Normal),
            "exit_shutdown" => Op::Exit(ExitReason::Shutdown),
            "exit_shutdown_term" => Op::Exit(ExitReason::shutdown_with("done")),
            "send" => match args["to"].as_str() {
                None => Op::Plain(message(&args["msg"])),
                Some(_) => match self.receiver(args)? {
                    Some(to) => Op::Send(to, message(&args["msg"])),
                    None => return Ok(Vec::new()),
                },
            },
            "burst" => return Ok(args["msgs"].as_array().into_iter().flatten().map(burst).collect()),
            "link" => Op::Link(self.to(args)?),
            "unlink" => Op::Unlink(self.to(args)?),
            "monitor" => Op::Monitor(self.to(args)?, label().ok_or("no ref")?),
            "demonitor" => Op::Demonitor(label().ok_or("no ref")?, args["flush"] == true),
            "trap_exit" => Op::TrapExit(args["on"] == true),
            "exit_signal" => Op::Signal(self.to(args)?, reason_of(args, "shutdown")),
            "spawn" => {
                let name = args["name"].as_str().ok_or("no name")?.to_owned();
                Op::Spawn { name, link: args["link"] == true, monitor: label() }
            }
            "hold" => Op::Hold(true),
            "release" => Op::Hold(false),
            other => return Err(format!("unknown op `{other}`")),
        }])
    }

    /// The address that last had the name `to`.
    fn to(&self, args: &Value) -> Result<ActorId, String> {
        let name = args["to"].as_str().ok_or("no receiver")?;
        self.last.get(name).copied().ok_or_else(|| format!("`{name}` never lived"))
    }

    /// The receiver of a message; `None` if it lives no more, or is a supervisor, who takes none.
    fn receiver(&mut self, args: &Value) -> Result<Option<ActorRef<Process>>, String> {
        let id = self.to(args)?;
        Ok(self.throng.actor_ref(id))
    }

    fn start_tree(&mut self) -> Result<Done, String> {
        let tree = self.tree.clone();
        let name = tree["name"].as_str().ok_or("no tree")?.to_owned();
        Ok(Done::At(match self.throng.start_tree(spec::supervisor(&tree, &self.shared)?) {
            Ok(_) => "ok".to_owned(),
            Err(ChildError::Spec(error)) => self.refused(&name, &error),
            Err(error) => format!("error:{error}"),
        }))
    }

    /// OTP finds a spec that cannot work when the supervisor has begun; throng, before.
    fn refused(&mut self, name: &str, error: &SpecError) -> String {
        let attempt = self.count(name);
        self.log.extend([format!("start {name} {attempt}"), format!("start_failed {name} {attempt}")]);
        match error {
            SpecError::DuplicateName { child, .. } => format!("error:start_spec:{{duplicate_child_name,{child}}}"),
            _ => "error:start_spec:bad_combination".to_owned(),
        }
    }

    fn stop_tree(&mut self, args: &Value) -> Result<Done, String> {
        let name = self.tree["name"].as_str().ok_or("no tree")?;
        let Some(root) = self.supervisors.get(name).copied().filter(|_| self.alive.contains_key(name)) else {
            return Ok(Done::At("noproc".to_owned()));
        };
        self.throng.stop_tree(root, reason_of(args, "shutdown"));
        Ok(Done::Told)
    }

    fn multi_crash(&mut self, args: &Value) -> Result<Done, String> {
        for target in args["targets"].as_array().into_iter().flatten() {
            let life = target.as_str().and_then(|name| self.alive.get(name));
            let process = life.and_then(|life| self.throng.actor_ref::<Process>(life.1));
            if let Some(process) = process {
                self.throng.tell(process, Op::Exit(reason_of(args, "crash")));
            }
        }
        Ok(Done::Told)
    }

    fn supervisor(&self, step: &Value) -> Result<ActorRef<Supervisor>, String> {
        let name = step["target"].as_str().ok_or("no target")?;
        self.supervisors.get(name).copied().ok_or_else(|| format!("`{name}` is no supervisor"))
    }

    fn start_child(&mut self, step: &Value, args: &Value) -> Result<Done, String> {
        let supervisor = self.supervisor(step)?;
        let template = step["target"].as_str().and_then(|name| self.templates.get(name)).cloned();
        let given = match template {
            Some(mut worker) => {
                for (field, value) in args.as_object().into_iter().flatten() {
                    worker[field] = value.clone();
                }
                worker
            }
            None => args["child"].clone(),
        };
        self.note_templates(&given);
        let reply = self.throng.start_child(supervisor, spec::child(&given, &self.shared)?);
        if let Some(Err(ChildError::Spec(error))) = reply.get() {
            let name = given["name"].as_str().unwrap_or_default().to_owned();
            let error = error.clone();
            return Ok(Done::At(self.refused(&name, &error)));
        }
        Ok(Done::Reply(reply, "ok:undefined"))
    }

    fn terminate_child(&mut self, step: &Value, args: &Value) -> Result<Done, String> {
        let supervisor = self.supervisor(step)?;
        let name = args["child"].as_str().ok_or("no child")?;
        let is_pool = step["target"].as_str().is_some_and(|name| self.templates.contains_key(name));
        let key = match self.last.get(name) {
            Some(&id) if is_pool && args["by_id"] != true => ChildKey::Id(id),
            // A process that is no child of it.
            None if is_pool && args["by_id"] != true => ChildKey::from(supervisor),
            _ => ChildKey::from(name),
        };
        Ok(Done::Reply(self.throng.terminate_child(supervisor, key), "ok"))
    }

    /// The children of all living supervisors.
    fn children(&mut self) -> BTreeMap<String, Vec<String>> {
        let tree = self.throng.supervision_tree();
        let mut children = BTreeMap::new();
        let notes = notes(&self.shared);
        let names: HashMap<u64, &str> = notes.names.iter().map(|(id, (name, _))| (id.to_bits(), name.as_str())).collect();
        let mut rest: Vec<&TreeNode> = tree.roots.iter().collect();
        while let Some(node) = rest.pop() {
            if node.strategy.is_none() || node.state != ChildState::Running {
                continue;
            }
            let is_pool = self.templates.contains_key(&node.name);
            let mut list: Vec<String> = node.children.iter().map(|child| listed(child, is_pool, &names)).collect();
            if is_pool {
                list.sort();
            }
            children.insert(node.name.clone(), list);
            rest.extend(&node.children);
        }
        children
    }

    fn take_mail(&mut self) -> BTreeMap<String, Vec<String>> {
        let mut mail: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, what) in notes(&self.shared).mail.drain(..) {
            mail.entry(name).or_default().push(what);
        }
        mail
    }
}

/// How far an act has come.
enum Done {
    /// Its result is known.
    At(String),
    /// A supervisor was asked; what it means if nothing was started.
    Reply(ChildReply, &'static str),
    /// It is under way.
    Told,
}

fn answer(reply: &ChildReply, none: &str) -> String {
    match reply.get() {
        None => "no answer".to_owned(),
        Some(Ok(Some(_))) => "ok".to_owned(),
        Some(Ok(None)) => none.to_owned(),
        Some(Err(error)) => format!("error:{error}"),
    }
}

fn listed(child: &TreeNode, is_pool: bool, names: &HashMap<u64, &str>) -> String {
    let known = child.id.and_then(|id| names.get(&id)).filter(|_| is_pool);
    let name = known.map_or(child.name.as_str(), |name| name);
    format!("{name}:{}", child.state)
}

fn reason_of(args: &Value, default: &str) -> ExitReason {
    reason::parse(args["reason"].as_str().unwrap_or(default))
}

fn message(msg: &Value) -> String {
    msg.as_str().map_or_else(|| msg.to_string(), str::to_owned)
}

fn burst(msg: &Value) -> Op {
    match message(msg) {
        crash if crash == "crash" => Op::Exit(ExitReason::custom("crash")),
        plain => Op::Plain(plain),
    }
}
