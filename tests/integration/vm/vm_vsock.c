/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boots a real guest through the QEMU driver and talks to it by vsock; prints TAP.
 *
 *	vm_vsock [-bev] [-m MACHINE]... [-I IMAGE [-n] [-t TYPE]] [-d DISK]... [-q QEMU] [-a PARAMS] [-c CPU] KERNEL ECHO_INIT
 *
 * -b: boot only; -e: also guests that end by themselves; -v: show the console and facts; -I: root from this image (with -n as NVDIMM) whose init is
 * the test's, else an initrd is made here from it; -d: a further disk. Nothing may stay behind: neither process nor file.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "hypervisor/hypervisor.h"

#define QEMU	  "/usr/bin/qemu-system-x86_64"
#define ECHO_SIZE (64u << 20)
#define PATTERN	  (1u << 20)

static int n_test, n_failed;
static bool boot_only, verbose;

static void ok(bool pass, const char *fmt, ...) _printf_(2, 3);
static void ok(bool pass, const char *fmt, ...)
{
	va_list ap;

	n_test++;
	n_failed += !pass;
	printf("%sok %d - ", pass ? "" : "not ", n_test);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* ---- initrd: newc (Linux, Documentation/driver-api/early-userspace/buffer-format.rst) ---- */

static void newc(FILE *f, const char *name, unsigned mode, const char *data, size_t len,
		 unsigned major, unsigned minor)
{
	static unsigned ino = 1;
	long at;

	fprintf(f, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ino++, mode, 0,
		0, 1, 0, len, 0, 0, major, minor, strlen(name) + 1, 0);
	fwrite(name, 1, strlen(name) + 1, f);
	for (at = ftell(f); at & 3; at++)
		fputc(0, f);
	if (len)
		fwrite(data, 1, len, f);
	for (at = ftell(f); at & 3; at++)
		fputc(0, f);
}

static int make_initrd(const char *path, const char *init)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int fd = open(init, O_RDONLY | O_CLOEXEC);
	FILE *f = fopen(path, "we");

	if (fd < 0 || !f || strbuf_read_fd(&sb, fd, 64u << 20) < 0)
		return -1;
	close(fd);
	newc(f, "dev", 040755, NULL, 0, 0, 0);
	newc(f, "proc", 040755, NULL, 0, 0, 0);
	newc(f, "sys", 040755, NULL, 0, 0, 0);
	newc(f, "dev/console", 020600, NULL, 0, 5, 1);
	newc(f, "init", 0100755, sb.buf, sb.len, 0, 0);
	newc(f, "TRAILER!!!", 0, NULL, 0, 0, 0);
	return fclose(f);
}

/* ---- one guest ---- */

struct run {
	struct loop *loop;
	struct vm *vm;
	bool launched, stopped, exited, connected, answered;
	struct error err;
	char reason[512];
	int fd;
	/* echo */
	struct loop_source *io;
	uint8_t *pattern;
	size_t sent, got;
	bool differs, eof;
	struct strbuf text;
};

static void on_done(struct vm *vm, const struct error *err, void *data)
{
	struct run *r = data;

	if (err)
		r->err = *err;
	r->launched = true;
}

static void on_stop(struct vm *vm, const struct error *err, void *data)
{
	((struct run *)data)->stopped = true;
}

