/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_WORK_H
#define SERVICE_WORK_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strbuf.h"

/*
 * What may take long or hang (programs of the guest, file systems that grow, many files that change hands) runs in a process of its own,
 * and the loop goes on. No shell.
 */
struct agent;
struct work;

struct work_params {
	const char *name; /* for errors */
	/* Either a function, called in the child: 0 or -errno with a text. What it changes in memory is lost. */
	int (*fn)(void *data, struct error *err);
	void *data;
	/* or a program by its path, NULL ended. An exit code but 0 is -EIO, with the last it said on standard error. */
	char *const *argv;
	char *const *envp; /* NULL: the agent's */
	const void *input; /* a program's standard input; copied */
	size_t input_len;
	size_t max_output; /* bytes of standard output that are kept; more is -EFBIG. 0: not wanted */
	uint64_t timeout_usec; /* then it is killed: -ETIMEDOUT */
};

/* err NULL: success. out is valid during the callback. */
typedef void (*work_fn)(const struct error *err, const struct strbuf *out, void *data);

/* *slot is the work while it goes on. done comes later from the loop, once; not at all when this fails. */
int work_start(struct agent *a, const struct work_params *p, work_fn done, void *data,
	       struct work **slot, struct error *err);
/* Kills it, without calling back. NULL accepted. */
void work_cancel(struct work *w);

/* Looks the program up in the directories for such programs: malloc'd path, or -ENOENT naming it. */
int work_find_program(const char *name, char **ret, struct error *err);

#endif
