/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <stdio.h>

static void on_stage(void *data, enum progress_event e, const struct progress_state *s)
{
}

static void on_warn(void *data, const char *line)
{
	fprintf(stderr, "osbuilder: warning: %s\n", line);
}

static void on_output(void *data, const struct progress_output *o)
{
}

static const struct progress_ops report_ops = { on_stage, on_warn, on_output };

int report_open(struct report *r, const struct report_args *a, struct error *err)
{
	progress_init(&r->progress, &report_ops, r, 0);
	r->open = true;
	return 0;
}

void report_close(struct report *r)
{
	if (r->open)
		progress_release(&r->progress);
	r->open = false;
}
