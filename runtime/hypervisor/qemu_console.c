/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/qemu_console.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"

#define PANIC_MARK "Kernel panic - not syncing: "

/* Where we are in a terminal's escape sequence (ECMA-48): ESC, then '[' parameters, then a final byte 0x40..0x7e. */
enum escape { ESCAPE_NONE, ESCAPE_START, ESCAPE_CSI };

struct console {
	struct loop_source *src;
	int fd;
	console_line_fn fn;
	void *data;
	enum escape escape;
	size_t line_len, len;
	char line[CONSOLE_LINE_MAX + 1];
	char text[2 * CONSOLE_TAIL_MAX + CONSOLE_LINE_MAX +
		  2]; /* complete lines, the newest last */
	char tail[CONSOLE_TAIL_MAX + 1];
	char panic[CONSOLE_PANIC_MAX];
};

static void add_text(struct console *c, const char *s, size_t n)
{
	if (c->len + n > sizeof(c->text)) {
		size_t drop = c->len - CONSOLE_TAIL_MAX;

		memmove(c->text, c->text + drop, CONSOLE_TAIL_MAX);
		c->len = CONSOLE_TAIL_MAX;
	}
	memcpy(c->text + c->len, s, n);
	c->len += n;
}

static void end_line(struct console *c)
{
	const char *mark;

	c->line[c->line_len] = '\0';
	mark = strstr(c->line, PANIC_MARK);
	if (mark && !c->panic[0])
		snprintf(c->panic, sizeof(c->panic), "%s", mark + strlen(PANIC_MARK));
	if (c->fn)
		c->fn(c->line, c->data);
	c->line[c->line_len++] = '\n';
	add_text(c, c->line, c->line_len);
	c->line_len = 0;
}

static void take_byte(struct console *c, unsigned char b)
{
	switch (c->escape) {
	case ESCAPE_START:
		c->escape = b == '[' ? ESCAPE_CSI : ESCAPE_NONE;
		return;
	case ESCAPE_CSI:
		if (b >= 0x40 && b <= 0x7e)
			c->escape = ESCAPE_NONE;
		return;
	case ESCAPE_NONE:
		break;
	}
	if (b == 0x1b)
		c->escape = ESCAPE_START;
	else if (b == '\n')
		end_line(c);
	else if (b == '\t' || (b >= 0x20 && b < 0x7f) || b >= 0xa0)
		c->line[c->line_len++] = (char)b;
	if (c->line_len == CONSOLE_LINE_MAX - 1)
		end_line(c);
}

/* Reads once. False when there is nothing, or nothing more for ever. */
static bool read_some(struct console *c)
{
	char buf[4096];
	ssize_t n;

	if (c->fd < 0)
		return false;
	n = read(c->fd, buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		c->src = loop_source_free(c->src);
		c->fd = fd_close(c->fd);
		return false;
	}
	for (ssize_t i = 0; i < n; i++)
		take_byte(c, (unsigned char)buf[i]);
	return true;
}

static void on_io(struct loop_source *s, int fd, uint32_t events, void *data)
{
	read_some(data);
}

int console_new(struct loop *loop, int fd, console_line_fn fn, void *data, struct console **ret)
{
	struct console *c = new0(struct console);
	int r;

	if (!c)
		return -ENOMEM;
	c->fn = fn;
	c->data = data;
	r = fd_set_nonblock(fd, true);
	if (r >= 0)
		r = loop_add_io(loop, fd, EPOLLIN, on_io, c, &c->src);
	if (r < 0) {
		free(c);
		return r;
	}
	c->fd = fd;
	*ret = c;
	return 0;
}

struct console *console_free(struct console *c)
{
	if (!c)
		return NULL;
	loop_source_free(c->src);
	fd_close(c->fd);
	free(c);
	return NULL;
}

void console_drain(struct console *c)
{
	/* Bounded: a guest could go on for ever. */
	for (int i = 0; c && i < 256 && read_some(c); i++)
		;
}

const char *console_tail(struct console *c)
{
	size_t line, text;

	if (!c)
		return "";
	line = c->line_len;
	text = MIN(c->len, CONSOLE_TAIL_MAX - line);
	memcpy(c->tail, c->text + c->len - text, text);
	memcpy(c->tail + text, c->line, line);
	text += line;
	while (text && c->tail[text - 1] == '\n')
		text--;
	c->tail[text] = '\0';
	return c->tail;
}

const char *console_panic(const struct console *c)
{
	return c && c->panic[0] ? c->panic : NULL;
}
