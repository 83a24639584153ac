//! The table of keys: what a Coopfile may say, and how each key finds its place in a [`Layer`].

use crate::config::error::ConfigError;
use crate::config::error::Fault;
use crate::config::layer::HostPath;
use crate::config::layer::Layer;
use crate::config::limits;
use crate::config::settings::REPLAY_LINES_MAX;
use crate::config::settings::RESTART_DELAY_MAX_MS;
use crate::config::value;
use crate::session::spec::RestartWhen;
use crate::text::nearest;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

/// What may stand at a place of a Coopfile.
enum Entry {
    /// `key = value`
    Value(fn(&mut Layer, &Node<'_>) -> Result<(), Refusal>),
    /// `[section]` with known keys.
    Section(&'static [(&'static str, Entry)]),
    /// `[section]` whose keys are the user's own words.
    Map(fn(&mut Layer, &str, &Node<'_>) -> Result<(), Refusal>),
}

/// A value of the file, with the directory that relative host paths in it begin at.
struct Node<'a> {
    value: &'a Spanned<DeValue<'a>>,
    base: &'a Path,
}

/// A reason, and the narrower place it is about where there is one (an element of a list).
struct Refusal {
    span: Option<Range<usize>>,
    reason: String,
    /// What else is wrong with the value: each element of a list has its own fault.
    more: Vec<Refusal>,
}

/// Every key of a Coopfile.
static KEYS: &[(&str, Entry)] = &[
    ("env_pass", Entry::Value(|to, node| set(&mut to.env_pass, node.list(value::env_name)))),
    (
        "agent",
        Entry::Section(&[
            ("command", Entry::Value(|to, node| set(&mut to.agent_command, node.parse(value::program)))),
            ("args", Entry::Value(|to, node| set(&mut to.agent_args, node.list(|word| Ok(word.to_owned()))))),
        ]),
    ),
    (
        "workspace",
        Entry::Section(&[
            ("mount", Entry::Value(|to, node| set(&mut to.workspace_mount, node.parse(value::box_path)))),
            ("path", Entry::Value(|to, node| set(&mut to.workspace_path, node.host_path()))),
        ]),
    ),
    ("env", Entry::Map(env_entry)),
    ("mounts", Entry::Map(mount_entry)),
    ("network", Entry::Section(&[("mode", Entry::Value(|to, node| set(&mut to.network, node.parse(value::network))))])),
    ("sandbox", Entry::Section(&[("nesting", Entry::Value(|to, node| set(&mut to.nesting, node.boolean())))])),
    (
        "limits",
        Entry::Section(&[
            ("memory", Entry::Value(|to, node| set(&mut to.limits.memory, node.parse(limits::memory)))),
            ("pids", Entry::Value(|to, node| set(&mut to.limits.pids, node.count(limits::pids)))),
            ("cpus", Entry::Value(|to, node| set(&mut to.limits.cpus, node.count(limits::cpus)))),
            ("disk", Entry::Value(|to, node| set(&mut to.limits.disk, node.parse(limits::disk)))),
            ("open_files", Entry::Value(|to, node| set(&mut to.limits.open_files, node.count(limits::open_files)))),
        ]),
    ),
    (
        "session",
        Entry::Section(&[
            ("persist", Entry::Value(|to, node| set(&mut to.persist, node.list(value::persist_path)))),
            ("persist_scope", Entry::Value(|to, node| set(&mut to.persist_scope, node.parse(value::persist_scope)))),
            ("auto_restart", Entry::Value(|to, node| set(&mut to.auto_restart, node.auto_restart()))),
            ("restart_delay_ms", Entry::Value(|to, node| set(&mut to.restart_delay_ms, node.restart_delay_ms()))),
            ("shell", Entry::Value(|to, node| set(&mut to.shell, node.parse(value::program)))),
            ("detach_key", Entry::Value(|to, node| set(&mut to.detach_key, node.parse(value::detach_key)))),
            ("replay_lines", Entry::Value(|to, node| set(&mut to.replay_lines, node.replay_lines()))),
            ("size", Entry::Value(|to, node| set(&mut to.size, node.parse(value::size)))),
            ("clipboard", Entry::Value(|to, node| set(&mut to.clipboard, node.boolean()))),
        ]),
    ),
];

/// Reads a Coopfile and reports everything that is wrong with it at once.
pub fn read(origin: &Path, text: &str) -> Result<Layer, ConfigError> {
    let mut layer = Layer::default();
    let mut faults = Vec::new();
    match DeTable::parse(text) {
        Ok(root) => {
            let base = origin.parent().unwrap_or(Path::new(""));
            walk(&mut layer, &mut faults, base, root.get_ref(), &Place { path: "", known: KEYS });
        }
        Err(error) => faults.push(Fault {
            span: error.span().unwrap_or(0..0),
            key: String::new(),
            reason: error.message().to_owned(),
        }),
    }
    if faults.is_empty() { Ok(layer) } else { Err(ConfigError::locate(origin, text, faults)) }
}

/// A section that is being read: its dotted path and the keys it knows.
struct Place<'a> {
    path: &'a str,
    known: &'static [(&'static str, Entry)],
}

