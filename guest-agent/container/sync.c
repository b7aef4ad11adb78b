/* SPDX-License-Identifier: Apache-2.0 */
#include "container/sync.h"

#include <string.h>
#include "base/fd.h"

#define MSG_HEAD offsetof(struct sync_msg, text)

static int send_plain(int sock, enum sync_type type, int code, int fd)
{
	struct sync_msg m;

	memset(&m, 0, MSG_HEAD);
	m.type = (int)type;
	m.code = code;
	return fd_send_message(sock, &m, MSG_HEAD, fd);
}

int sync_send(int sock, enum sync_type type, int fd)
{
	return send_plain(sock, type, 0, fd);
}

int sync_send_code(int sock, enum sync_type type, int code)
{
	return send_plain(sock, type, code, -1);
}

int sync_send_error(int sock, enum sync_stage stage, const struct error *err)
{
	struct sync_msg m;
	size_t n = strnlen(error_text(err), sizeof(m.text) - 1);

	memset(&m, 0, sizeof(m));
	m.type = SYNC_ERROR;
	m.stage = (int)stage;
	m.code = err->code;
	memcpy(m.text, error_text(err), n);
	return fd_send_message(sock, &m, MSG_HEAD + n + 1, -1);
}

int sync_recv(int sock, struct sync_msg *ret, int *ret_fd)
{
	ssize_t n;

	memset(ret, 0, sizeof(*ret));
	n = fd_recv_message(sock, ret, sizeof(*ret), ret_fd);
	if (n < 0)
		return n == -ECONNRESET ? 0 : (int)n;
	if (n == 0)
		return 0;
	if ((size_t)n < MSG_HEAD) {
		*ret_fd = fd_close(*ret_fd);
		return -EPROTO;
	}
	ret->text[sizeof(ret->text) - 1] = '\0';
	return 1;
}

int sync_expect(int sock, enum sync_type type)
{
	struct sync_msg m = { 0 };

	return sync_await(sock, type, &m, NULL);
}

int sync_await(int sock, enum sync_type type, struct sync_msg *ret, struct error *err)
{
	int fd = -1;
	int r = sync_recv(sock, ret, &fd);

	fd_close(fd);
	if (r == 1 && ret->type == SYNC_ERROR)
		return error_set(err, ret->code < 0 ? ret->code : -EIO, "%s", ret->text);
	if (r <= 0 || ret->type != (int)type)
		return error_set(err, r < 0 ? r : -EPROTO, "the maker has gone");
	return 0;
}
