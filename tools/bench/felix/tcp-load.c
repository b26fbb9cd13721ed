/*
 * TCP load, with as little of its own in the way as there can be:
 *
 *   tcp-load serve PORT
 *   tcp-load MODE ADDRESS PORT SECONDS
 *
 * MODE rr: one byte there and back on one connection; prints round trips a second.
 * MODE crr: the same, each time on a new connection; prints connections a second.
 * MODE stream: as much as goes; prints bits a second, as they arrived.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[256 * 1024];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static int make_socket(void)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		fail("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	return fd;
}

/* The first byte says what the client wants: 's' to stream, anything else to have it echoed. */
static void answer(int fd)
{
	uint64_t total = 0;
	ssize_t length = read(fd, buffer, 1);
	if (length == 1 && buffer[0] == 's') {
		while ((length = read(fd, buffer, sizeof buffer)) > 0)
			total += length;
		if (write(fd, &total, sizeof total) < 0)
			fail("write");
	} else {
		while (length > 0 && write(fd, buffer, length) > 0)
			length = read(fd, buffer, sizeof buffer);
	}
	close(fd);
}

static void serve(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd, listener = make_socket();
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 128) < 0)
		fail("listen");
	puts("ready");
	fflush(stdout);
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		answer(fd);
}

static int dial(const struct sockaddr_in *address)
{
	/* Closed by a reset, so that no port waits for late packets. */
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd = make_socket();
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
		fail("connect");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	return fd;
}

static void round_trip(int fd)
{
	char byte = 'r';
	if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
		fail("round trip");
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	double start, end, seconds;
	uint64_t count = 0;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "serve") == 0) {
		serve(atoi(argv[2]));
		return 1;
	}
	if (argc != 5 || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1)
		return 2;
	address.sin_port = htons(atoi(argv[3]));
	seconds = atof(argv[4]);
	if (strcmp(argv[1], "crr") == 0) {
		start = now();
		for (end = start + seconds; now() < end; count++) {
			fd = dial(&address);
			round_trip(fd);
			close(fd);
		}
	} else if (strcmp(argv[1], "rr") == 0) {
		fd = dial(&address);
		round_trip(fd);
		start = now();
		for (end = start + seconds; now() < end; count++)
			round_trip(fd);
	} else {
		fd = dial(&address);
		buffer[0] = 's';
		start = now();
		for (end = start + seconds; now() < end;)
			if (write(fd, buffer, count++ == 0 ? 1 : sizeof buffer) < 0)
				fail("write");
		shutdown(fd, SHUT_WR);
		if (read(fd, &count, sizeof count) != sizeof count)
			fail("read");
		count *= 8;
	}
	printf("%.0f\n", count / (now() - start));
	return 0;
}
