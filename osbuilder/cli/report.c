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

void report_open(struct report *r)
{
	progress_init(&r->progress, &report_ops, r, 0);
}

void report_close(struct report *r)
{
	progress_release(&r->progress);
}
