/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include "base/error.h"
#include "progress.h"

/* What a command says while it works. */
struct report_args {
	bool quiet;
};

struct report {
	struct progress progress; /* for the library */
	bool open;
};
#define REPORT_INIT            \
	{                      \
		.open = false, \
	}

int report_open(struct report *r, const struct report_args *a, struct error *err);
void report_close(struct report *r);
#define _cleanup_report_ _cleanup_(report_close)

#endif
