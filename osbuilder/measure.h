/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_MEASURE_H
#define OSBUILDER_MEASURE_H

#include "base/error.h"
#include "base/file.h"
#include "disk/disk.h"
#include "disk/verity_seal.h"

/*
 * What makes an image a measured one: the hash partition, and beside the image the file root_hash_VARIANT.txt with the one line that
 * upstream's builder writes (disk/verity_seal.h). It has the directory of the image; VARIANT is the recipe's name unless given.
 */
struct measure {
	uint8_t salt[VERITY_SALT_MAX];
	size_t salt_len;
	bool salt_given;       /* else it is derived from the writer's seed */
	struct verity *verity; /* the hash tree while it is made */
	struct file_out line;
	char *line_path;
};
#define MEASURE_INIT                  \
	{                             \
		.line = FILE_OUT_INIT \
	}

#define MEASURE_VARIANT_MAX 64

/* Checks and keeps the salt (hex; NULL: derived) and the name. -EINVAL. Nothing is written yet. */
int measure_prepare(struct measure *m, const char *image_path, const char *variant,
		    const char *salt_hex, struct error *err);
/* The layout is known: m->verity can be given the data of partition 1 from now on (verity_add()). */
int measure_begin(struct measure *m, int fd, const struct disk_layout *l,
		  const uint8_t seed[DISK_SEED_SIZE], struct error *err);
/* Partition 1 is in the file. Writes the hash partition and the line. */
int measure_write(struct measure *m, const struct disk_layout *l, struct verity_seal *ret,
		  struct error *err);
/* An old line goes before the image is replaced, the new one comes after it. */
int measure_retract(struct measure *m, struct error *err);
int measure_commit(struct measure *m, struct error *err);
void measure_release(struct measure *m);

#endif
