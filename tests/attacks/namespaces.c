/* Namespaces: further ones, in which a program would have all capabilities again, and those of others. */

#include "attack.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>

static const struct {
    const char *name;
    unsigned long flag;
} SPACES[] = {
    {"user", 0x10000000}, {"mnt", 0x00020000}, {"pid", 0x20000000},    {"net", 0x40000000},
    {"ipc", 0x08000000},  {"uts", 0x04000000}, {"cgroup", 0x02000000}, {"time", 0x00000080},
};
enum { SPACES_COUNT = sizeof SPACES / sizeof *SPACES };
#define ALL_WITH_USER 0x7e020000UL

static unsigned long asked;

static int unshare_asked(char **words)
{
    (void)words;
    return judged(syscall(SYS_unshare, asked), "unshare");
}

/* Each alone: one that is let through is enough. */
static int unshare_each(char **words)
{
    int code = REFUSED;
    for (int i = 0; i < SPACES_COUNT && code == REFUSED; i++) {
        asked = SPACES[i].flag;
        printf("%s: ", SPACES[i].name);
        code = in_child(unshare_asked, words);
    }
    return code;
}

static int unshare_all(char **words)
{
    asked = ALL_WITH_USER;
    return in_child(unshare_asked, words);
}

static int cloned(long child, const char *what)
{
    if (child == 0)
        _exit(0);
    if (child < 0)
        return refused(what);
    waitpid((pid_t)child, NULL, __WALL);
    return worked(what);
}

static int clone_each(char **words)
{
    (void)words;
    int code = REFUSED;
    /* CLONE_NEWTIME is no flag of clone(2): its bit is one of the signal's. */
    for (int i = 0; i < SPACES_COUNT - 1 && code == REFUSED; i++) {
        fflush(stdout);
        code = cloned(syscall(SYS_clone, SPACES[i].flag | SIGCHLD, 0, 0, 0, 0), SPACES[i].name);
    }
    return code;
}

static int clone_high(char **words)
{
    (void)words;
    fflush(stdout);
    /* The kernel drops the upper half (kernel/fork.c). */
    return cloned(syscall(SYS_clone, 0x100000000UL | SPACES[0].flag | SIGCHLD, 0, 0, 0, 0), "clone");
}

static int clone3_user(char **words)
{
    (void)words;
    /* struct clone_args of linux 5.3: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls */
    uint64_t args[8] = {SPACES[0].flag, 0, 0, 0, SIGCHLD, 0, 0, 0};
    fflush(stdout);
    return cloned(syscall(NR_clone3, args, sizeof args), "clone3");
}

static int clone3_plain(char **words)
{
    (void)words;
    /* The call as such: its flags are where no filter sees them. */
    uint64_t args[8] = {0, 0, 0, 0, SIGCHLD, 0, 0, 0};
    fflush(stdout);
    return cloned(syscall(NR_clone3, args, sizeof args), "clone3");
}

static int setns_now(char **words)
{
    int code = REFUSED;
    for (int i = 0; i < SPACES_COUNT && code != WORKED; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%s/ns/%s", *words, SPACES[i].name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            code = refused(path);
            continue;
        }
        code = judged(syscall(SYS_setns, fd, 0), path);
        /* Into one's own user namespace nobody may go. */
        if (code == BROKEN && errno == EINVAL)
            code = REFUSED;
        close(fd);
    }
    return code;
}

static int setns_each(char **words)
{
    word(words);
    return in_child(setns_now, words);
}

static int setns_pidfd_now(char **words)
{
    int pidfd = (int)syscall(NR_pidfd_open, pid_word(words), 0);
    if (pidfd < 0)
        return refused("pidfd_open");
    return judged(syscall(SYS_setns, pidfd, SPACES[1].flag | SPACES[5].flag), "setns");
}

static int setns_pidfd(char **words)
{
    return in_child(setns_pidfd_now, words);
}

/* The target's mounts, by the ioctl of a pidfd that gives namespaces since linux 6.11 (linux/pidfd.h). */
static int namespace_by_pidfd(char **words)
{
    int pidfd = (int)syscall(NR_pidfd_open, pid_word(words), 0);
    if (pidfd < 0)
        return refused("pidfd_open");
    long fd = syscall(SYS_ioctl, pidfd, 0xff03UL, 0);
    if (fd < 0 && errno == ENOTTY && outside())
        return not_here("the kernel has no such command");
    return judged(fd, "PIDFD_GET_MNT_NAMESPACE");
}

/* The user namespace that owns the network: outside the own one, inside one that is above. */
static int owner_of_network(char **words)
{
    (void)words;
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refused("/proc/self/ns/net");
    return judged(syscall(SYS_ioctl, fd, 0xb701UL), "NS_GET_USERNS"); /* linux/nsfs.h */
}

static int raise_limit(char **words)
{
    (void)words;
    const char *path = "/proc/sys/user/max_user_namespaces";
    char value[32];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return refused(path);
    ssize_t len = read(fd, value, sizeof value);
    return judged(pwrite(fd, value, len > 0 ? (size_t)len : 0, 0), path);
}

static int write_map(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return refused(path);
    return judged(write(fd, text, strlen(text)), path);
}

static int map_now(char **words)
{
    (void)words;
    if (outside() && syscall(SYS_unshare, SPACES[0].flag) < 0)
        return not_here("users may make no user namespace");
    int code = write_map("/proc/self/uid_map", "0 0 1\n");
    return code == WORKED ? code : write_map("/proc/self/setgroups", "deny");
}

/* A second line in the maps of one's own namespace. */
static int map_more(char **words)
{
    return in_child(map_now, words);
}

const struct attack namespace_attacks[] = {
    {"unshare-each", unshare_each},
    {"unshare-all", unshare_all},
    {"clone-each", clone_each},
    {"clone-high", clone_high},
    {"clone3-user", clone3_user},
    {"clone3", clone3_plain},
    {"setns", setns_each},
    {"setns-pidfd", setns_pidfd},
    {"namespace-by-pidfd", namespace_by_pidfd},
    {"owner-of-network", owner_of_network},
    {"raise-namespaces", raise_limit},
    {"map-more", map_more},
    {NULL, NULL},
};
