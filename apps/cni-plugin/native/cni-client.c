/*
 * The program that a container runtime execs, installed as `calico` and as `calico-ipam`.
 *
 * It passes its name, the CNI_* environment and standard input to the node-local server over a unix
 * socket, prints what comes back and exits with the code that came with it. Nothing is decided here:
 * starting Node.js costs 70 to 90 ms, starting this a fraction of one.
 *
 * The frames are described in PROTOCOL.md beside this file. When no server answers, the bundled Node
 * program does the same work; when that cannot be found either, the runtime is told to try again
 * (CNI error code 11).
 *
 * Environment: CALICO_RUN_DIR (default /var/run/calico) holds cni.sock; CALICO_CNI_FALLBACK and
 * CALICO_NODE_BINARY name the bundle and the Node.js binary, which otherwise lie beside this
 * executable's directory: ../lib/cni-plugin.mjs and ../lib/node/bin/node.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef CLIENT_VERSION
#define CLIENT_VERSION "unknown"
#endif

enum { MAX_FRAME = 1 << 20, MAX_PATH = 4096, TIME_LIMIT_MS = 90000 };
enum { CODE_IO = 5, CODE_CONFIG = 7, CODE_TRY_AGAIN = 11 };

extern char **environ;

static int64_t deadline_ms;
static unsigned char request[8 + MAX_FRAME];
static size_t request_len = 8; /* magic and length come first */
static size_t stdin_start;

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Prints a CNI error object (msg is one of ours: nothing in it needs escaping) and ends. */
static int fail(int code, const char *msg) {
  printf("{\"cniVersion\":\"1.1.0\",\"code\":%d,\"msg\":\"%s\"}\n", code, msg);
  fflush(stdout);
  return 1;
}

/* Waits for the descriptor within the time limit: 1 ready, 0 too late, -1 error. */
static int wait_for(int fd, short events) {
  for (;;) {
    int64_t left = deadline_ms - now_ms();
    struct pollfd p = {fd, events, 0};
    if (left <= 0) return 0;
    int n = poll(&p, 1, (int)left);
    if (n > 0) return 1;
    if (n == 0) return 0;
    if (errno != EINTR) return -1;
  }
}

static int append(const void *bytes, size_t len) {
  if (len > sizeof request - request_len) return -1;
  memcpy(request + request_len, bytes, len);
  request_len += len;
  return 0;
}

