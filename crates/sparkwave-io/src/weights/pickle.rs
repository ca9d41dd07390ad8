//! The part of Python's pickle format that checkpoints of PyTorch use. Nothing that a pickle names is ever run, and one that
//! names anything but what arrays and settings are made of is refused as a whole: whoever writes `os.system` into a file of
//! weights means no weights.
//!
//! Opcodes: Python's `pickletools`, protocols 2 to 4.

use std::collections::HashMap;
use std::rc::Rc;

/// Deepest nesting of lists, tuples and dictionaries; checkpoints need about ten.
const MAX_DEPTH: usize = 64;

/// Most opcodes of a pickle; each makes one value at most, of a hundred bytes or its own text. An array takes about fifty.
const MAX_STEPS: usize = 1 << 20;

/// What a pickle may name: constructors of arrays, of their types, and of what lies beside them in checkpoints.
const KNOWN: [&str; 18] = [
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.Counter",
    "_codecs.encode",
    "argparse.Namespace",
    "torch.Size",
    "torch.device",
    "torch.serialization._get_layout",
    "torch.storage.UntypedStorage",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
];

/// Types that Python has without an import.
const BUILT_IN: [&str; 11] =
    ["bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "set", "tuple"];

/// Whether a pickle may name this.
fn is_known(module: &str, name: &str) -> bool {
    let whole = format!("{module}.{name}");
    KNOWN.contains(&whole.as_str())
        || (matches!(module, "builtins" | "__builtin__") && BUILT_IN.contains(&name))
        || (module == "torch._utils" && name.starts_with("_rebuild_"))
        // Storages and types of numbers: names without a dot.
        || (module == "torch" && (name.ends_with("Storage") || NUMBERS.contains(&name)))
}

/// Types of numbers of PyTorch.
const NUMBERS: [&str; 12] =
    ["float16", "float32", "float64", "bfloat16", "half", "float", "double", "int8", "uint8", "int32", "int64", "bool"];

/// A value of a pickle. Shared, so that a pickle that refers to one value many times stays small.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    None,
    Int(i64),
    Text(Rc<str>),
    /// Lists and tuples alike.
    List(Rc<Node<Vec<Value>>>),
    Dict(Rc<Node<Vec<(Value, Value)>>>),
    /// A name of a module, `torch._utils._rebuild_tensor_v2`.
    Global(Rc<str>),
    /// A reference to something outside of the pickle.
    Persistent(Rc<Node<Value>>),
    /// A call of a name with arguments.
    Call(Rc<Node<(Value, Value)>>),
    /// Numbers with a point, booleans, bytes, objects: nothing that weights need.
    Other,
}

/// Something with values inside, and how deep they reach.
#[derive(Debug)]
pub(crate) struct Node<T> {
    pub(super) inside: T,
    depth: usize,
}

impl Value {
    fn depth(&self) -> usize {
        match self {
            Self::List(n) => n.depth,
            Self::Dict(n) => n.depth,
            Self::Persistent(n) => n.depth,
            Self::Call(n) => n.depth,
            _ => 0,
        }
    }

    pub(super) fn items(&self) -> &[Value] {
        if let Self::List(node) = self { &node.inside } else { &[] }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    pub(super) fn entries(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Dict(node) => Some(&node.inside),
            _ => None,
        }
    }
}

/// An item of the machine's stack. Lists and dictionaries stay open while they are filled.
enum Item {
    Mark,
    Value(Value),
    Open(Vec<Value>),
    OpenDict(Vec<(Value, Value)>),
}

/// What is wrong with a pickle, in a few words.
pub(crate) type Refusal = String;

struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Item>,
    memo: HashMap<u32, Value>,
}

/// The value of a pickle.
///
/// # Errors
/// If the pickle is cut short, uses an opcode that no checkpoint needs, takes more than [`MAX_STEPS`], or nests deeper than
/// [`MAX_DEPTH`].
pub(crate) fn load(bytes: &[u8]) -> Result<Value, Refusal> {
    let mut machine = Machine { rest: bytes, stack: Vec::new(), memo: HashMap::new() };
    for _ in 0..MAX_STEPS {
        match machine.byte() {
            Some(b'.') => return machine.pop(),
            Some(op) => machine.step(op)?,
            None => return Err("a pickle without an end".into()),
        }
    }
    Err(format!("a pickle of more than {MAX_STEPS} steps"))
}

