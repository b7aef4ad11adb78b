/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/out.h"

#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"

#define OUT_CAP	 (1u << 19)
#define OUT_HAND (64u << 10) /* bytes that are worth waking a thread */
#define SEG_PEEK 64u	     /* bytes looked at first */
/* Buffers on their way: one that is written; while they are hashed too, enough for neither thread to wait for the other all the time. */
#define OUT_SPARE	 1
#define OUT_SPARE_FOLLOW 16

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
	behind_free(o->behind);
	free(o->buf);
	*o = (struct out)OUT_INIT;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Length of the stretch at the start of p that is all zero (or all not), counted in blocks of the output. */
static size_t stretch(const uint8_t *p, size_t len, uint64_t pos, bool *ret_zero)
{
	size_t end = 0;

	while (end < len) {
		size_t n = WRITER_BLOCK - (size_t)((pos + end) % WRITER_BLOCK);
		bool zero;

		n = MIN(n, len - end);
		zero = is_zero(p + end, n);
		if (end == 0)
			*ret_zero = zero;
		else if (zero != *ret_zero)
			break;
		end += n;
	}
	return end;
}

static int write_at(const struct out *o, const uint8_t *buf, size_t len, uint64_t pos)
{
	if (o->stream)
		return fd_write_full(o->fd, buf, len);
	while (len) {
		bool zero = false;
		size_t n = stretch(buf, len, pos, &zero);
		int r = zero ? 0 : fd_pwrite_full(o->fd, buf, n, (off_t)(o->base + pos));

		if (r < 0)
			return r;
		buf += n;
		pos += n;
		len -= n;
	}
	return 0;
}

/* A behind_fn, as the next one. */
static int take_first(void *data, const uint8_t *buf, size_t len, uint64_t pos)
{
	const struct out *o = data;
	int r = write_at(o, buf, len, pos);

	return r < 0 || !o->follow ? r : o->follow->first(o->follow->data, buf, len, pos);
}

static int take_second(void *data, const uint8_t *buf, size_t len, uint64_t pos)
{
	const struct out *o = data;

	return o->follow->second(o->follow->data, buf, len, pos);
}

/* After what was given to the threads before. */
static int write_self(struct out *o)
{
	int r = o->behind ? behind_wait(o->behind) : 0;

	if (r == 0)
		r = take_first(o, o->buf, o->len, o->pos);
	if (r == 0 && o->follow)
		r = take_second(o, o->buf, o->len, o->pos);
	return r;
}

static int start_threads(struct out *o)
{
	static const behind_fn fns[] = { take_first, take_second };

	return behind_new(OUT_CAP, o->follow ? OUT_SPARE_FOLLOW : OUT_SPARE, fns, o->follow ? 2 : 1,
			  o, &o->behind);
}

int out_flush(struct out *o, struct error *err)
{
	int r = 0;

	/* Less than a buffer in all is not worth a thread. */
	if (o->threaded && !o->behind && o->len == OUT_CAP) {
		r = start_threads(o);
		o->threaded = r == 0;
		r = r == -EAGAIN ? 0 : r;
	}
	if (r == 0 && o->behind && o->len >= OUT_HAND)
		r = behind_give(o->behind, &o->buf, o->len, o->pos);
	else if (r == 0 && o->len)
		r = write_self(o);
	if (r < 0)
		return error_sys(err, r, "cannot write");
	progress_add(o->progress, PROGRESS_WRITE, 0, o->len);
	o->pos += o->len;
	o->len = 0;
	return 0;
}

int out_finish(struct out *o, uint64_t size, struct error *err)
{
	struct stat st;
	int r = out_flush(o, err);

	if (r < 0)
		return r;
	r = o->behind ? behind_wait(o->behind) : 0;
	if (r < 0)
		return error_sys(err, r, "cannot write");
	if (o->stream)
		return 0;
	if (fstat(o->fd, &st) < 0)
		return error_sys(err, -errno, "cannot stat the output");
	if ((uint64_t)st.st_size < o->base + size && ftruncate(o->fd, (off_t)(o->base + size)) < 0)
		return error_sys(err, -errno, "cannot set the size of the output");
	return 0;
}

int out_follow(struct out *o, const struct writer_follow *f, uint64_t size,
	       const uint8_t seed[WRITER_SEED_SIZE], struct error *err)
{
	int r = f->begin(f->data, size, seed, err);

	/* These threads have nothing to do; the next ones know whom else to give the buffers. */
	behind_free(o->behind);
	o->behind = NULL;
	o->follow = f;
	return r;
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

/* 1: the stretch of n bytes at off holds something; 0: zeros. Its beginning mostly says it. */
static int stretch_has_data(struct blob_reader *rd, uint64_t off, uint8_t *buf, size_t n,
			    struct error *err)
{
	const size_t k = MIN(n, (size_t)SEG_PEEK);
	int r = blob_reader_pread(rd, off, buf, k, err);

	if (r < 0 || !is_zero(buf, k))
		return r < 0 ? r : 1;
	r = blob_reader_pread(rd, off + k, buf, n - k, err);
	return r < 0 ? r : !is_zero(buf, n - k);
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
	buf = malloc(SEG_HOLE_MIN);
	if (!buf)
		return error_oom(err);
	r = blob_reader_open(&rd, b, err);
	for (uint64_t off = 0; r == 0 && off < b->size;) {
		size_t n = (size_t)MIN(b->size - off, (uint64_t)SEG_HOLE_MIN);
		uint64_t next = blob_reader_next_data(&rd, off);

		if (next >= off + n) { /* all of it lies in a hole */
			off = next < b->size ? next / SEG_HOLE_MIN * SEG_HOLE_MIN : b->size;
			continue;
		}
		r = stretch_has_data(&rd, off, buf, n, err);
		if (r > 0)
			r = segs_add(s, (uint32_t)(off / WRITER_BLOCK),
				     (uint32_t)((n + WRITER_BLOCK - 1) / WRITER_BLOCK)) < 0
				    ? error_oom(err)
				    : 0;
		off += n;
	}
	return r;
}

void segs_release(struct segs *s)
{
	free(s->v);
	*s = (struct segs){ 0 };
}
