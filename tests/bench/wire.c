/* SPDX-License-Identifier: MIT */
#include "tests/bench/wire.h"

#include "agent/base/mem.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TCP_ESTABLISHED_STATE = 1, ANSWER_BYTES = 64 * 1024 };

struct query {
    pid_t pid;
    int port;
    struct wire_count count;
};

static bool owns(pid_t pid, unsigned inode)
{
    CLEANUP(free_p) char *path = xasprintf("/proc/%d/fd", (int)pid);
    CLEANUP(free_p) char *wanted = xasprintf("socket:[%u]", inode);
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir(dir))) {
        char target[64];
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

        target[MAX(len, (ssize_t)0)] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (dir)
        closedir(dir);
    return found;
}

static int ask(int fd)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 request;
    } message = {
        .head = {.nlmsg_len = sizeof(message),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = AF_INET,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                    .idiag_states = 1 << TCP_ESTABLISHED_STATE},
    };

    return send(fd, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

static void add(struct query *query, struct nlmsghdr *head)
{
    struct inet_diag_msg *socket = NLMSG_DATA(head);
    struct rtattr *attribute = (struct rtattr *)(socket + 1);
    int left = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof(*socket)));

    if (ntohs(socket->id.idiag_dport) != query->port || !owns(query->pid, socket->idiag_inode))
        return;
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        struct tcp_info info = {0};

        if (attribute->rta_type != INET_DIAG_INFO)
            continue;
        memcpy(&info, RTA_DATA(attribute), MIN((size_t)RTA_PAYLOAD(attribute), sizeof(info)));
        query->count.bytes_out += (double)info.tcpi_bytes_sent;
        query->count.bytes_in += (double)info.tcpi_bytes_received;
        query->count.packets_out += info.tcpi_segs_out;
        query->count.packets_in += info.tcpi_segs_in;
    }
}

/* true: that was the last of them. */
static bool take(struct query *query, struct nlmsghdr *head, unsigned len, int *ret_error)
{
    for (; NLMSG_OK(head, len); head = NLMSG_NEXT(head, len)) {
        if (head->nlmsg_type == NLMSG_DONE)
            return true;
        if (head->nlmsg_type == NLMSG_ERROR) {
            *ret_error = ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
            return true;
        }
        add(query, head);
    }
    return false;
}

int wire_count(pid_t pid, int port, struct wire_count *ret_count)
{
    CLEANUP(free_p) struct nlmsghdr *answer = xmalloc(ANSWER_BYTES);
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    struct query query = {.pid = pid, .port = port};
    int rc = fd < 0 ? -errno : ask(fd);

    while (rc == 0) {
        ssize_t len = recv(fd, answer, ANSWER_BYTES, 0);

        if (len < 0)
            rc = -errno;
        else if (take(&query, answer, (unsigned)len, &rc))
            break;
    }
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        *ret_count = query.count;
    return rc;
}
