/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_OUTPUT_H
#define OSBUILDER_OUTPUT_H

#include "agent_file.h"
#include "base/file.h"
#include "manifest.h"

/* An image or initrd that is being made, and its manifest, until both are committed. */
struct output {
	struct file_out file, manifest;
	const char *path;
	char *manifest_path;
	struct hash_thread *hash;   /* SHA-512 of the beginning, from output_hash_begin() on */
	uint64_t size, sha512_size; /* these three: once described */
	char sha512[2 * SHA_SIZE_512 + 1];
};
#define OUTPUT_INIT                                  \
	{                                            \
		.file = FILE_OUT_INIT, FILE_OUT_INIT \
	}

/* path must outlive it. */
int output_open(struct output *o, const char *path, struct error *err);
/*
 * The SHA-512 may be made while the file is written; output_describe() hashes what is left. Bytes are added in ascending order, and what
 * lies before them and was not added must be in the file by then.
 */
int output_hash_begin(struct output *o, struct error *err);
int output_hash_add(struct output *o, uint64_t offset, const uint8_t *data, size_t len,
		    struct error *err);
/*
 * Starts hashing the first `upto` bytes in a thread, instead of that. They must not change any more; what is behind them may still be
 * written. Without a thread to be had output_describe() does it.
 */
int output_hash_ahead(struct output *o, uint64_t upto, struct error *err);
/* Fills in size and hash of the finished file and writes its manifest. */
int output_describe(struct output *o, struct manifest *m, struct error *err);
/*
 * The old manifest and bill of materials go first: an interruption leaves an image without them, never one with wrong ones. Who has a
 * new bill (sbom_out_commit()) commits it after.
 */
int output_commit(struct output *o, struct error *err);
void output_release(struct output *o);

/*
 * The agent's part of a manifest: hash, and version and protocol from the note "VERSION PROTOCOL" when the binary has it.
 * `path` is where it is in the image. What was there is freed.
 */
int manifest_set_agent(struct manifest *m, const struct agent_file *a, const char *path,
		       struct error *err);
void manifest_set_uuid(struct manifest *m, const uint8_t uuid[16]);

#endif
