//! National and line drawing characters, as xterm.js has them (`Charsets.ts`).

/// A character set by the byte that designates it; 0 for ASCII.
pub type Charset = u8;

/// The set that a final byte designates, if any.
pub fn designated(last: u8) -> Option<Charset> {
    Some(match last {
        b'B' => 0,
        b'C' => b'5',
        b'E' => b'6',
        b'H' => b'7',
        b'0' | b'A' | b'4' | b'5' | b'R' | b'Q' | b'K' | b'Y' | b'6' | b'Z' | b'7' | b'=' => last,
        _ => return None,
    })
}

/// What `code` means in a set.
pub fn translate(charset: Charset, code: u32) -> u32 {
    let (from, to) = pairs(charset);
    match from.bytes().position(|b| u32::from(b) == code) {
        Some(at) => to.chars().nth(at).map_or(code, u32::from),
        None => code,
    }
}

fn pairs(charset: Charset) -> (&'static str, &'static str) {
    match charset {
        b'0' => ("`abcdefghijklmnopqrstuvwxyz{|}~", "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"),
        b'A' => ("#", "£"),
        b'4' => ("#@[\\]{|}~", "£¾i½|¨f¼´"),
        b'5' => ("[\\]^`{|}~", "ÄÖÅÜéäöåü"),
        b'R' => ("#@[\\]{|}~", "£à°ç§éùè¨"),
        b'Q' => ("@[\\]^`{|}~", "àâçêîôéùèû"),
        b'K' => ("@[\\]{|}~", "§ÄÖÜäöüß"),
        b'Y' => ("#@[\\]`{|}~", "£§°çéùàòèì"),
        b'6' => ("@[\\]^`{|}~", "ÄÆØÅÜäæøåü"),
        b'Z' => ("#@[\\]{|}", "£§¡Ñ¿°ñç"),
        b'7' => ("@[\\]^`{|}~", "ÉÄÖÅÜéäöåü"),
        b'=' => ("#@[\\]^_`{|}~", "ùàéçêîèôäöüû"),
        _ => ("", ""),
    }
}
