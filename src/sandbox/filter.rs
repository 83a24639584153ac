//! The filter of system calls: from the table of [`calls`] to a program for the kernel. Pure: tested as data.
//!
//! The kernel runs the program at every call, and checks and compiles it whenever a box's program is started. So it is
//! short and a tree: calls that are next to each other and have the same answer are one leaf, and eight comparisons lead
//! to any of them. For calls whose answer needs no argument the kernel keeps the answer and skips the program.

pub mod calls;

use crate::sandbox::filter::calls::Calls;
use crate::sys::seccomp::Instruction;

/// What a call gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Allow,
    Errno(u16),
    /// The whole process ends, as by SIGSYS.
    Kill,
}

/// What is looked at of a call: 32 bits of one argument, and of these the ones in `mask`.
///
/// The kernel takes flags, commands, domains and modes from the lower half alone; what stands above is nothing to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test {
    pub argument: u8,
    /// The upper half of the argument instead.
    pub upper: bool,
    pub mask: u32,
    pub holds: Holds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// When the masked bits are exactly these.
    Equal(u32),
    /// When any of the masked bits is set.
    Any,
    /// When they are none of these.
    NoneOf(&'static [u32]),
}

/// The answer if all of `tests` hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    pub tests: Vec<Test>,
    pub answer: Answer,
}

/// What is known of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    Always(Answer),
    /// The first clause that holds, else the answer.
    Depends(Vec<Clause>, Answer),
}

/// What a box's filter depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strictness {
    /// Namespaces and mounts of the box's own are let through.
    pub nesting: bool,
    /// The files that the box makes are root's on the host.
    pub root: bool,
}

/// The program for this machine's processor.
pub fn program(strictness: Strictness) -> Vec<Instruction> {
    assemble(calls::ARCHITECTURE, &Calls::table(strictness))
}

const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS; all of these: linux/bpf_common.h
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_SET: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

const NUMBER_OFFSET: u32 = 0; // struct seccomp_data, linux/seccomp.h
const ARCHITECTURE_OFFSET: u32 = 4;
const ARGUMENTS_OFFSET: u32 = 16;

const RET_KILL_PROCESS: u32 = 0x8000_0000; // linux/seccomp.h
const RET_ERRNO: u32 = 0x0005_0000;
const RET_ALLOW: u32 = 0x7fff_0000;

fn plain(code: u16, value: u32) -> Instruction {
    Instruction { code, jump_true: 0, jump_false: 0, value }
}

fn answer(answer: Answer) -> Instruction {
    plain(
        RETURN,
        match answer {
            Answer::Allow => RET_ALLOW,
            Answer::Errno(errno) => RET_ERRNO | u32::from(errno),
            Answer::Kill => RET_KILL_PROCESS,
        },
    )
}

/// Calls from this number up to the next leaf's have this rule.
type Leaf<'a> = (u32, &'a Rule);

fn assemble(architecture: u32, calls: &Calls) -> Vec<Instruction> {
    let mut leaves: Vec<Leaf<'_>> = vec![(0, &calls.others)];
    for (number, rule) in &calls.known {
        // What was put there for the numbers after the last one holds for none of them.
        leaves.pop_if(|(from, _)| from == number);
        if leaves.last().is_none_or(|(_, last)| *last != rule) {
            leaves.push((*number, rule));
        }
        leaves.push((number + 1, &calls.others));
    }
    leaves.dedup_by(|next, before| next.1 == before.1);
    // A call of another architecture has other numbers: what it would do is not what this table says.
    let mut program = vec![
        plain(LOAD_WORD, ARCHITECTURE_OFFSET),
        Instruction { code: JUMP_EQUAL, jump_true: 1, jump_false: 0, value: architecture },
        answer(Answer::Kill),
        plain(LOAD_WORD, NUMBER_OFFSET),
    ];
    program.extend(tree(&leaves));
    program
}

/// With the call's number loaded: comparisons that lead to its leaf.
fn tree(leaves: &[Leaf<'_>]) -> Vec<Instruction> {
    let [(_, only)] = leaves else {
        let (low, high) = leaves.split_at(leaves.len() / 2);
        let (from, _) = high[0];
        let (low, high) = (tree(low), tree(high));
        let mut code = match u8::try_from(low.len()) {
            Ok(over) => vec![Instruction { code: JUMP_AT_LEAST, jump_true: over, jump_false: 0, value: from }],
            // A conditional jump reaches 255 instructions, a plain one any.
            Err(_) => {
                let far = u32::try_from(low.len()).expect("the kernel takes 4096 instructions at most");
                let jump = Instruction { code: JUMP_AT_LEAST, jump_true: 0, jump_false: 1, value: from };
                vec![jump, plain(JUMP, far)]
            }
        };
        code.extend(low);
        code.extend(high);
        return code;
    };
    match only {
        Rule::Always(always) => vec![answer(*always)],
        Rule::Depends(clauses, otherwise) => clauses.iter().flat_map(clause).chain([answer(*otherwise)]).collect(),
    }
}

/// Returns its answer, or goes on behind itself.
fn clause(clause: &Clause) -> Vec<Instruction> {
    let mut code = vec![answer(clause.answer)];
    for test in clause.tests.iter().rev() {
        let over = u8::try_from(code.len()).expect("a clause has a handful of tests");
        // Both processors are little-endian: the lower half comes first.
        let offset = ARGUMENTS_OFFSET + 8 * u32::from(test.argument) + if test.upper { 4 } else { 0 };
        let jump = |code, value| Instruction { code, jump_true: 0, jump_false: over, value };
        let mut looked = vec![plain(LOAD_WORD, offset)];
        match test.holds {
            Holds::Any => looked.push(jump(JUMP_SET, test.mask)),
            Holds::NoneOf(values) => {
                if test.mask != u32::MAX {
                    looked.push(plain(AND, test.mask));
                }
                for (index, value) in values.iter().enumerate() {
                    let behind = u8::try_from(values.len() - 1 - index).expect("a test has a handful of values");
                    let jump_true = behind + over;
                    looked.push(Instruction { code: JUMP_EQUAL, jump_true, jump_false: 0, value: *value });
                }
            }
            Holds::Equal(value) => {
                if test.mask != u32::MAX {
                    looked.push(plain(AND, test.mask));
                }
                looked.push(jump(JUMP_EQUAL, value));
            }
        }
        looked.extend(code);
        code = looked;
    }
    code
}

#[cfg(test)]
#[path = "filter/tests.rs"]
mod tests;
