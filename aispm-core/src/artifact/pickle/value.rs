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

/// How deep a value nests, and how many values it holds if shared ones are counted each time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    pub(super) depth: u32,
    pub(super) size: u64,
}

impl Extent {
    /// Of a value around these.
    fn around(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self { depth: 1, size: 1 }, |whole, part| Self {
            depth: whole.depth.max(part.depth.saturating_add(1)),
            size: whole.size.saturating_add(part.size),
        })
    }

    /// Of a value that got more parts.
    fn join(self, more: Self) -> Self {
        Self { depth: self.depth.max(more.depth), size: self.size.saturating_add(more.size) }
    }
}

/// All values of one stream.
#[derive(Debug)]
pub(super) struct Arena<'a> {
    nodes: Vec<(Node<'a>, Extent)>,
}

impl<'a> Arena<'a> {
    pub(super) fn new() -> Self {
        Self { nodes: vec![(Node::Plain, Extent::default())] }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn add(&mut self, node: Node<'a>) -> Id {
        let extent = match &node {
            Node::Sequence(items) => self.around(items),
            Node::Called(_, args, _) => self.around(&[*args]),
            _ => Extent::default(),
        };
        let Ok(id) = Id::try_from(self.nodes.len()) else { return 0 };
        self.nodes.push((node, extent));
        id
    }

    fn around(&self, items: &[Id]) -> Extent {
        Extent::around(items.iter().map(|id| self.extent(*id)))
    }

    pub(super) fn node(&self, id: Id) -> &Node<'a> {
        self.nodes.get(id as usize).map_or(&Node::Plain, |(node, _)| node)
    }

    pub(super) fn extent(&self, id: Id) -> Extent {
        self.nodes.get(id as usize).map_or_else(Extent::default, |(_, extent)| *extent)
    }

    /// A sequence of these items, or as many as are kept.
    pub(super) fn sequence(&mut self, items: &[Id]) -> Id {
        let kept = items.get(..CHILD_LIMIT).unwrap_or(items);
        self.add(Node::Sequence(kept.to_vec()))
    }

    /// Puts items into a list or set.
    pub(super) fn extend(&mut self, id: Id, items: &[Id]) {
        let more = self.around(items);
        if let Some((Node::Sequence(kept), extent)) = self.nodes.get_mut(id as usize) {
            let room = CHILD_LIMIT.saturating_sub(kept.len());
            kept.extend(items.iter().take(room));
            *extent = extent.join(more);
        }
    }

    /// Puts alternating keys and values into a dict.
    pub(super) fn update(&mut self, id: Id, items: &[Id]) {
        let more = self.around(items);
        if let Some((Node::Dict(kept), extent)) = self.nodes.get_mut(id as usize) {
            let room = CHILD_LIMIT.saturating_sub(kept.len());
            let (pairs, _) = items.as_chunks::<2>();
            kept.extend(pairs.iter().take(room).map(|[key, value]| (*key, *value)));
            *extent = extent.join(more);
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
