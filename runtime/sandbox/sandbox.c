/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "codec/json.h"
#include "sandbox/hybrid.h"
#include "sandbox/sandbox_internal.h"

#define CONSOLE_LINES_MAX 12
#define CONSOLE_ROOM	  300 /* bytes of an error kept for what comes before the console lines */

int sandbox_new(struct loop *loop, const struct config *config, struct instance *instance,
		const char *bundle, int log_fd, struct sandbox **ret, struct error *err)
{
	struct sandbox *sb = new0(struct sandbox);
	char now[TIME_RFC3339_MAX];

	if (!sb)
		return error_oom(err);
	sb->loop = loop;
	sb->config = config;
	sb->instance = instance;
	sb->log_fd = log_fd;
	list_init(&sb->containers);
	state_init(&sb->state);
	sb->use_share = config->shared_fs == CONFIG_FS_VIRTIO && geteuid() == 0;
	sb->vm_ops = vm_ops_find(config->hypervisor);
	if (!sb->vm_ops) {
		sandbox_free(sb);
		return error_set(err, -EINVAL, "hypervisor \"%s\" is not supported",
				 config->hypervisor);
	}
	sb->state.owner = geteuid();
	sb->state.engine.pid = getpid();
	sb->state.engine.start = process_start_time(getpid());
	sb->id = strdup(instance->id);
	sb->state.id = strdup(instance->id);
	sb->state.bundle = strdup(bundle);
	sb->state.status = strdup("creating");
	sb->state.created = strdup(time_rfc3339(now, time_wall_nsec()));
	sb->state.rootfs_mode = strdup(sb->use_share ? "virtio-fs" : "packed");
	sb->vm_dir = path_join(instance->dir, "vm");
	sb->fs_socket = path_join(instance->dir, "vm/virtiofsd.sock");
	if (!sb->id || !sb->state.id || !sb->state.bundle || !sb->state.status ||
	    !sb->state.created || !sb->state.rootfs_mode || !sb->vm_dir || !sb->fs_socket) {
		sandbox_free(sb);
		return error_oom(err);
	}
	*ret = sb;
	return 0;
}

static void free_containers(struct sandbox *sb)
{
	struct list *pos, *tmp;

	list_for_each_safe(pos, tmp, &sb->containers) {
		container_free(list_entry(pos, struct container, link));
	}
}

struct sandbox *sandbox_free(struct sandbox *sb)
{
	if (!sb)
		return NULL;
	sb->phase = SANDBOX_ENDED;
	sb->on_empty = NULL;
	if (sb->launching) {
		launch_cancel(sb->launching->launch);
		free(sb->launching);
	}
	sb->agent = agent_client_free(sb->agent);
	free_containers(sb);
	sb->hybrid = hybrid_free(sb->hybrid);
	if (sb->vm)
		sb->vm_ops->free(sb->vm);
	virtiofsd_free(sb->virtiofsd);
	share_close(&sb->share);
	state_release(&sb->state);
	free(sb->id);
	free(sb->vm_dir);
	free(sb->fs_socket);
	free(sb->kernel_params);
	free(sb);
	return NULL;
}

/* ---- state ---------------------------------------------------------------------------------------------------- */

static void note_process(struct state_process *p, pid_t pid)
{
	if (pid == p->pid)
		return;
	p->pid = pid > 0 ? pid : 0;
	p->start = pid > 0 ? process_start_time(pid) : 0;
}

static const char *status_text(const struct sandbox *sb)
{
	static const char *const words[] = {
		[PROCESS_CREATED] = "created",
		[PROCESS_RUNNING] = "running",
		[PROCESS_STOPPED] = "stopped",
	};
	struct list *pos;

	if (sb->phase == SANDBOX_LAUNCHING || sb->phase == SANDBOX_NEW)
		return "creating";
	list_for_each(pos, &sb->containers) {
		struct container *c = list_entry(pos, struct container, link);

		if (strcmp(c->id, sb->id) == 0 && c->paused && container_init_process(c) &&
		    container_init_process(c)->status == PROCESS_RUNNING)
			return "paused";
		if (strcmp(c->id, sb->id) == 0 && container_init_process(c))
			return words[container_init_process(c)->status];
	}
	return "stopped";
}

void sandbox_warn(struct sandbox *sb, const char *text)
{
	char *both =
		sb->state.warning ? str_printf("%s; %s", sb->state.warning, text) : strdup(text);

	log_warn("%s", text);
	if (!both)
		return;
	free(sb->state.warning);
	sb->state.warning = both;
}

void sandbox_save(struct sandbox *sb)
{
	struct error err = ERROR_INIT;
	struct state *s = &sb->state;
	const char *status = status_text(sb);

	if (strcmp(status, s->status) != 0) {
		char *copy = strdup(status);

		if (copy) {
			free(s->status);
			s->status = copy;
		}
	}
	note_process(&s->hypervisor, sb->vm ? sb->vm_ops->pid(sb->vm) : 0);
	note_process(&s->virtiofsd, virtiofsd_pid(sb->virtiofsd));
	if (sb->vm) {
		const struct vm_times *t = sb->vm_ops->times(sb->vm);

		s->times.vm_launch = t->launch;
		s->times.vm_started = t->started;
		s->times.guest_driver = t->driver;
	}
	if (state_write(sb->instance->dirfd, s, &err) < 0)
		log_error("cannot write %s/%s: %s", sb->instance->dir, STATE_FILE,
			  error_text(&err));
}

struct process *sandbox_find(struct sandbox *sb, const char *cid, const char *exec_id,
			     struct error *err)
{
	struct list *pos;

