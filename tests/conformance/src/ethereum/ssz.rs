//! SSZ driven by a description of the type: roots, and encoding from the beacon API's JSON. It shares no code with the
//! light client, which reads its few containers by hand.

use alloy_primitives::{B256, U256};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::network::number;
use crate::json::{bytes_of, field};

/// A type.
#[derive(Clone, Debug)]
pub enum Type {
    /// An unsigned number of so many bytes.
    Number(usize),
    /// A vector of so many bytes.
    Bytes(usize),
    /// A list of at most so many bytes.
    ByteList(usize),
    /// A vector of so many bits.
    BitVector(usize),
    /// A list of at most so many bits.
    BitList(usize),
    /// A vector of so many elements.
    Vector(Box<Type>, usize),
    /// A list of at most so many elements.
    List(Box<Type>, usize),
    /// Named fields.
    Container(Vec<(&'static str, Type)>),
}

use Type::{BitList, BitVector, ByteList, Bytes, Container, List, Number, Vector};

fn pair(left: &B256, right: &B256) -> B256 {
    B256::new(Sha256::new().chain_update(left).chain_update(right).finalize().into())
}

/// Root of chunks in a tree with room for `limit` of them.
fn merkleize(mut level: Vec<B256>, limit: usize) -> B256 {
    let mut zero = B256::ZERO;
    let depth = limit.max(1).next_power_of_two().trailing_zeros();
    for _ in 0..depth {
        if level.is_empty() {
            level.push(zero);
        }
        if level.len() % 2 == 1 {
            level.push(zero);
        }
        level = level.chunks(2).map(|two| pair(&two[0], &two[1])).collect();
        zero = pair(&zero, &zero);
    }
    level.first().copied().unwrap_or(zero)
}

fn chunks(bytes: &[u8]) -> Vec<B256> {
    bytes.chunks(32).map(B256::right_padding_from).collect()
}

fn with_length(root: B256, length: usize) -> B256 {
    pair(&root, &B256::right_padding_from(&(length as u64).to_le_bytes()))
}

impl Type {
    /// Length of the encoding, where every value has the same.
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Number(length) | Bytes(length) => Some(*length),
            BitVector(bits) => Some(bits.div_ceil(8)),
            ByteList(_) | BitList(_) | List(..) => None,
            Vector(element, count) => element.fixed().map(|length| length * count),
            Container(fields) => fields.iter().map(|(_, field)| field.fixed()).sum(),
        }
    }

