// The screen engine's oracle: jobs come in, each as a length in decimal, a newline and that many bytes of JSON
// `{cols, rows, steps}`, where a step is base64 text to write, `[cols, rows]` to resize to, or null. For each, a line of JSON
// comes out, a list of states: one for each step that is null and one for the end. A state is the lines of the terminal's
// whole state, hidden state included, in the notation of `oracle_tests/described.rs`. With `answers`, what the terminal
// would have typed comes out instead; with `widths`, the width of every character.
"use strict";
const { Terminal } = require("@xterm/headless");
const { Unicode11Addon } = require("@xterm/addon-unicode11");

const BOLD = 0x8000000, DIM = 0x8000000, ITALIC = 0x4000000, BLINK = 0x20000000, INVERSE = 0x4000000;
const HIDDEN = 0x40000000, STRIKE = 0x80000000 | 0, OVERLINE = 0x40000000, PROTECTED = 0x20000000;
const UNDERLINE = 0x10000000, EXTENDED = 0x10000000;

function terminal(cols, rows) {
  const t = new Terminal({ cols, rows, scrollback: 0, allowProposedApi: true, logLevel: "off",
    windowOptions: { pushTitle: true, popTitle: true } });
  t.loadAddon(new Unicode11Addon());
  t.unicode.activeVersion = "11";
  // It forgets links whose lines are gone, the pen's too.
  const links = t._core._oscLinkService, register = links.registerLink.bind(links);
  t._core.coopLinks = new Map();
  links.registerLink = (link) => {
    const id = register(link);
    t._core.coopLinks.set(id, link.uri);
    return id;
  };
  return t;
}

const letters = new Map();
{
  const t = terminal(10, 2);
  for (const c of "0A45RQKY6Z7=") {
    t._core.writeSync("\x1b(" + c);
    letters.set(t._core._charsetService.charset, c);
  }
}
const charset = (set) => (set === undefined ? "B" : letters.get(set));

function colour(word) {
  const mode = (word >> 24) & 3;
  return mode === 0 ? "-" : mode === 3 ? "#" + (word & 0xffffff).toString(16) : "pP"[mode - 1] + (word & 0xff);
}

function style(core, fg, bg, ext) {
  let flags = "";
  for (const [word, bit, letter] of [[fg, BOLD, "b"], [bg, DIM, "d"], [bg, ITALIC, "i"], [fg, BLINK, "k"],
    [fg, INVERSE, "v"], [fg, HIDDEN, "h"], [fg, STRIKE, "s"], [bg, OVERLINE, "o"], [bg, PROTECTED, "p"]]) {
    if (word & bit) flags += letter;
  }
  const extended = bg & EXTENDED;
  const underline = fg & UNDERLINE ? (extended ? (ext._ext >> 26) & 7 : 1) : 0;
  let underlined = extended && underline ? colour(ext._ext & 0x3ffffff) : "-";
  if (underlined === "#ffffff") underlined = "-"; // SGR 59, misread
  const link = extended && ext.urlId ? core.coopLinks.get(ext.urlId) : "";
  return `${colour(fg)},${colour(bg)},${flags},${underline},${underlined},${link}`;
}

function buffer(core, b, name, isActive, out) {
  const rows = core.rows, cols = core.cols;
  out.push(`${name} region ${b.scrollTop} ${b.scrollBottom}`);
  const tabs = [];
  for (let x = 0; x < cols; x++) if (b.tabs[x]) tabs.push(x);
  out.push(`${name} tabs ${tabs.join(" ")}`);
  const s = b.savedCurAttrData;
  out.push(`${name} saved ${Math.min(b.savedX, cols - 1)} ${Math.min(b.savedY, rows - 1)} ` +
    `${style(core, s.fg, s.bg & ~EXTENDED, { _ext: 0, urlId: 0 })} ${charset(b.savedCharset)}`);
  if (b.lines.length === 0) return;
  for (let y = 0; y < rows; y++) {
    const line = b.lines.get(b.ybase + y);
    let text = `${name} row ${y} ${line.isWrapped ? "w" : "-"}`;
    let before = "";
    for (let x = 0; x < cols; x++) {
      const content = line._data[x * 3], fg = line._data[x * 3 + 1] | 0, bg = line._data[x * 3 + 2] | 0;
      const ext = bg & EXTENDED ? line._extendedAttrs[x] : { _ext: 0, urlId: 0 };
      // A style is told where it changes.
      const now = style(core, fg, bg, ext);
      text += ` ${line.getString(x)}${"0|23"[content >> 22]}${now === before ? "" : now}`;
      before = now;
    }
    out.push(text);
  }
}

