"""A small terminal for `record`: the text on the screen, where the cursor is, and an answer to each query.

It knows no colours and no scrollback. It exists so that a scenario can wait for what a user would see, and so that
programs which ask the terminal questions are answered at once, as by a real one.
"""

import re
import unicodedata

CELL_WIDTH_PX, CELL_HEIGHT_PX = 10, 20

# One unit of output. A string (OSC, DCS, SOS, PM, APC) ends with ST; OSC also with BEL.
UNIT = re.compile(
    r"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    r"|\x1b(?P<string>\](?:[^\x07\x1b]|\x1b(?!\\))*?(?:\x07|\x1b\\)|[P_^X](?:[^\x1b]|\x1b(?!\\))*?\x1b\\)"
    r"|\x1b(?P<esc>[ -/]*[0-OQ-WYZ`-~\\])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|\x1b(?:\[[0-?]*[ -/]*)?(?=[\x00-\x1f\x7f])"  # broken off: dropped
)
CSI = re.compile(r"([<=>?]?)([\d;:]*)([ -/]*)([@-~])")

# DEC private modes that are known, so that DECRQM says "set" or "reset" instead of "not recognised".
MODES = {1, 6, 7, 25, 47, 1000, 1002, 1003, 1004, 1006, 1016, 1047, 1049, 2004, 2026, 2027, 2031}
ALTERNATE_SCREEN = {47, 1047, 1049}

CSI_QUERIES = {
    "c": "DA1", "0c": "DA1", ">c": "DA2", ">0c": "DA2", "=c": "DA3", ">q": "XTVERSION", ">0q": "XTVERSION",
    "5n": "DSR", "6n": "CPR", "?6n": "DECXCPR", "?u": "kitty keyboard", "?996n": "colour scheme",
    "14t": "CSI 14 t", "16t": "CSI 16 t", "18t": "CSI 18 t", "19t": "CSI 19 t", "21t": "CSI 21 t", "?4m": "XTQMODKEYS",
    ">4;?m": "CSI > 4 ; ? m",  # Gemini CLI's idea of XTQMODKEYS; terminals do not answer it.
}  # fmt: skip


def query(unit):
    """What a unit (a match of UNIT) asks the terminal, as a short name, or None."""
    csi, string = unit["csi"], unit["string"]
    if csi and (mode := re.fullmatch(r"(\??\d+)\$p", csi)):
        return f"DECRQM {mode[1]}"
    if csi and re.fullmatch(r"\?\d+(;\d+)*S", csi):
        return "XTSMGRAPHICS"
    if csi:
        return CSI_QUERIES.get(csi)
    return string and string_query(string)


def string_query(string):
    body = string[1:].removesuffix("\x07").removesuffix("\x1b\\")
    kind = string[0]
    if kind == "P" and body.startswith("+q"):
        return "XTGETTCAP"
    if kind == "P" and body.startswith("$q"):
        return "DECRQSS"
    if kind == "_" and re.match(r"G[^;]*\ba=q\b", body):
        return "kitty graphics"
    if kind != "]":
        return None
    if colour := re.fullmatch(r"(1\d|4;\d+);\?", body):
        return "OSC 4" if colour[1].startswith("4;") else f"OSC {colour[1]}"
    if re.match(r"7501;\?|52;[^;]*;\?|99;.*p=\?|1337;(ReportCellSize|Capabilities)|21;.*\?|22;\?", body):
        return "OSC " + body.split(";")[0]
    return None


def units(text):
    """The complete units at the start of `text`, and what is left: the beginning of one that is not complete."""
    found, end = [], 0
    while unit := UNIT.match(text, end):
        found.append(unit)
        end = unit.end()
    return found, text[end:]


