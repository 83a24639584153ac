//! Real work in a box: the tools of everyday, each offline, with what they need of processes, memory and files. What is
//! refused is refused with an errno: no program is ended for having asked.

use crate::home::Home;
use crate::home::PATH;
use crate::home::skip;
use crate::processes;
use crate::ran::Ran;
use std::env;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A session of a user who has these programs; without one of them the test says so.
fn boxed_with(programs: &[&str]) -> Option<Home> {
    let has = |program: &&&str| env::split_paths(PATH).any(|dir| dir.join(**program).is_file());
    if let Some(missing) = programs.iter().find(|program| !has(program)) {
        skip(&format!("there is no {missing}"));
        return None;
    }
    let home = Home::new();
    home.start("work", "sleep 1000");
    Some(home)
}

/// Runs a script in the box, which ends at its first failure.
#[track_caller]
fn works(home: &Home, script: &str) -> String {
    let ran = home.inside("work", &format!("set -e\n{script}"));
    assert_eq!(ran.code, 0, "{script}\n-- said\n{}{}", ran.out, ran.err);
    ran.out
}

#[test]
fn git_clones_commits_and_makes_worktrees() {
    let Some(home) = boxed_with(&["git"]) else { return };
    let script = r#"
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
        git init -q -b main one; cd one
        seq 1000 > file; git add file; git commit -qm first
        git clone -q . ../two; git clone -q "file://$PWD" ../three
        cd ../two; echo more >> file; git commit -qam second; git push -q origin HEAD:refs/heads/theirs
        cd ../one; git worktree add -q ../four theirs; tail -n 1 ../four/file | grep -q more
        git gc -q; git fsck --strict --no-progress
        git log --all --oneline | wc -l"#;
    assert_eq!(works(&home, script).trim(), "2");
}

#[test]
fn a_c_program_is_made_and_runs() {
    let Some(home) = boxed_with(&["gcc", "make"]) else { return };
    home.write(
        "work/main.c",
        "#include <stdio.h>\nint two(void);\nint main(void) { printf(\"%d\\n\", 40 + two()); }\n",
    );
    home.write("work/two.c", "int two(void) { return 2; }\n");
    home.write("work/Makefile", "main: main.o two.o\n\t$(CC) -o $@ $^\n%.o: %.c\n\t$(CC) -g -O2 -c $<\n");
    assert_eq!(works(&home, "make -s -j2 CC=gcc; ./main").trim(), "42");
}

