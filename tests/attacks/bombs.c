/* What takes all there is, and what comes back for a program that has ended. Bombs are for boxes with small limits
 * alone, and have an end of their own. */

#include "attack.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum { FORKS = 300, MEGABYTE = 1 << 20, MEGABYTES = 256 };

static void wait_for(const char *path)
{
    /* A minute, should nobody come. */
    for (int look = 0; access(path, F_OK) < 0 && look < 6000; look++)
        poll(NULL, 0, 10);
}

/* Words: a file that is made when no more can be had, and one that is waited for. */
static int forks(char **words)
{
    pid_t children[FORKS];
    int count = 0;
    if (outside())
        return BROKEN;
    for (; count < FORKS; count++) {
        children[count] = fork();
        if (children[count] < 0)
            break;
        if (children[count] == 0)
            for (;;)
                pause();
    }
    printf("%d children: %s\n", count, count == FORKS ? "as many as were wanted" : strerror(errno));
    fflush(stdout);
    close(open(word(words), O_WRONLY | O_CREAT, 0600));
    wait_for(word(words + 1));
    for (int i = 0; i < count; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    return count == FORKS ? WORKED : REFUSED;
}

static int memory_now(char **words)
{
    (void)words;
    for (int count = 0; count < MEGABYTES; count++) {
        char *bytes = mmap(NULL, MEGABYTE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (bytes == MAP_FAILED) {
            printf("%d megabytes: %s\n", count, strerror(errno));
            return REFUSED;
        }
        memset(bytes, 1, MEGABYTE);
    }
    return worked("memory");
}

static int memory(char **words)
{
    if (outside())
        return BROKEN;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int code = memory_now(words);
        fflush(stdout);
        _exit(code);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return BROKEN;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    printf("ended by signal %d\n", WTERMSIG(status));
    return WTERMSIG(status) == SIGKILL ? REFUSED : BROKEN;
}

/* Words: a file to be written, how many megabytes. */
static int fill(char **words)
{
    static char bytes[MEGABYTE];
    if (outside())
        return BROKEN;
    memset(bytes, 1, sizeof bytes);
    signal(SIGXFSZ, SIG_IGN);
    int fd = open(word(words), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), wanted = atoi(word(words + 1));
    if (fd < 0)
        return BROKEN;
    for (int count = 0; count < wanted; count++)
        if (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes) {
            printf("%s: %d megabytes: %s\n", *words, count, strerror(errno));
            unlink(*words);
            return REFUSED;
        }
    unlink(*words);
    return worked(*words);
}

/* Holds what was had until the second word is there. */
static int held(char **words, int count, int wanted, const char *what)
{
    printf("%d %s: %s\n", count, what, count == wanted ? "as many as were wanted" : strerror(errno));
    fflush(stdout);
    close(open(word(words), O_WRONLY | O_CREAT, 0600));
    wait_for(word(words + 1));
    return count == wanted ? WORKED : REFUSED;
}

/* Terminals, of which the machine has a number for all. */
static int terminals(char **words)
{
    int count = 0;
    if (outside())
        return BROKEN;
    /* Two are for the words, at whatever limit of files. */
    int spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (count < 4000 && open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0)
        count++;
    int error = errno;
    close(spare);
    errno = error;
    return held(words, count, 4000, "terminals");
}

/* Descriptors that were sent and not received, of which a user has a number for all programs. */
static int in_flight(char **words)
{
    enum { AT_ONCE = 250, TIMES = 40 };
    int ends[2], sent = 0, fds[AT_ONCE];
    if (outside())
        return BROKEN;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return refused("socketpair");
    for (int i = 0; i < AT_ONCE; i++)
        fds[i] = ends[0];
    for (; sent < TIMES; sent++) {
        union {
            char bytes[CMSG_SPACE(sizeof fds)];
            struct cmsghdr align;
        } control;
        char byte = 0;
        struct iovec data = {&byte, 1};
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fds);
        memcpy(CMSG_DATA(header), fds, sizeof fds);
        if (sendmsg(ends[0], &message, MSG_DONTWAIT) < 0)
            break;
    }
    return held(words, sent * AT_ONCE, TIMES * AT_ONCE, "descriptors");
}

/* Word: a descriptor of a program that has ended by now, to be opened again and written (CVE-2019-5736). The byte is
 * the one that is there. */
static int rewrite(char **words)
{
    char link[64], to[512] = "", byte;
    int held = atoi(word(words)), fd = -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", held);
    if (readlink(link, to, sizeof to - 1) < 0)
        return refused(link);
    printf("%s\n", to);
    for (int look = 0; fd < 0 && look < 50; look++) {
        fd = open(link, O_RDWR | O_CLOEXEC);
        if (fd < 0 && errno != ETXTBSY)
            return refused("open");
        if (fd < 0)
            poll(NULL, 0, 1);
    }
    int seals = fcntl(held, F_GET_SEALS);
    printf("seals %x\n", seals);
    if (fd < 0) {
        /* Others run it still: once they have ended, only seals are in the way. */
        printf("it runs\n");
        return seals >= 0 && (seals & F_SEAL_WRITE) ? REFUSED : WORKED;
    }
    if (pread(fd, &byte, 1, 0) != 1)
        return refused("pread");
    return judged(pwrite(fd, &byte, 1, 0), "pwrite");
}

/* Word: as above; a file that its owner may run no more. */
static int unrunnable(char **words)
{
    struct stat seen;
    int held = atoi(word(words));
    if (fchmod(held, 0) < 0)
        return refused("fchmod");
    if (fstat(held, &seen) < 0 || (seen.st_mode & 0777) != 0)
        return BROKEN;
    return worked("fchmod");
}

const struct attack bomb_attacks[] = {
    {"forks", forks},
    {"memory", memory},
    {"fill", fill},
    {"terminals", terminals},
    {"in-flight", in_flight},
    {"rewrite", rewrite},
    {"unrunnable", unrunnable},
    {NULL, NULL},
};
