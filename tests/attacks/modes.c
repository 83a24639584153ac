/* Files that act as their owner for whoever runs them. In a workspace they are that on the host too. The word is the
 * mode in octal. Whatever was made is removed again, outside and inside. */

#include "attack.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define NAME "coop-attack-mode"

static mode_t mode_word(char **words)
{
    return (mode_t)strtoul(word(words), NULL, 8);
}

/* The mode decides, not what the call said: a bit that was dropped on the way is none. */
static int made(long result, char **words, const char *what)
{
    struct stat seen;
    int error = errno;
    bool there = stat(NAME, &seen) == 0;
    unlink(NAME);
    if (result < 0) {
        errno = error;
        return refused(what);
    }
    if (there && (seen.st_mode & mode_word(words) & 06000))
        return worked(what);
    printf("%s: the bit is not there\n", what);
    return REFUSED;
}

static int plain(void)
{
    unlink(NAME);
    return open(NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
}

#ifdef __x86_64__
static int by_chmod(char **words)
{
    plain();
    return made(syscall(SYS_chmod, NAME, mode_word(words)), words, "chmod");
}

static int by_open(char **words)
{
    unlink(NAME);
    return made(syscall(SYS_open, NAME, O_WRONLY | O_CREAT, mode_word(words)), words, "open");
}

static int by_creat(char **words)
{
    unlink(NAME);
    return made(syscall(SYS_creat, NAME, mode_word(words)), words, "creat");
}

static int by_mknod(char **words)
{
    unlink(NAME);
    return made(syscall(SYS_mknod, NAME, S_IFREG | mode_word(words), 0), words, "mknod");
}
#else
static int older_call(char **words)
{
    (void)words;
    return not_here("this processor never had the call");
}
#define by_chmod older_call
#define by_open older_call
#define by_creat older_call
#define by_mknod older_call
#endif

static int by_fchmod(char **words)
{
    return made(syscall(SYS_fchmod, plain(), mode_word(words)), words, "fchmod");
}

static int by_fchmodat(char **words)
{
    plain();
    return made(syscall(SYS_fchmodat, AT_FDCWD, NAME, mode_word(words)), words, "fchmodat");
}

static int by_fchmodat2(char **words)
{
    plain();
    return made(syscall(NR_fchmodat2, AT_FDCWD, NAME, mode_word(words), 0), words, "fchmodat2");
}

static int by_openat(char **words)
{
    unlink(NAME);
    return made(syscall(SYS_openat, AT_FDCWD, NAME, O_WRONLY | O_CREAT, mode_word(words)), words, "openat");
}

static int by_openat2(char **words)
{
    struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = mode_word(words)};
    unlink(NAME);
    return made(syscall(NR_openat2, AT_FDCWD, NAME, &how, sizeof how), words, "openat2");
}

static int by_mknodat(char **words)
{
    unlink(NAME);
    return made(syscall(SYS_mknodat, AT_FDCWD, NAME, S_IFREG | mode_word(words), 0), words, "mknodat");
}

/* Its mode has no kind: the kernel takes that for a regular file. */
static int by_mknodat_of_no_kind(char **words)
{
    unlink(NAME);
    return made(syscall(SYS_mknodat, AT_FDCWD, NAME, mode_word(words), 0), words, "mknodat without a kind");
}

/* A file without a name is given one afterwards. */
static int by_tmpfile(char **words)
{
    unlink(NAME);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, ".", O_TMPFILE | O_RDWR, mode_word(words));
    if (fd < 0)
        return refused("O_TMPFILE");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return made(linkat(AT_FDCWD, link, AT_FDCWD, NAME, AT_SYMLINK_FOLLOW), words, "O_TMPFILE");
}

/* Upper halves of arguments, which the kernel drops and a filter may compare. */
static int by_high_bits(char **words)
{
    plain();
    unsigned long mode = 0xdead00000000UL | mode_word(words);
    return made(syscall(SYS_fchmodat, AT_FDCWD, NAME, mode), words, "fchmodat with an upper half");
}

/* Removed by a change of the owner, unless somebody forgets. */
static int by_chown(char **words)
{
    int fd = plain();
    if (fchmod(fd, mode_word(words)) < 0)
        return made(-1, words, "fchmod");
    return made(fchown(fd, getuid(), getgid()) < 0 && outside() ? -1 : 0, words, "fchmod and fchown");
}

static int device(mode_t kind, dev_t number, const char *what)
{
    unlink(NAME);
    long result = syscall(SYS_mknodat, AT_FDCWD, NAME, kind | 0600, number);
    int error = errno;
    unlink(NAME);
    errno = error;
    return judged(result, what);
}

static int character_device(char **words)
{
    (void)words;
    return device(S_IFCHR, makedev(1, 3), "mknodat of a character device");
}

static int block_device(char **words)
{
    (void)words;
    return device(S_IFBLK, makedev(7, 0), "mknodat of a block device");
}

static int to_another_user(char **words)
{
    (void)words;
    int fd = plain();
    long result = fchown(fd, getuid() + 1, (gid_t)-1);
    unlink(NAME);
    if (result < 0 && errno == EINVAL) {
        printf("fchown: there is no such user here\n");
        return REFUSED;
    }
    return judged(result, "fchown");
}

static int attribute(const char *name, const void *value, size_t size)
{
    int fd = plain();
    long result = fsetxattr(fd, name, value, size, 0);
    int error = errno;
    unlink(NAME);
    errno = error;
    if (result < 0 && errno == EOPNOTSUPP && outside())
        return not_here("the file system has no such attributes");
    return judged(result, name);
}

static int file_capability(char **words)
{
    (void)words;
    /* Version 2, CAP_SYS_ADMIN permitted and effective (linux/capability.h). */
    uint32_t value[5] = {0x02000001, 1U << 21, 0, 0, 0};
    return attribute("security.capability", value, sizeof value);
}

static int file_capability_of_namespace(char **words)
{
    (void)words;
    /* Version 3, for the namespace whose root is 0. */
    uint32_t value[6] = {0x03000001, 1U << 21, 0, 0, 0, 0};
    return attribute("security.capability", value, sizeof value);
}

static int trusted_attribute(char **words)
{
    (void)words;
    return attribute("trusted.coop-attack", "x", 1);
}

const struct attack mode_attacks[] = {
    {"mode-chmod", by_chmod},
    {"mode-fchmod", by_fchmod},
    {"mode-fchmodat", by_fchmodat},
    {"mode-fchmodat2", by_fchmodat2},
    {"mode-open", by_open},
    {"mode-openat", by_openat},
    {"mode-openat2", by_openat2},
    {"mode-creat", by_creat},
    {"mode-mknod", by_mknod},
    {"mode-mknodat", by_mknodat},
    {"mode-mknodat-plain", by_mknodat_of_no_kind},
    {"mode-tmpfile", by_tmpfile},
    {"mode-high-bits", by_high_bits},
    {"mode-chown", by_chown},
    {"device-character", character_device},
    {"device-block", block_device},
    {"chown", to_another_user},
    {"file-capability", file_capability},
    {"file-capability-v3", file_capability_of_namespace},
    {"trusted-attribute", trusted_attribute},
    {NULL, NULL},
};
