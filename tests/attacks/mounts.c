/* Mounts: new ones, and what was taken away by those that are there. Outside all have a namespace of their own. */

#include "attack.h"

#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>

static int by_mount(const char *source, const char *at, const char *type, unsigned long flags)
{
    long result = syscall(SYS_mount, source, at, type, flags, NULL);
    if (result == 0 && !(flags & (MS_REMOUNT | MS_SHARED)))
        syscall(SYS_umount2, at, MNT_DETACH);
    return judged(result, type ? type : at);
}

/* Words: what, where. */
static int bind_here(char **words)
{
    return by_mount(word(words), word(words + 1), NULL, MS_BIND);
}

/* Words: the type, where. */
static int fresh(char **words)
{
    int code = by_mount("none", word(words + 1), word(words), 0);
    if (code != WORKED && errno == ENODEV && outside())
        return not_here("the kernel has no such file system");
    return code;
}

static int writable_again(char **words)
{
    return by_mount(NULL, word(words), NULL, MS_REMOUNT | MS_BIND);
}

static int writable_again_all(char **words)
{
    return by_mount(NULL, word(words), NULL, MS_REMOUNT);
}

static int set_uid_again(char **words)
{
    /* Without MS_NOSUID, MS_NODEV and MS_NOEXEC. */
    return by_mount(NULL, word(words), NULL, MS_REMOUNT | MS_BIND);
}

static int detach(const char *at)
{
    long result = syscall(SYS_umount2, at, MNT_DETACH);
    if (result == 0 || errno != EINVAL)
        return judged(result, at);
    /* Not of our namespace, or locked (fs/namespace.c). */
    printf("%s: not ours\n", at);
    return REFUSED;
}

static int take_off(char **words)
{
    return detach(word(words));
}

/* Every mount that there is; the first that comes off is enough. */
static int take_off_any_now(char **words)
{
    (void)words;
    if (outside() && (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        return refused("unshare");
    FILE *mounts = fopen("/proc/self/mountinfo", "r");
    if (!mounts)
        return refused("mountinfo");
    char line[4096], at[2048];
    int code = REFUSED;
    while (code == REFUSED && fgets(line, sizeof line, mounts))
        if (sscanf(line, "%*s %*s %*s %*s %2047s", at) == 1 && strcmp(at, "/") != 0)
            code = detach(at);
    fclose(mounts);
    return code;
}

static int take_off_any(char **words)
{
    return in_child(take_off_any_now, words);
}

static int move(char **words)
{
    return by_mount(word(words), word(words + 1), NULL, MS_MOVE);
}

static int share(char **words)
{
    return by_mount(NULL, word(words), NULL, MS_SHARED);
}

static int change_root(char **words)
{
    (void)words;
    return judged(syscall(SYS_chroot, "/"), "chroot");
}

static int switch_root(char **words)
{
    (void)words;
    /* The root it already is: busy, to whoever may ask. */
    long result = syscall(SYS_pivot_root, "/", "/");
    if (result < 0 && errno == EINVAL && outside())
        errno = EBUSY;
    return passed(result, "pivot_root", EBUSY);
}

static int new_fsopen(char **words)
{
    (void)words;
    return judged(syscall(NR_fsopen, "tmpfs", 0), "fsopen");
}

static int new_fsconfig(char **words)
{
    (void)words;
    return passed(syscall(NR_fsconfig, 1000, 6, NULL, NULL, 0), "fsconfig", EBADF); /* FSCONFIG_CMD_CREATE */
}

static int new_fspick(char **words)
{
    return judged(syscall(NR_fspick, AT_FDCWD, word(words), 0), "fspick");
}

static int new_fsmount(char **words)
{
    (void)words;
    return passed(syscall(NR_fsmount, -1, 0, 0), "fsmount", EBADF);
}

static int new_open_tree(char **words)
{
    return judged(syscall(NR_open_tree, AT_FDCWD, word(words), 1), "open_tree"); /* OPEN_TREE_CLONE */
}

static int new_open_tree_attr(char **words)
{
    return judged(syscall(NR_open_tree_attr, AT_FDCWD, word(words), 1, NULL, 0), "open_tree_attr");
}

static int new_move_mount(char **words)
{
    (void)words;
    return passed(syscall(NR_move_mount, 1000, "", 1000, "", 0x44), "move_mount", EBADF); /* both paths empty */
}

static int new_setattr(char **words)
{
    /* attr_set, attr_clr, propagation, userns_fd: MOUNT_ATTR_RDONLY, _NOSUID and _NODEV away. */
    uint64_t attr[4] = {0, 1 | 2 | 4, 0, 0};
    return judged(syscall(NR_mount_setattr, AT_FDCWD, word(words), 0, attr, sizeof attr), "mount_setattr");
}

const struct attack mount_attacks[] = {
    {"mount-bind", bind_here},
    {"mount-fresh", fresh},
    {"mount-writable", writable_again},
    {"mount-writable-all", writable_again_all},
    {"mount-set-uid", set_uid_again},
    {"mount-off", take_off},
    {"mount-off-any", take_off_any},
    {"mount-move", move},
    {"mount-share", share},
    {"chroot", change_root},
    {"pivot-root", switch_root},
    {"fsopen", new_fsopen},
    {"fsconfig", new_fsconfig},
    {"fspick", new_fspick},
    {"fsmount", new_fsmount},
    {"open-tree", new_open_tree},
    {"open-tree-attr", new_open_tree_attr},
    {"move-mount", new_move_mount},
    {"mount-setattr", new_setattr},
    {NULL, NULL},
};