/* Program name, CNI_* variables, an empty string, then standard input. -1: too long, -2: unreadable. */
static int build_request(const char *program) {
  if (append(program, strlen(program) + 1)) return -1;
  for (char **e = environ; *e; e++)
    if (!strncmp(*e, "CNI_", 4) && append(*e, strlen(*e) + 1)) return -1;
  if (append("", 1)) return -1;
  stdin_start = request_len;
  if (isatty(0)) return 0;
  for (;;) {
    unsigned char chunk[65536];
    int ready = wait_for(0, POLLIN);
    if (ready <= 0) return -2;
    ssize_t n = read(0, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EBADF ? 0 : -2;
    if (n == 0) return 0;
    if (append(chunk, (size_t)n)) return -1;
  }
}

static void put_u32(unsigned char *p, uint32_t v) {
  p[0] = (unsigned char)(v >> 24);
  p[1] = (unsigned char)(v >> 16);
  p[2] = (unsigned char)(v >> 8);
  p[3] = (unsigned char)v;
}

static int connect_server(void) {
  const char *dir = getenv("CALICO_RUN_DIR");
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int n = snprintf(a.sun_path, sizeof a.sun_path, "%s/cni.sock", dir && *dir ? dir : "/var/run/calico");
  if (n < 0 || (size_t)n >= sizeof a.sun_path) return -1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
  close(fd); /* EAGAIN too: a full backlog is a server that does not answer */
  return -1;
}

/* 1 done, 0 too late, -1 the server is gone. */
static int send_all(int fd, const unsigned char *p, size_t len) {
  while (len > 0) {
    ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
    if (n > 0) {
      p += n;
      len -= (size_t)n;
    } else if (errno == EAGAIN) {
      int ready = wait_for(fd, POLLOUT);
      if (ready <= 0) return ready;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return 1;
}

static int receive_all(int fd, unsigned char *p, size_t len) {
  while (len > 0) {
    ssize_t n = recv(fd, p, len, 0);
    if (n > 0) {
      p += n;
      len -= (size_t)n;
    } else if (n == 0) {
      return -1;
    } else if (errno == EAGAIN) {
      int ready = wait_for(fd, POLLIN);
      if (ready <= 0) return ready;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return 1;
}

static int print_all(const unsigned char *p, size_t len) {
  while (len > 0) {
    ssize_t n = write(1, p, len);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    p += n;
    len -= (size_t)n;
  }
  return 0;
}

/* 1: answered, *status is the exit code; 0: too late; -1: no server, or it died before it answered. */
static int ask_server(int *status) {
  static unsigned char body[MAX_FRAME];
  unsigned char head[5];
  int fd = connect_server();
  if (fd < 0) return -1;
  int ok = send_all(fd, request, request_len);
  if (ok > 0) ok = receive_all(fd, head, sizeof head);
  if (ok > 0) {
    size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    ok = len > sizeof body ? -1 : receive_all(fd, body, len);
    if (ok > 0) *status = print_all(body, len) ? 1 : head[4];
  }
  close(fd);
  return ok;
}

/* Finds `relative` to the directory of this executable, symbolic links resolved. */
static const char *beside_executable(char *out, const char *relative) {
  char exe[MAX_PATH];
  ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (n <= 0) return NULL;
  exe[n] = 0;
  char *slash = strrchr(exe, '/');
  if (!slash) return NULL;
  *slash = 0;
  int len = snprintf(out, MAX_PATH, "%s/%s", exe, relative);
  struct stat s;
  return len > 0 && len < MAX_PATH && stat(out, &s) == 0 && S_ISREG(s.st_mode) ? out : NULL;
}

/*
 * Hands over to the bundled Node program with the standard input that was read, and an argument unless that is NULL.
 * Returns only on failure.
 */
static void run_fallback(const char *program, const char *argument) {
  static char bundle_path[MAX_PATH], node_path[MAX_PATH];
  const char *bundle = getenv("CALICO_CNI_FALLBACK");
  const char *node = getenv("CALICO_NODE_BINARY");
  if (!bundle || !*bundle) bundle = beside_executable(bundle_path, "../lib/cni-plugin.mjs");
  if (!node || !*node) node = beside_executable(node_path, "../lib/node/bin/node");
  if (!node) node = beside_executable(node_path, "../lib/node");
  if (!node) node = beside_executable(node_path, "../../node_modules/.bin/node");
  if (!node) node = "node";
  if (!bundle || access(bundle, R_OK)) return;
  int fd = memfd_create("cni-stdin", 0);
  if (fd < 0) return;
  for (size_t at = stdin_start; at < request_len;) {
    ssize_t n = write(fd, request + at, request_len - at);
    if (n <= 0) return;
    at += (size_t)n;
  }
  if (lseek(fd, 0, SEEK_SET) != 0 || dup2(fd, 0) < 0) return;
  if (fd != 0) close(fd);
  char *const argv[] = {(char *)node, (char *)bundle, (char *)program, (char *)argument, NULL};
  execvp(node, argv);
}

int main(int argc, char **argv) {
  const char *name = argc > 0 && argv[0] ? argv[0] : "calico";
  const char *slash = strrchr(name, '/');
  const char *program = strcmp(slash ? slash + 1 : name, "calico-ipam") ? "calico" : "calico-ipam";

  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "-v") || !strcmp(argv[i], "--version")) {
      puts(CLIENT_VERSION);
      return 0;
    }
    if (!strcmp(argv[i], "-t") && !strcmp(program, "calico")) {
      setenv("CNI_TEST_CONNECTION", "1", 1);
      continue;
    }
    if ((!strcmp(argv[i], "-upgrade") || !strcmp(argv[i], "--upgrade")) && !strcmp(program, "calico-ipam")) {
      stdin_start = request_len;
      run_fallback(program, "-upgrade");
      fputs("calico-ipam: the program that does the upgrade was not found\n", stderr);
      return 1;
    }
    if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
      printf("%s: a CNI plug-in, run by a container runtime (spec 0.1.0 to 1.1.0).\n\n"
             "Usage: CNI_COMMAND=ADD|DEL|CHECK|GC|STATUS|VERSION ... %s < network-configuration.json\n"
             "       %s --version\n"
             "       calico -t < network-configuration.json     whether the datastore answers and is ready\n"
             "       calico-ipam -upgrade                       takes over what host-local gave on this node\n",
             program, program, program);
      return 0;
    }
    fprintf(stderr, "%s: unknown argument '%s'; try --help\n", program, argv[i]);
    return 2;
  }

  signal(SIGPIPE, SIG_IGN);
  deadline_ms = now_ms() + TIME_LIMIT_MS;
  switch (build_request(program)) {
  case -1:
    return fail(CODE_CONFIG, "the network configuration and CNI_* environment are longer than 1 MiB");
  case -2:
    return fail(CODE_IO, "standard input could not be read within 90 s");
  }
  memcpy(request, "CCN1", 4);
  put_u32(request + 4, (uint32_t)(request_len - 8));

  int status = 1;
  switch (ask_server(&status)) {
  case 1:
    return status;
  case 0:
    return fail(CODE_TRY_AGAIN, "the node-local CNI server did not answer within 90 s");
  }
  run_fallback(program, NULL);
  const char *command = getenv("CNI_COMMAND");
  if (command && !strcmp(command, "VERSION")) {
    puts("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":"
         "[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
    return 0;
  }
  return fail(CODE_TRY_AGAIN, "the node-local CNI server is not running (no answer on cni.sock in the run directory), "
                              "and the program that does its work was not found: is calico-node up?");
}
