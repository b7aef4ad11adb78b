/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/qemu_connect.h"

#include <fcntl.h>
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "vmm/vhost_user.h"
#include "vmm/vsock.h"
#include "vmm/vsock_vhost_user.h"

#define VHOST_VSOCK    "/dev/vhost-vsock"
#define CID_FIRST      3u /* below are reserved (linux/vm_sockets.h) */
#define CID_TRIES      64
#define CID_VHOST_USER 3u /* nobody else sees it: every guest has its own device */

struct vm_link {
	struct loop *loop;
	uint32_t cid;
	int child_fd;
	/* vhost-user */
	struct vsock_device *device;
	struct vhost_user *back_end;
	/* vhost */
	struct list connects;
};

/* A connect through the host kernel's vsock. */
struct vm_connect {
	struct list list;
	struct vm_link *link;
	struct loop_source *io, *timer;
	int fd;
	uint32_t port;
	int code; /* known before anything was waited for */
	vm_connect_fn fn;
	void *data;
};

static void connect_finish(struct vm_connect *c, int code)
{
	struct error err = ERROR_INIT;
	vm_connect_fn fn = c->fn;
	void *data = c->data;
	int fd = fd_steal(&c->fd);

	list_del(&c->list);
	loop_source_free(c->io);
	loop_source_free(c->timer);
	if (code < 0) {
		fd = fd_close(fd);
		error_sys(&err, code, "vsock port %u of guest %u", c->port, c->link->cid);
	}
	free(c);
	fn(fd, code < 0 ? &err : NULL, data);
}

/* What the kernel says when nobody listens, or the guest's driver is not up. */
static int connect_code(int code)
{
	switch (code) {
	case -ECONNRESET:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -ENODEV:
		return -ECONNREFUSED;
	default:
		return code;
	}
}

static void on_connect(struct loop_source *s, int fd, uint32_t events, void *data)
{
	socklen_t len = sizeof(int);
	int code = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	connect_finish(data, connect_code(-code));
}

static void on_connect_timer(struct loop_source *s, void *data)
{
	struct vm_connect *c = data;

	connect_finish(c, c->code ? c->code : -ETIMEDOUT);
}

static int vhost_connect(struct vm_link *l, uint32_t port, uint64_t timeout_ms, vm_connect_fn fn,
			 void *data)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_port = port,
		.svm_cid = l->cid,
	};
	struct vm_connect *c = new0(struct vm_connect);
	int r;

	if (!c)
		return -ENOMEM;
	list_init(&c->list);
	c->link = l;
	c->port = port;
	c->fn = fn;
	c->data = data;
	c->fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = loop_add_timer(l->loop, on_connect_timer, c, &c->timer);
	if (r < 0)
		goto fail;
	if (c->fd < 0) {
		c->code = -errno;
	} else if (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 &&
		   errno != EINPROGRESS) {
		c->code = connect_code(-errno);
	} else {
		r = loop_add_io(l->loop, c->fd, EPOLLOUT, on_connect, c, &c->io);
		if (r < 0)
			goto fail;
	}
	if (c->code)
		loop_timer_set(c->timer, 0);
	else if (timeout_ms)
		loop_timer_set(c->timer, timeout_ms * 1000);
	list_add_tail(&l->connects, &c->list);
	return 0;
fail:
	loop_source_free(c->timer);
	fd_close(c->fd);
	free(c);
	return r;
}

/* Opens the device and finds a context id that no other guest of this host has. */
static int open_vhost(struct vm_link *l, struct error *err)
{
	_cleanup_fd_ int fd = open(VHOST_VSOCK, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, -errno, VHOST_VSOCK);
	for (int i = 0; i < CID_TRIES; i++) {
		uint32_t random = 0;
		uint64_t cid;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return error_sys(err, -errno, "getrandom");
		/* 31 bits: some tools take the id for an int. */
		cid = CID_FIRST + random % (INT32_MAX - CID_FIRST);
		if (ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid) == 0) {
			l->cid = (uint32_t)cid;
			l->child_fd = fd_steal(&fd);
			return 0;
		}
		if (errno != EADDRINUSE)
			return error_sys(err, -errno, VHOST_VSOCK ": cannot set a context id");
	}
	return error_set(err, -EADDRINUSE, VHOST_VSOCK ": no free context id found");
}

static int make_vhost_user(struct vm_link *l, struct error *err)
{
	int sv[2], r;

	r = fd_socketpair(sv, 0);
	if (r < 0)
		return error_sys(err, r, "socketpair");
	l->cid = CID_VHOST_USER;
	r = vsock_device_new(l->loop, l->cid, &l->device);
	if (r >= 0)
		r = vhost_user_new(l->loop, sv[0], &vsock_vhost_user, l->device, &l->back_end);
	if (r < 0) {
		fd_close(sv[0]);
		fd_close(sv[1]);
		return error_sys(err, r, "vsock device");
	}
	l->child_fd = sv[1];
	return 0;
}

int vm_link_new(struct loop *loop, enum vm_transport transport, struct vm_link **ret,
		int *ret_child_fd, struct error *err)
{
	struct vm_link *l = new0(struct vm_link);
	int r = -ENODEV;

	if (!l)
		return error_oom(err);
	l->loop = loop;
	l->child_fd = -1;
	list_init(&l->connects);
	if (transport != VM_TRANSPORT_VHOST_USER)
		r = open_vhost(l, err);
	if (r < 0 && transport != VM_TRANSPORT_VHOST)
		r = make_vhost_user(l, err);
	if (r < 0) {
		vm_link_free(l);
		return r;
	}
	*ret = l;
	*ret_child_fd = l->child_fd;
	return 0;
}

struct vm_link *vm_link_free(struct vm_link *l)
{
	if (!l)
		return NULL;
	l->back_end = vhost_user_free(l->back_end);
	l->device = vsock_device_free(l->device);
	while (!list_empty(&l->connects))
		connect_finish(list_entry(l->connects.next, struct vm_connect, list), -ENODEV);
	fd_close(l->child_fd);
	free(l);
	return NULL;
}

void vm_link_started(struct vm_link *l)
{
	l->child_fd = fd_close(l->child_fd);
}

bool vm_link_is_vhost(const struct vm_link *l)
{
	return !l->device;
}

uint32_t vm_link_cid(const struct vm_link *l)
{
	return l->cid;
}

void vm_link_on_driver(struct vm_link *l, void (*fn)(void *data), void *data)
{
	if (l->device)
		vsock_device_on_driver(l->device, fn, data);
}

int vm_link_connect(struct vm_link *l, uint32_t port, uint64_t timeout_ms, vm_connect_fn fn,
		    void *data)
{
	if (l->device)
		return vsock_device_connect(l->device, port, timeout_ms, fn, data);
	return vhost_connect(l, port, timeout_ms, fn, data);
}
