//! One trie node, read strictly and without copying.

use crate::{NodeFault, nibbles::Nibbles, rlp};

/// Items of a branch: sixteen children and a value.
const BRANCH_ITEMS: usize = 17;

/// What a node says about the key that is walked.
pub(crate) enum Node<'a> {
    /// Sixteen children and a value; only the asked child is kept.
    Branch { child: Child<'a>, value: &'a [u8] },
    /// A shared path and what follows it.
    Extension { path: Nibbles<'a>, child: Child<'a> },
    /// The rest of a key and its value.
    Leaf { path: Nibbles<'a>, value: &'a [u8] },
}

/// How a node names another.
#[derive(Clone, Copy)]
pub(crate) enum Child<'a> {
    /// There is none.
    Empty,
    /// By hash.
    Hash(&'a [u8; 32]),
    /// It is so short (< 32 bytes) that it stands in its parent.
    Inline(&'a [u8]),
}

impl<'a> Node<'a> {
    /// Reads a node; of a branch the child at `nibble` (any, where the key has ended).
    pub(crate) fn read(bytes: &'a [u8], nibble: Option<u8>) -> Result<Self, NodeFault> {
        let mut reader = rlp::exact(bytes)?.items()?;
        let first = reader.item()?;
        let second = reader.item()?;
        if reader.is_empty() {
            return Self::short(first, second);
        }
        let mut children = 2;
        let mut asked = Child::Empty;
        for (position, item) in [first, second].iter().enumerate() {
            let child = Child::read(item)?;
            if nibble.is_some_and(|n| usize::from(n) == position) {
                asked = child;
            }
        }
        while children < BRANCH_ITEMS - 1 {
            if reader.is_empty() {
                return Err(NodeFault::ItemCount(children));
            }
            let child = Child::read(&reader.item()?)?;
            if nibble.is_some_and(|n| usize::from(n) == children) {
                asked = child;
            }
            children += 1;
        }
        if reader.is_empty() {
            return Err(NodeFault::ItemCount(children));
        }
        let value = reader.item()?;
        if !reader.is_empty() {
            return Err(NodeFault::ItemCount(BRANCH_ITEMS + 1));
        }
        Ok(Self::Branch { child: asked, value: value.bytes().map_err(|_| NodeFault::Value)? })
    }

    /// A leaf or an extension.
    fn short(path: rlp::Item<'a>, rest: rlp::Item<'a>) -> Result<Self, NodeFault> {
        let (path, leaf) = Nibbles::of_path(path.bytes().map_err(|_| NodeFault::HexPrefix)?)?;
        if leaf {
            let value = rest.bytes().map_err(|_| NodeFault::Value)?;
            if value.is_empty() {
                return Err(NodeFault::Value);
            }
            return Ok(Self::Leaf { path, value });
        }
        match Child::read(&rest)? {
            Child::Empty => Err(NodeFault::Child),
            child => Ok(Self::Extension { path, child }),
        }
    }
}

impl<'a> Child<'a> {
    fn read(item: &rlp::Item<'a>) -> Result<Self, NodeFault> {
        if item.is_list() {
            // A node of 32 bytes or more is always named by its hash.
            return if item.raw().len() < 32 { Ok(Self::Inline(item.raw())) } else { Err(NodeFault::Child) };
        }
        let bytes = item.payload();
        if bytes.is_empty() {
            return Ok(Self::Empty);
        }
        bytes.try_into().map(Self::Hash).map_err(|_| NodeFault::Child)
    }
}