#[test]
fn cargo_builds_and_runs_a_crate() {
    // The toolchain's own: what stands on PATH may be a switch between many, whose settings lie in the caller's home.
    let bin = Path::new(env!("CARGO")).parent().unwrap();
    if !bin.join("rustc").is_file() {
        return skip("the toolchain that has built this test is out of reach");
    }
    if boxed_with(&["cc"]).is_none() {
        return;
    }
    let home = Home::new();
    let dirs = [bin.to_owned()].into_iter().chain(env::split_paths(PATH));
    let path: OsString = env::join_paths(dirs).unwrap();
    Ran::of(home.command(&["-d", "-n", "work", "--", "sleep", "1000"]).env("PATH", path)).ok();
    home.write("work/Cargo.toml", "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    home.write("work/src/main.rs", "fn main() { println!(\"{}\", std::thread::spawn(|| 40 + 2).join().unwrap()); }\n");
    assert_eq!(works(&home, "cargo build -q --offline; target/debug/tiny").trim(), "42");
}

#[test]
fn npm_installs_a_package_of_the_same_workspace_and_node_runs_it() {
    let Some(home) = boxed_with(&["node", "npm"]) else { return };
    home.write("work/dep/package.json", r#"{"name": "dep", "version": "1.0.0", "main": "dep.js"}"#);
    home.write("work/dep/dep.js", "module.exports = 40;\n");
    let package = r#"{"name": "tiny", "version": "1.0.0", "dependencies": {"dep": "file:dep"},
        "scripts": {"postinstall": "node -p 'require(\"dep\") + 2' > made"}}"#;
    home.write("work/package.json", package);
    let script = "npm install --offline --no-audit --no-fund --silent --ignore-scripts; rm -r node_modules
        npm ci --offline --no-audit --no-fund --silent; cat made";
    assert_eq!(works(&home, script).trim(), "42");
}

#[test]
fn node_has_threads_and_webassembly() {
    let Some(home) = boxed_with(&["node"]) else { return };
    // (module (func (export "f") (result i32) i32.const 42))
    let program = r"
        const { Worker, isMainThread, parentPort } = require('worker_threads');
        const bytes = [0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,7,5,1,1,102,0,0,10,6,1,4,0,65,42,11];
        if (isMainThread) new Worker(__filename).on('message', (n) => console.log(String(n)));
        else WebAssembly.instantiate(new Uint8Array(bytes)).then((m) => parentPort.postMessage(m.instance.exports.f()));
    ";
    home.write("work/main.js", program);
    assert_eq!(works(&home, "node main.js").trim(), "42");
}

/// A package as pip installs it.
const WHEEL: &str = r#"
import zipfile
with zipfile.ZipFile("tiny-1.0-py3-none-any.whl", "w") as wheel:
    info = "tiny-1.0.dist-info/"
    wheel.writestr("tiny.py", "answer = 40 + 2\n")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", f"tiny.py,,\n{info}METADATA,,\n{info}WHEEL,,\n{info}RECORD,,\n")
"#;

#[test]
fn pip_installs_a_wheel_into_a_virtual_environment() {
    let Some(home) = boxed_with(&["python3"]) else { return };
    if home.inside("work", "python3 -c 'import ensurepip'").code != 0 {
        return skip("this python makes no virtual environments");
    }
    home.write("work/wheel.py", WHEEL);
    let script = "python3 wheel.py; python3 -m venv env
        env/bin/pip install -q --no-index --disable-pip-version-check ./tiny-1.0-py3-none-any.whl
        env/bin/python -c 'import tiny; print(tiny.answer)'";
    assert_eq!(works(&home, script).trim(), "42");
}

const PROCESSES: &str = r"
import multiprocessing as mp
from multiprocessing import shared_memory

def square(n):
    return n * n

def put(name, queue, lock):
    with lock:
        shared = shared_memory.SharedMemory(name)
        shared.buf[0] += 1
        shared.close()
    queue.put(1)

if __name__ == '__main__':
    for how in ('fork', 'spawn', 'forkserver'):
        context = mp.get_context(how)
        with context.Pool(4) as pool:
            assert sum(pool.map(square, range(100))) == 328350
        shared = shared_memory.SharedMemory(create=True, size=64)
        with context.Manager() as manager:
            queue, lock = manager.Queue(), manager.Lock()
            ones = [context.Process(target=put, args=(shared.name, queue, lock)) for _ in range(4)]
            [one.start() for one in ones]
            [one.join() for one in ones]
            assert sum(queue.get() for _ in ones) == shared.buf[0] == 4
        shared.close()
        shared.unlink()
    print(42)
";

#[test]
fn python_has_pools_managers_and_shared_memory() {
    let Some(home) = boxed_with(&["python3"]) else { return };
    home.write("work/main.py", PROCESSES);
    assert_eq!(works(&home, "python3 main.py").trim(), "42");
}

#[test]
fn chromium_draws_a_page_without_a_sandbox_of_its_own() {
    let Some(home) = boxed_with(&["chromium"]) else { return };
    home.write("work/page.html", "<p id=p></p><script>p.textContent = 'answer ' + (40 + 2)</script>\n");
    let script = "chromium --no-sandbox --headless --disable-gpu --dump-dom file://$PWD/page.html 2> errors";
    let page = works(&home, script);
    assert!(page.contains("answer 42"), "{page}");
}

#[test]
fn debuggers_see_into_their_own_children() {
    let Some(home) = boxed_with(&["gcc", "gdb", "strace"]) else { return };
    home.write("work/main.c", "int deep(int n) { return n + 2; }\nint main(void) { return deep(40); }\n");
    let script = "gcc -g -O0 -o main main.c
        gdb -q -batch -ex 'break deep' -ex run -ex 'print n + 2' -ex backtrace ./main
        strace -f -o calls ./main || test $? = 42; grep -c execve calls";
    let out = works(&home, script);
    assert!(out.contains("$1 = 42") && out.contains("main ()"), "{out}");
}

#[test]
fn java_compiles_and_runs() {
    let Some(home) = boxed_with(&["java", "javac"]) else { return };
    let program = "import java.util.stream.*;
        public class Main { public static void main(String[] words) {
            System.out.println(IntStream.rangeClosed(1, 84).parallel().map(n -> 1).sum() / 2); } }";
    home.write("work/Main.java", program);
    assert_eq!(works(&home, "javac -d out Main.java; java -cp out Main; java Main.java").trim(), "42\n42");
}

#[test]
fn go_builds_and_runs_a_module() {
    let Some(home) = boxed_with(&["go"]) else { return };
    home.write("work/go.mod", "module tiny\n\ngo 1.19\n");
    let program =
        "package main\n\nfunc main() {\n\tc := make(chan int)\n\tgo func() { c <- 40 }()\n\tprintln(<-c + 2)\n}\n";
    home.write("work/main.go", program);
    let script = "export GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0; go run . 2>&1";
    assert_eq!(works(&home, script).trim(), "42");
}

#[test]
fn tmux_works_inside() {
    let Some(home) = boxed_with(&["tmux"]) else { return };
    let script = "tmux new-session -d -s inner 'echo a$((40+2)); exec sleep 1000'
        until tmux capture-pane -p -t inner | grep a42; do sleep 0.1; done; tmux kill-server";
    assert_eq!(works(&home, script).trim(), "a42");
}

/// Calls that are refused: number and arguments, and the errno.
fn refused_calls() -> Vec<(i64, &'static str, i32)> {
    use nix::libc;
    vec![
        (libc::SYS_bpf, "5, 0, 0", libc::EPERM),
        (libc::SYS_unshare, "0x10000000", libc::EPERM),
        (libc::SYS_setns, "0, 0", libc::EPERM),
        (libc::SYS_mount, "0, b'/mnt', b'tmpfs', 0, 0", libc::EPERM),
        (libc::SYS_perf_event_open, "0, 0, -1, -1, 0", libc::EPERM),
        (libc::SYS_sethostname, "b'other', 5", libc::EPERM),
        (libc::SYS_io_uring_setup, "1, 0", libc::ENOSYS),
        (libc::SYS_userfaultfd, "0", libc::ENOSYS),
        (libc::SYS_keyctl, "0, 0", libc::ENOSYS),
        (libc::SYS_clone3, "0, 0", libc::ENOSYS),
        (1_000_000, "0", libc::ENOSYS),
    ]
}

#[test]
fn a_refused_call_is_an_error_and_its_program_lives() {
    let Some(home) = boxed_with(&["python3"]) else { return };
    let mut program = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n".to_owned();
    let mut wanted = String::new();
    for (number, arguments, errno) in refused_calls() {
        program += &format!("print({number}, libc.syscall({number}, {arguments}), ctypes.get_errno())\n");
        wanted += &format!("{number} -1 {errno}\n");
    }
    program += "print('alive')\n";
    wanted += "alive\n";
    home.write("work/main.py", &program);
    assert_eq!(works(&home, "python3 main.py"), wanted);
}

#[test]
fn namespaces_can_be_made_inside_if_the_users_own_settings_say_so() {
    let Some(home) = boxed_with(&["unshare", "bwrap"]) else { return };
    let nested = [
        "unshare -Ur true",
        "unshare -Urm sh -c 'mount -t tmpfs none /mnt && touch /mnt/file'",
        "bwrap --ro-bind / / --unshare-user --unshare-pid true",
    ];
    for script in nested {
        assert_ne!(home.inside("work", script).code, 0, "{script}");
    }
    home.coop(&["kill", "-f", "work"]).ok();
    home.configure("[sandbox]\nnesting = true\n");
    home.start("work", "sleep 1000");
    works(&home, "unshare -U true");
    let init = home.init("work");
    let id = |p: &processes::Process| std::fs::metadata(format!("/proc/{}", p.pid)).unwrap().uid();
    if processes::of_box(init).iter().any(|p| p.pid != init && id(p) == 0) {
        // user_namespaces(7): root's number is mapped by who has CAP_SETFCAP alone, and nobody in a box has.
        return skip("root's boxes have no id of their own here, and root's number cannot be mapped once more");
    }
    for script in nested {
        works(&home, script);
    }
}
