/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The init of boot tests: says what the guest kernel is and has, one "probe KEY: VALUE" line each on the console, and ends the
 * machine: by power-off when the kernel command line has "probe=poweroff", by a reset otherwise (QEMU: -no-reboot).
 */

static char buf[65536];

static const char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t r;

	while (fd >= 0 && (r = read(fd, buf + n, sizeof(buf) - 1 - n)) > 0)
		n += (size_t)r;
	if (fd >= 0)
		close(fd);
	while (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return buf;
}

/* One line, whatever the file has. */
static void say_file(const char *key, const char *path)
{
	read_file(path);
	for (char *p = buf; *p; p++) {
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	}
	printf("probe %s: %s\n", key, buf);
}

static void say_dir(const char *key, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	printf("probe %s:", key);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] != '.')
			printf(" %s", e->d_name);
	}
	printf("\n");
	if (d)
		closedir(d);
}

static int mount_at(const char *type, const char *path)
{
	mkdir(path, 0755);
	return mount(type, path, type, 0, NULL);
}

/* "ok", or why the kernel refuses it. */
static const char *write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	const char *why = fd >= 0 && write(fd, text, strlen(text)) >= 0 ? "ok" : strerror(errno);

	if (fd >= 0)
		close(fd);
	return why;
}

#define MMIO_PARAMETERS "/sys/module/virtio_mmio/parameters/"

/* A virtio-mmio disk comes and goes: "probe.mmio=SIZE@BASE:IRQ" on the kernel command line. */
static void plug_mmio(const char *cmdline)
{
	const char *arg = strstr(cmdline, "probe.mmio=");
	char device[64 + 1], base[32];

	if (!arg || sscanf(arg, "probe.mmio=%63[^ \n]", device) != 1 ||
	    sscanf(device, "%*[^@]@%31[^:]", base) != 1)
		return;
	device[strlen(device) + 1] = '\0';
	device[strlen(device)] = '\n';
	printf("probe mmio_add: %s\n", write_file(MMIO_PARAMETERS "device", device));
	printf("probe mmio_again: %s\n", write_file(MMIO_PARAMETERS "device", device));
	say_dir("mmio_block", "/sys/block");
	printf("probe mmio_remove: %s\n", write_file(MMIO_PARAMETERS "remove", base));
	printf("probe mmio_gone: %s\n", write_file(MMIO_PARAMETERS "remove", base));
	say_dir("mmio_block_after", "/sys/block");
	printf("probe mmio_back: %s\n", write_file(MMIO_PARAMETERS "device", device));
	say_dir("mmio_block_back", "/sys/block");
}

int main(void)
{
	int how = RB_AUTOBOOT;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Without /dev/console in the initrd the kernel starts init with no descriptors. */
	mount_at("devtmpfs", "/dev");
	if (fcntl(1, F_GETFD) < 0) {
		int fd = open("/dev/console", O_RDWR);

		if (fd >= 0) {
			dup2(fd, 0);
			dup2(fd, 1);
			dup2(fd, 2);
		}
	}
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	say_file("uptime", "/proc/uptime");
	say_file("version", "/proc/version");
	say_file("filesystems", "/proc/filesystems");
	say_dir("namespaces", "/proc/self/ns");
	say_dir("block", "/sys/block");
	say_dir("virtio", "/sys/bus/virtio/drivers");
	say_file("clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	say_file("lsm",
		 (mount_at("securityfs", "/sys/kernel/security"), "/sys/kernel/security/lsm"));
	if (mount_at("cgroup2", "/sys/fs/cgroup") == 0)
		say_file("cgroup", "/sys/fs/cgroup/cgroup.controllers");
	plug_mmio(read_file("/proc/cmdline"));
	if (strstr(read_file("/proc/cmdline"), "probe=poweroff"))
		how = RB_POWER_OFF;
	printf("probe end: %s\n", how == RB_POWER_OFF ? "poweroff" : "reboot");
	sync();
	reboot(how);
	for (;;)
		pause();
}
