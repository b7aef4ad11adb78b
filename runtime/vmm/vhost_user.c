/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vhost_user.h"

#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"

/* Numbers: docs/interop/vhost-user.rst, "Front-end message types" and "Protocol features". */
enum {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_GET_CONFIG = 24,
	VU_SET_CONFIG = 25,
};
#define VU_VERSION	       1u
#define VU_FLAG_VERSION_MASK   3u
#define VU_FLAG_REPLY	       (1u << 2)
#define VU_FLAG_NEED_REPLY     (1u << 3)
#define VU_F_PROTOCOL_FEATURES (1ULL << 30)
#define VU_F_VERSION_1	       (1ULL << 32)
#define VU_PROTO_REPLY_ACK     (1ULL << 3)
#define VU_PROTO_CONFIG	       (1ULL << 9)
#define VU_PROTO	       (VU_PROTO_REPLY_ACK | VU_PROTO_CONFIG)
#define VU_VRING_INDEX_MASK    0xffULL
#define VU_VRING_NO_FD	       (1ULL << 8)
#define VU_MAX_FDS	       8 /* the protocol's limit of a memory table */

struct vu_header {
	uint32_t request, flags, size;
};
struct vu_state {
	uint32_t index, num;
};
struct vu_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};
struct vu_region {
	uint64_t gpa, size, user, offset;
};
struct vu_mem {
	uint32_t n, padding;
	struct vu_region r[VU_MAX_FDS];
};
struct vu_config {
	uint32_t offset, size, flags;
	uint8_t data[VHOST_USER_MAX_CONFIG];
};

/* Header and payload follow each other on the wire; here the payload is aligned for its 64-bit fields. */
struct vu_message {
	struct vu_header h;
	union {
		uint64_t u64;
		struct vu_state state;
		struct vu_addr addr;
		struct vu_mem mem;
		struct vu_config config;
		uint8_t bytes[VHOST_USER_MAX_PAYLOAD];
	} p;
};

struct vu_queue {
	struct virtqueue q;
	struct vhost_user *v;
	unsigned index;
	uint32_t num;
	uint16_t base;
	bool have_addr, enabled, running;
	struct vu_addr addr;
	int kick, call;
	struct loop_source *kick_src;
};

struct vhost_user {
	const struct vhost_user_device *ops;
	void *dev;
	int fd;
	struct loop *loop;
	struct loop_source *src;
	uint64_t features, protocol;
	struct guest_mem mem;
	struct vu_queue queues[VHOST_USER_MAX_QUEUES];
	/* The message being read. */
	struct vu_message in;
	size_t have; /* bytes of it */
	int fds[VU_MAX_FDS];
	unsigned n_fds;
};

static void drop_fds(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->n_fds; i++)
		fd_close(v->fds[i]);
	v->n_fds = 0;
}

static int take_fd(struct vhost_user *v)
{
	int fd;

	if (!v->n_fds)
		return -1;
	fd = v->fds[0];
	v->n_fds--;
	for (unsigned i = 0; i < v->n_fds; i++)
		v->fds[i] = v->fds[i + 1];
	return fd;
}

/* ---- queues ---- */

static void on_kick(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct vu_queue *q = data;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR) {
		/* Not an eventfd, or broken: it would fire for ever. */
		q->kick_src = loop_source_free(q->kick_src);
		return;
	}
	if (q->running)
		q->v->ops->kick(q->v->dev, q->index);
}

static void on_notify(struct virtqueue *vq, void *data)
{
	struct vu_queue *q = data;
	uint64_t one = 1;

	/* EAGAIN means that the counter is full: the guest has been notified 2^64 times, which will do. */
	if (q->call >= 0 && write(q->call, &one, sizeof(one)) < 0)
		return;
}

static void queue_stop(struct vu_queue *q)
{
	q->kick_src = loop_source_free(q->kick_src);
	if (!q->running)
		return;
	q->running = false;
	q->v->ops->queue_stop(q->v->dev, q->index);
	q->base = q->q.next_avail;
	virtqueue_stop(&q->q);
}

