/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_VSOCK_INTERNAL_H
#define VMM_VSOCK_INTERNAL_H

#include <stdbool.h>
#include <linux/virtio_vsock.h>
#include "base/list.h"
#include "vmm/vsock.h"

/*
 * For vsock.c, vsock_packet.c and vsock_stream.c alone.
 *
 * vsock.c: the device, its queues, connects and listeners. vsock_packet.c: packets from and to the queues.
 * vsock_stream.c: one stream between its socket and its packets.
 */
#define VSOCK_HASH	256
#define VSOCK_MAX_STRAY 256 /* resets to be sent for streams that do not exist */
#define VSOCK_BATCH	16  /* receive buffers filled by one read */
/* Work of one round before the loop's other sources get their turn. */
#define VSOCK_ROUND_PACKETS 1024
#define VSOCK_ROUND_READS   64

enum vsock_state {
	VSOCK_CONNECTING, /* REQUEST is sent or will be; no answer yet */
	VSOCK_OPEN,
	VSOCK_CLOSING, /* our user closed: SHUTDOWN is sent or will be, the guest's RST is awaited; no socket */
	VSOCK_DRAINING, /* the guest knows the stream no more; the rest of its data goes to our user */
};

/* What a stream has to send besides data, in this order. */
#define VSOCK_SEND_REQUEST  (1u << 0)
#define VSOCK_SEND_RESPONSE (1u << 1)
#define VSOCK_SEND_CREDIT   (1u << 2)
#define VSOCK_SEND_SHUTDOWN (1u << 3)
#define VSOCK_SEND_RST	    (1u << 4) /* and then the stream is over for the guest */

struct vsock_stream {
	struct vsock_device *d;
	struct list all;   /* in d->streams, oldest first */
	struct list hash;  /* in d->hash; self-linked while draining */
	struct list ready; /* in d->ready while it has something to send */
	enum vsock_state state;
	uint32_t host_port, guest_port;
	int fd;	     /* our end; -1 while closing */
	int user_fd; /* the user's end until it is handed over */
	struct loop_source *io;
	uint32_t events; /* that io waits for */
	unsigned send;	 /* VSOCK_SEND_* */

	/* Guest to host: bytes that the socket did not take yet. */
	uint8_t *buf;	     /* ring of VSOCK_BUF_SIZE, allocated when needed */
	uint32_t start;	     /* of the oldest byte */
	uint32_t len;	     /* bytes held */
	uint32_t fwd_cnt;    /* bytes taken from the buffer, as the protocol counts */
	uint32_t fwd_told;   /* what the guest knows of it */
	unsigned guest_shut; /* VIRTIO_VSOCK_SHUTDOWN_* received */

	/* Host to guest. */
	bool readable;	     /* the socket has, or had, something */
	bool eof;	     /* it has given all */
	uint32_t tx_cnt;     /* bytes sent */
	uint32_t peer_alloc; /* the guest's buffer */
	uint32_t peer_fwd;   /* its fwd_cnt */
	unsigned host_shut;  /* VIRTIO_VSOCK_SHUTDOWN_* to be sent or sent */

	/* While connecting. */
	struct loop_source *timer;
	vsock_connect_fn fn;
	void *fn_data;
};

struct vsock_listener {
	struct list list;
	uint32_t port;
	vsock_accept_fn fn;
	void *data;
};

/* An answer to the user, given in the next round of the loop. */
struct vsock_answer {
	struct list list; /* in d->answers */
	struct vsock_device *d;
	struct loop_source *source;
	int fd;
	struct error err;
	uint32_t port;
	vsock_connect_fn connect_fn; /* one of these two */
	vsock_accept_fn accept_fn;
	void *data;
};

struct vsock_device {
	struct loop *loop;
	uint64_t cid;
	struct virtqueue *rx, *tx;  /* NULL while not running */
	bool tx_blocked;	    /* no room to remember an answer: wait for receive buffers */
	struct error err;	    /* set: gone or broken */
	struct loop_source *resume; /* deferred: go on with what a round left */
	struct list streams, ready, listeners, answers;
	struct list hash[VSOCK_HASH];
	unsigned n_streams;
	uint32_t next_port;
	struct {
		uint32_t host_port, guest_port;
	} stray[VSOCK_MAX_STRAY]; /* resets that wait for a receive buffer */
	unsigned n_stray;
	struct virtqueue_chain chains[VSOCK_BATCH];
	struct virtqueue_chain tx_chain;
	void (*driver_fn)(void *data);
	void *driver_data;
	struct loop_source *driver_source;
};

/* vsock.c */
bool vsock_is_up(const struct vsock_device *d);
/* A queue broke: stops serving, ends everything. */
void vsock_fail(struct vsock_device *d, const struct virtqueue *q, const char *which);
struct vsock_listener *vsock_find_listener(struct vsock_device *d, uint32_t port);
int vsock_answer_accept(struct vsock_listener *l, struct vsock_stream *s);
/* Answers the connect of a stream that was CONNECTING: err NULL means success. */
void vsock_answer_connect(struct vsock_stream *s, const struct error *err);
/* Calls vsock_pump() again in the next round. */
void vsock_resume_later(struct vsock_device *d);

/* vsock_packet.c */
/* Takes packets from the transmit queue. */
void vsock_receive(struct vsock_device *d);
/* Sends what is waiting while there are receive buffers. */
void vsock_pump(struct vsock_device *d);

/* vsock_stream.c */
struct vsock_stream *vsock_stream_new(struct vsock_device *d, uint32_t host_port,
				      uint32_t guest_port); /* with its socket pair; NULL: errno */
void vsock_stream_free(struct vsock_stream *s);
struct vsock_stream *vsock_stream_find(struct vsock_device *d, uint32_t host_port,
				       uint32_t guest_port);
/* Marks something to be sent; flags may be 0 when there is data. */
void vsock_stream_send(struct vsock_stream *s, unsigned flags);
/* Begins to watch the socket. */
int vsock_stream_open(struct vsock_stream *s);
/* A packet of an existing stream; payload in the chain behind the header. */
void vsock_stream_packet(struct vsock_stream *s, const struct virtio_vsock_hdr *h,
			 struct virtqueue_chain *c);
/* The guest does not know the stream any more: keep it only for data that the user has not read. */
void vsock_stream_orphan(struct vsock_stream *s);
/* Bytes that the guest's buffer takes now. */
uint32_t vsock_stream_credit(const struct vsock_stream *s);
/* The socket gave end of file. */
void vsock_stream_eof(struct vsock_stream *s);
/* Makes io wait for what the stream can do something with. */
void vsock_stream_watch(struct vsock_stream *s);

#endif
