/* Files that belong to the machine. They are opened, and what is written is what was there. */

#include "attack.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <dirent.h>

static int opened(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT && outside())
        return not_here("the kernel has no such file");
    return judged(fd, path);
}

static int open_to_read(char **words)
{
    return opened(word(words), O_RDONLY);
}

static int open_to_write(char **words)
{
    return opened(word(words), O_WRONLY);
}

/* The first of the words that opens is enough. */
static int open_any(char **words)
{
    for (word(words); *words; words++)
        if (open(*words, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) >= 0)
            return worked(*words);
        else
            printf("%s: %s\n", *words, strerror(errno));
    return REFUSED;
}

static int read_some(char **words)
{
    char bytes[64];
    int fd = open(word(words), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && outside())
        return not_here("the kernel has no such file");
    if (fd < 0)
        return refused(*words);
    ssize_t len = read(fd, bytes, sizeof bytes);
    if (len == 0) {
        printf("%s: empty\n", *words);
        return REFUSED;
    }
    return judged(len, *words);
}

/* For what takes away what it gives: that there is something to be read is enough. */
static int open_to_poll(char **words)
{
    struct stat seen;
    int fd = open(word(words), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && outside())
        return not_here("the kernel has no such file");
    if (fd < 0 || fstat(fd, &seen) < 0)
        return refused(*words);
    /* The real one is of the file system of processes. */
    struct stat proc;
    bool of_kernel = stat("/proc/self/status", &proc) == 0 && proc.st_dev == seen.st_dev;
    printf("%s: %s\n", *words, of_kernel ? "the kernel's" : "covered");
    return of_kernel ? WORKED : REFUSED;
}

static int list_some(char **words)
{
    DIR *dir = opendir(word(words));
    if (!dir && errno == ENOENT && outside())
        return not_here("the kernel has no such directory");
    if (!dir)
        return refused(*words);
    int entries = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        entries += entry->d_name[0] != '.';
    closedir(dir);
    printf("%s: %d entries\n", *words, entries);
    if (entries == 0 && outside())
        return not_here("there is nothing in it");
    return entries > 0 ? WORKED : REFUSED;
}

static int kernel_addresses(char **words)
{
    (void)words;
    char line[512];
    FILE *file = fopen("/proc/kallsyms", "r");
    if (!file && errno == ENOENT && outside())
        return not_here("the kernel has no such file");
    if (!file)
        return refused("/proc/kallsyms");
    int code = REFUSED;
    while (code == REFUSED && fgets(line, sizeof line, file))
        if (strtoull(line, NULL, 16) != 0)
            code = worked(line);
    fclose(file);
    if (code == REFUSED)
        printf("no addresses\n");
    return code;
}

static int chmod_same(char **words)
{
    struct stat seen;
    int fd = open(word(words), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &seen) < 0)
        return refused(*words);
    return judged(fchmod(fd, seen.st_mode & 0777), *words);
}

static int times_same(char **words)
{
    struct stat seen;
    if (stat(word(words), &seen) < 0)
        return refused(*words);
    struct timespec times[2] = {seen.st_atim, seen.st_mtim};
    return judged(utimensat(AT_FDCWD, *words, times, 0), *words);
}

