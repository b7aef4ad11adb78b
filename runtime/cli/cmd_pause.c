/* SPDX-License-Identifier: Apache-2.0 */
/* pause and resume */
#include "base/loop.h"
#include "base/options.h"
#include "cli/cli.h"
#include "cli/known.h"
#include "cli/task_client.h"

static void free_loop(struct loop **l)
{
	loop_free(*l);
}

static int pause_or_resume(const struct cli *cli, int argc, char **argv, bool paused,
			   struct error *err)
{
	Containerd__Task__V2__ResumeRequest resume = CONTAINERD__TASK__V2__RESUME_REQUEST__INIT;
	Containerd__Task__V2__PauseRequest pause = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;
	_cleanup_(free_loop) struct loop *loop = NULL;
	_cleanup_task_client_ struct task_client client = TASK_CLIENT_INIT;
	_cleanup_known_ struct known k = KNOWN_INIT;
	int next, r = options_parse(NULL, 0, argc, argv, &next, err);

	if (r < 0)
		return r;
	if (argc - next != 1)
		return error_set(err, -EINVAL, "expected one container id: %s ID", argv[0]);
	r = known_need(&k, cli, argv[next], err);
	if (r < 0)
		return r;
	if (!k.alive)
		return error_set(err, -ESRCH, "container \"%s\" is stopped", argv[next]);
	r = loop_new(&loop);
	if (r < 0)
		return error_sys(err, r, "event loop");
	r = task_client_open(&client, loop, &k.instance, err);
	if (r < 0)
		return r;
	pause.id = resume.id = argv[next];
	return paused ? task_call(&client, "Pause", &pause.base, err)
		      : task_call(&client, "Resume", &resume.base, err);
}

int cmd_pause(const struct cli *cli, int argc, char **argv, struct error *err)
{
	return pause_or_resume(cli, argc, argv, true, err);
}

int cmd_resume(const struct cli *cli, int argc, char **argv, struct error *err)
{
	return pause_or_resume(cli, argc, argv, false, err);
}
