// Starts the two processes of the minimal program (program.ts). Creates for each a TUN in a network namespace, the
// memory that it sends from, and a doorbell.
//
//     launch DENO PROGRAM SLOTS NAMESPACE NAME NAMESPACE NAME        namespaces as paths
//
// Prints "ready" and the two PIDs; kills both processes at the end of its standard input.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tun.h"

// Sizes as in program.ts: control words, then slots.
enum { CONTROL_BYTES = 8192, SLOT_BYTES = 69632 };

static int tuns[2], memories[2], bells[2];

// Runs the program with its file descriptors as arguments: own TUN, memory and bell, then memory and bell of the peer.
static void run(char **argv, int side) {
  int fds[] = {tuns[side], memories[side], bells[side], memories[1 - side], bells[1 - side]};
  char text[5][12];
  for (int i = 0; i < 5; i++) {
    fcntl(fds[i], F_SETFD, 0);
    snprintf(text[i], sizeof text[i], "%d", fds[i]);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execl(argv[1], argv[1], "run", "--quiet", "--no-check", "--allow-ffi", argv[2], argv[3], text[0], text[1], text[2],
        text[3], text[4], (char *)NULL);
  die(argv[1]);
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr, "usage: launch DENO PROGRAM SLOTS NAMESPACE NAME NAMESPACE NAME\n");
    return 1;
  }
  for (int side = 0; side < 2; side++) {
    tuns[side] = open_tun(argv[4 + 2 * side], argv[5 + 2 * side]);
    memories[side] = memfd_create("slots", MFD_CLOEXEC);
    if (memories[side] < 0) die("memfd_create");
    if (ftruncate(memories[side], CONTROL_BYTES + atol(argv[3]) * SLOT_BYTES) < 0) die("ftruncate");
    bells[side] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bells[side] < 0) die("eventfd");
  }
  pid_t pids[2];
  for (int side = 0; side < 2; side++) {
    pids[side] = fork();
    if (pids[side] < 0) die("fork");
    if (pids[side] == 0) run(argv, side);
  }
  printf("ready %d %d\n", pids[0], pids[1]);
  fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  for (int side = 0; side < 2; side++) kill(pids[side], SIGKILL);
  while (wait(NULL) > 0) continue;
  return 0;
}