	list_for_each(pos, &sb->containers) {
		struct container *c = list_entry(pos, struct container, link);
		struct list *q;

		if (strcmp(c->id, cid) != 0)
			continue;
		list_for_each(q, &c->processes) {
			struct process *p = list_entry(q, struct process, link);

			if (strcmp(p->exec_id, exec_id) == 0)
				return p;
		}
		error_set(err, -ENOENT, "process \"%s\" of container \"%s\" does not exist",
			  exec_id, cid);
		return NULL;
	}
	error_set(err, -ENOENT, "container \"%s\" does not exist", cid);
	return NULL;
}

bool sandbox_is_empty(const struct sandbox *sb)
{
	return list_empty(&sb->containers);
}

pid_t sandbox_pid(const struct sandbox *sb)
{
	pid_t pid = sb->vm ? sb->vm_ops->pid(sb->vm) : 0;

	return pid > 0 ? pid : getpid();
}

/* ---- loss ----------------------------------------------------------------------------------------------------- */

void sandbox_lost(struct sandbox *sb, const char *reason)
{
	struct list *pos, *q;

	if (sb->phase != SANDBOX_RUNNING)
		return;
	sb->phase = SANDBOX_LOST;
	log_error("sandbox %s is lost: %s", sb->id, reason);
	if (!sb->state.reason)
		sb->state.reason = strdup(reason);
	sb->agent = agent_client_free(sb->agent);
	list_for_each(pos, &sb->containers) {
		struct container *c = list_entry(pos, struct container, link);

		list_for_each(q, &c->processes) {
			process_finish(list_entry(q, struct process, link), AGENT_EXIT_LOST);
		}
	}
	if (sb->vm) {
		sb->vm_ops->free(sb->vm);
		sb->vm = NULL;
	}
	sb->virtiofsd = virtiofsd_free(sb->virtiofsd);
	sandbox_save(sb);
}

struct lost_note {
	struct sandbox *sb;
	char *reason;
};

static void on_lost(struct loop_source *s, void *data)
{
	struct lost_note *n = data;

	sandbox_lost(n->sb, n->reason);
	free(n->reason);
	free(n);
}

void sandbox_lost_later(struct sandbox *sb, const char *reason)
{
	struct lost_note *n = new0(struct lost_note);

	if (n) {
		n->sb = sb;
		n->reason = strdup(reason);
	}
	if (!n || !n->reason || loop_add_defer(sb->loop, on_lost, n, NULL) < 0) {
		if (n)
			free(n->reason);
		free(n);
		sandbox_lost(sb, reason);
	}
}

/* The last lines of the console that fit `room` bytes, at most CONSOLE_LINES_MAX. */
static const char *last_lines(const char *text, size_t room)
{
	size_t len = strlen(text);
	const char *from = text + len, *best;
	int lines = 0;

	while (from > text && isspace((unsigned char)from[-1]))
		from--;
	best = from;
	while (from > text && (size_t)(text + len - from) < room && lines < CONSOLE_LINES_MAX) {
		from--;
		if (from == text || from[-1] == '\n') {
			best = from;
			lines++;
		}
	}
	/* One line that is longer than the room: its end. */
	return *best ? best : text + len - MIN(len, room);
}

void sandbox_console_error(struct sandbox *sb, struct error *err, int code, const char *fmt, ...)
{
	const char *p = last_lines(sb->vm ? sb->vm_ops->console_tail(sb->vm) : "",
				   ERROR_MSG_MAX - CONSOLE_ROOM);
	char text[ERROR_MSG_MAX];
	size_t n = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, CONSOLE_ROOM - 64, fmt, ap);
	va_end(ap);
	n = strlen(text);
	if (*p)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "; the guest's last console lines:");
	for (bool start = true; *p && n < sizeof(text) - 8; p++) {
		if (start)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "\n  | ");
		start = *p == '\n';
		if (!start && *p != '\r')
			text[n++] = isprint((unsigned char)*p) || *p == '\t' ? *p : '?';
	}
	while (n > 0 && (isspace((unsigned char)text[n - 1]) || text[n - 1] == '|'))
		n--;
	text[n] = '\0';
	error_set(err, code, "%s", text);
}

/* ---- containers ----------------------------------------------------------------------------------------------- */

int sandbox_create_container(struct sandbox *sb, const struct container_params *p,
			     sandbox_done_fn fn, void *data, struct error *err)
{
	_cleanup_free_ struct launch_ctx *ctx = NULL;
	bool first = sb->phase == SANDBOX_NEW;
	int r;

	if (sb->launching)
		return error_set(err, -EBUSY, "another container is being created");
	if (!first && sb->phase != SANDBOX_RUNNING)
		return error_set(err, -ENOTCONN, "sandbox \"%s\" is not running%s%s", sb->id,
				 sb->state.reason ? ": " : "",
				 sb->state.reason ? sb->state.reason : "");
	if (sandbox_find(sb, p->id, "", NULL))
		return error_set(err, -EEXIST, "container \"%s\" exists already", p->id);
	if (!first && !sb->use_share)
		return error_set(err, -EOPNOTSUPP,
				 "a second container in a sandbox with packed root file systems "
				 "is not supported yet");
	ctx = new0(struct launch_ctx);
	if (!ctx)
		return error_oom(err);
	ctx->sb = sb;
	ctx->fn = fn;
	ctx->data = data;
	r = container_new(sb, p, &ctx->container, err);
	if (r < 0)
		return r;
	if (first)
		sb->phase = SANDBOX_LAUNCHING;
	r = launch_begin(ctx, first, err);
	if (r < 0) {
		container_free(ctx->container);
		if (first)
			sb->phase = SANDBOX_NEW;
		return r;
	}
	sb->launching = steal_ptr(ctx);
	return 0;
}
