/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/loop.h"
#include "base/options.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/known.h"
#include "cli/resources.h"
#include "cli/task_client.h"
#include "wire/google.pb-c.h"

#define USAGE		   "update [options] ID"
#define RESOURCES_TYPE_URL "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
#define RESOURCES_MAX	   (1u << 20)

static void free_loop(struct loop **l)
{
	loop_free(*l);
}

static int read_file(const char *path, struct strbuf *out, struct error *err)
{
	int r;

	if (strcmp(path, "-") != 0)
		return file_read(AT_FDCWD, path, RESOURCES_MAX, out, err);
	r = strbuf_read_fd(out, STDIN_FILENO, RESOURCES_MAX);
	return r < 0 ? error_sys(err, r, "standard input") : 0;
}

static int send_update(struct known *k, const char *id, const struct strbuf *json,
		       struct error *err)
{
	Containerd__Task__V2__UpdateTaskRequest req =
		CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	_cleanup_(free_loop) struct loop *loop = NULL;
	_cleanup_task_client_ struct task_client client = TASK_CLIENT_INIT;
	int r = loop_new(&loop);

	if (r < 0)
		return error_sys(err, r, "event loop");
	r = task_client_open(&client, loop, &k->instance, err);
	if (r < 0)
		return r;
	any.type_url = (char *)RESOURCES_TYPE_URL;
	any.value.data = (uint8_t *)json->buf;
	any.value.len = json->len;
	req.id = (char *)id;
	req.resources = &any;
	return task_call(&client, "Update", &req.base, err);
}

int cmd_update(const struct cli *cli, int argc, char **argv, struct error *err)
{
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;
	_cleanup_known_ struct known k = KNOWN_INIT;
	struct resource_options o = { NULL };
	struct option_def defs[RESOURCE_OPTIONS];
	int next, r;

	resource_options(&o, defs);
	r = options_parse(defs, RESOURCE_OPTIONS, argc, argv, &next, err);
	if (r < 0)
		return r;
	if (argc - next != 1)
		return error_set(err, -EINVAL, "expected one container id: %s", USAGE);
	/* As runc: a file replaces the options. */
	r = o.file ? read_file(o.file, &json, err) : resource_json(&o, &json, err);
	if (r == 0)
		r = known_need(&k, cli, argv[next], err);
	if (r < 0)
		return r;
	if (!k.alive)
		return error_set(err, -ESRCH, "container \"%s\" is stopped", argv[next]);
	return send_update(&k, argv[next], &json, err);
}
