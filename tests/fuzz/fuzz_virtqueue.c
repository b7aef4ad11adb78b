/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "support/fake_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_connect(int fd, const struct error *err, void *data)
{
	fd_close(fd);
	++*(int *)data;
}

static void on_accept(int fd, uint32_t guest_port, void *data)
{
	fd_close(fd);
}

/*
 * The input is the guest's memory from the rings on: descriptors, indices and packets of its choice. The device must
 * neither crash nor lose a callback.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vsock_device *d = NULL;
	struct loop *loop = NULL;
	struct fake_guest g;
	int answers = 0;

	if (loop_new(&loop) < 0 || vsock_device_new(loop, FAKE_CID, &d) < 0)
		abort();
	fake_guest_open(&g);
	memcpy(g.base + FAKE_RX_DESC, data, size < FAKE_SIZE / 2 ? size : FAKE_SIZE / 2);
	fake_guest_start(&g, d);
	vsock_device_listen(d, 1, on_accept, NULL);
	vsock_device_connect(d, 1024, 0, on_connect, &answers);
	for (int i = 0; i < 4; i++) {
		vsock_device_kick(d, VSOCK_QUEUE_TX);
		vsock_device_kick(d, VSOCK_QUEUE_RX);
		loop_step(loop, 0);
	}
	vsock_device_free(d);
	if (answers != 1)
		abort();
	fake_guest_close(&g);
	loop_free(loop);
	return 0;
}
