/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/time.h"
#include "hypervisor/hypervisor.h"

/* The driver with programs that are no QEMU, and the fake; real guests are in tests/integration. */
struct fixture {
	struct loop *loop;
	struct vm *vm;
	struct vm_params p;
	char dir[64], program[128], initrd[128];
	int n_done, n_exit, n_stop, n_connect, fd;
	struct error done, connect;
	char reason[1024];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->fd = -1;
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_qemu.XXXXXX");
	if (!mkdtemp(f->dir) || loop_new(&f->loop) < 0)
		return -1;
	snprintf(f->program, sizeof(f->program), "%s/qemu", f->dir);
	snprintf(f->initrd, sizeof(f->initrd), "%s/initrd", f->dir);
	vm_params_preset(&f->p);
	f->p.name = "x";
	f->p.dir = f->dir;
	f->p.path = f->program;
	f->p.kernel = "/k";
	f->p.initrd = f->initrd;
	f->p.accel = VM_ACCEL_TCG;
	f->p.transport = VM_TRANSPORT_VHOST_USER;
	*state = f;
	return file_write_atomic(AT_FDCWD, f->initrd, 0600, "x", 1, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fd_close(f->fd);
	loop_free(f->loop);
	file_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

static void program(struct fixture *f, const char *script)
{
	assert_int_equal(
		file_write_atomic(AT_FDCWD, f->program, 0755, script, strlen(script), NULL), 0);
}

static void on_done(struct vm *vm, const struct error *err, void *data)
{
	struct fixture *f = data;

	f->n_done++;
	if (err)
		f->done = *err;
}

static void on_exit_(struct vm *vm, const char *reason, void *data)
{
	struct fixture *f = data;

	f->n_exit++;
	snprintf(f->reason, sizeof(f->reason), "%s", reason);
}

static void on_stop(struct vm *vm, const struct error *err, void *data)
{
	assert_null(err);
	((struct fixture *)data)->n_stop++;
}

static void on_connect(int fd, const struct error *err, void *data)
{
	struct fixture *f = data;

	f->n_connect++;
	f->fd = fd;
	if (err)
		f->connect = *err;
}

static void wait_for(struct fixture *f, const int *n)
{
	uint64_t end = time_mono_usec() + 20 * USEC_PER_SEC;

	while (!*n && time_mono_usec() < end)
		loop_step(f->loop, 100);
	assert_int_equal(*n, 1);
}

static void launch(struct fixture *f)
{
	struct error err = ERROR_INIT;

	assert_int_equal(vm_qemu_ops.launch(f->loop, &f->p, on_done, on_exit_, f, &f->vm, &err), 0);
	assert_int_equal(f->n_done, 0);
}

static void test_fails_at_once(void **state)
{
	struct fixture *f = *state;
	char want[256];

	program(f, "#!/bin/sh\necho 'qemu: bad option' >&2\nexit 3\n");
	launch(f);
	wait_for(f, &f->n_done);
	snprintf(want, sizeof(want), "%s: hypervisor exited with code 3: qemu: bad option",
		 f->program);
	assert_string_equal(f->done.msg, want);
	assert_int_equal(f->n_exit, 0);
	assert_int_equal(vm_qemu_ops.pid(f->vm), -1);
	/* stop works on what has ended */
	assert_int_equal(vm_qemu_ops.stop(f->vm, on_stop, f), 0);
	wait_for(f, &f->n_stop);
	vm_qemu_ops.free(f->vm);
}

/*
 * A "QEMU" that speaks enough QMP on its descriptor, and hears each command before it answers, as QEMU does: one that ended before would
 * break the connection. `then` is the Python statement that it ends with.
 */
static void speaking_program(struct fixture *f, const char *then)
{
	char script[1024];

	snprintf(script, sizeof(script),
		 "#!/usr/bin/python3\n"
		 "import os, sys, time\n"
		 "fd = [a for a in sys.argv if a.startswith('socket,id=qmp0')][0].split('=')[-1]\n"
		 "def say(text): os.write(int(fd), text.encode() + b'\\r\\n')\n"
		 "def answer(text): os.read(int(fd), 4096); say(text)\n"
		 "say('{\"QMP\": {}}')\n"
		 "answer('{\"return\": {}}')\n"
		 "answer('{\"return\": {\"status\": \"running\"}, \"id\": 0}')\n%s\n",
		 then);
	program(f, script);
}

static void test_killed(void **state)
{
	struct fixture *f = *state;

	speaking_program(f, "time.sleep(100)");
	launch(f);
	wait_for(f, &f->n_done);
	assert_int_equal(f->done.code, 0);
	assert_true(vm_qemu_ops.times(f->vm)->started >= vm_qemu_ops.times(f->vm)->launch);
	assert_int_equal(kill(vm_qemu_ops.pid(f->vm), SIGKILL), 0);
	wait_for(f, &f->n_exit);
	assert_string_equal(f->reason, "hypervisor killed by signal 9");
	vm_qemu_ops.free(f->vm);
}

static void test_powered_off(void **state)
{
	struct fixture *f = *state;

	speaking_program(f, "say('{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, "
			    "\"reason\": \"guest-shutdown\"}}')");
	launch(f);
	wait_for(f, &f->n_exit);
	assert_int_equal(f->n_done, 1);
	assert_string_equal(f->reason, "guest powered off");
	vm_qemu_ops.free(f->vm);
}

static void test_stop_while_launching(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	program(f, "#!/bin/sh\nexec sleep 100\n");
	launch(f);
	pid = vm_qemu_ops.pid(f->vm);
	assert_int_equal(vm_qemu_ops.stop(f->vm, on_stop, f), 0);
	assert_int_equal(vm_qemu_ops.stop(f->vm, on_stop, f), -EALREADY);
	wait_for(f, &f->n_stop);
	assert_int_equal(f->n_done, 1);
	assert_int_equal(f->done.code, -ECANCELED);
	assert_int_equal(f->n_exit, 0);
	assert_int_equal(kill(pid, 0), -1);
	vm_qemu_ops.free(f->vm);
}

static void test_free_kills(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	program(f, "#!/bin/sh\nexec sleep 100\n");
	launch(f);
	pid = vm_qemu_ops.pid(f->vm);
	assert_int_equal(vm_qemu_ops.connect(f->vm, 1, 0, on_connect, f), 0);
	vm_qemu_ops.free(f->vm);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(f->n_connect, 1);
	assert_int_equal(f->connect.code, -ENODEV);
}

static void refused(struct fixture *f, int code, const char *why)
{
	struct error err = ERROR_INIT;

	assert_int_equal(vm_qemu_ops.launch(f->loop, &f->p, on_done, on_exit_, f, &f->vm, &err),
			 code);
	assert_string_equal(err.msg, why);
}

static void test_refuses(void **state)
{
	struct fixture *f = *state;

	f->p.path = "/nonexistent/qemu";
	refused(f, -ENOENT, "hypervisor /nonexistent/qemu: No such file or directory");
	f->p.path = "/bin/true";
	f->p.initrd = "/nonexistent/initrd";
	refused(f, -ENOENT, "initrd /nonexistent/initrd: No such file or directory");
	f->p.initrd = "/tmp";
	refused(f, -EINVAL, "initrd /tmp: not a regular file");
	f->p.initrd = f->initrd;
	f->p.machine_type = "virt";
	refused(f, -EINVAL,
		"machine type \"virt\" is not supported (there are q35, pc and microvm)");
}

static void test_kvm_probe(void **state)
{
	struct error err = ERROR_INIT;
	uint64_t t = time_mono_usec();
	int r = kvm_probe(&err);

	/* Either answer is right, with a reason and in time (a loaded machine may be late). */
	assert_true(r == 0 || (r < 0 && err.code == r && err.msg[0]));
	assert_true(time_mono_usec() - t < 5 * USEC_PER_SEC);
	if (r < 0)
		print_message("KVM: %s\n", err.msg);
}

static void test_fake(void **state)
{
	struct fixture *f = *state;
	char path[128];
	int listener = -1;

	assert_ptr_equal(vm_ops_find("fake"), &vm_fake_ops);
	assert_ptr_equal(vm_ops_find("qemu"), &vm_qemu_ops);
	assert_null(vm_ops_find("vmware"));
	assert_int_equal(vm_fake_ops.launch(f->loop, &f->p, on_done, on_exit_, f, &f->vm, NULL), 0);
	wait_for(f, &f->n_done);
	assert_int_equal(vm_fake_ops.connect(f->vm, 1024, 0, on_connect, f), 0);
	wait_for(f, &f->n_connect);
	assert_int_equal(f->connect.code, -ECONNREFUSED);
	snprintf(path, sizeof(path), "%s/agent.sock", f->dir);
	assert_int_equal(fd_unix_listen(path, 1, &listener, NULL), 0);
	f->n_connect = 0;
	assert_int_equal(vm_fake_ops.connect(f->vm, 1024, 0, on_connect, f), 0);
	wait_for(f, &f->n_connect);
	assert_true(f->fd >= 0);
	assert_int_equal(vm_fake_ops.stop(f->vm, on_stop, f), 0);
	wait_for(f, &f->n_stop);
	vm_fake_ops.free(f->vm);
	fd_close(listener);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fails_at_once), T(test_killed),
		T(test_powered_off),   T(test_stop_while_launching),
		T(test_free_kills),    T(test_refuses),
		T(test_kvm_probe),     T(test_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
