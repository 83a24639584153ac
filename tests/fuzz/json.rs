//! How a JSON message is changed so that it stays JSON: libFuzzer's own changes nearly always break it.

use serde_json::Value;
use serde_json::json;

/// For `fuzz_mutator!`: changes one value of the message in `data[..size]`, or, every fourth time and where that is no
/// JSON, lets libFuzzer change its bytes. Returns the new size.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b1) | 1);
    let parsed = serde_json::from_slice::<Value>(&data[..size]).ok().filter(|_| dice.below(4) > 0);
    let Some(mut message) = parsed else { return libfuzzer_sys::fuzzer_mutate(data, size, max_size) };
    change(&mut message, &mut dice);
    let bytes = message.to_string().into_bytes();
    match data.get_mut(..bytes.len().min(max_size)) {
        Some(place) if place.len() == bytes.len() => place.copy_from_slice(&bytes),
        _ => return size,
    }
    bytes.len()
}

/// Marsaglia's xorshift.
struct Dice(u32);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % sides
    }
}

/// Goes down at random and replaces, doubles or removes what is there.
fn change(value: &mut Value, dice: &mut Dice) {
    match value {
        Value::Object(fields) if !fields.is_empty() && dice.below(8) > 0 => {
            let at = dice.below(fields.len());
            let name = fields.keys().nth(at).cloned().unwrap_or_default();
            if dice.below(16) == 0 {
                fields.remove(&name);
            } else if let Some(field) = fields.get_mut(&name) {
                change(field, dice);
            }
        }
        Value::Array(items) if !items.is_empty() && dice.below(8) > 0 => {
            let at = dice.below(items.len());
            match dice.below(8) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => change(&mut items[at], dice),
            }
        }
        Value::Bool(flag) if dice.below(4) > 0 => *flag = !*flag,
        Value::Number(_) if dice.below(8) > 0 => *value = number(dice),
        Value::String(text) if dice.below(8) > 0 => changed_text(text, dice),
        other => *other = anything(dice),
    }
}

fn number(dice: &mut Dice) -> Value {
    let edges = [0, 1, 23, 255, 4096, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x1_0000_0000, u64::MAX >> 1, u64::MAX];
    match dice.below(4) {
        0 => json!(dice.below(300)),
        1 => json!(-(dice.below(300) as i64)),
        _ => json!(edges[dice.below(edges.len())]),
    }
}

fn changed_text(text: &mut String, dice: &mut Dice) {
    let words = ["", "/", "..", "a/../..", "~", "\0", "\n", "\u{1b}[c", "ä", "日本", "A", "-", ".", "host", "none"];
    match dice.below(4) {
        0 => *text = words[dice.below(words.len())].to_owned(),
        1 => *text = text.repeat(2),
        2 => text.truncate(text.char_indices().nth(dice.below(8)).map_or(0, |(at, _)| at)),
        _ => text.push_str(words[dice.below(words.len())]),
    }
}

fn anything(dice: &mut Dice) -> Value {
    match dice.below(7) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!(1.5),
        3 => json!("x"),
        4 => json!([]),
        5 => json!({}),
        _ => number(dice),
    }
}
