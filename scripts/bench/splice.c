// The yardstick: one process that owns a TUN in each of several network namespaces and carries every frame from
// one to another, with the offloads that the program's own TUN has. Nothing of InfiniBand happens in between.
//
//     splice NAMESPACE NAME NAMESPACE NAME [NAMESPACE NAME]...        namespaces as paths
//
// Of two each has the other's frames. Among more, port number N has the IPv4 addresses that end in N (the first is 1),
// and what is for a group goes to all the others.
// Prints "ready" once all interfaces exist; ends with its standard input.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { FRAME_MAX = 65536 + 64, VNET_HDR = 12, BATCH = 64, PORTS_MAX = 64 };
// Offsets in a frame, and the first octet of a group's address.
enum { VERSION = VNET_HDR, DESTINATION = VNET_HDR + 16, ADDRESS_END = DESTINATION + 4, GROUPS = 224 };

static int ports[PORTS_MAX];
static int count;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int open_tun(const char *namespace, const char *name) {
  int ns = open(namespace, O_RDONLY | O_CLOEXEC);
  if (ns < 0) die(namespace);
  if (setns(ns, CLONE_NEWNET) < 0) die("setns");
  close(ns);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) die("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) < 0) die("TUNSETIFF");
  if (ioctl(fd, TUNSETLINK, (unsigned long)ARPHRD_INFINIBAND) < 0) die("TUNSETLINK");
  int header = VNET_HDR;
  if (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) die("TUNSETVNETHDRSZ");
  unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  if (ioctl(fd, TUNSETOFFLOAD, offloads) < 0) die("TUNSETOFFLOAD");
  return fd;
}

// A frame that the stack refuses is lost, as on any link.
static void put(int port, const void *frame, size_t length) {
  ssize_t written = write(ports[port], frame, length);
  (void)written;
}

static void deliver(int from, const unsigned char *frame, size_t length) {
  if (count == 2) return put(1 - from, frame, length);
  if (length < ADDRESS_END || frame[VERSION] >> 4 != 4) return;
  if (frame[DESTINATION] < GROUPS) {
    int to = frame[ADDRESS_END - 1] - 1;
    if (to >= 0 && to < count && to != from) put(to, frame, length);
    return;
  }
  for (int to = 0; to < count; to++)
    if (to != from) put(to, frame, length);
}

// Carries frames until there are none, or the other ports deserve their turn.
static void carry(int from) {
  static unsigned char frame[FRAME_MAX];
  for (int i = 0; i < BATCH; i++) {
    ssize_t length = read(ports[from], frame, sizeof frame);
    if (length <= 0) return;
    deliver(from, frame, length);
  }
}

int main(int argc, char **argv) {
  count = (argc - 1) / 2;
  if (argc % 2 == 0 || count < 2 || count > PORTS_MAX) {
    fprintf(stderr, "usage: splice NAMESPACE NAME NAMESPACE NAME [NAMESPACE NAME]...\n");
    return 1;
  }
  struct pollfd fds[PORTS_MAX + 1];
  for (int i = 0; i < count; i++) {
    ports[i] = open_tun(argv[2 * i + 1], argv[2 * i + 2]);
    fds[i] = (struct pollfd){ports[i], POLLIN, 0};
  }
  fds[count] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
  puts("ready");
  fflush(stdout);
  for (;;) {
    if (poll(fds, count + 1, -1) < 0) die("poll");
    for (int i = 0; i < count; i++)
      if (fds[i].revents) carry(i);
    char byte;
    if (fds[count].revents && read(STDIN_FILENO, &byte, 1) <= 0) return 0;
  }
}
