/* Runs the attack that is named by the first argument, with the others as its words. */

#include "attack.h"

#include <sys/prctl.h>

bool outside(void)
{
    const char *where = getenv("WHERE");
    return where && strcmp(where, "outside") == 0;
}

int worked(const char *what)
{
    printf("%s: worked\n", what);
    return WORKED;
}

int not_here(const char *why)
{
    printf("not here: %s\n", why);
    return NOT_HERE;
}

int refused(const char *what)
{
    int seen = errno;
    printf("%s: %s (%d)\n", what, strerror(seen), seen);
    switch (seen) {
    case ENOSYS:
        return outside() ? NOT_HERE : REFUSED;
    case 0:
    case EINVAL:
    case EFAULT:
    case EBADF:
    case ENOTTY:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return BROKEN;
    default:
        return REFUSED;
    }
}

int judged(long result, const char *what)
{
    return result < 0 ? refused(what) : worked(what);
}

int passed(long result, const char *what, int past)
{
    return result < 0 && errno != past ? refused(what) : worked(what);
}

int in_child(int (*run)(char **words), char **words)
{
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        return refused("fork");
    if (child == 0) {
        int code = run(words);
        fflush(stdout);
        _exit(code);
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        return BROKEN;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    printf("ended by signal %d\n", WTERMSIG(status));
    return WTERMSIG(status) == SIGSYS ? REFUSED : BROKEN;
}

const char *word(char **words)
{
    if (*words)
        return *words;
    printf("a word is missing\n");
    exit(BROKEN);
}

pid_t pid_word(char **words)
{
    int pid = atoi(word(words));
    if (pid > 0)
        return pid;
    printf("no process: %s\n", *words);
    exit(BROKEN);
}

/* No attack: a process to be attacked outside, as open as processes are by default. Says its id when it is ready. */
static int victim(char **words)
{
    (void)words;
    pid_t child = fork();
    if (child < 0)
        return BROKEN;
    if (child == 0) {
        /* Where Yama restricts tracing to parents, an init that was not undumpable would be as open as this. */
        prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
        setsid();
        printf("%d\n", getpid());
        fflush(stdout);
        close(1);
        close(2);
        for (;;)
            pause();
    }
    return 0;
}

static const struct attack victims[] = {{"victim", victim}, {NULL, NULL}};

int main(int argc, char **argv)
{
    const struct attack *tables[] = {
        bomb_attacks,      call_attacks,    file_attacks,   mode_attacks,   mount_attacks,
        namespace_attacks, process_attacks, socket_attacks, target_attacks, victims,
    };
    if (argc < 2)
        return BROKEN;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct attack *attack = tables[i]; attack->name; attack++)
            if (strcmp(attack->name, argv[1]) == 0)
                return attack->run(argv + 2);
    printf("there is no attack %s\n", argv[1]);
    return BROKEN;
}
