/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "progress.h"

/* What a command says while it works. */
struct report {
	struct progress progress; /* for the library */
};

void report_open(struct report *r);
void report_close(struct report *r);
#define _cleanup_report_ _cleanup_(report_close)

#endif