def width(character):
    """Columns that a character takes; near enough for waits and cursor reports."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Terminal:
    def __init__(self, cols, rows):
        self.cols, self.rows = cols, rows
        self.held = ""
        self.modes = {7, 25}
        self.keyboard = [0]
        self.reset_screen()

    def reset_screen(self):
        self.grid = self.blank()
        self.hidden = self.blank()
        self.x = self.y = 0
        self.saved = (0, 0)
        self.top, self.bottom = 0, self.rows - 1
        self.last = " "

    def blank(self):
        return [[" "] * self.cols for _ in range(self.rows)]

    def resize(self, cols, rows):
        above = max(0, self.y + 1 - rows)  # So many rows leave at the top, to keep the cursor on the screen.

        def fitted(grid):
            lines = [(line + [" "] * cols)[:cols] for line in grid[above : above + rows]]
            return lines + [[" "] * cols for _ in range(rows - len(lines))]

        self.grid, self.hidden = fitted(self.grid), fitted(self.hidden)
        self.cols, self.rows = cols, rows
        self.top, self.bottom = 0, rows - 1
        self.x, self.y = min(self.x, cols - 1), self.y - above

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.grid)

    def feed(self, text):
        """Draws `text`; returns what the terminal answers."""
        found, self.held = units(self.held + text)
        answers = []
        for unit in found:
            answer = self.answer(unit, query(unit)) if unit["csi"] or unit["string"] else None
            if answer:
                answers.append(answer)
            self.draw(unit)
        return "".join(answers)

    # What it answers.

    def answer(self, unit, asked):
        if asked is None:
            return None
        if asked.startswith("DECRQM ?"):
            mode = int(asked[8:])
            return f"\x1b[?{mode};{(1 if mode in self.modes else 2) if mode in MODES else 0}$y"
        if asked.startswith("DECRQM"):
            return f"\x1b[{asked[7:]};0$y"
        if asked.startswith("OSC"):
            return self.answer_osc(unit["string"])
        report = f"{self.y + 1};{min(self.x, self.cols - 1) + 1}R"
        width_px, height_px = self.cols * CELL_WIDTH_PX, self.rows * CELL_HEIGHT_PX
        return {
            "DA1": "\x1b[?62;4;22c",
            "DA2": "\x1b[>1;10;0c",
            "DA3": "\x1bP!|00000000\x1b\\",
            "XTVERSION": "\x1bP>|coop(0.1)\x1b\\",
            "DSR": "\x1b[0n",
            "CPR": f"\x1b[{report}",
            "DECXCPR": f"\x1b[?{report}",
            "kitty keyboard": f"\x1b[?{self.keyboard[-1]}u",
            "colour scheme": "\x1b[?997;1n",
            "CSI 14 t": f"\x1b[4;{height_px};{width_px}t",
            "CSI 16 t": f"\x1b[6;{CELL_HEIGHT_PX};{CELL_WIDTH_PX}t",
            "CSI 18 t": f"\x1b[8;{self.rows};{self.cols}t",
            "CSI 19 t": f"\x1b[9;{self.rows};{self.cols}t",
            "XTQMODKEYS": "\x1b[>4;0m",
            "XTGETTCAP": "\x1bP0+r\x1b\\",
            "DECRQSS": "\x1bP0$r\x1b\\",
        }.get(asked)

    @staticmethod
    def answer_osc(string):
        end = "\x07" if string.endswith("\x07") else "\x1b\\"
        body = string[1:].removesuffix(end)
        if body.startswith("7501;"):
            return f"\x1b]7501;?{end}"
        number = body.removesuffix(";?")
        if re.fullmatch(r"10|11|12|4;\d+", number):
            colour = "1c1c/1c1c/1c1c" if number == "11" else "d0d0/d0d0/d0d0"
            return f"\x1b]{number};rgb:{colour}{end}"
        return None

    # What it draws.

    def draw(self, unit):
        if unit["text"]:
            for character in unit["text"]:
                self.put(character)
        elif unit["control"]:
            self.control(unit["control"])
        elif unit["csi"] and (parts := CSI.fullmatch(unit["csi"])):
            self.csi(*parts.groups())
        elif unit["esc"]:
            self.escape(unit["esc"])

    def put(self, character):
        columns = width(character)
        if columns == 0:
            return
        if self.x + columns > self.cols:
            self.x = 0 if 7 in self.modes else self.cols - columns
            if 7 in self.modes:
                self.line_feed()
        self.grid[self.y][self.x] = self.last = character
        if columns == 2 and self.x + 1 < self.cols:
            self.grid[self.y][self.x + 1] = ""
        self.x += columns

    def control(self, character):
        if character in "\n\v\f":
            self.line_feed()
        elif character == "\r":
            self.x = 0
        elif character == "\b":
            self.x = max(0, min(self.x, self.cols - 1) - 1)
        elif character == "\t":
            self.x = min(self.cols - 1, (self.x // 8 + 1) * 8)

    def line_feed(self):
        if self.y == self.bottom:
            self.scroll(self.top, 1)
        else:
            self.y = min(self.y + 1, self.rows - 1)

    def scroll(self, top, lines):
        """Moves the rows from `top` to the region's end up by `lines`, or down if it is negative."""
        height = self.bottom - top + 1
        for _ in range(min(abs(lines), height)):
            del self.grid[top if lines > 0 else self.bottom]
            self.grid.insert(self.bottom if lines > 0 else top, [" "] * self.cols)

    def escape(self, what):
        if what == "7":
            self.saved = (self.x, self.y)
        elif what == "8":
            self.x, self.y = self.saved
        elif what in "DE":
            self.x = 0 if what == "E" else self.x
            self.line_feed()
        elif what == "M" and self.y == self.top:
            self.scroll(self.top, -1)
        elif what == "M":
            self.y = max(0, self.y - 1)
        elif what == "c":
            self.reset_screen()

    def csi(self, prefix, parameters, between, final):
        numbers = [int(n.split(":")[0] or 0) for n in parameters.split(";")] if parameters else []
        first = numbers[0] if numbers else 0
        if prefix == "?" and final in "hl":
            self.set_modes(numbers, final == "h")
        elif final == "u" and prefix:
            self.set_keyboard(prefix, numbers)
        elif prefix or between:
            return
        elif final in "ABCDEFGdae`Hf":
            self.move(final, first, numbers)
        elif final in "JKXP@":
            self.erase(final, first)
        elif final in "LMST":
            self.scroll(self.top if final in "ST" else self.y, max(1, first) * (1 if final in "MS" else -1))
        elif final == "r":
            bottom = numbers[1] if len(numbers) > 1 and numbers[1] else self.rows
            self.top, self.bottom = max(1, first) - 1, min(bottom, self.rows) - 1
            self.x = self.y = 0
        elif final == "b":
            for _ in range(max(1, first)):
                self.put(self.last)
        elif final in "su":
            self.escape("7" if final == "s" else "8")

    def set_modes(self, numbers, on):
        for mode in numbers:
            changed = (mode in self.modes) != on
            if mode in ALTERNATE_SCREEN and changed:
                self.grid, self.hidden = (self.blank(), self.grid) if on else (self.hidden, self.blank())
            if mode == 1049 and changed:
                self.escape("7" if on else "8")
            (self.modes.add if on else self.modes.discard)(mode)

    def set_keyboard(self, prefix, numbers):
        first = numbers[0] if numbers else 0
        if prefix == ">":
            self.keyboard.append(first)
        elif prefix == "<":
            del self.keyboard[max(1, len(self.keyboard) - max(1, first)) :]
        elif prefix == "=":
            self.keyboard[-1] = first

    def move(self, final, first, numbers):
        steps = max(1, first)
        x, y = min(self.x, self.cols - 1), self.y
        if final in "Hf":
            y, x = steps - 1, max(1, numbers[1] if len(numbers) > 1 else 1) - 1
        elif final in "G`":
            x = steps - 1
        elif final == "d":
            y = steps - 1
        elif final in "AF":
            y -= steps
        elif final in "BEe":
            y += steps
        else:
            x += -steps if final == "D" else steps
        x = 0 if final in "EF" else x
        self.x, self.y = max(0, min(x, self.cols - 1)), max(0, min(y, self.rows - 1))

    def erase(self, final, first):
        line, x = self.grid[self.y], min(self.x, self.cols - 1)
        if final == "J":
            whole = {0: range(self.y + 1, self.rows), 1: range(self.y)}.get(first, range(self.rows))
            for row in whole:
                self.grid[row] = [" "] * self.cols
        if final in "JK":
            begin, end = {0: (x, self.cols), 1: (0, x + 1), 2: (0, self.cols)}.get(first, (0, 0))
            line = self.grid[self.y]
            line[begin:end] = [" "] * (end - begin)
            return
        count = min(max(1, first), self.cols - x)
        if final == "X":
            line[x : x + count] = [" "] * count
        elif final == "P":
            self.grid[self.y] = line[:x] + line[x + count :] + [" "] * count
        else:
            self.grid[self.y] = (line[:x] + [" "] * count + line[x:])[: self.cols]