static void on_exit_(struct vm *vm, const char *reason, void *data)
{
	struct run *r = data;

	r->exited = true;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

static void on_connect(int fd, const struct error *err, void *data)
{
	struct run *r = data;

	r->answered = true;
	r->fd = fd;
	error_clear(&r->err);
	if (err)
		r->err = *err;
}

static void on_line(const char *line, void *data)
{
	if (verbose)
		printf("# console: %s\n", line);
}

/* Runs the loop until *flag; false after the seconds. */
static bool wait_for(struct run *r, const bool *flag, unsigned seconds)
{
	uint64_t end = time_mono_usec() + seconds * USEC_PER_SEC;

	while (!*flag && time_mono_usec() < end && !r->exited)
		loop_step(r->loop, 100);
	return *flag;
}

/* Connects, again and again while nobody listens. */
static bool reach(struct run *r, uint32_t port, unsigned seconds)
{
	uint64_t end = time_mono_usec() + seconds * USEC_PER_SEC;

	while (time_mono_usec() < end && !r->exited) {
		r->answered = false;
		if (vm_qemu_ops.connect(r->vm, port, 1000, on_connect, r) < 0)
			return false;
		if (!wait_for(r, &r->answered, 10))
			return false;
		if (r->fd >= 0)
			return true;
		loop_step(r->loop, 10);
	}
	return false;
}

static void on_echo(struct loop_source *s, int fd, uint32_t events, void *data)
{
	static uint8_t buf[262144];
	struct run *r = data;
	ssize_t n;

	if (r->sent < ECHO_SIZE && (events & EPOLLOUT)) {
		size_t at = r->sent % PATTERN, left = MIN(PATTERN - at, ECHO_SIZE - r->sent);

		n = write(fd, r->pattern + at, left);
		if (n > 0)
			r->sent += (size_t)n;
		if (r->sent == ECHO_SIZE) {
			shutdown(fd, SHUT_WR);
			loop_io_set(s, EPOLLIN);
		}
	}
	if (!(events & (EPOLLIN | EPOLLHUP)))
		return;
	n = read(fd, buf, sizeof(buf));
	for (ssize_t i = 0; i < n;) {
		size_t at = r->got % PATTERN, len = MIN((size_t)(n - i), PATTERN - at);

		r->differs |= memcmp(buf + i, r->pattern + at, len) != 0;
		r->got += len;
		i += (ssize_t)len;
	}
	if (n == 0)
		r->eof = true;
}

static void test_echo(struct run *r, const char *machine)
{
	uint64_t t;

	r->pattern = malloc(PATTERN);
	for (uint32_t i = 0, x = 1; i < PATTERN; i++) {
		x = x * 1664525u + 1013904223u;
		r->pattern[i] = (uint8_t)(x >> 24);
	}
	t = time_mono_usec();
	loop_add_io(r->loop, r->fd, EPOLLIN | EPOLLOUT, on_echo, r, &r->io);
	wait_for(r, &r->eof, 120);
	t = time_mono_usec() - t;
	loop_source_free(r->io);
	r->fd = fd_close(r->fd);
	ok(r->eof && !r->differs && r->got == ECHO_SIZE,
	   "%s: %u MiB echoed bit for bit (%zu came back%s)", machine, ECHO_SIZE >> 20, r->got,
	   r->differs ? ", different" : "");
	printf("# echo: %.3f s\n", (double)t / 1e6);
	free(r->pattern);
}

static void on_text(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct run *r = data;
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		strbuf_add(&r->text, buf, (size_t)n);
	r->eof = n == 0;
}

/* The guest must see the disk where disk_source() says. */
static void test_disk(struct run *r, const struct vm_params *p, size_t i, const char *machine)
{
	const char *driver = "", *at;
	char buf[64] = "", want[128];

	if (vm_qemu_ops.disk_source(r->vm, p->disks[i].id, buf, sizeof(buf), &driver) < 0)
		ok(false, "%s: disk_source", machine);
	if (!strcmp(driver, "blk"))
		snprintf(want, sizeof(want), "/pci0000:00/0000:00:%s.0/", buf);
	else
		snprintf(want, sizeof(want), "block %s ", buf + strlen("/dev/"));
	/* In a guest's fact the device comes first, then its serial number in a line of its own. */
	at = strstr(r->text.buf, want);
	snprintf(want, sizeof(want), "\nserial: %s\n", p->disks[i].id);
	at = at ? strchr(at, '\n') : NULL;
	ok(at && !strncmp(at, want, strlen(want)), "%s: disk %s is %s %s", machine, p->disks[i].id,
	   driver, buf);
}

static void test_facts(struct run *r, const struct vm_params *p, const char *machine)
{
	r->eof = false;
	if (!reach(r, 1027, 10)) {
		ok(false, "%s: facts", machine);
		return;
	}
	loop_add_io(r->loop, r->fd, EPOLLIN, on_text, r, &r->io);
	wait_for(r, &r->eof, 10);
	loop_source_free(r->io);
	r->fd = fd_close(r->fd);
	if (p->image) {
		bool dax = p->image_nvdimm && strcmp(machine, "microvm") != 0;

		ok(strstr(r->text.buf, "/dev/root / ext4 ro,") &&
			   !strstr(r->text.buf, "dax=always") == !dax,
		   "%s: root file system %s DAX", machine, dax ? "with" : "without");
	}
	for (size_t i = 0; i < p->n_disks; i++)
		test_disk(r, p, i, machine);
	if (verbose)
		printf("# %s\n", r->text.buf);
}

static void test_rtt(struct run *r, const char *machine)
{
	char b[1] = { 'x' };
	uint64_t t, sum = 0;
	int n = 200, i;

	if (!reach(r, 1024, 10)) {
		ok(false, "%s: second stream", machine);
		return;
	}
	for (i = 0; i < n; i++) {
		t = time_mono_usec();
		if (write(r->fd, b, 1) != 1)
			break;
		while (read(r->fd, b, 1) != 1 && time_mono_usec() - t < USEC_PER_SEC)
			loop_step(r->loop, 100);
		sum += time_mono_usec() - t;
	}
	r->fd = fd_close(r->fd);
	ok(i == n && b[0] == 'x', "%s: one byte to and fro %d times", machine, n);
	printf("# round trip: %llu us\n", (unsigned long long)(sum / (unsigned)n));
}

/* Milliseconds of processor time that the monitor has used: less noisy than the clock on a loaded machine. */
static unsigned long cpu_msec(pid_t pid)
{
	char path[64];
	unsigned long user = 0, sys = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			&user, &sys) != 2)
		user = 0;
	if (f)
		fclose(f);
	return (user + sys) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
}

