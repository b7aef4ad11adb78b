/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "support/fake_guest.h"
#include "vmm/vhost_user.h"
#include "vmm/vsock_vhost_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The input is what a hypervisor writes: a byte that tells whether a memory file comes along, a length of two bytes, that many bytes; and so on.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vsock_device *d = NULL;
	struct vhost_user *v = NULL;
	struct loop *loop = NULL;
	struct fake_guest g;
	int sv[2];

	if (loop_new(&loop) < 0 || vsock_device_new(loop, FAKE_CID, &d) < 0 ||
	    fd_socketpair(sv, SOCK_NONBLOCK) < 0 ||
	    vhost_user_new(loop, sv[1], &vsock_vhost_user, d, &v) < 0)
		abort();
	fake_guest_open(&g);
	while (size > 3) {
		size_t len = (size_t)data[1] | (size_t)data[2] << 8;
		bool with_fd = data[0] & 1;
		struct iovec iov;
		union {
			char buf[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control = { 0 };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

		data += 3;
		size -= 3;
		len = len < size ? len : size;
		iov.iov_base = (void *)(uintptr_t)data;
		iov.iov_len = len;
		if (with_fd) {
			m.msg_control = control.buf;
			m.msg_controllen = sizeof(control.buf);
			CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
			CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
			CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(int));
			*(int *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m)) = g.fd;
		}
		if (len)
			sendmsg(sv[0], &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		data += len;
		size -= len;
		for (int i = 0; i < 3; i++)
			loop_step(loop, 0);
	}
	vhost_user_free(v);
	vsock_device_free(d);
	fd_close(sv[0]);
	fake_guest_close(&g);
	loop_free(loop);
	return 0;
}