/* Finds the rings in the memory table. */
static int queue_map(struct vu_queue *q, struct error *err)
{
	const struct guest_mem *mem = &q->v->mem;
	void *desc = guest_mem_at_user(mem, q->addr.desc, VIRTQUEUE_DESC_BYTES(q->num));
	void *avail = guest_mem_at_user(mem, q->addr.avail, VIRTQUEUE_AVAIL_BYTES(q->num));
	void *used = guest_mem_at_user(mem, q->addr.used, VIRTQUEUE_USED_BYTES(q->num));

	if (!desc || !avail || !used)
		return error_set(err, -EINVAL, "queue %u: its rings are outside guest memory",
				 q->index);
	q->q.notify = on_notify;
	q->q.notify_data = q;
	if (virtqueue_start(&q->q, mem, (uint16_t)q->num, desc, avail, used, q->base, err) < 0)
		return error_prefix(err, "queue %u", q->index);
	return 0;
}

/* Starts a queue that has everything: size, addresses, a kick descriptor, and is enabled. */
static int queue_try_start(struct vu_queue *q, struct error *err)
{
	struct vhost_user *v = q->v;
	bool enabled = q->enabled || !(v->features & VU_F_PROTOCOL_FEATURES);
	int r;

	if (q->running || !q->have_addr || q->kick < 0 || !enabled || !q->num)
		return 0;
	r = queue_map(q, err);
	if (r < 0)
		return r;
	r = loop_add_io(v->loop, q->kick, EPOLLIN, on_kick, q, &q->kick_src);
	if (r < 0) {
		virtqueue_stop(&q->q);
		return error_sys(err, r, "queue %u: kick descriptor", q->index);
	}
	q->running = true;
	v->ops->queue_start(v->dev, q->index, &q->q);
	return 0;
}

/* ---- messages ---- */

