/* System calls that a box has no use for. Where one would change the machine, it is made with what it cannot take. */

#include "attack.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/user.h>
#include <time.h>

#define NOWHERE "/nonexistent/coop-attack"

static bool setting(const char *path, int *value)
{
    FILE *file = fopen(path, "r");
    bool read = file && fscanf(file, "%d", value) == 1;
    if (file)
        fclose(file);
    return read;
}

static int bpf_map(char **words)
{
    (void)words;
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = 4;
    attr.value_size = 4;
    attr.max_entries = 1;
    return judged(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr), "bpf");
}

static int perf_event(char **words)
{
    (void)words;
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.size = sizeof attr;
    attr.config = PERF_COUNT_SW_TASK_CLOCK;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    int paranoid;
    long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    if (fd < 0 && outside() && setting("/proc/sys/kernel/perf_event_paranoid", &paranoid) && paranoid > 2)
        return not_here("perf_event_paranoid forbids it to users");
    return judged(fd, "perf_event_open");
}

static int userfault(char **words)
{
    (void)words;
    /* UFFD_USER_MODE_ONLY: what the kernel lets everybody have. */
    return judged(syscall(SYS_userfaultfd, 1 | O_CLOEXEC), "userfaultfd");
}

static int uring(char **words)
{
    (void)words;
    char params[120] = {0};
    int disabled = 0;
    long fd = syscall(SYS_io_uring_setup, 1, params);
    if (fd < 0 && outside() && setting("/proc/sys/kernel/io_uring_disabled", &disabled) && disabled > 0)
        return not_here("io_uring_disabled");
    return judged(fd, "io_uring_setup");
}

static int uring_register(char **words)
{
    (void)words;
    return passed(syscall(SYS_io_uring_register, -1, 0, NULL, 0), "io_uring_register", EINVAL);
}

static int key_session(char **words)
{
    (void)words;
    /* KEYCTL_GET_KEYRING_ID of KEY_SPEC_SESSION_KEYRING: that of whoever started coop. */
    return judged(syscall(SYS_keyctl, 0, -3, 0), "keyctl");
}

static int key_user(char **words)
{
    (void)words;
    /* KEYCTL_GET_KEYRING_ID of KEY_SPEC_USER_KEYRING: shared by all processes of the user. */
    return judged(syscall(SYS_keyctl, 0, -4, 0), "keyctl");
}

static int key_add(char **words)
{
    (void)words;
    /* Into KEY_SPEC_PROCESS_KEYRING, which ends with this process. */
    return judged(syscall(SYS_add_key, "user", "coop-attack", "x", 1, -2), "add_key");
}

static int key_request(char **words)
{
    (void)words;
    return passed(syscall(SYS_request_key, "user", "coop-attack-none", NULL, 0), "request_key", ENOKEY);
}

static int accounting(char **words)
{
    (void)words;
    return passed(syscall(SYS_acct, NOWHERE), "acct", ENOENT);
}

static int swap_on(char **words)
{
    (void)words;
    return passed(syscall(SYS_swapon, NOWHERE, 0), "swapon", ENOENT);
}

static int reboots(char **words)
{
    (void)words;
    /* Without its magic numbers it does nothing, to whoever may call it. */
    return passed(syscall(SYS_reboot, 0, 0, 0, NULL), "reboot", EINVAL);
}

static int kexec(char **words)
{
    (void)words;
    return passed(syscall(SYS_kexec_load, 0, 0, NULL, ~0UL), "kexec_load", EINVAL);
}

static int kexec_file(char **words)
{
    (void)words;
    return passed(syscall(SYS_kexec_file_load, -1, -1, 0, NULL, ~0UL), "kexec_file_load", EINVAL);
}

static int module_init(char **words)
{
    (void)words;
    return passed(syscall(SYS_init_module, NULL, 0, ""), "init_module", ENOEXEC);
}

static int module_file(char **words)
{
    (void)words;
    return passed(syscall(SYS_finit_module, -1, "", 0), "finit_module", EBADF);
}

static int module_delete(char **words)
{
    (void)words;
    return passed(syscall(SYS_delete_module, "coop_attack_none", O_NONBLOCK), "delete_module", ENOENT);
}

static int time_zone(char **words)
{
    (void)words;
    /* A zone 100 hours away is refused, after the caller's right was looked at (kernel/time/time.c). */
    struct timezone zone = {.tz_minuteswest = 6000};
    return passed(syscall(SYS_settimeofday, NULL, &zone), "settimeofday", EINVAL);
}

static int clock_set(char **words)
{
    (void)words;
    struct timespec before_all = {.tv_sec = -1, .tv_nsec = -1};
    return passed(syscall(SYS_clock_settime, CLOCK_REALTIME, &before_all), "clock_settime", EINVAL);
}

static int clock_tick(char **words)
{
    (void)words;
    struct timex odd;
    memset(&odd, 0, sizeof odd);
    odd.modes = ADJ_TICK;
    odd.tick = 1; /* a microsecond: out of range */
    return passed(syscall(SYS_adjtimex, &odd), "adjtimex", EINVAL);
}

static int clock_adjust(char **words)
{
    (void)words;
    struct timex odd;
    memset(&odd, 0, sizeof odd);
    odd.modes = ADJ_TICK;
    odd.tick = 1;
    return passed(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &odd), "clock_adjtime", EINVAL);
}

static int host_name(char **words)
{
    (void)words;
    return passed(syscall(SYS_sethostname, "x", -1), "sethostname", EINVAL);
}

static int domain_name(char **words)
{
    (void)words;
    return passed(syscall(SYS_setdomainname, "x", -1), "setdomainname", EINVAL);
}

