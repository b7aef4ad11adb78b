/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/blob.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"

#define COPY_CHUNK (1u << 18) /* bytes moved at once by blob_copy_to_fd() */

void blob_release(struct blob *b)
{
	free(b->bytes);
	free(b->path);
	free(b->runs);
	*b = (struct blob)BLOB_INIT;
}

int blob_from_bytes(struct blob *b, const void *data, size_t len)
{
	uint8_t *copy = NULL;

	if (len) {
		copy = malloc(len);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, data, len);
	}
	*b = (struct blob)BLOB_INIT;
	b->kind = len ? BLOB_BYTES : BLOB_EMPTY;
	b->bytes = copy;
	b->size = len;
	return 0;
}

void blob_from_fd(struct blob *b, int fd, uint64_t offset, uint64_t size)
{
	*b = (struct blob)BLOB_INIT;
	if (!size)
		return;
	b->kind = BLOB_FD;
	b->fd = fd;
	b->offset = offset;
	b->size = size;
}

int blob_from_path(struct blob *b, int dirfd, const char *path, uint64_t size)
{
	char *copy = NULL;

	if (size) {
		copy = strdup(path);
		if (!copy)
			return -ENOMEM;
	}
	*b = (struct blob)BLOB_INIT;
	if (!size)
		return 0;
	b->kind = BLOB_PATH;
	b->fd = dirfd;
	b->path = copy;
	b->size = size;
	return 0;
}

int blob_from_runs(struct blob *b, int fd, struct blob_run *runs, size_t n, uint64_t size)
{
	uint64_t end = 0;

	*b = (struct blob)BLOB_INIT;
	for (size_t i = 0; i < n; i++) {
		if (!runs[i].len || runs[i].at < end || runs[i].at > size ||
		    runs[i].len > size - runs[i].at) {
			free(runs);
			return -EINVAL;
		}
		end = runs[i].at + runs[i].len;
	}
	if (!size) {
		free(runs);
		return 0;
	}
	b->kind = BLOB_RUNS;
	b->fd = fd;
	b->size = size;
	b->runs = runs;
	b->n_runs = n;
	return 0;
}

static int copy_reference(struct blob *b, const struct blob *from)
{
	struct blob_run *runs;

	switch (from->kind) {
	case BLOB_BYTES:
		return blob_from_bytes(b, from->bytes, from->size);
	case BLOB_PATH:
		return blob_from_path(b, from->fd, from->path, from->size);
	case BLOB_RUNS:
		runs = new0_array(struct blob_run, from->n_runs);
		if (!runs)
			return -ENOMEM;
		memcpy(runs, from->runs, from->n_runs * sizeof(*runs));
		return blob_from_runs(b, from->fd, runs, from->n_runs, from->size);
	default:
		*b = *from; /* nothing is owned */
		return 0;
	}
}

int blob_copy(struct blob *b, const struct blob *from)
{
	int r = copy_reference(b, from);

	if (r == 0) {
		b->has_sums = from->has_sums;
		b->has_sha256 = from->has_sha256;
		b->sums = from->sums;
	}
	return r;
}

int blob_reader_open(struct blob_reader *r, const struct blob *b, struct error *err)
{
	struct stat st;
	int fd;

	r->blob = b;
	r->fd = -1;
	if (b->kind != BLOB_PATH)
		return 0;
	fd = path_open_in_root(b->fd, b->path, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0);
	if (fd < 0)
		return error_sys(err, fd, "cannot open '%s'", b->path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		fd_close(fd);
		return error_set(err, -EIO, "'%s' is no regular file any more", b->path);
	}
	r->fd = fd;
	return 0;
}

/* The index of the first run that ends behind `off`. */
static size_t first_run(const struct blob *b, uint64_t off)
{
	size_t lo = 0, hi = b->n_runs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (b->runs[mid].at + b->runs[mid].len <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int read_runs(const struct blob *b, uint64_t off, uint8_t *buf, size_t len)
{
	int r = 0;

	memset(buf, 0, len);
	for (size_t i = first_run(b, off); r == 0 && i < b->n_runs; i++) {
		const struct blob_run *run = &b->runs[i];
		uint64_t from = run->at > off ? run->at : off;
		uint64_t to = MIN(run->at + run->len, off + len);

		if (from >= to)
			break;
		r = fd_pread_full(b->fd, buf + (from - off), (size_t)(to - from),
				  (off_t)(run->offset + (from - run->at)));
	}
	return r;
}

int blob_reader_pread(struct blob_reader *r, uint64_t off, void *buf, size_t len, struct error *err)
{
	const struct blob *b = r->blob;
	int rc;

	if (off > b->size || len > b->size - off)
		return error_set(err, -EINVAL, "read beyond the end of a file's content");
	if (!len)
		return 0;
	if (b->kind == BLOB_BYTES) {
		memcpy(buf, b->bytes + off, len);
		return 0;
	}
	if (b->kind == BLOB_RUNS)
		rc = read_runs(b, off, buf, len);
	else
		rc = fd_pread_full(b->kind == BLOB_PATH ? r->fd : b->fd, buf, len,
				   (off_t)(b->offset + off));
	if (rc == -ENODATA)
		return error_set(err, -EIO, "'%s' became shorter while it was read",
				 b->path ? b->path : "content");
	if (rc < 0)
		return error_sys(err, rc, "cannot read '%s'", b->path ? b->path : "content");
	return 0;
}

static uint64_t seek_data(int fd, uint64_t from, uint64_t off, uint64_t size)
{
	off_t at = lseek(fd, (off_t)(from + off), SEEK_DATA);

	if (at < 0)
		return errno == ENXIO
			       ? size
			       : off; /* a hole up to the end; or a file system that does not say */
	return MIN((uint64_t)at - from, size);
}

uint64_t blob_reader_next_data(const struct blob_reader *r, uint64_t off)
{
	const struct blob *b = r->blob;
	size_t i;

	if (off >= b->size)
		return b->size;
	switch (b->kind) {
	case BLOB_FD:
		return seek_data(b->fd, b->offset, off, b->size);
	case BLOB_PATH:
		return seek_data(r->fd, 0, off, b->size);
	case BLOB_RUNS:
		i = first_run(b, off);
		if (i == b->n_runs)
			return b->size;
		return b->runs[i].at > off ? b->runs[i].at : off;
	default:
		return off;
	}
}

void blob_reader_release(struct blob_reader *r)
{
	r->fd = fd_close(r->fd);
	r->blob = NULL;
}

int blob_read(const struct blob *b, uint64_t off, void *buf, size_t len, struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader r = BLOB_READER_INIT;
	int rc = blob_reader_open(&r, b, err);

	return rc < 0 ? rc : blob_reader_pread(&r, off, buf, len, err);
}

int blob_copy_to_fd(const struct blob *b, int out_fd, struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader r = BLOB_READER_INIT;
	_cleanup_free_ uint8_t *buf = malloc(COPY_CHUNK);
	int rc;

	if (!buf)
		return error_oom(err);
	rc = blob_reader_open(&r, b, err);
	for (uint64_t off = 0; rc == 0 && off < b->size;) {
		size_t n = (size_t)MIN(b->size - off, (uint64_t)COPY_CHUNK);

		rc = blob_reader_pread(&r, off, buf, n, err);
		if (rc < 0)
			break;
		rc = fd_write_full(out_fd, buf, n);
		if (rc < 0)
			return error_sys(err, rc, "cannot write");
		off += n;
	}
	return rc;
}
