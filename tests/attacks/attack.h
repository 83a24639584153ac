/*
 * Attacks on a box, written against the kernel alone. Each is a function that ends with one of four codes, and says on
 * standard output what it saw:
 *
 *   0   it worked
 *   1   it was refused
 *   2   neither: the attack itself is broken (a wrong argument, no memory), and proves nothing
 *   77  this machine has nothing to attack there, and why
 *
 * WHERE is "outside" when the attack has to show that it works at all: what it does there must harm nobody.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKED = 0, REFUSED = 1, BROKEN = 2, NOT_HERE = 77 };

/* Numbers that headers may lack; from 424 on they are the same on all processors (asm-generic/unistd.h). */
enum {
    NR_open_tree = 428,
    NR_move_mount = 429,
    NR_fsopen = 430,
    NR_fsconfig = 431,
    NR_fsmount = 432,
    NR_fspick = 433,
    NR_pidfd_open = 434,
    NR_clone3 = 435,
    NR_openat2 = 437,
    NR_pidfd_getfd = 438,
    NR_process_madvise = 440,
    NR_mount_setattr = 442,
    NR_fchmodat2 = 452,
    NR_open_tree_attr = 467,
};

struct attack {
    const char *name;
    int (*run)(char **words);
};

extern const struct attack bomb_attacks[];
extern const struct attack call_attacks[];
extern const struct attack file_attacks[];
extern const struct attack mode_attacks[];
extern const struct attack mount_attacks[];
extern const struct attack namespace_attacks[];
extern const struct attack process_attacks[];
extern const struct attack socket_attacks[];
extern const struct attack target_attacks[];

bool outside(void);

int worked(const char *what);
int not_here(const char *why);
/* By errno: refused, or broken if it is the caller's fault. Outside ENOSYS means that the kernel has no such call. */
int refused(const char *what);
/* Worked if the result is no error; else as `refused`. A descriptor that it may be stays open. */
int judged(long result, const char *what);
/* For calls made with an argument they cannot take: with `past` as errno the kernel had no objection before. */
int passed(long result, const char *what, int past);
/* The attack in a child of its own, whose namespaces and privileges are then its own too; by SIGSYS it is refused. */
int in_child(int (*run)(char **words), char **words);

/* The first word, or the end as broken. */
const char *word(char **words);
pid_t pid_word(char **words);

#endif
