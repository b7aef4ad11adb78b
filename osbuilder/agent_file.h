/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_AGENT_FILE_H
#define OSBUILDER_AGENT_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "codec/sha.h"

/* The agent's binary on this machine: open, and hashed once for all who want to know its hash. */
struct agent_file {
	int fd;
	const char *path; /* must outlive it */
	uint64_t size;
	uint8_t sha256[SHA_SIZE_256];
};
#define AGENT_FILE_INIT   \
	{                 \
		.fd = -1, \
	}

/* Only a regular file. */
int agent_file_open(struct agent_file *a, const char *path, struct error *err);
/* Fills in sha256. */
int agent_file_hash(struct agent_file *a, struct error *err);
void agent_file_release(struct agent_file *a);

#endif
