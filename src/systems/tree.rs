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
    /// Draws the picture.
    pub(crate) fn supervision_tree(&self) -> SupervisionTree {
        let roots = self.lives.nodes.iter().flatten().filter(|node| self.place(node.id).is_none());
        SupervisionTree { roots: roots.map(|node| self.picture(node, None)).collect() }
    }

    /// A supervisor and all below it. Not recursive on the stack of calls alone: a tree may be a thousand levels deep, which
    /// is fine here.
    fn picture(&self, node: &Node, kid: Option<(&Kid, ChildState)>) -> TreeNode {
        let mut picture = TreeNode {
            name: node.spec.name.to_string(),
            id: Some(node.id.to_bits()),
            state: kid.map_or(ChildState::Running, |(_, state)| state),
            strategy: Some(node.spec.strategy),
            restarts: kid.map_or(0, |(kid, _)| kid.restarts),
            last_reason: kid.and_then(|(kid, _)| kid.last.as_ref()).map(ToString::to_string),
            restarts_in_window: 0,
            children: Vec::new(),
            children_total: 0,
        };
        match &node.plan {
            Plan::Ordered(planner) => {
                picture.restarts_in_window = planner.history().len();
                picture.children = planner.iter().map(|(_, rules, state, kid)| self.kid(&rules.name, kid, state)).collect();
                picture.children_total = picture.children.len();
            }
            Plan::Pool { pool, restarts, last, .. } => {
                picture.restarts_in_window = pool.history().len();
                picture.restarts = *restarts;
                picture.last_reason = picture.last_reason.or_else(|| last.as_ref().map(ToString::to_string));
                picture.children_total = pool.len();
                let shown = pool.iter().take(POOLED_SHOWN);
                picture.children = shown.map(|(key, &who)| self.pooled(who, pool.is_up(key))).collect();
            }
        }
        picture
    }

    fn kid(&self, name: &str, kid: &Kid, state: ChildState) -> TreeNode {
        if let Some(node) = kid.who.and_then(|who| self.lives.node(who)) {
            return self.picture(node, Some((kid, state)));
        }
        TreeNode {
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

    fn pooled(&self, who: ActorId, up: bool) -> TreeNode {
        if let Some(node) = self.lives.node(who) {
            return self.picture(node, None);
        }
        TreeNode {
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
}

impl TreeNode {
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
        writeln!(f)?;
        self.children.iter().try_for_each(|child| child.write(f, depth + 1))?;
        let left = self.children_total - self.children.len();
        if left > 0 {
            writeln!(f, "{:width$}... and {left} more", "", width = depth * 2 + 2)?;
        }
        Ok(())
    }
}

impl fmt::Display for SupervisionTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.roots.iter().try_for_each(|root| root.write(f, 0))
    }
}