static int kernel_log(char **words)
{
    (void)words;
    char log[4096];
    return judged(syscall(SYS_syslog, 3, log, sizeof log), "syslog"); /* SYSLOG_ACTION_READ_ALL */
}

static int hang_up_now(char **words)
{
    (void)words;
    /* Of a session without a terminal nothing is hung up. */
    setsid();
    return judged(syscall(SYS_vhangup), "vhangup");
}

static int hang_up(char **words)
{
    return in_child(hang_up_now, words);
}

static int quota(char **words)
{
    (void)words;
    /* Q_SYNC of all file systems: what is on disk then is what was to be there anyway. */
    return judged(syscall(SYS_quotactl, 0x800001 << 8, NULL, 0, NULL), "quotactl");
}

static int fanotify(char **words)
{
    (void)words;
    /* FAN_REPORT_FID: what users have been allowed since linux 5.13. */
    return judged(syscall(SYS_fanotify_init, 0x200, O_RDONLY), "fanotify_init");
}

static int move_pages_self(char **words)
{
    (void)words;
    return judged(syscall(SYS_move_pages, 0, 0UL, NULL, NULL, NULL, 0), "move_pages");
}

static int read_implies_exec(char **words)
{
    (void)words;
    return judged(syscall(SYS_personality, 0x0400000), "personality(READ_IMPLIES_EXEC)");
}

static int no_low_addresses(char **words)
{
    (void)words;
    return judged(syscall(SYS_personality, 0x0100000), "personality(MMAP_PAGE_ZERO)");
}

/* A number behind the last one: whatever a later kernel puts there, nobody here has looked at. */
static int number_of_the_future(char **words)
{
    (void)words;
    long result = syscall(1000);
    if (outside())
        return not_here("no kernel has it yet");
    return judged(result, "call 1000");
}

#ifdef __x86_64__
static int port_level(char **words)
{
    (void)words;
    return judged(syscall(SYS_iopl, 3), "iopl");
}

static int port_access(char **words)
{
    (void)words;
    return judged(syscall(SYS_ioperm, 0x80, 1, 1), "ioperm");
}

static int descriptor_table(char **words)
{
    (void)words;
    char table[64];
    return judged(syscall(SYS_modify_ldt, 0, table, sizeof table), "modify_ldt");
}

static int call_of_32_bits_now(char **words)
{
    (void)words;
    long result = 20; /* getpid, asm/unistd_32.h */
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    errno = (int)-result;
    return judged(result, "getpid of 32 bits");
}

static int call_of_32_bits(char **words)
{
    (void)words;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(call_of_32_bits_now(words));
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return BROKEN;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    printf("ended by signal %d\n", WTERMSIG(status));
    if (WTERMSIG(status) == SIGSEGV)
        return not_here("the kernel has no calls of 32 bits");
    return WTERMSIG(status) == SIGSYS ? REFUSED : BROKEN;
}

static int call_of_x32(char **words)
{
    (void)words;
    return judged(syscall(0x40000000 | SYS_getpid), "getpid of x32");
}

/* A tracer changes the call after the tracee has asked for a harmless one. */
static int rewritten_call(char **words)
{
    (void)words;
    pid_t child = fork();
    if (child < 0)
        return BROKEN;
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        _exit(syscall(SYS_getppid, 1 | O_CLOEXEC) < 0 ? 1 : 0);
    }
    int status;
    struct user_regs_struct registers;
    long result = -ESRCH;
    bool entered = false;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        if (ptrace(PTRACE_GETREGS, child, 0, &registers) == 0 && WSTOPSIG(status) == SIGTRAP) {
            if (!entered && registers.orig_rax == SYS_getppid) {
                entered = true;
                registers.orig_rax = SYS_userfaultfd;
                ptrace(PTRACE_SETREGS, child, 0, &registers);
            } else if (entered && result == -ESRCH) {
                result = (long)registers.rax;
            }
        }
        ptrace(PTRACE_SYSCALL, child, 0, 0);
    }
    errno = result < 0 ? (int)-result : 0;
    return judged(result < 0 ? -1 : 0, "userfaultfd in place of getppid");
}
#else
static int other_processor(char **words)
{
    (void)words;
    return not_here("it is for another processor");
}
#define port_level other_processor
#define port_access other_processor
#define descriptor_table other_processor
#define call_of_32_bits other_processor
#define call_of_x32 other_processor
#define rewritten_call other_processor
#endif

const struct attack call_attacks[] = {
    {"bpf", bpf_map},
    {"perf", perf_event},
    {"userfaultfd", userfault},
    {"io-uring", uring},
    {"io-uring-register", uring_register},
    {"key-session", key_session},
    {"key-user", key_user},
    {"key-add", key_add},
    {"key-request", key_request},
    {"acct", accounting},
    {"swapon", swap_on},
    {"reboot", reboots},
    {"kexec", kexec},
    {"kexec-file", kexec_file},
    {"module-init", module_init},
    {"module-file", module_file},
    {"module-delete", module_delete},
    {"time-zone", time_zone},
    {"clock-set", clock_set},
    {"clock-tick", clock_tick},
    {"clock-adjust", clock_adjust},
    {"host-name", host_name},
    {"domain-name", domain_name},
    {"kernel-log", kernel_log},
    {"vhangup", hang_up},
    {"quota", quota},
    {"fanotify", fanotify},
    {"move-pages", move_pages_self},
    {"read-implies-exec", read_implies_exec},
    {"mmap-page-zero", no_low_addresses},
    {"future-call", number_of_the_future},
    {"iopl", port_level},
    {"ioperm", port_access},
    {"modify-ldt", descriptor_table},
    {"int80", call_of_32_bits},
    {"x32", call_of_x32},
    {"rewritten-call", rewritten_call},
    {NULL, NULL},
};
