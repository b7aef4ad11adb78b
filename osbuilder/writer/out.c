/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/out.h"

#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"

#define OUT_CAP (1u << 20)

int out_open(struct out *o, int fd, uint64_t base, struct error *err)
{
	o->buf = malloc(OUT_CAP);
	if (!o->buf)
		return error_oom(err);
	o->fd = fd;
	o->base = base;
	o->pos = 0;
	o->len = 0;
	return 0;
}

void out_release(struct out *o)
{
	free(o->buf);
	*o = (struct out)OUT_INIT;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Length of the stretch from `at` on that is all zero (or all not), counted in blocks of the output. */
static size_t stretch(const struct out *o, size_t at, bool *ret_zero)
{
	size_t end = at;

	while (end < o->len) {
		size_t n = WRITER_BLOCK - (size_t)((o->pos + end) % WRITER_BLOCK);
		bool zero;

		n = MIN(n, o->len - end);
		zero = is_zero(o->buf + end, n);
		if (end == at)
			*ret_zero = zero;
		else if (zero != *ret_zero)
			break;
		end += n;
	}
	return end - at;
}

int out_flush(struct out *o, struct error *err)
{
	size_t at = 0;

	if (o->stream) {
		int r = fd_write_full(o->fd, o->buf, o->len);

		if (r < 0)
			return error_sys(err, r, "cannot write");
		at = o->len;
	}
	while (at < o->len) {
		bool zero = false;
		size_t n = stretch(o, at, &zero);
		int r = zero ? 0
			     : fd_pwrite_full(o->fd, o->buf + at, n,
					      (off_t)(o->base + o->pos + at));

		if (r < 0)
			return error_sys(err, r, "cannot write");
		at += n;
	}
	progress_add(o->progress, PROGRESS_WRITE, 0, o->len);
	o->pos += o->len;
	o->len = 0;
	return 0;
}

int out_finish(struct out *o, uint64_t size, struct error *err)
{
	struct stat st;
	int r = out_flush(o, err);

	if (r < 0 || o->stream)
		return r;
	if (fstat(o->fd, &st) < 0)
		return error_sys(err, -errno, "cannot stat the output");
	if ((uint64_t)st.st_size < o->base + size && ftruncate(o->fd, (off_t)(o->base + size)) < 0)
		return error_sys(err, -errno, "cannot set the size of the output");
	return 0;
}

int out_seek(struct out *o, uint64_t pos, struct error *err)
{
	int r;

	if (pos == o->pos + o->len)
		return 0;
	r = out_flush(o, err);
	o->pos = pos;
	return r;
}

int out_add(struct out *o, const void *data, size_t len, struct error *err)
{
	const uint8_t *p = data;

	while (len) {
		size_t n = MIN(len, OUT_CAP - o->len);

		memcpy(o->buf + o->len, p, n);
		o->len += n;
		p += n;
		len -= n;
		if (o->len == OUT_CAP) {
			int r = out_flush(o, err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int out_pad(struct out *o, uint32_t align, struct error *err)
{
	static const uint8_t zeros[WRITER_BLOCK];
	uint32_t over = (uint32_t)((o->pos + o->len) % align);

	return over ? out_add(o, zeros, align - over, err) : 0;
}

int out_blob(struct out *o, struct blob_reader *r, uint64_t off, uint64_t len, struct wseed *seed,
	     struct error *err)
{
	while (len) {
		size_t n = OUT_CAP - o->len;
		int ret;

		if (n > len)
			n = (size_t)len;
		ret = blob_reader_pread(r, off, o->buf + o->len, n, err);
		if (ret < 0)
			return ret;
		if (seed)
			wseed_content(seed, o->buf + o->len, n);
		o->len += n;
		off += n;
		len -= n;
		if (o->len == OUT_CAP) {
			ret = out_flush(o, err);
			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

static int segs_add(struct segs *s, uint32_t start, uint32_t count)
{
	if (s->n && s->v[s->n - 1].start + s->v[s->n - 1].count == start) {
		s->v[s->n - 1].count += count;
	} else {
		if (array_reserve(&s->v, &s->cap, s->n + 1, sizeof(*s->v)) < 0)
			return -ENOMEM;
		s->v[s->n++] = (struct seg){ start, count };
	}
	s->blocks += count;
	return 0;
}

int segs_whole(struct segs *s, uint32_t n)
{
	return n ? segs_add(s, 0, n) : 0;
}

int segs_of_blob(const struct blob *b, struct segs *s, struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader rd = BLOB_READER_INIT;
	_cleanup_free_ uint8_t *buf = NULL;
	int r;

	if (b->size <= SEG_SCAN_MIN) {
		r = segs_whole(s, (uint32_t)((b->size + WRITER_BLOCK - 1) / WRITER_BLOCK));
		return r < 0 ? error_oom(err) : 0;
	}
	buf = malloc(SEG_SCAN_MIN);
	if (!buf)
		return error_oom(err);
	r = blob_reader_open(&rd, b, err);
	for (uint64_t off = 0; r == 0 && off < b->size; off += SEG_SCAN_MIN) {
		size_t n = (size_t)MIN(b->size - off, (uint64_t)SEG_SCAN_MIN);

		r = blob_reader_pread(&rd, off, buf, n, err);
		for (size_t i = 0; r == 0 && i < n; i += SEG_HOLE_MIN) {
			size_t k = MIN(n - i, (size_t)SEG_HOLE_MIN);

			if (!is_zero(buf + i, k) &&
			    segs_add(s, (uint32_t)((off + i) / WRITER_BLOCK),
				     (uint32_t)((k + WRITER_BLOCK - 1) / WRITER_BLOCK)) < 0)
				r = error_oom(err);
		}
	}
	return r;
}

void segs_release(struct segs *s)
{
	free(s->v);
	*s = (struct segs){ 0 };
}
