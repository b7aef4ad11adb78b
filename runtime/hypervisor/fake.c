/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/hypervisor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/time.h"

/*
 * A virtual machine without a machine: every port of its guest is the Unix socket agent.sock in params.dir, where a test's agent
 * listens.
 */

struct vm {
	struct loop *loop;
	char *socket;
	struct loop_source *deferred; /* the launch's answer */
	vm_done_fn done;
	void *data;
	struct loop_source *stop_deferred;
	vm_done_fn stop_done;
	void *stop_data;
	struct list connects;
	struct vm_times times;
	bool stopped;
};

struct fake_connect {
	struct list list;
	struct vm *vm;
	struct loop_source *source;
	vm_connect_fn fn;
	void *data;
};

static int fake_probe(const struct vm_params *p, struct error *err)
{
	return 0;
}

static void on_launched(struct loop_source *s, void *data)
{
	struct vm *vm = data;

	vm->deferred = NULL;
	vm->times.started = vm->times.driver = time_mono_usec();
	vm->done(vm, NULL, vm->data);
}

static void fake_free(struct vm *vm)
{
	if (!vm)
		return;
	loop_source_free(vm->deferred);
	loop_source_free(vm->stop_deferred);
	while (!list_empty(&vm->connects)) {
		struct fake_connect *c = list_entry(vm->connects.next, struct fake_connect, list);
		struct error err = ERROR_INIT;

		list_del(&c->list);
		loop_source_free(c->source);
		error_set(&err, -ENODEV, "the virtual machine was removed");
		c->fn(-1, &err, c->data);
		free(c);
	}
	free(vm->socket);
	free(vm);
}

static int fake_launch(struct loop *l, const struct vm_params *p, vm_done_fn done,
		       vm_exit_fn on_exit, void *data, struct vm **ret, struct error *err)
{
	struct vm *vm = new0(struct vm);
	int r;

	if (!vm)
		return error_oom(err);
	list_init(&vm->connects);
	vm->loop = l;
	vm->done = done;
	vm->data = data;
	vm->times.launch = time_mono_usec();
	vm->socket = p->dir ? path_join(p->dir, "agent.sock") : NULL;
	r = vm->socket ? loop_add_defer(l, on_launched, vm, &vm->deferred) : -EINVAL;
	if (r < 0) {
		fake_free(vm);
		return error_sys(err, r, "fake virtual machine");
	}
	*ret = vm;
	return 0;
}

static void on_connect(struct loop_source *s, void *data)
{
	struct fake_connect *c = data;
	struct error err = ERROR_INIT;
	int fd = -1, r;

	list_del(&c->list);
	if (c->vm->stopped) {
		r = error_set(&err, -ENODEV, "the virtual machine is stopped");
	} else {
		r = fd_unix_connect(c->vm->socket, &fd, &err);
		if (r >= 0)
			r = fd_set_nonblock(fd, true);
		if (r == -ENOENT)
			err.code = -ECONNREFUSED; /* not there yet */
	}
	if (r < 0)
		fd = fd_close(fd);
	c->fn(fd, r < 0 ? &err : NULL, c->data);
	free(c);
}

static int fake_connect(struct vm *vm, uint32_t port, uint64_t timeout_ms, vm_connect_fn fn,
			void *data)
{
	struct fake_connect *c = new0(struct fake_connect);
	int r;

	if (!c)
		return -ENOMEM;
	c->vm = vm;
	c->fn = fn;
	c->data = data;
	r = loop_add_defer(vm->loop, on_connect, c, &c->source);
	if (r < 0) {
		free(c);
		return r;
	}
	list_add_tail(&vm->connects, &c->list);
	return 0;
}

static void on_stopped(struct loop_source *s, void *data)
{
	struct vm *vm = data;
	vm_done_fn done = vm->stop_done;

	vm->stop_deferred = NULL;
	vm->stop_done = NULL;
	done(vm, NULL, vm->stop_data);
}

static int fake_stop(struct vm *vm, vm_done_fn done, void *data)
{
	int r;

	if (vm->stop_done)
		return -EALREADY;
	r = loop_add_defer(vm->loop, on_stopped, vm, &vm->stop_deferred);
	if (r < 0)
		return r;
	vm->stopped = true;
	vm->stop_done = done;
	vm->stop_data = data;
	return 0;
}

static pid_t fake_pid(const struct vm *vm)
{
	return -1;
}

static const struct vm_times *fake_times(const struct vm *vm)
{
	return &vm->times;
}

static const char *fake_console_tail(struct vm *vm)
{
	return "";
}

static int fake_disk_source(const struct vm *vm, const char *disk_id, char *buf, size_t size,
			    const char **ret_driver)
{
	int n = snprintf(buf, size, "/dev/fake-%s", disk_id);

	*ret_driver = "blk";
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static const char *fake_accel_name(const struct vm *vm, const char **ret_warning)
{
	if (ret_warning)
		*ret_warning = NULL;
	return "tcg";
}

const struct vm_ops vm_fake_ops = {
	.name = "fake",
	.probe = fake_probe,
	.launch = fake_launch,
	.connect = fake_connect,
	.stop = fake_stop,
	.free = fake_free,
	.pid = fake_pid,
	.times = fake_times,
	.console_tail = fake_console_tail,
	.disk_source = fake_disk_source,
	.accel_name = fake_accel_name,
};
