// The yardstick: one process that owns a TUN in each of two network namespaces and carries every frame from
// one to the other, with the offloads that the program's own TUN has. Nothing of InfiniBand happens in between.
//
//     splice NAMESPACE-A NAME-A NAMESPACE-B NAME-B        namespaces as paths
//
// Prints "ready" once both interfaces exist; ends with its standard input.
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

enum { FRAME_MAX = 65536 + 64, VNET_HDR = 12, BATCH = 64 };

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

// Carries frames until there are none, or the other direction deserves its turn.
static void carry(int from, int to) {
  static char frame[FRAME_MAX];
  for (int i = 0; i < BATCH; i++) {
    ssize_t length = read(from, frame, sizeof frame);
    if (length <= 0) return;
    // A frame that the stack refuses is lost, as on any link.
    ssize_t written = write(to, frame, length);
    (void)written;
  }
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: splice NAMESPACE-A NAME-A NAMESPACE-B NAME-B\n");
    return 1;
  }
  int a = open_tun(argv[1], argv[2]);
  int b = open_tun(argv[3], argv[4]);
  puts("ready");
  fflush(stdout);
  struct pollfd fds[] = {{a, POLLIN, 0}, {b, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  for (;;) {
    if (poll(fds, 3, -1) < 0) die("poll");
    if (fds[0].revents) carry(a, b);
    if (fds[1].revents) carry(b, a);
    char byte;
    if (fds[2].revents && read(STDIN_FILENO, &byte, 1) <= 0) return 0;
  }
}