impl Machine<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn take(&mut self, n: usize) -> Result<&[u8], Refusal> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or("a pickle that is cut short")?;
        self.rest = rest;
        Ok(taken)
    }

    /// A little-endian number of 1 to 8 bytes.
    fn number(&mut self, n: usize) -> Result<u64, Refusal> {
        Ok(self.take(n)?.iter().rev().fold(0, |acc, b| acc << 8 | u64::from(*b)))
    }

    fn line(&mut self) -> Result<String, Refusal> {
        let n = self.rest.iter().position(|b| *b == b'\n').ok_or("a pickle that is cut short")?;
        let text = String::from_utf8_lossy(self.take(n)?).into_owned();
        self.take(1)?;
        Ok(text)
    }

    fn text(&mut self, n: usize) -> Result<Value, Refusal> {
        Ok(Value::Text(String::from_utf8_lossy(self.take(n)?).into()))
    }

    fn push(&mut self, value: Value) {
        self.stack.push(Item::Value(value));
    }

    fn pop(&mut self) -> Result<Value, Refusal> {
        match self.stack.pop() {
            Some(Item::Value(value)) => Ok(value),
            Some(Item::Open(items)) => list(items),
            Some(Item::OpenDict(entries)) => dict(entries),
            Some(Item::Mark) | None => Err("a pickle that takes from an empty stack".into()),
        }
    }

    /// The values down to the last mark, in order.
    fn pop_to_mark(&mut self) -> Result<Vec<Value>, Refusal> {
        let mut values = Vec::new();
        loop {
            if matches!(self.stack.last(), Some(Item::Mark)) {
                self.stack.pop();
                values.reverse();
                return Ok(values);
            }
            values.push(self.pop()?);
        }
    }

    fn append(&mut self, values: Vec<Value>) -> Result<(), Refusal> {
        match self.stack.last_mut() {
            Some(Item::Open(items)) => items.extend(values),
            // Appended to something that was remembered already: only objects that weights do not need.
            Some(Item::Value(_)) => {}
            _ => return Err("a pickle that appends to nothing".into()),
        }
        Ok(())
    }

    fn set_items(&mut self, values: Vec<Value>) -> Result<(), Refusal> {
        if !values.len().is_multiple_of(2) {
            return Err("a pickle with a key without a value".into());
        }
        let mut values = values.into_iter();
        let pairs = std::iter::from_fn(|| Some((values.next()?, values.next()?)));
        match self.stack.last_mut() {
            Some(Item::OpenDict(entries)) => entries.extend(pairs),
            Some(Item::Value(_)) => {}
            _ => return Err("a pickle that sets items of nothing".into()),
        }
        Ok(())
    }

    fn remember(&mut self, key: u32) -> Result<(), Refusal> {
        // What is still open is remembered as nothing: checkpoints never refer to their dictionaries again.
        let value = match self.stack.last() {
            Some(Item::Value(value)) => value.clone(),
            Some(_) => Value::Other,
            None => return Err("a pickle that remembers nothing".into()),
        };
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), Refusal> {
        let value = self.memo.get(&key).cloned().ok_or("a pickle that recalls what it never remembered")?;
        self.push(value);
        Ok(())
    }

    fn step(&mut self, op: u8) -> Result<(), Refusal> {
        match op {
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.stack.push(Item::Mark),
            b'}' => self.stack.push(Item::OpenDict(Vec::new())),
            b']' | 0x8f => self.stack.push(Item::Open(Vec::new())),
            b')' => self.push(list(Vec::new())?),
            b'N' => self.push(Value::None),
            0x88 | 0x89 => self.push(Value::Other),
            b'G' => {
                self.take(8)?;
                self.push(Value::Other);
            }
            b'K' => self.push_int(1)?,
            b'M' => self.push_int(2)?,
            b'J' => {
                let value = self.number(4)? as u32;
                self.push(Value::Int(i64::from(value.cast_signed())));
            }
            0x8a => {
                let n = self.number(1)? as usize;
                let value = if n <= 8 { long(self.take(n)?) } else { self.take(n).map(|_| Value::Other)? };
                self.push(value);
            }
            b'X' | 0x8c => {
                let n = self.number(if op == b'X' { 4 } else { 1 })? as usize;
                let text = self.text(n)?;
                self.push(text);
            }
            b'C' | b'B' | b'U' | b'T' => {
                let n = self.number(if matches!(op, b'C' | b'U') { 1 } else { 4 })? as usize;
                self.take(n)?;
                self.push(Value::Other);
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(global(&module, &name)?);
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(name), Some(module)) = (name.text(), module.text()) else {
                    return Err("a pickle that names something by no text".into());
                };
                let value = global(module, name)?;
                self.push(value);
            }
            b'q' | b'r' => {
                let key = self.number(if op == b'q' { 1 } else { 4 })? as u32;
                self.remember(key)?;
            }
            0x94 => {
                let key = self.memo.len() as u32;
                self.remember(key)?;
            }
            b'h' | b'j' => {
                let key = self.number(if op == b'h' { 1 } else { 4 })? as u32;
                self.recall(key)?;
            }
            0x85..=0x87 => {
                let mut values = Vec::new();
                for _ in 0..op - 0x84 {
                    values.push(self.pop()?);
                }
                values.reverse();
                self.push(list(values)?);
            }
            b't' => {
                let values = self.pop_to_mark()?;
                self.push(list(values)?);
            }
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            b'e' | 0x90 => {
                let values = self.pop_to_mark()?;
                self.append(values)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(vec![key, value])?;
            }
            b'u' => {
                let values = self.pop_to_mark()?;
                self.set_items(values)?;
            }
            b'Q' => {
                let inside = self.pop()?;
                let depth = deeper(inside.depth())?;
                self.push(Value::Persistent(Rc::new(Node { inside, depth })));
            }
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                if matches!(&callee, Value::Global(name) if &**name == "collections.OrderedDict") {
                    self.stack.push(Item::OpenDict(Vec::new()));
                } else {
                    let depth = deeper(arguments.depth().max(callee.depth()))?;
                    self.push(Value::Call(Rc::new(Node { inside: (callee, arguments), depth })));
                }
            }
            // The state of an object: of ordered dictionaries, their metadata.
            b'b' => drop(self.pop()?),
            b'0' => drop(self.pop()?),
            other => return Err(format!("a pickle with the opcode {other:#04x}")),
        }
        Ok(())
    }

    fn push_int(&mut self, n: usize) -> Result<(), Refusal> {
        let value = self.number(n)?;
        self.push(Value::Int(value as i64));
        Ok(())
    }
}