static int reply(struct vhost_user *v, uint32_t size, struct error *err)
{
	struct vu_header *h = &v->in.h;
	struct iovec iov[2] = { { h, sizeof(*h) }, { &v->in.p, size } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	h->flags = VU_VERSION | VU_FLAG_REPLY;
	h->size = size;
	n = sendmsg(v->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return error_sys(err, -errno, "reply to message %u", h->request);
	if ((size_t)n != sizeof(*h) + size)
		return error_set(err, -EIO, "reply to message %u was cut", h->request);
	return 0;
}

static int reply_u64(struct vhost_user *v, uint64_t value, struct error *err)
{
	v->in.p.u64 = value;
	return reply(v, sizeof(value), err);
}

static struct vu_queue *get_queue(struct vhost_user *v, uint64_t index, struct error *err)
{
	if (index < v->ops->n_queues)
		return &v->queues[index];
	error_set(err, -EINVAL, "message %u: queue %" PRIu64 " of %u", v->in.h.request, index,
		  v->ops->n_queues);
	return NULL;
}

static int set_mem_table(struct vhost_user *v, struct error *err)
{
	const struct vu_mem *t = &v->in.p.mem;
	uint32_t n = t->n;
	int r = 0;

	if (v->in.h.size < 8 || n > VU_MAX_FDS || v->in.h.size < 8 + n * sizeof(struct vu_region) ||
	    n != v->n_fds)
		return error_set(err, -EINVAL,
				 "memory table of %u regions in %u bytes with %u descriptors", n,
				 v->in.h.size, v->n_fds);
	/*
	 * The table may change under running queues (memory was plugged in). They give nothing while it does, nor after a table
	 * that cannot be mapped.
	 */
	for (unsigned i = 0; i < v->ops->n_queues; i++) {
		struct vu_queue *q = &v->queues[i];

		if (!q->running)
			continue;
		q->base = q->q.next_avail;
		virtqueue_stop(&q->q);
	}
	guest_mem_release(&v->mem);
	for (uint32_t i = 0; i < n && r >= 0; i++)
		r = guest_mem_add(&v->mem, v->fds[i], t->r[i].gpa, t->r[i].user, t->r[i].size,
				  t->r[i].offset, err);
	for (unsigned i = 0; i < v->ops->n_queues && r >= 0; i++)
		if (v->queues[i].running)
			r = queue_map(&v->queues[i], err);
	return r;
}

static int set_vring_addr(struct vhost_user *v, struct error *err)
{
	struct vu_queue *q = get_queue(v, v->in.p.addr.index, err);

	if (!q)
		return -EINVAL;
	if (q->running)
		return error_set(err, -EINVAL, "queue %u: new addresses while it runs", q->index);
	q->addr = v->in.p.addr;
	q->have_addr = true;
	return 0;
}

static int set_vring_num(struct vhost_user *v, struct error *err)
{
	const struct vu_state *s = &v->in.p.state;
	struct vu_queue *q = get_queue(v, s->index, err);

	if (!q)
		return -EINVAL;
	if (q->running || !s->num || s->num > VIRTQUEUE_MAX_SIZE || (s->num & (s->num - 1)))
		return error_set(err, -EINVAL, "queue %u: bad size %u", s->index, s->num);
	q->num = s->num;
	return 0;
}

static int set_vring_base(struct vhost_user *v, struct error *err)
{
	struct vu_queue *q = get_queue(v, v->in.p.state.index, err);

	if (!q)
		return -EINVAL;
	if (q->running || v->in.p.state.num > UINT16_MAX)
		return error_set(err, -EINVAL, "queue %u: bad base %u", q->index,
				 v->in.p.state.num);
	q->base = (uint16_t)v->in.p.state.num;
	return 0;
}

static int get_vring_base(struct vhost_user *v, struct error *err)
{
	struct vu_queue *q = get_queue(v, v->in.p.state.index, err);

	if (!q)
		return -EINVAL;
	queue_stop(q);
	q->kick = fd_close(q->kick);
	v->in.p.state.num = q->base;
	return reply(v, sizeof(struct vu_state), err);
}

/* SET_VRING_KICK, _CALL and _ERR: an index, a flag "no descriptor", and a descriptor. */
static int set_vring_fd(struct vhost_user *v, struct error *err)
{
	uint64_t u = v->in.p.u64;
	struct vu_queue *q = get_queue(v, u & VU_VRING_INDEX_MASK, err);
	_cleanup_fd_ int fd = -1;

	if (!q)
		return -EINVAL;
	if (!(u & VU_VRING_NO_FD))
		fd = take_fd(v);
	if (!(u & VU_VRING_NO_FD) && fd < 0)
		return error_set(err, -EINVAL, "message %u for queue %u: no descriptor came along",
				 v->in.h.request, q->index);
	if (fd >= 0 && fd_set_nonblock(fd, true) < 0)
		return error_sys(err, -errno, "queue %u: descriptor", q->index);
	switch (v->in.h.request) {
	case VU_SET_VRING_KICK:
		q->kick_src = loop_source_free(q->kick_src);
		if (q->running)
			queue_stop(q);
		fd_close(q->kick);
		q->kick = fd_steal(&fd);
		return queue_try_start(q, err);
	case VU_SET_VRING_CALL:
		fd_close(q->call);
		q->call = fd_steal(&fd);
		return 0;
	default: /* errors are told by closing the connection */
		return 0;
	}
}

static int set_vring_enable(struct vhost_user *v, struct error *err)
{
	const struct vu_state *s = &v->in.p.state;
	struct vu_queue *q = get_queue(v, s->index, err);

	if (!q)
		return -EINVAL;
	q->enabled = s->num != 0;
	if (q->enabled)
		return queue_try_start(q, err);
	queue_stop(q);
	return 0;
}

static int get_config(struct vhost_user *v, struct error *err)
{
	struct vu_config *c = &v->in.p.config;
	uint32_t size = v->in.h.size;

	if (size < 12 || c->size > VHOST_USER_MAX_CONFIG || size != 12 + c->size ||
	    c->offset > VHOST_USER_MAX_CONFIG)
		return error_set(err, -EINVAL,
				 "configuration request of %u bytes at %u in %u bytes", c->size,
				 c->offset, size);
	memset(c->data, 0, c->size);
	v->ops->config(v->dev, c->offset, c->data, c->size);
	return reply(v, size, err);
}

/* Bytes that each message must bring at least; 0 for those not named. */
static const uint8_t payload_min[] = {
	[VU_SET_FEATURES] = 8,	   [VU_SET_MEM_TABLE] = 8,
	[VU_SET_VRING_NUM] = 8,	   [VU_SET_VRING_ADDR] = sizeof(struct vu_addr),
	[VU_SET_VRING_BASE] = 8,   [VU_GET_VRING_BASE] = 8,
	[VU_SET_VRING_KICK] = 8,   [VU_SET_VRING_CALL] = 8,
	[VU_SET_VRING_ERR] = 8,	   [VU_SET_PROTOCOL_FEATURES] = 8,
	[VU_SET_VRING_ENABLE] = 8, [VU_GET_CONFIG] = 12,
};

static int set_features(struct vhost_user *v, struct error *err)
{
	uint64_t offered = v->ops->features | VU_F_VERSION_1 | VU_F_PROTOCOL_FEATURES;

	if (v->in.p.u64 & ~offered)
		return error_set(err, -EINVAL, "features 0x%" PRIx64 " were not offered",
				 v->in.p.u64 & ~offered);
	v->features = v->in.p.u64;
	return 0;
}

static int handle(struct vhost_user *v, struct error *err)
{
	switch (v->in.h.request) {
	case VU_GET_FEATURES:
		return reply_u64(v, v->ops->features | VU_F_VERSION_1 | VU_F_PROTOCOL_FEATURES,
				 err);
	case VU_SET_FEATURES:
		return set_features(v, err);
	case VU_GET_PROTOCOL_FEATURES:
		return reply_u64(v, VU_PROTO, err);
	case VU_SET_PROTOCOL_FEATURES:
		v->protocol = v->in.p.u64 & VU_PROTO;
		return 0;
	case VU_GET_QUEUE_NUM:
		return reply_u64(v, v->ops->n_queues, err);
	case VU_SET_OWNER:
	case VU_RESET_OWNER: /* deprecated and to be ignored */
		return 0;
	case VU_SET_MEM_TABLE:
		return set_mem_table(v, err);
	case VU_SET_VRING_NUM:
		return set_vring_num(v, err);
	case VU_SET_VRING_ADDR:
		return set_vring_addr(v, err);
	case VU_SET_VRING_BASE:
		return set_vring_base(v, err);
	case VU_GET_VRING_BASE:
		return get_vring_base(v, err);
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
	case VU_SET_VRING_ERR:
		return set_vring_fd(v, err);
	case VU_SET_VRING_ENABLE:
		return set_vring_enable(v, err);
	case VU_GET_CONFIG:
		return get_config(v, err);
	case VU_SET_CONFIG:
		return error_set(err, -EINVAL, "the configuration space is read-only");
	default:
		return error_set(err, -EOPNOTSUPP, "message %u is not supported", v->in.h.request);
	}
}

static int dispatch(struct vhost_user *v, struct error *err)
{
	struct vu_header h = v->in.h;
	bool ack = (h.flags & VU_FLAG_NEED_REPLY) && (v->protocol & VU_PROTO_REPLY_ACK);
	int r;

	if (h.request < ARRAY_SIZE(payload_min) && h.size < payload_min[h.request])
		return error_set(err, -EINVAL, "message %u has %u bytes", h.request, h.size);
	r = handle(v, err);
	if (r < 0)
		return r;
	/* Messages with a reply of their own have answered and changed the header. */
	if (ack && !(v->in.h.flags & VU_FLAG_REPLY))
		return reply_u64(v, 0, err);
	return 0;
}

/* Takes the descriptors that came with a piece of the message. */
static int collect_fds(struct vhost_user *v, struct msghdr *m, struct error *err)
{
	int r = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (v->n_fds == VU_MAX_FDS) {
				fd_close(fd);
				r = -EINVAL;
				continue;
			}
			v->fds[v->n_fds++] = fd;
		}
	}
	if (r < 0 || (m->msg_flags & MSG_CTRUNC))
		return error_set(err, -EINVAL, "a message came with more than %d descriptors",
				 VU_MAX_FDS);
	return 0;
}

