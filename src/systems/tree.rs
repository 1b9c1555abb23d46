//! A picture of all supervisors and their children.

use std::fmt;

use super::engine::Engine;
use super::node::{Kid, Node, Plan};
use crate::id::ActorId;
use crate::supervision::{ChildState, RestartStrategy};

/// Children of one simple_one_for_one supervisor that a picture lists; of the others it tells the number.
const POOLED_SHOWN: usize = 100;

/// All supervisors and their children at one moment. Prints as indented text.
///
/// With the feature `serde` it can be serialised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SupervisionTree {
    /// The supervisors under the root, in the order of their ids.
    pub roots: Vec<TreeNode>,
}

/// A child, or a supervisor, in a [`SupervisionTree`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TreeNode {
    /// Its name; of a simple_one_for_one supervisor's child, its id.
    pub name: String,
    /// The bits of its id, while it has one; see [`ActorId::to_bits`].
    pub id: Option<u64>,
    /// What it does.
    pub state: ChildState,
    /// If it is a supervisor: how it restarts its children.
    pub strategy: Option<RestartStrategy>,
    /// How often it was restarted by its present supervisor; of a simple_one_for_one supervisor, how often any of its
    /// children was.
    pub restarts: u64,
    /// Why it ended last.
    pub last_reason: Option<String>,
    /// Restarts in its window, if it is a supervisor.
    pub restarts_in_window: usize,
    /// Its children in start order; of a simple_one_for_one supervisor, the first of them.
    pub children: Vec<Self>,
    /// How many children it has.
    pub children_total: usize,
}

impl Engine {
    /// Draws the picture. Not recursive: a tree may be a thousand levels deep.
    pub(crate) fn supervision_tree(&self) -> SupervisionTree {
        // Each with the place of its supervisor, which comes before it.
        let mut drawn: Vec<(Option<usize>, TreeNode)> = Vec::new();
        let mut rest: Vec<(usize, &Node)> = Vec::new();
        for root in self.lives.nodes.iter().flatten().filter(|node| self.place(node.id).is_none()) {
            rest.push((drawn.len(), root));
            drawn.push((None, TreeNode::of_supervisor(root, None)));
        }
        while let Some((above, supervisor)) = rest.pop() {
            for (below, child) in self.draw_children(supervisor) {
                rest.extend(below.map(|below| (drawn.len(), below)));
                drawn.push((Some(above), child));
            }
        }
        SupervisionTree { roots: assemble(drawn) }
    }

    /// A supervisor's children; those that are supervisors themselves come with their nodes.
    fn draw_children(&self, supervisor: &Node) -> Vec<(Option<&Node>, TreeNode)> {
        match &supervisor.plan {
            Plan::Ordered(planner) => planner
                .iter()
                .map(|(_, rules, state, kid)| match kid.who.and_then(|who| self.lives.node(who)) {
                    Some(below) => (Some(below), TreeNode::of_supervisor(below, Some((kid, state)))),
                    None => (None, TreeNode::of_kid(&rules.name, kid, state)),
                })
                .collect(),
            Plan::Pool { pool, .. } => pool
                .iter()
                .take(POOLED_SHOWN)
                .map(|(key, &who)| match self.lives.node(who) {
                    Some(below) => (Some(below), TreeNode::of_supervisor(below, None)),
                    None => (None, TreeNode::of_pooled(who, pool.is_up(key))),
                })
                .collect(),
        }
    }
}

/// Puts children under their supervisors, from the last on.
fn assemble(mut drawn: Vec<(Option<usize>, TreeNode)>) -> Vec<TreeNode> {
    let mut roots = Vec::new();
    while let Some((above, mut node)) = drawn.pop() {
        node.children.reverse();
        match above {
            Some(above) => drawn[above].1.children.push(node),
            None => roots.push(node),
        }
    }
    roots.reverse();
    roots
}

impl TreeNode {
    fn of_supervisor(node: &Node, kid: Option<(&Kid, ChildState)>) -> Self {
        let (window, total, pooled) = match &node.plan {
            Plan::Ordered(planner) => (planner.history().len(), planner.iter().count(), None),
            Plan::Pool { pool, restarts, last, .. } => (pool.history().len(), pool.len(), Some((*restarts, last))),
        };
        let own = kid.and_then(|(kid, _)| kid.last.as_ref());
        let last = own.or_else(|| pooled.and_then(|(_, last)| last.as_ref()));
        Self {
            name: node.spec.name.to_string(),
            id: Some(node.id.to_bits()),
            state: kid.map_or(ChildState::Running, |(_, state)| state),
            strategy: Some(node.spec.strategy),
            restarts: pooled.map_or_else(|| kid.map_or(0, |(kid, _)| kid.restarts), |(restarts, _)| restarts),
            last_reason: last.map(ToString::to_string),
            restarts_in_window: window,
            children: Vec::new(),
            children_total: total,
        }
    }

    fn of_kid(name: &str, kid: &Kid, state: ChildState) -> Self {
        Self {
            name: name.to_owned(),
            id: kid.who.map(ActorId::to_bits),
            state,
            strategy: kid.strategy(),
            restarts: kid.restarts,
            last_reason: kid.last.as_ref().map(ToString::to_string),
            restarts_in_window: 0,
            children: Vec::new(),
            children_total: 0,
        }
    }

    fn of_pooled(who: ActorId, up: bool) -> Self {
        Self {
            name: who.to_string(),
            id: Some(who.to_bits()),
            state: if up { ChildState::Running } else { ChildState::Restarting },
            strategy: None,
            restarts: 0,
            last_reason: None,
            restarts_in_window: 0,
            children: Vec::new(),
            children_total: 0,
        }
    }

    /// Writes its own line.
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:width$}{}", "", self.name, width = depth * 2)?;
        if let Some(strategy) = self.strategy {
            write!(f, " [{strategy}]")?;
        }
        write!(f, " {}", self.state)?;
        if self.restarts > 0 {
            write!(f, ", restarted {}x", self.restarts)?;
        }
        if let Some(reason) = &self.last_reason {
            write!(f, ", last: {reason}")?;
        }
        writeln!(f)
    }
}

impl fmt::Display for SupervisionTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest: Vec<(usize, &TreeNode)> = self.roots.iter().rev().map(|root| (0, root)).collect();
        while let Some((depth, node)) = rest.pop() {
            node.write(f, depth)?;
            let left = node.children_total.saturating_sub(node.children.len());
            if left > 0 {
                writeln!(f, "{:width$}({} children, the first of them:)", "", node.children_total, width = depth * 2 + 2)?;
            }
            rest.extend(node.children.iter().rev().map(|child| (depth + 1, child)));
        }
        Ok(())
    }
}
