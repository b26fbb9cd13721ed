/*
 * Stands in for a virtual machine: opens a tap device on the host as a hypervisor does, and another, "eth0", in a
 * network namespace, the machine's inside, and passes frames between them until it is killed.
 *
 * tap-machine DEVICE NETNS-PATH
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int open_tap(const char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  int fd = open("/dev/net/tun", O_RDWR);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) return -1;
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  struct pollfd ends[2];
  ends[0].fd = open_tap(argv[1]);
  int inside = open(argv[2], O_RDONLY);
  if (ends[0].fd < 0 || inside < 0 || setns(inside, CLONE_NEWNET) < 0) return 1;
  ends[1].fd = open_tap("eth0");
  if (ends[1].fd < 0) return 1;
  ends[0].events = ends[1].events = POLLIN;
  puts("running");
  fflush(stdout);
  for (;;) {
    char frame[2048];
    if (poll(ends, 2, -1) < 0) return 1;
    for (int from = 0; from < 2; from++) {
      if (!(ends[from].revents & POLLIN)) continue;
      ssize_t length = read(ends[from].fd, frame, sizeof frame);
      /* The other end may be down: such a frame is lost, as on any wire. */
      if (length > 0 && write(ends[1 - from].fd, frame, (size_t)length) < 0) continue;
    }
  }
}