static bool boot(struct run *r, const struct vm_params *p, const char *machine)
{
	const struct vm_times *t;
	struct error err = ERROR_INIT;

	if (vm_qemu_ops.launch(r->loop, p, on_done, on_exit_, r, &r->vm, &err) < 0) {
		ok(false, "%s: launch: %s", machine, error_text(&err));
		return false;
	}
	if (!wait_for(r, &r->launched, 60) || r->err.code) {
		ok(false, "%s: launch: %s", machine, error_text(&r->err));
		return false;
	}
	if (!reach(r, 1024, 60)) {
		ok(false, "%s: reach port 1024: %s; %s; console:\n%s", machine, error_text(&r->err),
		   r->reason, vm_qemu_ops.console_tail(r->vm));
		return false;
	}
	t = vm_qemu_ops.times(r->vm);
	ok(true, "%s: guest reached", machine);
	printf("# started %.3f s, driver %.3f s, reached %.3f s after launch (CPU %lu ms), accel %s\n",
	       (double)(t->started - t->launch) / 1e6, (double)(t->driver - t->launch) / 1e6,
	       (double)(time_mono_usec() - t->launch) / 1e6, cpu_msec(vm_qemu_ops.pid(r->vm)),
	       vm_qemu_ops.accel_name(r->vm, NULL));
	return true;
}

static void finish(struct run *r, const char *machine)
{
	pid_t pid = vm_qemu_ops.pid(r->vm);

	if (vm_qemu_ops.stop(r->vm, on_stop, r) < 0)
		return;
	r->exited = false;
	ok(wait_for(r, &r->stopped, 10), "%s: stopped", machine);
	ok(pid < 0 || (kill(pid, 0) < 0 && errno == ESRCH), "%s: no process is left", machine);
	vm_qemu_ops.free(r->vm);
	r->vm = NULL;
}

static void init_run(struct run *r)
{
	*r = (struct run){ .fd = -1 };
	strbuf_init(&r->text);
	loop_new(&r->loop);
}

static void end_run(struct run *r)
{
	if (r->vm)
		vm_qemu_ops.free(r->vm);
	fd_close(r->fd);
	strbuf_release(&r->text);
	loop_free(r->loop);
}

/* The guest ends by itself: its reason must arrive. */
static void test_end(const struct vm_params *params, uint32_t port, const char *want)
{
	struct vm_params p = *params;
	struct run r;

	init_run(&r);
	p.console_line = on_line;
	p.console_data = &r;
	if (boot(&r, &p, want)) {
		r.answered = false;
		vm_qemu_ops.connect(r.vm, port, 5000, on_connect, &r);
		wait_for(&r, &r.exited, 20);
		r.fd = fd_close(r.fd);
		ok(strstr(r.reason, want) != NULL, "reason \"%s\" for \"%s\"", r.reason, want);
	}
	end_run(&r);
}

