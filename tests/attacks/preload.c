/* A library that is loaded into a program, keeps that program's file open, and lets an attack have it. For programs
 * whose name has ATTACK_ON in it; ATTACK_NEXT is the attack without the descriptor, ATTACK_SAYS where its code goes. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void __attribute__((constructor)) begin(void)
{
    char to[512] = "", command[2048];
    const char *on = getenv("ATTACK_ON"), *next = getenv("ATTACK_NEXT"), *says = getenv("ATTACK_SAYS");
    if (!on || !next || !says || readlink("/proc/self/exe", to, sizeof to - 1) < 0 || !strstr(to, on))
        return;
    int fd = open("/proc/self/exe", O_RDONLY);
    unsetenv("LD_PRELOAD");
    snprintf(command, sizeof command, "%s %d > '%s.said' 2>&1; echo $? > '%s.new' && mv '%s.new' '%s'",
         next, fd, says, says, says, says);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}
