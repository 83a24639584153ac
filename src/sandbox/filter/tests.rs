use super::*;
use proptest::prelude::*;

/// A call, as the kernel shows it to a filter.
#[derive(Clone, Copy, Debug)]
struct Call {
    architecture: u32,
    number: u32,
    arguments: [u64; 6],
}

impl Call {
    fn of(number: libc::c_long, arguments: &[u64]) -> Self {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        Self { architecture: calls::ARCHITECTURE, number: u32::try_from(number).unwrap(), arguments: all }
    }

    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.architecture,
            _ => {
                let argument = self.arguments[usize::try_from((offset - 16) / 8).unwrap()];
                u32::try_from(if offset % 8 == 4 { argument >> 32 } else { argument & 0xffff_ffff }).unwrap()
            }
        }
    }
}

/// What the kernel's interpreter would return.
fn run(program: &[Instruction], call: &Call) -> u32 {
    let (mut at, mut word) = (0, 0);
    loop {
        let Instruction { code, jump_true, jump_false, value } = program[at];
        at += 1;
        let jump = |holds: bool| usize::from(if holds { jump_true } else { jump_false });
        match code {
            LOAD_WORD => word = call.word(value),
            AND => word &= value,
            JUMP => at += usize::try_from(value).unwrap(),
            JUMP_EQUAL => at += jump(word == value),
            JUMP_AT_LEAST => at += jump(word >= value),
            JUMP_SET => at += jump(word & value != 0),
            RETURN => return value,
            other => panic!("no such instruction: {other:#x}"),
        }
    }
}

/// The same, from the table.
fn looked_up(calls: &Calls, call: &Call) -> u32 {
    let holds = |test: &Test| {
        let offset = 16 + 8 * u32::from(test.argument) + if test.upper { 4 } else { 0 };
        let bits = call.word(offset) & test.mask;
        match test.holds {
            Holds::Any => bits != 0,
            Holds::Equal(value) => bits == value,
            Holds::NoneOf(values) => !values.contains(&bits),
        }
    };
    let rule = calls.known.get(&call.number).unwrap_or(&calls.others);
    answer(match rule {
        Rule::Always(answer) => *answer,
        Rule::Depends(clauses, otherwise) => {
            clauses.iter().find(|clause| clause.tests.iter().all(holds)).map_or(*otherwise, |clause| clause.answer)
        }
    })
    .value
}

const STRICT: Strictness = Strictness { nesting: false, root: false };

fn is_allowed(number: libc::c_long, arguments: &[u64]) -> bool {
    run(&program(STRICT), &Call::of(number, arguments)) == RET_ALLOW
}

fn argument() -> impl Strategy<Value = u64> {
    let near =
        prop::sample::select(vec![0, 1, 2, 10, 16, 40, 0o4755, 0o2755, 0o20_666, 0x5412, 0x1000_0000, 0x40_0008]);
    prop_oneof![near, (0..64u32).prop_map(|bit| 1 << bit), any::<u64>()]
}

proptest! {
    #[test]
    fn the_program_says_what_the_table_says(
        number in prop_oneof![0..600u32, any::<u32>()],
        arguments in prop::array::uniform6(argument()),
        nesting: bool,
        root: bool,
    ) {
        let strictness = Strictness { nesting, root };
        let call = Call { architecture: calls::ARCHITECTURE, number, arguments };
        prop_assert_eq!(run(&program(strictness), &call), looked_up(&Calls::table(strictness), &call));
    }
}

#[test]
fn every_number_gets_the_answer_of_its_rule() {
    let (program, table) = (program(STRICT), Calls::table(STRICT));
    for number in 0..1024 {
        let call = Call::of(number, &[]);
        assert_eq!(run(&program, &call), looked_up(&table, &call), "{number}");
    }
}

#[test]
fn it_is_short_enough_to_be_loaded_for_every_program() {
    // The kernel's limit is 4096; what is checked and compiled at every start of a program should be far below.
    assert!(program(STRICT).len() < 400, "{}", program(STRICT).len());
}

#[test]
fn another_architecture_ends_the_process() {
    let call = Call { architecture: 0x4000_0003, ..Call::of(libc::SYS_getpid, &[]) };
    assert_eq!(run(&program(STRICT), &call), RET_KILL_PROCESS);
}