/// A name, if it may be there.
fn global(module: &str, name: &str) -> Result<Value, Refusal> {
    if is_known(module, name) {
        return Ok(Value::Global(format!("{module}.{name}").into()));
    }
    // Names from a file end up in a message.
    let shown: String = format!("{module}.{name}").chars().filter(|c| !c.is_control()).take(80).collect();
    Err(format!("a pickle that names {shown}, which no weights need; nothing of it was run"))
}

/// A two's-complement number of up to 8 bytes, little-endian.
fn long(bytes: &[u8]) -> Value {
    let negative = bytes.last().is_some_and(|b| *b >= 0x80);
    let mut whole = [if negative { 0xff } else { 0 }; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(whole))
}

fn deeper(depth: usize) -> Result<usize, Refusal> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(format!("values nested deeper than {MAX_DEPTH}")) }
}

fn list(items: Vec<Value>) -> Result<Value, Refusal> {
    let depth = deeper(items.iter().map(Value::depth).max().unwrap_or(0))?;
    Ok(Value::List(Rc::new(Node { inside: items, depth })))
}

fn dict(entries: Vec<(Value, Value)>) -> Result<Value, Refusal> {
    let depth = deeper(entries.iter().map(|(k, v)| k.depth().max(v.depth())).max().unwrap_or(0))?;
    Ok(Value::Dict(Rc::new(Node { inside: entries, depth })))
}
