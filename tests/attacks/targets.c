/* One process that must be out of reach: inside it is the init, process 1, outside one of the test's own. Its id is
 * the word. What can be set is set to what it is. */

#include "attack.h"

#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

static int trace(pid_t target, long request, const char *what)
{
    if (ptrace(request, target, 0, 0) < 0)
        return refused(what);
    if (request == (long)PTRACE_ATTACH)
        waitpid(target, NULL, __WALL);
    ptrace(PTRACE_DETACH, target, 0, 0);
    return worked(what);
}

static int attach(char **words)
{
    return trace(pid_word(words), PTRACE_ATTACH, "PTRACE_ATTACH");
}

static int seize(char **words)
{
    return trace(pid_word(words), PTRACE_SEIZE, "PTRACE_SEIZE");
}

/* Of our own memory nothing is where the other's would be; that the other may be looked at is all we ask. */
static int vm(char **words, long number, const char *what)
{
    char byte = 0;
    struct iovec own = {&byte, 1}, others = {(void *)16, 1};
    return passed(syscall(number, pid_word(words), &own, 1UL, &others, 1UL, 0UL), what, EFAULT);
}

static int vm_read(char **words)
{
    return vm(words, SYS_process_vm_readv, "process_vm_readv");
}

static int vm_write(char **words)
{
    return vm(words, SYS_process_vm_writev, "process_vm_writev");
}

static int limit(char **words)
{
    struct rlimit limit;
    pid_t target = pid_word(words);
    if (syscall(SYS_prlimit64, target, RLIMIT_NOFILE, NULL, &limit) < 0)
        return refused("prlimit64 to read");
    return judged(syscall(SYS_prlimit64, target, RLIMIT_NOFILE, &limit, NULL), "prlimit64");
}

static int ended(pid_t target, int signal)
{
    struct pollfd end = {.fd = (int)syscall(NR_pidfd_open, target, 0), .events = POLLIN};
    if (syscall(SYS_kill, target, signal) < 0)
        return refused("kill");
    /* What is to end a process does so at once; a box whose init ended would take this program with it. */
    if (end.fd >= 0 && poll(&end, 1, 200) == 1)
        return worked("kill");
    printf("the signal had no effect\n");
    return REFUSED;
}

static int kill_it(char **words)
{
    return ended(pid_word(words), SIGKILL);
}

static int crash_it(char **words)
{
    return ended(pid_word(words), SIGSEGV);
}

/* All of them; that the target lives on is looked at by who runs this. */
static int every_signal(char **words)
{
    pid_t target = pid_word(words);
    struct pollfd end = {.fd = (int)syscall(NR_pidfd_open, target, 0), .events = POLLIN};
    int sent = 0;
    for (int signal = 1; signal <= 64; signal++)
        sent += syscall(SYS_kill, target, signal) == 0;
    printf("%d signals\n", sent);
    if (sent == 0)
        return refused("kill");
    return end.fd >= 0 && poll(&end, 1, 200) == 1 ? WORKED : REFUSED;
}

static char state_of(pid_t target)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", target);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    char *end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return end && end[1] ? end[2] : 0;
}

/* Where the state of the target cannot be seen, its still answering is looked at by who runs this. */
static int stop_it(char **words)
{
    pid_t target = pid_word(words);
    if (syscall(SYS_kill, target, SIGSTOP) < 0)
        return refused("kill");
    for (int look = 0; look < 200; look++) {
        if (state_of(target) == 'T')
            return worked("SIGSTOP");
        poll(NULL, 0, 1);
    }
    printf("SIGSTOP had no effect that can be seen\n");
    return REFUSED;
}

/* A signal that the kernel sends for us, by an event of our own descriptor. */
static int owner_signal(char **words)
{
    pid_t target = pid_word(words);
    struct pollfd end = {.fd = (int)syscall(NR_pidfd_open, target, 0), .events = POLLIN};
    int ends[2];
    if (pipe(ends) < 0)
        return BROKEN;
    if (fcntl(ends[0], F_SETOWN, target) < 0 || fcntl(ends[0], F_SETSIG, SIGKILL) < 0)
        return refused("F_SETOWN");
    fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
    if (write(ends[1], "x", 1) == 1 && end.fd >= 0 && poll(&end, 1, 200) == 1)
        return worked("SIGKILL by F_SETOWN");
    printf("the signal had no effect\n");
    return REFUSED;
}

static int affinity(char **words)
{
    unsigned long mask[128] = {0};
    pid_t target = pid_word(words);
    long size = syscall(SYS_sched_getaffinity, target, sizeof mask, mask);
    if (size < 0)
        return refused("sched_getaffinity");
    return judged(syscall(SYS_sched_setaffinity, target, size, mask), "sched_setaffinity");
}

static int niceness(char **words)
{
    pid_t target = pid_word(words);
    long now = syscall(SYS_getpriority, PRIO_PROCESS, target); /* 20 - nice */
    if (now < 0)
        return refused("getpriority");
    return judged(syscall(SYS_setpriority, PRIO_PROCESS, target, 20 - now), "setpriority");
}

