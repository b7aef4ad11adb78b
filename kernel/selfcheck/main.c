/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "selfcheck/selfcheck.h"

#define FEATURES_MAX  16384 /* bytes of /features */
#define CHECK_SECONDS 120   /* of one check */
/* What binfmt checks see of a program that ran (program.c). */
#define INTERPRETER_EXIT 42

static const struct selfcheck *const tables[] = {
	base_checks,	cgroup_checks, file_checks,	dm_checks,
	link_checks,	filter_checks, program_checks,	security_checks,
	machine_checks, device_checks, untested_checks,
};

static const struct selfcheck *find(const char *feature)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct selfcheck *c = tables[i]; c->feature; c++)
			if (strcmp(c->feature, feature) == 0)
				return c;
	return NULL;
}

struct verdict {
	int code;
	char text[512];
};

/* The child: its result goes through the pipe, so that one that dies is seen too. */
_noreturn_ static void run_child(const struct selfcheck *c, int out)
{
	struct verdict v = { 0, "" };
	struct error err = ERROR_INIT;

	alarm(CHECK_SECONDS);
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | (c->host_net ? 0 : CLONE_NEWNET)) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmp", "/tmp", "tmpfs", 0, NULL) < 0 ||
	    (!c->host_net && mount("sysfs", "/sys", "sysfs", 0, NULL) < 0))
		v.code = error_sys(&err, -errno, "cannot prepare the check");
	else
		v.code = c->run(&err);
	if (v.code)
		snprintf(v.text, sizeof(v.text), "%s", error_text(&err));
	_exit(fd_write_full(out, &v, sizeof(v)) < 0);
}

static void run(const struct selfcheck *c, struct verdict *v)
{
	int fds[2], status = 0;
	pid_t pid = -1;

	bool started = false;

	v->code = -EIO;
	if (fd_pipe(fds, 0) == 0) {
		fflush(stdout);
		pid = fork();
		started = pid > 0;
		if (pid == 0)
			run_child(c, fds[1]);
		close(fds[1]);
		if (fd_read_full(fds[0], v, sizeof(*v)) < 0)
			v->code = -ECHILD;
		close(fds[0]);
	}
	if (!started)
		snprintf(v->text, sizeof(v->text), "cannot start the check");
	/* Also reaps what a check left behind. */
	while (pid > 0 && waitpid(-1, &status, WNOHANG) != pid)
		if (waitpid(pid, &status, 0) == pid)
			break;
	if (v->code == -ECHILD)
		snprintf(v->text, sizeof(v->text), "the check died: wait status 0x%x",
			 (unsigned int)status);
}

static void judge(const char *feature)
{
	const struct selfcheck *c = find(feature);
	struct verdict v = { 0, "" };

	if (c && !c->run) {
		printf("selfcheck %s untested: %s\n", feature, c->untested);
		return;
	}
	if (c)
		run(c, &v);
	else
		v = (struct verdict){ -ENOSYS, "the self-check does not know this feature" };
	if (v.code == 0)
		printf("selfcheck %s ok\n", feature);
	else
		printf("selfcheck %s %s: %s\n", feature,
		       v.code == CHECK_ABSENT ? "absent" : "FAILED", v.text);
}

static void mount_all(void)
{
	static const char *const mounts[][2] = {
		{ "devtmpfs", "/dev" },
		{ "devpts", "/dev/pts" },
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "tmpfs", "/tmp" },
		{ "tmpfs", "/run" },
		{ "cgroup2", "/sys/fs/cgroup" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i][1], 0755);
		/* What fails here fails its check. */
		(void)mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL);
	}
}

/* Without /dev/console in the initrd the kernel starts init with no descriptors. */
static void open_console(void)
{
	int fd = fcntl(1, F_GETFD) < 0 ? open("/dev/console", O_RDWR) : -1;

	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

int main(void)
{
	static char features[FEATURES_MAX];
	char *save = NULL;

	/* As the interpreter of a script or of a registered format. */
	if (getpid() != 1)
		return INTERPRETER_EXIT;
	mount_all();
	open_console();
	if (check_read("/features", features, sizeof(features)) < 0)
		printf("selfcheck features FAILED: no /features\n");
	for (char *f = strtok_r(features, "\n", &save); f; f = strtok_r(NULL, "\n", &save))
		judge(f);
	printf("selfcheck end\n");
	sync();
	reboot(check_has("/proc/cmdline", "selfcheck=poweroff") ? RB_POWER_OFF : RB_AUTOBOOT);
	for (;;)
		pause();
}
