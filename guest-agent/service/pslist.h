/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_PSLIST_H
#define SERVICE_PSLIST_H

#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/strbuf.h"

/*
 * Lists of a container's processes, as ListProcesses of upstream's 1.x gives them: "json", an array of process ids, or "table", what
 * `ps -ef` prints. Made from /proc, as the guest need not have a ps.
 */
/* args: ps's options; only those that mean the full format of all processes are known, others are -EOPNOTSUPP. */
int pslist_write(struct strbuf *out, const char *format, char *const *args, size_t n_args,
		 const pid_t *pids, size_t n, struct error *err);

#endif
