/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFCHECK_SELFCHECK_H
#define SELFCHECK_SELFCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

/*
 * The kernel's self-check: PID 1 of a boot test. For every feature of our configuration fragments that the kernel has
 * (/features, one name a line, from kernel.manifest.json) it uses the feature and prints a row:
 *
 *	selfcheck NAME ok
 *	selfcheck NAME FAILED: REASON
 *	selfcheck NAME absent: REASON		the machine has not what it takes (a device, a parameter)
 *	selfcheck NAME untested: REASON		cannot be used under an emulator, whatever the machine
 *
 * A feature without a check is a failure. Each check runs in a process of its own, with mount, network and IPC namespaces
 * of its own, and with /tmp a tmpfs.
 */

struct selfcheck {
	const char *feature;
	/* 0; -errno with err set; CHECK_ABSENT with the reason in err. NULL: untested. */
	int (*run)(struct error *err);
	const char *untested; /* why, when run is NULL */
	bool host_net;	      /* needs the first network namespace: its device is there */
};

#define CHECK_ABSENT 1

/* Ended by an entry without a name. */
extern const struct selfcheck base_checks[], cgroup_checks[], file_checks[], dm_checks[],
	link_checks[], filter_checks[], program_checks[], security_checks[], machine_checks[],
	device_checks[], untested_checks[];

/* "not on this machine": fills err with the reason and returns CHECK_ABSENT. */
int check_absent(struct error *err, const char *fmt, ...) _printf_(2, 3);
/* -EBADMSG with "PATH is "TEXT", not WANTED". */
int check_text(const char *path, const char *want, struct error *err);
/* Does the file have the text somewhere? A file that cannot be read has it not. */
bool check_has(const char *path, const char *text);
/* At most size - 1 bytes, with a NUL and without trailing newlines; the number of bytes or -errno. */
ssize_t check_read(const char *path, char *buf, size_t size);
/* In one write(2), without creating; err names path and text. */
int check_write(const char *path, const char *text, struct error *err);
int check_mount(const char *source, const char *target, const char *type, const char *options,
		struct error *err);
/* Runs fn(arg) in a child process; its exit code, 128 + signal, or -errno. fn's result is the exit code. */
int check_in_child(int (*fn)(void *arg), void *arg);
/* A file of `size` zeros at `path`; its descriptor or -errno. */
int check_make_file(const char *path, size_t size, struct error *err);
/* A loop device over a file: its path in `dev` (of CHECK_DEV_MAX bytes) and the descriptor that keeps it (it goes with its last user). */
#define CHECK_DEV_MAX 64
int check_loop(const char *file, uint32_t lo_flags, char *dev, int *ret_fd, struct error *err);
/* Does a directory have an entry that begins with `prefix`? Its name in ret (of `size` bytes, may be NULL). */
bool check_entry(const char *dir, const char *prefix, char *ret, size_t size);
/* Waits up to ten seconds for a path to appear. */
bool check_wait_path(const char *path);

/*
 * For the host: when the kernel command line names `what` in selfcheck.plug=A,B..., prints "selfcheck plug WHAT", and waits for a
 * uevent "add" of that subsystem. ret (of `size` bytes) is the device's path below /sys. CHECK_ABSENT when the host does not plug it.
 */
int check_plug(const char *what, const char *subsystem, char *ret, size_t size, struct error *err);

#endif