/* Reads up to the end of the current message: 1 complete, 0 more to come, -errno. */
static int read_some(struct vhost_user *v, struct error *err)
{
	bool header = v->have < sizeof(v->in.h);
	size_t at = header ? v->have : v->have - sizeof(v->in.h);
	size_t want = header ? sizeof(v->in.h) : v->in.h.size;
	union {
		char buf[CMSG_SPACE(sizeof(int) * VU_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (header ? (char *)&v->in.h : (char *)&v->in.p) + at, want - at };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(v->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return error_sys(err, -errno, "cannot read");
	if (n == 0)
		return error_set(err, -ENOTCONN, "the hypervisor closed the connection");
	v->have += (size_t)n;
	if (collect_fds(v, &m, err) < 0)
		return -EINVAL;
	if (v->have < sizeof(v->in.h))
		return 0;
	if ((v->in.h.flags & VU_FLAG_VERSION_MASK) != VU_VERSION ||
	    (v->in.h.flags & VU_FLAG_REPLY) || v->in.h.size > VHOST_USER_MAX_PAYLOAD)
		return error_set(err, -EINVAL,
				 "bad message header (request %u, flags 0x%x, %u bytes)",
				 v->in.h.request, v->in.h.flags, v->in.h.size);
	return v->have == sizeof(v->in.h) + v->in.h.size;
}

static void shut(struct vhost_user *v)
{
	v->src = loop_source_free(v->src);
	for (unsigned i = 0; i < v->ops->n_queues; i++) {
		struct vu_queue *q = &v->queues[i];

		queue_stop(q);
		q->kick = fd_close(q->kick);
		q->call = fd_close(q->call);
	}
	drop_fds(v);
	v->fd = fd_close(v->fd);
	guest_mem_release(&v->mem);
}

static void on_message(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct vhost_user *v = data;
	struct error err = ERROR_INIT;
	int r = read_some(v, &err);

	if (r > 0) {
		r = dispatch(v, &err);
		v->have = 0;
		drop_fds(v);
	}
	if (r < 0) {
		error_prefix(&err, "vhost-user %s", v->ops->name);
		shut(v);
		v->ops->gone(v->dev, &err);
	}
}

int vhost_user_new(struct loop *loop, int fd, const struct vhost_user_device *ops, void *dev,
		   struct vhost_user **ret)
{
	_cleanup_free_ struct vhost_user *v = NULL;
	int r;

	if (ops->n_queues > VHOST_USER_MAX_QUEUES)
		return -EINVAL;
	v = new0(struct vhost_user);
	if (!v)
		return -ENOMEM;
	v->loop = loop;
	v->ops = ops;
	v->dev = dev;
	for (unsigned i = 0; i < VHOST_USER_MAX_QUEUES; i++) {
		v->queues[i].v = v;
		v->queues[i].index = i;
		v->queues[i].kick = v->queues[i].call = -1;
	}
	r = loop_add_io(loop, fd, EPOLLIN, on_message, v, &v->src);
	if (r < 0)
		return r;
	v->fd = fd;
	*ret = steal_ptr(v);
	return 0;
}

struct vhost_user *vhost_user_free(struct vhost_user *v)
{
	if (!v)
		return NULL;
	shut(v);
	free(v);
	return NULL;
}
