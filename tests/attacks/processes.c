/* Processes of the host, and what a program was left by those before it. */

#include "attack.h"

#include <dirent.h>
#include <sched.h>
#include <sys/shm.h>
#include <sys/stat.h>

/* Ids are counted anew in a box: the same number there is another process. */
static bool is_another(pid_t host)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/cmdline", host);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
    if (fd >= 0)
        close(fd);
    const char *name = getenv("VICTIM_NAME");
    return len > 0 && name && !memmem(line, (size_t)len, name, strlen(name));
}

static int signalled(pid_t host, long result, const char *what)
{
    if (result >= 0 && is_another(host)) {
        printf("the box has a process of that number itself\n");
        return REFUSED;
    }
    return judged(result, what);
}

/* SIGCONT and 0 do nothing to who runs. */
static int signal_kill(char **words)
{
    pid_t host = pid_word(words);
    return signalled(host, syscall(SYS_kill, host, SIGCONT), "kill");
}

static int signal_thread(char **words)
{
    pid_t host = pid_word(words);
    return signalled(host, syscall(SYS_tkill, host, SIGCONT), "tkill");
}

static int signal_thread_group(char **words)
{
    pid_t host = pid_word(words);
    return signalled(host, syscall(SYS_tgkill, host, host, SIGCONT), "tgkill");
}

static int signal_process_group(char **words)
{
    pid_t host = pid_word(words);
    return signalled(host, syscall(SYS_kill, -host, SIGCONT), "kill of a group");
}

static int signal_queue(char **words)
{
    pid_t host = pid_word(words);
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGCONT;
    info.si_code = SI_QUEUE;
    return signalled(host, syscall(SYS_rt_sigqueueinfo, host, SIGCONT, &info), "rt_sigqueueinfo");
}

static int signal_pidfd(char **words)
{
    pid_t host = pid_word(words);
    int pidfd = (int)syscall(NR_pidfd_open, host, 0);
    if (pidfd < 0)
        return refused("pidfd_open");
    return signalled(host, syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0), "pidfd_send_signal");
}

/* By the name of a directory of /proc, which is as good as a pidfd. */
static int signal_directory(char **words)
{
    char path[64];
    pid_t host = pid_word(words);
    snprintf(path, sizeof path, "/proc/%d", host);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refused(path);
    return signalled(host, syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0), "pidfd_send_signal");
}

/* A process that bears the word in its command line. */
static int seen(char **words)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return refused("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        char path[300], line[4096];
        if (atoi(entry->d_name) <= 0 || atoi(entry->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t len = fd < 0 ? 0 : read(fd, line, sizeof line);
        if (fd >= 0)
            close(fd);
        if (len > 0 && memmem(line, (size_t)len, word(words), strlen(*words)))
            return worked(path);
    }
    printf("no process with %s\n", *words);
    return REFUSED;
}

/* Descriptors that were meant for somebody else (CVE-2024-21626). */
static int inherited(char **words)
{
    (void)words;
    for (int fd = 3; fd < 4096; fd++) {
        char link[64], to[512] = "";
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, to, sizeof to - 1);
        printf("%d is %.*s\n", fd, (int)(len > 0 ? len : 0), to);
        return worked("a descriptor");
    }
    printf("none above 2\n");
    return REFUSED;
}

/* From a directory that is open to a file, by a path below the host's root: the word. */
static int upward(char **words)
{
    char path[4096];
    snprintf(path, sizeof path, "../../../../../../../../../../../../../../..%s", word(words));
    return judged(openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC), path);
}

static int upward_from_descriptors(char **words)
{
    char path[4096];
    int code = REFUSED;
    snprintf(path, sizeof path, "../../../../../../../../../../../../../../..%s", word(words));
    for (int fd = 0; fd < 1024 && code != WORKED; fd++)
        if (fcntl(fd, F_GETFD) >= 0 && openat(fd, path, O_RDONLY | O_CLOEXEC) >= 0)
            code = worked(path);
    if (code == REFUSED)
        printf("no descriptor leads there\n");
    return code;
}

