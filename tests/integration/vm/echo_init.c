/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Init of a test guest: port 1024 echoes each stream until end of file, 1025 powers the guest off, 1026 makes its kernel panic,
 * 1027 tells facts as text: uptime, command line, mounts, disks.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <unistd.h>

enum { ECHO = 1024, POWEROFF = 1025, PANIC = 1026, FACTS = 1027, N_PORTS = 4 };

static int listen_on(unsigned port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_port = port };
	int s = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.svm_cid = VMADDR_CID_ANY;
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 64) < 0) {
		perror("vsock");
		return -1;
	}
	return s;
}

static void echo(int c)
{
	static char buf[262144];
	ssize_t n;

	while ((n = read(c, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(c, buf + done, (size_t)(n - done));

			if (w <= 0)
				return;
			done += w;
		}
}

static void copy_file(FILE *out, const char *name, const char *path)
{
	char buf[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	fprintf(out, "%s: ", name);
	while (f && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(buf, 1, n, out);
	fputc('\n', out);
	if (f)
		fclose(f);
}

static void facts(int c)
{
	FILE *out = fdopen(c, "w");
	struct dirent *e;
	DIR *d;

	if (!out)
		return;
	copy_file(out, "uptime", "/proc/uptime");
	copy_file(out, "cmdline", "/proc/cmdline");
	copy_file(out, "mounts", "/proc/mounts");
	copy_file(out, "clock", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	d = opendir("/sys/block");
	while (d && (e = readdir(d))) {
		char path[512], link[512];
		ssize_t n;

		snprintf(path, sizeof(path), "/sys/block/%s", e->d_name);
		n = e->d_name[0] == '.' ? -1 : readlink(path, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		fprintf(out, "block %s %s\n", e->d_name, link);
		snprintf(path, sizeof(path), "/sys/block/%s/serial", e->d_name);
		copy_file(out, "serial", path);
	}
	fclose(out);
}

int main(void)
{
	static const unsigned ports[N_PORTS] = { ECHO, POWEROFF, PANIC, FACTS };
	struct pollfd p[N_PORTS];

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < N_PORTS; i++) {
		p[i].fd = listen_on(ports[i]);
		p[i].events = POLLIN;
	}
	printf("echo-init ready\n");
	fflush(stdout);
	for (;;) {
		if (poll(p, N_PORTS, -1) < 0)
			continue;
		for (int i = 0; i < N_PORTS; i++) {
			int c;

			if (!(p[i].revents & POLLIN))
				continue;
			c = accept(p[i].fd, NULL, NULL);
			if (c < 0)
				continue;
			if (ports[i] == POWEROFF)
				reboot(RB_POWER_OFF);
			if (ports[i] == PANIC)
				exit(3); /* "Attempted to kill init!" */
			if (fork() == 0) {
				if (ports[i] == ECHO)
					echo(c);
				else
					facts(c);
				_exit(0);
			}
			close(c);
		}
	}
}