#[test]
fn numbers_that_are_to_come_and_those_of_x32_are_unknown() {
    for number in [470, 999, 0x4000_0000, 0x4000_0027, u32::MAX] {
        let call = Call { number, ..Call::of(0, &[]) };
        assert_eq!(run(&program(STRICT), &call), RET_ERRNO | 38, "{number:#x}");
    }
}

#[test]
fn a_thread_is_made_and_a_namespace_is_not() {
    assert!(is_allowed(libc::SYS_clone, &[0x003d_0f00]));
    assert!(is_allowed(libc::SYS_unshare, &[0x600])); // CLONE_FS | CLONE_FILES
    for namespace in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        assert!(!is_allowed(libc::SYS_clone, &[namespace | 17]), "{namespace:#x}");
        assert!(!is_allowed(libc::SYS_unshare, &[namespace]), "{namespace:#x}");
    }
    assert!(!is_allowed(libc::SYS_unshare, &[0x80])); // CLONE_NEWTIME
    let nested = program(Strictness { nesting: true, root: false });
    assert_eq!(run(&nested, &Call::of(libc::SYS_unshare, &[0x1002_0000])), RET_ALLOW);
    assert_eq!(run(&nested, &Call::of(libc::SYS_unshare, &[0x1200_0000])), RET_ERRNO | 1);
}

#[test]
fn no_file_becomes_set_uid_whichever_way_it_is_made() {
    let at = 0xffff_ff9c; // AT_FDCWD
    assert!(is_allowed(libc::SYS_openat, &[at, 1, 0x241, 0o666]));
    assert!(is_allowed(libc::SYS_openat, &[at, 1, 0, 0o4755])); // nothing is made: the mode is not looked at
    assert!(!is_allowed(libc::SYS_openat, &[at, 1, 0x241, 0o4755]));
    assert!(!is_allowed(libc::SYS_openat, &[at, 1, 0x41_0002, 0o4755])); // O_TMPFILE
    assert!(!is_allowed(libc::SYS_openat2, &[at, 1, 1, 24]));
    assert!(is_allowed(libc::SYS_fchmodat, &[at, 1, 0o2755]));
    assert!(!is_allowed(libc::SYS_fchmodat, &[at, 1, 0o4755]));
    assert!(!is_allowed(libc::SYS_mknodat, &[at, 1, 0o104_755]));
    assert!(is_allowed(libc::SYS_mknodat, &[at, 1, 0o010_644])); // a FIFO
    assert!(!is_allowed(libc::SYS_mknodat, &[at, 1, 0o020_644]));
    assert!(!is_allowed(libc::SYS_mknodat, &[at, 1, 0o060_644]));
    let root = program(Strictness { nesting: false, root: true });
    assert_eq!(run(&root, &Call::of(libc::SYS_fchmodat, &[at, 1, 0o2755])), RET_ERRNO | 1);
}

#[test]
fn no_file_gets_capabilities_where_programs_have_the_right_to_give_them() {
    let nested = program(Strictness { nesting: true, root: true });
    for call in [libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr, 463] {
        assert_eq!(run(&nested, &Call::of(call, &[])), RET_ERRNO | 95);
        assert!(is_allowed(call, &[]));
    }
}

#[test]
fn the_upper_half_of_a_word_changes_nothing() {
    let high = 0xdead_beef_0000_0000;
    assert!(!is_allowed(libc::SYS_ioctl, &[0, high | 0x5412]));
    assert!(is_allowed(libc::SYS_socket, &[high | 1, 1, 0]));
    assert!(!is_allowed(libc::SYS_socket, &[high | 40, 1, 0])); // AF_VSOCK
    assert!(is_allowed(libc::SYS_socket, &[2, 0x8_0801, 6]) && is_allowed(libc::SYS_socket, &[10, 2, 17]));
    assert!(!is_allowed(libc::SYS_socket, &[2, 0x8_000a, 0])); // SOCK_PACKET
    assert!(!is_allowed(libc::SYS_socket, &[2, 1, 132])); // SCTP
    // A pointer is all of its 64 bits.
    assert!(!is_allowed(libc::SYS_prlimit64, &[1, 7, 0x7f00_0000_0000]));
    assert!(!is_allowed(libc::SYS_prlimit64, &[1, 7, 1]));
    assert!(is_allowed(libc::SYS_prlimit64, &[1, 7, 0]));
    assert!(is_allowed(libc::SYS_prlimit64, &[0, 7, 0x7f00_0000_0000]));
}