fn walk(layer: &mut Layer, faults: &mut Vec<Fault>, base: &Path, table: &DeTable<'_>, place: &Place<'_>) {
    for (name, value) in table {
        let key = dotted(place.path, name.get_ref());
        let node = Node { value, base };
        let outcome = match place.known.iter().find(|(known, _)| known == name.get_ref()) {
            None => Err(Refusal::at(name.span(), place.unknown(name.get_ref()))),
            Some((_, Entry::Value(read))) => read(layer, &node),
            Some((_, Entry::Section(known))) => {
                node.table().map(|inner| walk(layer, faults, base, inner, &Place { path: &key, known }))
            }
            Some((_, Entry::Map(read))) => node.table().map(|inner| {
                for (word, value) in inner {
                    let outcome = free_word(word).and_then(|()| read(layer, word.get_ref(), &Node { value, base }));
                    note(faults, &dotted(&key, word.get_ref()), value, outcome);
                }
            }),
        };
        note(faults, &key, value, outcome);
    }
}

fn note(faults: &mut Vec<Fault>, key: &str, value: &Spanned<DeValue<'_>>, outcome: Result<(), Refusal>) {
    if let Err(Refusal { span, reason, more }) = outcome {
        faults.push(Fault { span: span.unwrap_or(value.span()), key: key.to_owned(), reason });
        more.into_iter().for_each(|refusal| note(faults, key, value, Err(refusal)));
    }
}

/// A key that the user chose: a variable's name or a host path.
fn free_word(word: &Spanned<std::borrow::Cow<'_, str>>) -> Result<(), Refusal> {
    match word.get_ref() {
        text if text.is_empty() => Err(Refusal::at(word.span(), "the key is empty".to_owned())),
        text if text.contains('\0') => Err(Refusal::at(word.span(), NUL.to_owned())),
        _ => Ok(()),
    }
}

/// The kernel ends a string at NUL: what was checked would not be what is used.
const NUL: &str = "a NUL character cannot stand here";

impl Place<'_> {
    fn unknown(&self, name: &str) -> String {
        let here = self.known.iter().map(|(known, _)| *known);
        if let Some(near) = nearest(name, here.clone()) {
            return format!("unknown key, did you mean \"{}\"?", dotted(self.path, near));
        }
        // A right key in the wrong section.
        if let Some(place) = known_keys().into_iter().find(|key| key.rsplit('.').next() == Some(name)) {
            return format!("unknown key, did you mean \"{place}\"?");
        }
        format!("unknown key; known here: {}", here.collect::<Vec<_>>().join(", "))
    }
}

/// Every key as a dotted path; a map by its section alone.
pub fn known_keys() -> Vec<String> {
    let mut keys = Vec::new();
    for (name, entry) in KEYS {
        match entry {
            Entry::Section(inner) => keys.extend(inner.iter().map(|(key, _)| dotted(name, key))),
            Entry::Value(_) | Entry::Map(_) => keys.push((*name).to_owned()),
        }
    }
    keys
}

fn dotted(section: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if section.is_empty() { key } else { format!("{section}.{key}") }
}

fn set<T>(place: &mut Option<T>, value: Result<T, Refusal>) -> Result<(), Refusal> {
    *place = Some(value?);
    Ok(())
}

fn env_entry(layer: &mut Layer, name: &str, node: &Node<'_>) -> Result<(), Refusal> {
    let name = value::env_name(name).map_err(Refusal::here)?;
    layer.env.insert(name, node.parse(value::env_value)?);
    Ok(())
}

fn mount_entry(layer: &mut Layer, host: &str, node: &Node<'_>) -> Result<(), Refusal> {
    layer.mounts.insert(HostPath::written(host, node.base), node.parse(value::mount_target)?);
    Ok(())
}