static int privileges(char **words)
{
    (void)words;
    int code = REFUSED;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    if (!file)
        return refused("/proc/self/status");
    while (fgets(line, sizeof line, file)) {
        char name[32];
        unsigned long long value;
        if (sscanf(line, "%31[^:]: %llx", name, &value) != 2)
            continue;
        bool some = strncmp(name, "Cap", 3) == 0 && value != 0;
        if (some || (strcmp(name, "NoNewPrivs") == 0 && value == 0)) {
            printf("%s", line);
            code = WORKED;
        }
    }
    fclose(file);
    return code;
}

/* Before all others on a processor, for as long as it likes. */
static int real_time(char **words)
{
    (void)words;
    struct sched_param param = {.sched_priority = 1}, none = {0};
    long result = syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param);
    if (result == 0)
        syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
    return judged(result, "SCHED_FIFO");
}

static int deadline(char **words)
{
    (void)words;
    /* struct sched_attr: size, policy, flags, nice, priority, runtime, deadline and period in ns. */
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {48, 6, 0, 0, 0, 100000, 10000000, 10000000};
    struct sched_param none = {0};
    long result = syscall(SYS_sched_setattr, 0, &attr, 0);
    if (result == 0)
        syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
    return judged(result, "SCHED_DEADLINE");
}

static int others_memory(char **words)
{
    if (shmat(atoi(word(words)), NULL, SHM_RDONLY) != (void *)-1)
        return worked("shmat");
    if (errno != EINVAL)
        return refused("shmat");
    printf("shmat: there is none of that id\n");
    return REFUSED;
}

/* Watches for processes that come from outside, until the file of the first word is there. Whoever starts a program
 * in a box passes through it, with descriptors and memory that are not the box's (CVE-2016-9962, CVE-2019-5736). */
static int look_at(const char *pid)
{
    char path[64], to[512] = "";
    snprintf(path, sizeof path, "/proc/%s/exe", pid);
    ssize_t len = readlink(path, to, sizeof to - 1);
    const char *name = len > 0 ? strrchr(to, '/') : NULL;
    if (name && (strncmp(name, "/memfd:", 7) == 0 || strcmp(name, "/coop") == 0)) {
        printf("%s is %s\n", path, to);
        return WORKED;
    }
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *open = opendir(path);
    if (!open)
        return REFUSED;
    int code = REFUSED;
    for (struct dirent *entry; (entry = readdir(open));) {
        len = readlinkat(dirfd(open), entry->d_name, to, sizeof to - 1);
        if (len > 0 && strncmp(to, "socket:", 7) == 0) {
            printf("%s/%s is %.*s\n", path, entry->d_name, (int)len, to);
            code = WORKED;
        }
    }
    closedir(open);
    return code;
}

static int watch(char **words)
{
    int code = REFUSED;
    long looks = 0;
    /* A bound for a test that failed before it could say that it is done. */
    for (; access(word(words), F_OK) < 0 && code == REFUSED && looks < 1000000; looks++) {
        DIR *proc = opendir("/proc");
        if (!proc)
            return refused("/proc");
        for (struct dirent *entry; (entry = readdir(proc)) && code == REFUSED;)
            if (atoi(entry->d_name) > 1 && atoi(entry->d_name) != getpid())
                code = look_at(entry->d_name);
        closedir(proc);
    }
    printf("after %ld looks\n", looks);
    return code;
}

/* No attack by itself: a process that has left its session and its parents. */
static int outlive(char **words)
{
    if (fork() != 0)
        return 0;
    setsid();
    if (fork() != 0)
        _exit(0);
    for (int signal = 1; signal < 32; signal++)
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    int fd = open(word(words), O_WRONLY | O_CREAT | O_EXCL, 0600);
    close(fd);
    for (;;)
        pause();
}

const struct attack process_attacks[] = {
    {"signal-kill", signal_kill},
    {"signal-thread", signal_thread},
    {"signal-thread-group", signal_thread_group},
    {"signal-process-group", signal_process_group},
    {"signal-queue", signal_queue},
    {"signal-pidfd", signal_pidfd},
    {"signal-directory", signal_directory},
    {"seen", seen},
    {"inherited", inherited},
    {"upward", upward},
    {"upward-from-descriptors", upward_from_descriptors},
    {"privileges", privileges},
    {"real-time", real_time},
    {"deadline", deadline},
    {"others-memory", others_memory},
    {"watch", watch},
    {"outlive", outlive},
    {NULL, NULL},
};
