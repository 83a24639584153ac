/* Sockets: to somebody on the host, and of kinds that a box has no use for. */

#include "attack.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static int kind_of(const char *name)
{
    return strcmp(name, "dgram") == 0 ? SOCK_DGRAM : strcmp(name, "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
}

/* Words: the kind, the name without its leading NUL. */
static int to_abstract(char **words)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *name = word(words + 1);
    size_t len = strlen(name);
    if (len > sizeof to.sun_path - 1)
        return BROKEN;
    memcpy(to.sun_path + 1, name, len);
    int fd = socket(AF_UNIX, kind_of(word(words)) | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return judged(connect(fd, (struct sockaddr *)&to, size), "connect");
}

/* Without a connection: each message says where it goes. */
static int message_to_abstract(char **words)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *name = word(words);
    size_t len = strlen(name);
    if (len > sizeof to.sun_path - 1)
        return BROKEN;
    memcpy(to.sun_path + 1, name, len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return judged(sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, size), "sendto");
}

static int to_path(char **words)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!*words || !**words)
        return not_here("nothing could be put there");
    if (strlen(*words) >= sizeof to.sun_path)
        return BROKEN;
    strcpy(to.sun_path, *words);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return judged(connect(fd, (struct sockaddr *)&to, sizeof to), *words);
}

/* Words: 4 or 6, the port. */
static int to_loopback(char **words)
{
    in_port_t port = htons((uint16_t)atoi(word(words + 1)));
    if (*word(words) == '4') {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = port};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return judged(connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
    }
    if (port == 0)
        return not_here("the machine has no IPv6");
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return judged(connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
}

static int made(int family, int kind, int protocol, const char *what)
{
    int fd = socket(family, kind | SOCK_CLOEXEC, protocol);
    if (fd < 0 && outside() && (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT))
        return not_here("the kernel has no such sockets");
    return judged(fd, what);
}

static int raw(char **words)
{
    (void)words;
    return made(AF_INET, SOCK_RAW, IPPROTO_ICMP, "a raw socket");
}

static int raw6(char **words)
{
    (void)words;
    return made(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, "a raw socket of IPv6");
}

static int packet(char **words)
{
    (void)words;
    return made(17, SOCK_RAW, 0, "AF_PACKET");
}

/* The name it had in linux 2.0: the kernel makes an AF_PACKET of it, behind the back of who looks at the family. */
static int packet_of_old(char **words)
{
    (void)words;
    return made(AF_INET, 10, 0, "SOCK_PACKET");
}

static int vsock(char **words)
{
    (void)words;
    return made(40, SOCK_STREAM, 0, "AF_VSOCK");
}

static int alg(char **words)
{
    (void)words;
    return made(38, SOCK_SEQPACKET, 0, "AF_ALG");
}

/* All families but those of every program: UNIX, INET, INET6, NETLINK. */
static int family_now(char **words)
{
    (void)words;
    static const int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
    int code = REFUSED;
    for (int family = 0; family < 64; family++) {
        if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK)
            continue;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            int fd = socket(family, kinds[i] | SOCK_CLOEXEC, 0);
            if (fd < 0)
                continue;
            printf("family %d, kind %d\n", family, kinds[i]);
            close(fd);
            code = WORKED;
        }
    }
    return code;
}

static int family(char **words)
{
    return in_child(family_now, words);
}

/* All of netlink but the routes. */
static int netlink(char **words)
{
    (void)words;
    int code = REFUSED;
    for (int protocol = 1; protocol < 32; protocol++) {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        if (fd < 0)
            continue;
        printf("protocol %d\n", protocol);
        close(fd);
        code = WORKED;
    }
    return code;
}

static int pair(char **words)
{
    (void)words;
    int ends[2];
    /* AF_TIPC, the only other family that has pairs. */
    if (socketpair(30, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0)
        return worked("a pair");
    return outside() ? not_here("the kernel has no such sockets") : refused("socketpair");
}

static int interface(char **words)
{
    (void)words;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, "lo");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return BROKEN;
    return judged(ioctl(fd, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
}

/* To the loopback device the size that it has. */
static int interface_by_netlink(char **words)
{
    (void)words;
    struct {
        struct nlmsghdr header;
        unsigned char family, pad;
        unsigned short type;
        int index;
        unsigned int flags, change;
    } request;
    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = 19; /* RTM_SETLINK */
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request.index = 1;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0 || send(fd, &request, sizeof request, 0) < 0)
        return refused("RTM_SETLINK");
    struct {
        struct nlmsghdr header;
        int error;
        char rest[256];
    } answer;
    if (recv(fd, &answer, sizeof answer, 0) < (ssize_t)sizeof(struct nlmsghdr))
        return BROKEN;
    errno = -answer.error;
    return judged(answer.error == 0 ? 0 : -1, "RTM_SETLINK");
}

static int packet_filter(char **words)
{
    (void)words;
    char info[84] = "filter"; /* struct ipt_getinfo */
    socklen_t size = sizeof info;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* IPT_SO_GET_INFO, on a socket that is not raw: past the question of privilege there may be no such table. */
    long result = getsockopt(fd, SOL_IP, 64, info, &size);
    if (result < 0 && outside() && (errno == ENOPROTOOPT || errno == ENOENT))
        return not_here("the kernel has no such table");
    if (result < 0 && errno == ENOPROTOOPT) {
        printf("IPT_SO_GET_INFO: there is none\n");
        return REFUSED;
    }
    return judged(result, "IPT_SO_GET_INFO");
}

const struct attack socket_attacks[] = {
    {"abstract", to_abstract},
    {"abstract-message", message_to_abstract},
    {"path", to_path},
    {"loopback", to_loopback},
    {"raw", raw},
    {"raw6", raw6},
    {"packet", packet},
    {"packet-of-old", packet_of_old},
    {"vsock", vsock},
    {"alg", alg},
    {"families", family},
    {"netlink", netlink},
    {"socketpair", pair},
    {"interface", interface},
    {"interface-by-netlink", interface_by_netlink},
    {"packet-filter", packet_filter},
    {NULL, NULL},
};