    /// The encodings of the elements of a list or vector, or of the fields of a container.
    fn split<'a>(types: &[&Type], bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, String> {
        let head: usize = types.iter().map(|element| element.fixed().unwrap_or(4)).sum();
        let (mut at, mut starts, mut parts) = (0, Vec::new(), Vec::new());
        for (number, element) in types.iter().enumerate() {
            let length = element.fixed().unwrap_or(4);
            let part = bytes.get(at..at + length).ok_or("ends early")?;
            if element.fixed().is_none() {
                starts.push((number, u32::from_le_bytes(part.try_into().map_err(|_| "offset")?) as usize));
            }
            parts.push(part);
            at += length;
        }
        let mut expected = head;
        for (at, (number, start)) in starts.iter().enumerate() {
            if *start < expected || (at == 0 && *start != head) {
                return Err(format!("offset {start}, expected {expected}"));
            }
            let end = starts.get(at + 1).map_or(bytes.len(), |(_, next)| *next);
            parts[*number] = bytes.get(*start..end).ok_or("offset beyond the end")?;
            expected = end;
        }
        if starts.is_empty() && head != bytes.len() {
            return Err(format!("{} bytes, expected {head}", bytes.len()));
        }
        Ok(parts)
    }

    fn elements<'a>(element: &Type, bytes: &'a [u8], limit: usize) -> Result<Vec<&'a [u8]>, String> {
        let count = match element.fixed() {
            Some(length) => bytes.len() / length,
            None if bytes.is_empty() => 0,
            None => {
                let first = bytes.get(..4).ok_or("no offset")?;
                u32::from_le_bytes(first.try_into().map_err(|_| "offset")?) as usize / 4
            }
        };
        if count > limit {
            return Err(format!("{count} elements, at most {limit}"));
        }
        Self::split(&vec![element; count], bytes)
    }

    /// `hash_tree_root` of an encoded value.
    pub fn root(&self, bytes: &[u8]) -> Result<B256, String> {
        if let Some(length) = self.fixed()
            && length != bytes.len()
        {
            return Err(format!("{} bytes, expected {length}", bytes.len()));
        }
        match self {
            Number(_) | Bytes(_) | BitVector(_) => Ok(merkleize(chunks(bytes), 1.max(bytes.len().div_ceil(32)))),
            ByteList(limit) => {
                if bytes.len() > *limit {
                    return Err(format!("{} bytes, at most {limit}", bytes.len()));
                }
                Ok(with_length(merkleize(chunks(bytes), limit.div_ceil(32)), bytes.len()))
            }
            BitList(limit) => {
                let last = *bytes.last().filter(|last| **last != 0).ok_or("no delimiting bit")?;
                let bits = bytes.len() * 8 - 1 - last.leading_zeros() as usize;
                if bits > *limit {
                    return Err(format!("{bits} bits, at most {limit}"));
                }
                let mut content = bytes.to_vec();
                let at = content.len() - 1;
                content[at] ^= 0x80 >> last.leading_zeros();
                content.truncate(bits.div_ceil(8));
                Ok(with_length(merkleize(chunks(&content), limit.div_ceil(256)), bits))
            }
            Vector(element, count) => match **element {
                Number(length) => Ok(merkleize(chunks(bytes), (count * length).div_ceil(32))),
                _ => Ok(merkleize(Self::roots(element, bytes, *count)?, *count)),
            },
            List(element, limit) => match **element {
                Number(length) => {
                    if !bytes.len().is_multiple_of(length) || bytes.len() / length > *limit {
                        return Err("list of numbers of another length".into());
                    }
                    Ok(with_length(merkleize(chunks(bytes), (limit * length).div_ceil(32)), bytes.len() / length))
                }
                _ => {
                    let roots = Self::roots(element, bytes, *limit)?;
                    let count = roots.len();
                    Ok(with_length(merkleize(roots, *limit), count))
                }
            },
            Container(fields) => Ok(merkleize(self.field_roots(bytes)?, fields.len())),
        }
    }

    fn roots(element: &Type, bytes: &[u8], limit: usize) -> Result<Vec<B256>, String> {
        Self::elements(element, bytes, limit)?.into_iter().map(|part| element.root(part)).collect()
    }

    /// Roots of a container's fields.
    pub fn field_roots(&self, bytes: &[u8]) -> Result<Vec<B256>, String> {
        let Container(fields) = self else { return Err("no container".into()) };
        let types: Vec<&Type> = fields.iter().map(|(_, field)| field).collect();
        let parts = Self::split(&types, bytes)?;
        parts
            .into_iter()
            .zip(fields)
            .map(|(part, (name, field))| field.root(part).map_err(|why| format!("{name}: {why}")))
            .collect()
    }

    /// A field of an encoded container.
    pub fn field<'a>(&self, bytes: &'a [u8], name: &str) -> Result<(&Type, &'a [u8]), String> {
        let Container(fields) = self else { return Err("no container".into()) };
        let types: Vec<&Type> = fields.iter().map(|(_, field)| field).collect();
        let parts = Self::split(&types, bytes)?;
        let at = fields.iter().position(|(field, _)| *field == name).ok_or_else(|| format!("no field {name}"))?;
        Ok((types[at], parts[at]))
    }

    /// The encoding of a value as the beacon API writes it.
    pub fn encode(&self, value: &Value) -> Result<Vec<u8>, String> {
        match self {
            Number(length @ 1..=8) => {
                let number = number(value).ok_or("no number")?;
                Ok(number.to_le_bytes()[..*length].to_vec())
            }
            Number(length) => {
                let number: U256 = value.as_str().ok_or("no number")?.parse().map_err(|_| "no number")?;
                Ok(number.to_le_bytes::<32>()[..*length].to_vec())
            }
            Bytes(_) | ByteList(_) | BitVector(_) | BitList(_) => bytes_of(value),
            Vector(element, _) | List(element, _) => {
                let items = value.as_array().ok_or("no list")?;
                let parts = items.iter().map(|item| element.encode(item)).collect::<Result<Vec<_>, _>>()?;
                Ok(join(&vec![&**element; parts.len()], &parts))
            }
            Container(fields) => {
                let one = |(name, kind): &(&'static str, Type)| {
                    kind.encode(field(value, name)?).map_err(|why| format!("{name}: {why}"))
                };
                let parts = fields.iter().map(one).collect::<Result<Vec<_>, _>>()?;
                Ok(join(&fields.iter().map(|(_, kind)| kind).collect::<Vec<_>>(), &parts))
            }
        }
    }
}

fn join(types: &[&Type], parts: &[Vec<u8>]) -> Vec<u8> {
    let head: usize = types.iter().map(|kind| kind.fixed().unwrap_or(4)).sum();
    let (mut out, mut behind) = (Vec::new(), Vec::new());
    for (kind, part) in types.iter().zip(parts) {
        if kind.fixed().is_some() {
            out.extend_from_slice(part);
        } else {
            out.extend_from_slice(&((head + behind.len()) as u32).to_le_bytes());
            behind.extend_from_slice(part);
        }
    }
    out.extend(behind);
    out
}
