/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/packed.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "image.h"

struct packed {
	pid_t pid; /* 0: reaped */
	char *image;
	int report; /* the child's struct error, when it failed */
	struct loop_source *child;
	packed_done_fn fn;
	void *data;
};

/* In the child: everything that may take long. */
static int pack(const struct packed_params *p, int out_fd, struct error *err)
{
	struct image_pack_params pack = { .format = "erofs", .own_as_root = p->own_as_root };
	uint8_t seed[WRITER_SEED_SIZE];
	_cleanup_fd_ int dir = -1;
	struct writer_result result;
	int r;

	/* The image lives as long as the container: its UUID need not follow from the content, which saves reading that twice. */
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return error_sys(err, -errno, "random bytes");
	pack.seed = seed;
	dir = open(p->rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, -errno, "root file system %s", p->rootfs);
	r = image_pack_dir(dir, out_fd, &pack, &result, err);
	return r < 0 ? error_prefix(err, "root file system %s", p->rootfs) : 0;
}

static _noreturn_ void child_main(const struct packed_params *p, pid_t parent, int out_fd,
				  int report_fd)
{
	struct error err = ERROR_INIT;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	if (pack(p, out_fd, &err) == 0)
		_exit(0);
	(void)fd_write_full(report_fd, &err, sizeof(err));
	_exit(1);
}

static void on_child(struct loop_source *s, pid_t pid, int wait_status, void *data)
{
	struct packed *p = data;
	struct error err = ERROR_INIT;

	p->pid = 0;
	p->child = NULL;
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
		p->fn(NULL, p->data);
		return;
	}
	if (fd_read_full(p->report, &err, sizeof(err)) < 0 || !err.code) {
		error_clear(&err);
		error_set(&err, -EIO, "packing the root file system ended with status 0x%x",
			  (unsigned)wait_status);
	}
	err.msg[sizeof(err.msg) - 1] = '\0';
	p->fn(&err, p->data);
}

int packed_start(struct loop *loop, const struct packed_params *params, packed_done_fn fn,
		 void *data, struct packed **ret, struct error *err)
{
	_cleanup_fd_ int out = -1, wr = -1;
	struct packed *p = new0(struct packed);
	int pipefd[2], r;
	pid_t parent = getpid();

	if (!p)
		return error_oom(err);
	p->report = -1;
	p->fn = fn;
	p->data = data;
	p->image = strdup(params->image);
	if (!p->image) {
		packed_free(p);
		return error_oom(err);
	}
	out = open(p->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	r = out < 0 ? error_sys(err, -errno, "%s", p->image) : 0;
	if (r == 0) {
		r = fd_pipe(pipefd, 0);
		if (r < 0)
			error_sys(err, r, "pipe");
	}
	if (r < 0) {
		packed_free(p);
		return r;
	}
	p->report = pipefd[0];
	wr = pipefd[1];
	p->pid = fork();
	if (p->pid == 0)
		child_main(params, parent, out, wr);
	r = p->pid < 0 ? -errno : loop_add_child(loop, p->pid, on_child, p, &p->child);
	if (r < 0) {
		packed_free(p);
		return error_sys(err, r, "fork");
	}
	*ret = p;
	return 0;
}

struct packed *packed_free(struct packed *p)
{
	if (!p)
		return NULL;
	loop_source_free(p->child);
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	fd_close(p->report);
	if (p->image)
		unlink(p->image);
	free(p->image);
	free(p);
	return NULL;
}

const char *packed_image(const struct packed *p)
{
	return p->image;
}
