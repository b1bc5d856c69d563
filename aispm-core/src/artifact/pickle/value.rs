//! Symbolic values: what a pickle has built, as far as it decides what is called.

use std::borrow::Cow;

/// A value's place in the arena. Id 0 is a value that cannot matter.
pub(super) type Id = u32;

/// More children than this are not kept; names and arguments are short.
const CHILD_LIMIT: usize = 256;

#[derive(Debug, Clone)]
pub(super) enum Node<'a> {
    /// Numbers, None, booleans, persistent objects, buffers.
    Plain,
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    /// A list, tuple or set.
    Sequence(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// An imported object, `module` and `name`.
    Global(Box<(String, String)>),
    /// What a call gave: callee, arguments, state set by BUILD.
    Called(Id, Id, Id),
    /// An extension code that nobody registered in this stream.
    Extension(u64),
}

/// All values of one stream. Each knows how deep it nests.
#[derive(Debug)]
pub(super) struct Arena<'a> {
    nodes: Vec<(Node<'a>, u32)>,
}

impl<'a> Arena<'a> {
    pub(super) fn new() -> Self {
        Self { nodes: vec![(Node::Plain, 0)] }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn add(&mut self, node: Node<'a>) -> Id {
        let depth = match &node {
            Node::Sequence(items) => 1 + items.iter().map(|id| self.depth(*id)).max().unwrap_or(0),
            Node::Dict(pairs) => 1 + pairs.iter().map(|(_, value)| self.depth(*value)).max().unwrap_or(0),
            Node::Called(_, args, _) => 1 + self.depth(*args),
            _ => 0,
        };
        let Ok(id) = Id::try_from(self.nodes.len()) else { return 0 };
        self.nodes.push((node, depth));
        id
    }

    pub(super) fn node(&self, id: Id) -> &Node<'a> {
        self.nodes.get(id as usize).map_or(&Node::Plain, |(node, _)| node)
    }

    pub(super) fn depth(&self, id: Id) -> u32 {
        self.nodes.get(id as usize).map_or(0, |(_, depth)| *depth)
    }

    /// A sequence of these items, or as many as are kept.
    pub(super) fn sequence(&mut self, items: &[Id]) -> Id {
        let kept = items.get(..CHILD_LIMIT).unwrap_or(items);
        self.add(Node::Sequence(kept.to_vec()))
    }

    /// Puts items into a list or set.
    pub(super) fn extend(&mut self, id: Id, items: &[Id]) {
        let deepest = items.iter().map(|id| self.depth(*id)).max().unwrap_or(0);
        if let Some((Node::Sequence(kept), depth)) = self.nodes.get_mut(id as usize) {
            let room = CHILD_LIMIT.saturating_sub(kept.len());
            kept.extend(items.iter().take(room));
            *depth = (*depth).max(deepest.saturating_add(1));
        }
    }

    /// Puts alternating keys and values into a dict.
    pub(super) fn update(&mut self, id: Id, items: &[Id]) {
        let deepest = items.iter().map(|id| self.depth(*id)).max().unwrap_or(0);
        if let Some((Node::Dict(kept), depth)) = self.nodes.get_mut(id as usize) {
            let room = CHILD_LIMIT.saturating_sub(kept.len());
            let (pairs, _) = items.as_chunks::<2>();
            kept.extend(pairs.iter().take(room).map(|[key, value]| (*key, *value)));
            *depth = (*depth).max(deepest.saturating_add(1));
        }
    }

    pub(super) fn set_state(&mut self, id: Id, new: Id) {
        if let Some((Node::Called(_, _, state), _)) = self.nodes.get_mut(id as usize) {
            *state = new;
        }
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn int(&self, id: Id) -> Option<i64> {
        match self.node(id) {
            Node::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn items(&self, id: Id) -> &[Id] {
        match self.node(id) {
            Node::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The n-th item of a sequence.
    pub(super) fn item(&self, id: Id, n: usize) -> Option<Id> {
        self.items(id).get(n).copied()
    }

    /// The value of a text key in a dict, or in the state of an object.
    pub(super) fn value(&self, id: Id, key: &str) -> Option<Id> {
        let Node::Dict(pairs) = self.node(id) else { return None };
        pairs.iter().rev().find(|(k, _)| self.text(*k) == Some(key)).map(|(_, value)| *value)
    }

    /// `module.name` of an imported object.
    pub(super) fn global(&self, id: Id) -> Option<String> {
        match self.node(id) {
            Node::Global(path) => Some(format!("{}.{}", path.0, path.1)),
            _ => None,
        }
    }

    /// `module.name` of what made this value.
    pub(super) fn maker(&self, id: Id) -> Option<String> {
        match self.node(id) {
            Node::Called(callee, ..) => self.global(*callee),
            _ => None,
        }
    }
}