impl Refusal {
    /// About the whole value.
    fn here(reason: String) -> Self {
        Self { span: None, reason, more: Vec::new() }
    }

    fn at(span: Range<usize>, reason: String) -> Self {
        Self { span: Some(span), ..Self::here(reason) }
    }
}

impl<'a> Node<'a> {
    fn of_type(&self, wanted: &str) -> Refusal {
        Refusal::here(format!("must be {wanted}, not {}", kind(self.value.get_ref())))
    }

    fn text(&self) -> Result<&'a str, Refusal> {
        let text = self.value.get_ref().as_str().ok_or_else(|| self.of_type("a string"))?;
        if text.contains('\0') { Err(Refusal::here(NUL.to_owned())) } else { Ok(text) }
    }

    fn table(&self) -> Result<&'a DeTable<'a>, Refusal> {
        self.value.get_ref().as_table().ok_or_else(|| self.of_type("a table"))
    }

    fn parse<T>(&self, read: impl Fn(&str) -> Result<T, value::Reason>) -> Result<T, Refusal> {
        read(self.text()?).map_err(Refusal::here)
    }

    fn list<T>(&self, read: impl Fn(&str) -> Result<T, value::Reason>) -> Result<Vec<T>, Refusal> {
        let elements = self.value.get_ref().as_array().ok_or_else(|| self.of_type("a list of strings"))?;
        let element = |value: &'a Spanned<DeValue<'a>>| {
            let at_element = |refusal: Refusal| Refusal { span: Some(value.span()), ..refusal };
            Node { value, base: self.base }.parse(&read).map_err(at_element)
        };
        let (mut values, mut refusals) = (Vec::new(), Vec::new());
        for outcome in elements.iter().map(element) {
            match outcome {
                Ok(value) => values.push(value),
                Err(refusal) => refusals.push(refusal),
            }
        }
        let mut refusals = refusals.into_iter();
        match refusals.next() {
            None => Ok(values),
            Some(first) => Err(Refusal { more: refusals.collect(), ..first }),
        }
    }

    fn host_path(&self) -> Result<HostPath, Refusal> {
        match self.text()? {
            "" => Err(Refusal::here("a path cannot be empty".to_owned())),
            text => Ok(HostPath::written(text, self.base)),
        }
    }

    fn auto_restart(&self) -> Result<RestartWhen, Refusal> {
        match self.value.get_ref() {
            DeValue::Boolean(true) => Ok(RestartWhen::Always),
            DeValue::Boolean(false) => Ok(RestartWhen::Never),
            DeValue::String(_) => self.parse(value::restart_word),
            _ => Err(self.of_type("true, false or \"on-failure\"")),
        }
    }

    fn restart_delay_ms(&self) -> Result<u64, Refusal> {
        self.number("milliseconds", RESTART_DELAY_MAX_MS)
    }

    fn replay_lines(&self) -> Result<u32, Refusal> {
        let lines = self.number("lines", REPLAY_LINES_MAX.into())?;
        Ok(u32::try_from(lines).unwrap_or(REPLAY_LINES_MAX))
    }

    fn number(&self, unit: &str, most: u64) -> Result<u64, Refusal> {
        let number = self.value.get_ref().as_integer().ok_or_else(|| self.of_type(&format!("a number of {unit}")))?;
        match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) if value <= most => Ok(value),
            _ => Err(Refusal::here(format!("must be 0 to {most} {unit}, not {number}"))),
        }
    }

    /// A number, with a fraction or without, or the word for none.
    fn count<T>(&self, read: impl Fn(Option<f64>) -> Result<T, value::Reason>) -> Result<T, Refusal> {
        let number = match self.value.get_ref() {
            DeValue::Integer(written) => i64::from_str_radix(written.as_str(), written.radix()).ok().map(precise),
            DeValue::Float(written) => written.as_str().parse().ok(),
            DeValue::String(word) if word == limits::UNLIMITED => return read(None).map_err(Refusal::here),
            _ => return Err(self.of_type("a number or \"unlimited\"")),
        };
        let number = number.ok_or_else(|| Refusal::here("is no number that this machine could have".to_owned()))?;
        read(Some(number)).map_err(Refusal::here)
    }

    fn boolean(&self) -> Result<bool, Refusal> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.of_type("true or false")),
        }
    }
}

#[allow(clippy::cast_precision_loss)] // beyond 2^53 it is beyond every limit, too
fn precise(number: i64) -> f64 {
    number as f64
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
#[path = "keys_test.rs"]
mod tests;
