// Yardstick: a process that owns a TUN in each of several network namespaces and copies frames between them, with the
// offloads of the program's TUN, but without InfiniBand.
//
//     splice NAMESPACE NAME NAMESPACE NAME [NAMESPACE NAME]...        namespaces as paths
//
// With two TUNs, each receives the frames of the other. With more, TUN number N, counted from 1, receives the frames to
// IPv4 addresses that end in N, and all other TUNs receive multicast frames.
// Prints "ready" when all interfaces exist; exits at the end of its standard input.
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tun.h"

enum { FRAME_MAX = 65536 + 64, BATCH = 64, PORTS_MAX = 64 };
// Offsets in a frame, and the lowest first byte of a multicast address.
enum { VERSION = VNET_HDR, DESTINATION = VNET_HDR + 16, ADDRESS_END = DESTINATION + 4, GROUPS = 224 };

static int ports[PORTS_MAX];
static int count;

// Drops a frame that the stack refuses, like any link.
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

// Forwards at most BATCH frames of a port, so that the other ports get their turn.
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