function state(t, titles) {
  const core = t._core, out = [];
  const buffers = core._bufferService.buffers, input = core._inputHandler, sets = core._charsetService;
  const b = buffers.active, m = core.coreService, d = m.decPrivateModes;
  out.push(`cursor ${b.x} ${b.y}`);
  out.push(`active ${b === buffers.alt ? 1 : 0}`);
  const pen = input._curAttrData;
  out.push(`pen ${style(core, pen.fg, pen.bg, pen.extended)}`);
  out.push(`charsets ${[0, 1, 2, 3].map((g) => charset(sets._charsets[g])).join("")} ${sets.glevel} ${charset(sets.charset)}`);
  out.push(`last ${(core._inputHandler._parser.precedingJoinState >> 1) & 3}`);
  const on = (x) => (x ? 1 : 0);
  out.push(`modes ${on(m.modes.insertMode)} ${on(core.optionsService.rawOptions.convertEol)} ${on(d.applicationCursorKeys)} ` +
    `${on(d.applicationKeypad)} ${on(d.bracketedPasteMode)} ${on(d.origin)} ${on(d.reverseWraparound)} ${on(d.sendFocus)} ` +
    `${on(d.synchronizedOutput)} ${on(d.wraparound)} ${on(m.isCursorHidden)} ${on(core.optionsService.rawOptions.cursorBlink)} ` +
    `${core.coreMouseService.activeProtocol} ${core.coreMouseService.activeEncoding} ${d.cursorStyle || "-"} ${on(d.cursorBlink)}`);
  out.push(`title ${input._windowTitle}`);
  out.push(`icon ${input._iconName}`);
  out.push(`titles ${input._windowTitleStack.join("|")} ${input._iconNameStack.join("|")}`);
  buffer(core, buffers.normal, "main", b === buffers.normal, out);
  buffer(core, buffers.alt, "other", b === buffers.alt, out);
  return out;
}

// What lies right of a narrowed screen is lost, that of the alternate one and right halves of wide characters, too.
function resize(core, cols, rows) {
  core.resize(cols, rows);
  const buffers = core._bufferService.buffers;
  if (buffers.normal.ybase > 0 || buffers.alt.ybase > 0) throw new Error("it believes in a scrollback");
  for (const b of [buffers.normal, buffers.alt]) {
    for (let y = 0; y < (b.lines.length && rows); y++) {
      const line = b.lines.get(b.ybase + y), last = (cols - 1) * 3;
      if (line.length > cols) line.resize(cols, b.getNullCell());
      if (line._data[last] >> 22 === 2) line._data[last] = 1 << 22;
    }
  }
}

function run(job) {
  if (job.widths) {
    const t = terminal(10, 2), out = [];
    for (let c = 0x20; c < 0x110000; c++) out.push(t._core.unicodeService.wcwidth(c));
    return [[out.join("")]];
  }
  const t = terminal(job.cols, job.rows), states = [];
  let answers = "";
  t.onData((text) => { answers += text; });
  try {
    for (const step of job.steps) {
      if (step === null) states.push(state(t));
      else if (Array.isArray(step)) resize(t._core, step[0], step[1]);
      else t._core.writeSync(new Uint8Array(Buffer.from(step, "base64")));
    }
    states.push(job.answers ? [answers] : state(t));
  } catch (error) {
    states.push([`error ${error}`]);
  } finally {
    t.dispose();
  }
  return states;
}

let input = Buffer.alloc(0);
process.stdin.on("data", (chunk) => {
  input = Buffer.concat([input, chunk]);
  for (;;) {
    const end = input.indexOf(10);
    if (end < 0) return;
    const length = parseInt(input.subarray(0, end).toString(), 10);
    if (input.length < end + 1 + length) return;
    const job = JSON.parse(input.subarray(end + 1, end + 1 + length).toString());
    input = input.subarray(end + 1 + length);
    process.stdout.write(JSON.stringify(run(job)) + "\n");
  }
});
