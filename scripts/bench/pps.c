// Sends datagrams at a fixed rate, or counts received datagrams.
//
//     pps count PORT [GROUP INTERFACE]         joins the group, prints "ready", answers each line of input with the
//                                              count so far, exits at the end of input
//     pps blast ADDRESS PORT SIZE SECONDS RATE sends, then prints the number of sent datagrams
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BURST = 32, SIZE_LIMIT = 2048, BUFFER = 32 << 20 };

static char data[BURST][SIZE_LIMIT];
static struct iovec pieces[BURST];
static struct mmsghdr messages[BURST];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void prepare(size_t size) {
  for (int i = 0; i < BURST; i++) {
    pieces[i] = (struct iovec){data[i], size};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static void join(int fd, const char *group, const char *interface) {
  struct ip_mreqn request = {.imr_ifindex = (int)if_nametoindex(interface)};
  if (inet_pton(AF_INET, group, &request.imr_multiaddr) != 1) die(group);
  if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) < 0) die("IP_ADD_MEMBERSHIP");
}

static int count(int port, const char *group, const char *interface) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int room = BUFFER;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0) die("bind");
  if (group) join(fd, group, interface);
  prepare(SIZE_LIMIT);
  puts("ready");
  fflush(stdout);
  struct pollfd fds[] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  long received = 0;
  for (;;) {
    if (poll(fds, 2, -1) < 0) die("poll");
    int n = recvmmsg(fd, messages, BURST, MSG_DONTWAIT, NULL);
    if (n > 0) {
      received += n;
      continue;
    }
    if (!fds[1].revents) continue;
    char byte;
    if (read(STDIN_FILENO, &byte, 1) <= 0) return 0;
    if (byte != '\n') continue;
    printf("%ld\n", received);
    fflush(stdout);
  }
}

static int blast(const char *address, int port, size_t size, double length, double rate) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int room = BUFFER;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, address, &there.sin_addr) != 1) die(address);
  if (connect(fd, (struct sockaddr *)&there, sizeof there) < 0) die("connect");
  prepare(size);
  double start = seconds();
  long sent = 0;
  for (;;) {
    double elapsed = seconds() - start;
    if (elapsed >= length) break;
    long due = (long)(rate * elapsed) - sent;
    if (due < 1) {
      nanosleep(&(struct timespec){0, 20000}, NULL);
      continue;
    }
    int n = sendmmsg(fd, messages, due < BURST ? due : BURST, 0);
    if (n > 0) sent += n;
  }
  printf("%ld\n", sent);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "count")) return count(atoi(argv[2]), NULL, NULL);
  if (argc == 5 && !strcmp(argv[1], "count")) return count(atoi(argv[2]), argv[3], argv[4]);
  if (argc == 7 && !strcmp(argv[1], "blast") && atoi(argv[4]) <= SIZE_LIMIT)
    return blast(argv[2], atoi(argv[3]), atoi(argv[4]), atof(argv[5]), atof(argv[6]));
  fprintf(stderr, "usage: pps count PORT [GROUP INTERFACE] | pps blast ADDRESS PORT SIZE SECONDS RATE\n");
  return 1;
}