static void test_machine(const struct vm_params *params, const char *machine)
{
	struct vm_params p = *params;
	struct run r;

	init_run(&r);
	p.machine_type = machine;
	p.console_line = on_line;
	p.console_data = &r;
	if (boot(&r, &p, machine)) {
		if (boot_only) {
			finish(&r, machine);
			end_run(&r);
			return;
		}
		test_echo(&r, machine);
		test_rtt(&r, machine);
		test_facts(&r, &p, machine);
		ok(strstr(vm_qemu_ops.console_tail(r.vm), "echo-init ready") != NULL, "%s: console",
		   machine);
		finish(&r, machine);
	}
	end_run(&r);
}

struct options {
	const char *machines[4];
	unsigned n_machines;
	struct vm_disk disks[4];
	char disk_ids[4][8];
	bool ends;
	struct vm_params p;
};

static int usage(void)
{
	fprintf(stderr, "usage: vm_vsock [-bev] [-m MACHINE]... [-I IMAGE [-n] [-t TYPE]] "
			"[-d DISK]... [-q QEMU] [-a PARAMS] [-c CPU] KERNEL ECHO_INIT\n");
	return 2;
}

static int parse(int argc, char **argv, struct options *o)
{
	struct vm_params *p = &o->p;
	int c;

	while ((c = getopt(argc, argv, "bevm:I:nt:d:q:a:c:")) >= 0) {
		switch (c) {
		case 'b':
			boot_only = true;
			break;
		case 'e':
			o->ends = true;
			break;
		case 'v':
			verbose = true;
			break;
		case 'm':
			if (o->n_machines == ARRAY_SIZE(o->machines))
				return usage();
			o->machines[o->n_machines++] = optarg;
			break;
		case 'I':
			p->image = optarg;
			break;
		case 'n':
			p->image_nvdimm = true;
			break;
		case 't':
			p->rootfs_type = optarg;
			break;
		case 'd':
			if (p->n_disks == ARRAY_SIZE(o->disks))
				return usage();
			snprintf(o->disk_ids[p->n_disks], sizeof(o->disk_ids[0]), "disk-%zu",
				 p->n_disks);
			o->disks[p->n_disks] =
				(struct vm_disk){ optarg, o->disk_ids[p->n_disks], true };
			p->n_disks++;
			break;
		case 'q':
			p->path = optarg;
			break;
		case 'a':
			p->kernel_params = optarg;
			break;
		case 'c':
			p->cpu_features = optarg;
			break;
		default:
			return usage();
		}
	}
	return argc - optind == 2 ? 0 : usage();
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/vm_vsock.XXXXXX", run_dir[64], initrd[64];
	struct options o = { 0 };
	struct vm_params *p = &o.p;

	vm_params_preset(p);
	p->path = QEMU;
	p->name = "test";
	p->agent_init = true;
	p->disks = o.disks;
	if (parse(argc, argv, &o) != 0)
		return 2;
	p->kernel = argv[optind];
	p->debug = verbose;
	if (access(p->path, X_OK) < 0 || access(p->kernel, R_OK) < 0) {
		printf("1..0 # SKIP %s or %s is missing\n", p->path, p->kernel);
		return 0;
	}
	if (!mkdtemp(dir))
		return 2;
	snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
	snprintf(initrd, sizeof(initrd), "%s/initrd", dir);
	mkdir(run_dir, 0700);
	p->dir = run_dir;
	if (!p->image) {
		p->initrd = initrd;
		if (make_initrd(initrd, argv[optind + 1]) < 0)
			return 2;
	}
	for (unsigned i = 0; i < o.n_machines; i++)
		test_machine(p, o.machines[i]);
	if (o.ends) {
		test_end(p, 1025, "guest powered off");
		test_end(p, 1026, "guest panicked");
	}
	ok(rmdir(run_dir) == 0, "no file is left in the VM's directory");
	unlink(initrd);
	rmdir(dir);
	printf("1..%d\n", n_test);
	return n_failed ? 1 : 0;
}