/* Whoever opens the file to write it waits until a lease is given back, or for /proc/sys/fs/lease-break-time. */
static int lease(char **words)
{
    int fd = open(word(words), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refused(*words);
    long result = fcntl(fd, F_SETLEASE, F_RDLCK);
    if (result == 0)
        fcntl(fd, F_SETLEASE, F_UNLCK);
    else if (errno == EAGAIN && outside())
        return not_here("somebody has it open to write");
    return judged(result, *words);
}

static int write_mapped(char **words)
{
    int fd = open(word(words), O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return refused(*words);
    return judged(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, *words);
}

/* What was opened to be read is opened again, to be written, by the descriptor's name. */
static int open_again(char **words)
{
    char link[64];
    int fd = open(word(words), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refused(*words);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return judged(open(link, O_WRONLY | O_CLOEXEC), "open again");
}

static int link_here(char **words)
{
    unlink("coop-attack-link");
    long result = linkat(AT_FDCWD, word(words), AT_FDCWD, "coop-attack-link", 0);
    int error = errno;
    unlink("coop-attack-link");
    errno = error;
    return judged(result, "linkat");
}

static int by_handle(char **words)
{
    (void)words;
    struct {
        struct file_handle handle;
        unsigned char bytes[128];
    } found;
    int mount_id, root = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    found.handle.handle_bytes = sizeof found.bytes;
    if (root < 0 || syscall(SYS_name_to_handle_at, root, "", &found.handle, &mount_id, AT_EMPTY_PATH) < 0)
        return outside() ? not_here("the file system has no handles") : refused("name_to_handle_at");
    return judged(syscall(SYS_open_by_handle_at, root, &found.handle, O_RDONLY), "open_by_handle_at");
}

/* The handle of an ext file system's root is its inode, 2 (shocker). */
static int root_by_handle(char **words)
{
    (void)words;
    struct {
        struct file_handle handle;
        uint32_t inode[2];
    } guess = {.handle = {.handle_bytes = 8, .handle_type = 1}, .inode = {2, 0}};
    int start = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    if (start < 0)
        return refused("/etc/passwd");
    return passed(syscall(SYS_open_by_handle_at, start, &guess.handle, O_RDONLY), "open_by_handle_at", ESTALE);
}

static int never_to_be_changed(char **words)
{
    (void)words;
    int fd = open("coop-attack-flag", O_RDWR | O_CREAT | O_CLOEXEC, 0600), flags = 0;
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) {
        unlink("coop-attack-flag");
        return outside() ? not_here("the file system has no flags") : refused("FS_IOC_GETFLAGS");
    }
    int more = flags | FS_APPEND_FL;
    long result = ioctl(fd, FS_IOC_SETFLAGS, &more);
    int error = errno;
    if (result == 0)
        ioctl(fd, FS_IOC_SETFLAGS, &flags);
    unlink("coop-attack-flag");
    errno = error;
    return judged(result, "FS_IOC_SETFLAGS");
}

static int dump_core(char **words)
{
    (void)words;
    struct rlimit limit;
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        abort();
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return BROKEN;
    char with_pid[64];
    snprintf(with_pid, sizeof with_pid, "core.%d", child);
    int removed = unlink("core") == 0 || unlink(with_pid) == 0;
    printf("limit %lu, dumped %d, a file here %d\n", (unsigned long)limit.rlim_max, WCOREDUMP(status), removed);
    if (WCOREDUMP(status) && !removed && !outside())
        return WORKED;
    return removed ? WORKED : REFUSED;
}

/* A device of the host beside the few that a box has; none that does something by being opened. */
static int devices(char **words)
{
    (void)words;
    static const char *const names[] = {
        "mem",     "port",        "kmsg",   "kvm",    "fuse",        "loop-control", "loop0",       "tty0",
        "tty1",    "vda",         "sda",    "ttyS0",  "vcs",         "hwrng",        "nvme0n1",     "net/tun",
        "console", "vsock",       "autofs", "rfkill", "userfaultfd", "uinput",       "dri/card0",   "vhost-net",
        "vga_arbiter",            "btrfs-control",
    };
    int code = REFUSED;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "/dev/%s", names[i]);
        if (open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) >= 0)
            code = worked(path);
    }
    return code;
}

/* Pushes a byte into a terminal of our own; the word is what stands above the command's lower half. */
static int into_terminal_now(char **words)
{
    unsigned long command = (strtoul(word(words), NULL, 16) << 32) | strtoul(word(words + 1), NULL, 16);
    int leader = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), zero = 0, number;
    char path[32];
    if (leader < 0 || ioctl(leader, TIOCSPTLCK, &zero) < 0 || ioctl(leader, TIOCGPTN, &number) < 0)
        return BROKEN;
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    setsid();
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
        return BROKEN;
    /* To TIOCLINUX 6, the state of the shift keys; to TIOCSTI a letter; to TIOCSETD the discipline that it has, 0. */
    char argument[8] = {(command & 0xffff) == 0x541c ? 6 : (command & 0xffff) == 0x5412 ? 'x' : 0};
    long result = syscall(SYS_ioctl, fd, command, argument);
    if (result < 0 && errno == EIO && outside())
        return not_here("dev.tty.legacy_tiocsti is 0");
    /* A terminal that is no console has no such command: but the kernel was asked. */
    return passed(result, "ioctl", ENOTTY);
}

static int into_terminal(char **words)
{
    return in_child(into_terminal_now, words);
}

static int console_output(char **words)
{
    (void)words;
    /* On no descriptor: the filter comes before the kernel sees that there is none, and nothing is redirected. */
    return passed(syscall(SYS_ioctl, -1, 0x541dUL, 0), "TIOCCONS", EBADF);
}

const struct attack file_attacks[] = {
    {"open-to-read", open_to_read},
    {"open-to-write", open_to_write},
    {"open-any", open_any},
    {"read-some", read_some},
    {"list-some", list_some},
    {"open-to-poll", open_to_poll},
    {"kernel-addresses", kernel_addresses},
    {"chmod-same", chmod_same},
    {"times-same", times_same},
    {"lease", lease},
    {"write-mapped", write_mapped},
    {"open-again", open_again},
    {"link-here", link_here},
    {"by-handle", by_handle},
    {"root-by-handle", root_by_handle},
    {"append-only", never_to_be_changed},
    {"core", dump_core},
    {"devices", devices},
    {"into-terminal", into_terminal},
    {"console-output", console_output},
    {NULL, NULL},
};
