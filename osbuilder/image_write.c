/* SPDX-License-Identifier: Apache-2.0 */
#include "image_write.h"

#include <string.h>

#include "tree/sums.h"

struct image_writing {
	const struct image_write_params *p;
	struct output *o;
	struct disk_layout layout;
	bool begun;			   /* the layout is known */
	struct error verity_err, hash_err; /* of the threads, which give the writer only a number */
};

/* A writer_follow's, or when the writer has none of it, called after it. */
static int begin(void *data, uint64_t size, const uint8_t seed[WRITER_SEED_SIZE], struct error *err)
{
	struct image_writing *w = data;
	const int fd = w->o->file.fd;
	struct disk_params dp = { .dax = w->p->dax, .align = w->p->align };
	int r;

	dp.part_sizes[0] = size;
	if (w->p->measure)
		dp.part_sizes[1] = verity_hash_size(size);
	memcpy(dp.seed, seed, sizeof(dp.seed));
	r = disk_plan(&dp, &w->layout, err);
	if (r == 0)
		r = disk_write(fd, &dp, &w->layout, err);
	if (r == 0 && w->p->measure)
		r = measure_begin(w->p->measure, fd, &w->layout, seed, err);
	w->begun = r == 0;
	return r;
}

static int begin_follow(void *data, uint64_t size, const uint8_t seed[WRITER_SEED_SIZE],
			struct error *err)
{
	struct image_writing *w = data;
	int r = begin(data, size, seed, err);

	return r < 0 ? r : output_hash_begin(w->o, err);
}

static int add_verity(void *data, const uint8_t *buf, size_t len, uint64_t pos)
{
	struct image_writing *w = data;

	if (!w->p->measure)
		return 0;
	return verity_add(w->p->measure->verity, w->layout.parts[0].offset + pos, buf, len,
			  &w->verity_err);
}

static int add_hash(void *data, const uint8_t *buf, size_t len, uint64_t pos)
{
	struct image_writing *w = data;

	return output_hash_add(w->o, w->layout.parts[0].offset + pos, buf, len, &w->hash_err);
}

static int write_filesystem(struct image_writing *w, struct writer_result *res, struct error *err)
{
	const struct image_write_params *p = w->p;
	const struct writer_follow follow = { begin_follow, add_verity, add_hash, w };
	struct writer_params wp = p->params;
	uint8_t seed[WRITER_SEED_SIZE];
	int r = tree_sum_contents(p->tree, err);

	if (r == 0)
		r = writer_seed(p->tree, &wp, seed, err);
	if (r < 0)
		return r;
	wp.seed = seed;
	wp.follow = &follow;
	r = p->writer->write(p->tree, &wp, w->o->file.fd, disk_data_offset(p->dax), res, err);
	if (r < 0 && w->verity_err.code)
		return error_set(err, w->verity_err.code, "%s", error_text(&w->verity_err));
	if (r < 0 && w->hash_err.code)
		return error_set(err, w->hash_err.code, "%s", error_text(&w->hash_err));
	return r;
}

int image_write(const struct image_write_params *p, struct output *o, struct manifest *m,
		struct error *err)
{
	struct image_writing w = { .p = p, .o = o };
	struct progress *progress = p->params.progress;
	struct writer_result res = { 0 };
	int r;

	progress_begin(progress, PROGRESS_WRITE, o->path, 0, 0);
	r = write_filesystem(&w, &res, err);
	if (r < 0)
		return r;
	progress_end(progress, PROGRESS_WRITE);
	progress_begin(progress, PROGRESS_SEAL, o->path, 0, 0);
	if (!w.begun) {
		r = begin(&w, res.size, res.seed, err);
		/* Only one processor can make a SHA-512; the hash tree is made beside it. */
		if (r == 0)
			r = output_hash_ahead(o, w.layout.parts[0].offset + w.layout.parts[0].size,
					      err);
	}
	if (r == 0 && p->measure)
		r = measure_write(p->measure, &w.layout, &m->verity, err);
	if (r < 0)
		return r;
	m->measured = p->measure != NULL;
	m->dax = p->dax;
	m->n_parts = w.layout.n_parts;
	memcpy(m->parts, w.layout.parts, sizeof(m->parts));
	manifest_set_uuid(m, res.uuid);
	return 0;
}