static int niceness_of_group(char **words)
{
    pid_t target = pid_word(words);
    long now = syscall(SYS_getpriority, PRIO_PGRP, target);
    if (now < 0)
        return refused("getpriority");
    return judged(syscall(SYS_setpriority, PRIO_PGRP, target, 20 - now), "setpriority of a group");
}

static int scheduler(char **words)
{
    pid_t target = pid_word(words);
    struct sched_param param = {0};
    long policy = syscall(SYS_sched_getscheduler, target);
    if (policy < 0 || syscall(SYS_sched_getparam, target, &param) < 0)
        return refused("sched_getscheduler");
    return judged(syscall(SYS_sched_setscheduler, target, policy, &param), "sched_setscheduler");
}

static int scheduling_parameter(char **words)
{
    pid_t target = pid_word(words);
    struct sched_param param = {0};
    if (syscall(SYS_sched_getparam, target, &param) < 0)
        return refused("sched_getparam");
    return judged(syscall(SYS_sched_setparam, target, &param), "sched_setparam");
}

static int scheduling_attributes(char **words)
{
    pid_t target = pid_word(words);
    uint32_t attr[14] = {sizeof attr};
    if (syscall(SYS_sched_getattr, target, attr, sizeof attr, 0) < 0)
        return refused("sched_getattr");
    return judged(syscall(SYS_sched_setattr, target, attr, 0), "sched_setattr");
}

static int disk_priority(char **words)
{
    pid_t target = pid_word(words);
    /* Of one process (IOPRIO_WHO_PROCESS); best effort, 4: what all have who never asked (linux/ioprio.h). */
    return judged(syscall(SYS_ioprio_set, 1, target, (2 << 13) | 4), "ioprio_set");
}

static int take_descriptor(char **words)
{
    int pidfd = (int)syscall(NR_pidfd_open, pid_word(words), 0);
    if (pidfd < 0)
        return refused("pidfd_open");
    return judged(syscall(NR_pidfd_getfd, pidfd, 0, 0), "pidfd_getfd");
}

static int compare(char **words)
{
    /* KCMP_VM: addresses of the kernel, in an order. */
    return judged(syscall(SYS_kcmp, getpid(), pid_word(words), 1, 0UL, 0UL), "kcmp");
}

static int advise(char **words)
{
    struct iovec range = {(void *)(uintptr_t)0x10000, 0};
    int pidfd = (int)syscall(NR_pidfd_open, pid_word(words), 0);
    if (pidfd < 0)
        return refused("pidfd_open");
    return judged(syscall(NR_process_madvise, pidfd, &range, 1UL, MADV_COLD, 0U), "process_madvise");
}

static int robust_list(char **words)
{
    void *head;
    size_t size;
    return judged(syscall(SYS_get_robust_list, pid_word(words), &head, &size), "get_robust_list");
}

static int migrate(char **words)
{
    unsigned long node = 1;
    return judged(syscall(SYS_migrate_pages, pid_word(words), 2UL, &node, &node), "migrate_pages");
}

/* Words: the id, how to open (r or w), and the name below /proc/ID. */
static int proc_file(char **words)
{
    char path[128], byte;
    snprintf(path, sizeof path, "/proc/%d/%s", pid_word(words), word(words + 2));
    bool reads = *word(words + 1) == 'r';
    int fd = open(path, (reads ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
    if (fd < 0)
        return refused(path);
    /* Of memory nothing is at 0; that it opens is the attack. */
    if (reads && read(fd, &byte, 1) < 0 && errno != EISDIR && errno != EIO)
        return refused(path);
    return worked(path);
}

static int proc_link(char **words)
{
    char path[128], to[256];
    snprintf(path, sizeof path, "/proc/%d/%s", pid_word(words), word(words + 1));
    return judged(readlink(path, to, sizeof to), path);
}

/* Writable again after all who run it have ended, or never: CVE-2019-5736 asks it of an engine's binary. */
static int write_program(char **words)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", pid_word(words));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    /* It runs, so it cannot be written: but nobody said that it is not ours. */
    if (fd < 0 && errno == ETXTBSY && outside())
        return worked(path);
    return fd < 0 ? refused(path) : worked(path);
}

const struct attack target_attacks[] = {
    {"attach", attach},
    {"seize", seize},
    {"vm-read", vm_read},
    {"vm-write", vm_write},
    {"limit", limit},
    {"kill", kill_it},
    {"crash", crash_it},
    {"every-signal", every_signal},
    {"stop", stop_it},
    {"owner-signal", owner_signal},
    {"affinity", affinity},
    {"nice", niceness},
    {"nice-group", niceness_of_group},
    {"scheduler", scheduler},
    {"scheduling-parameter", scheduling_parameter},
    {"scheduling-attributes", scheduling_attributes},
    {"disk-priority", disk_priority},
    {"take-descriptor", take_descriptor},
    {"compare", compare},
    {"advise", advise},
    {"robust-list", robust_list},
    {"migrate", migrate},
    {"proc-file", proc_file},
    {"proc-link", proc_link},
    {"write-program", write_program},
    {NULL, NULL},
};
