/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <sys/ioctl.h>

int terminal_raw(struct terminal *t, int fd, struct error *err)
{
	struct termios raw;

	if (tcgetattr(fd, &t->saved) < 0)
		return error_sys(err, -errno, "terminal");
	raw = t->saved;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSANOW, &raw) < 0)
		return error_sys(err, -errno, "terminal");
	t->fd = fd;
	return 0;
}

void terminal_restore(struct terminal *t)
{
	if (t->fd >= 0)
		tcsetattr(t->fd, TCSADRAIN, &t->saved);
	t->fd = -1;
}

int terminal_size(int fd, uint32_t *rows, uint32_t *columns)
{
	struct winsize w;

	if (ioctl(fd, TIOCGWINSZ, &w) < 0)
		return -errno;
	*rows = w.ws_row;
	*columns = w.ws_col;
	return 0;
}
