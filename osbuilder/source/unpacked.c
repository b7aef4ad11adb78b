/* SPDX-License-Identifier: Apache-2.0 */
#include "source/unpacked.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "codec/sha.h"
#include "source/store.h"
#include "writer/le.h"

#define MAGIC	   "KATAUNPK"
#define SUM_OFFSET 32u /* of the header: the hash of what is before it, the name and the index */
#define READ_CHUNK (256u << 10) /* bytes hashed at once */
#define TMP_PREFIX ".tmp-"

/* "AB/ABCD..." and its NUL */
#define NAME_MAX_LEN (3 + STORE_SHA_LEN + 1)

static void file_name(char out[NAME_MAX_LEN], const char *sha256)
{
	snprintf(out, NAME_MAX_LEN, "%.2s/%.64s", sha256, sha256);
}

void unpacked_open(struct unpacked *u, const char *cache_dir, const char *arch)
{
	_cleanup_free_ char *path = str_printf("%s/unpacked/%s", cache_dir, arch);
	struct error ignored = ERROR_INIT;

	u->dirfd = -1;
	if (path && file_mkdir_p(AT_FDCWD, path, 0755, &ignored) == 0)
		u->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void unpacked_release(struct unpacked *u)
{
	u->dirfd = fd_close(u->dirfd);
}

bool unpacked_has(const struct unpacked *u, const char *sha256)
{
	char name[NAME_MAX_LEN];
	struct stat st;

	file_name(name, sha256);
	return u->dirfd >= 0 && fstatat(u->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

static int sum_of(const uint8_t header[UNPACKED_HEADER], const char *sha256, const void *index,
		  size_t len, uint8_t out[SHA_SIZE_MAX])
{
	_cleanup_sha_ struct sha s = SHA_INIT;
	int r = sha_begin(&s, SHA_KIND_256);

	r = r < 0 ? r : sha_update(&s, header, SUM_OFFSET);
	r = r < 0 ? r : sha_update(&s, sha256, STORE_SHA_LEN);
	r = r < 0 ? r : sha_update(&s, index, len);
	return r < 0 ? r : sha_finish(&s, out);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static int read_index(int fd, const char *sha256, struct strbuf *index, uint64_t *ret_end,
		      struct error *err)
{
	uint8_t h[UNPACKED_HEADER], sum[SHA_SIZE_MAX];
	uint64_t at, size;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "cannot look at it");
	if (!S_ISREG(st.st_mode) || fd_pread_full(fd, h, sizeof(h), 0) < 0 ||
	    memcmp(h, MAGIC, 8) != 0)
		return error_set(err, -EBADMSG, "it does not begin as it should");
	at = le_get64(h + 16);
	size = le_get64(h + 24);
	if (le_get32(h + 8) != UNPACKED_VERSION)
		return error_set(err, -ENOENT, "it has version %u", le_get32(h + 8));
	if (at < UNPACKED_HEADER || at > (uint64_t)st.st_size || size > UNPACKED_INDEX_MAX ||
	    size != (uint64_t)st.st_size - at)
		return error_set(err, -EBADMSG, "it has %llu bytes, which is not what it says",
				 (unsigned long long)st.st_size);
	if (strbuf_grow(index, size) < 0)
		return error_oom(err);
	r = fd_pread_full(fd, index->buf, size, (off_t)at);
	if (r < 0)
		return error_sys(err, r == -ENODATA ? -EBADMSG : r, "cannot read its index");
	strbuf_setlen(index, size);
	if (sum_of(h, sha256, index->buf, size, sum) < 0)
		return error_set(err, -EIO, "cannot hash");
	if (memcmp(sum, h + SUM_OFFSET, SHA_SIZE_256) != 0)
		return error_set(err, -EBADMSG, "its index does not have its hash");
	*ret_end = at;
	return 0;
}

struct checker {
	int fd;
	struct sha sha1, sha256;
	uint8_t *buf;
};

/* -EBADMSG when what lies up to `end` is not what it was. */
static int check_fingerprint(struct checker *c, struct xxh *x, uint64_t end,
			     const uint8_t want[XXH_SIZE], struct error *err)
{
	uint8_t have[XXH_SIZE];

	for (uint64_t at = UNPACKED_HEADER; at < end;) {
		size_t n = (size_t)MIN(end - at, (uint64_t)READ_CHUNK);
		int r = fd_pread_full(c->fd, c->buf, n, (off_t)at);

		if (r < 0)
			return error_sys(err, r == -ENODATA ? -EBADMSG : r, "cannot read it");
		xxh_add(x, c->buf, n);
		at += n;
	}
	xxh_get(x, have);
	return memcmp(have, want, XXH_SIZE) == 0
		       ? 0
		       : error_set(err, -EBADMSG, "its contents do not have their fingerprint");
}

/* Both hashes, or SHA-256 alone. */
static int hash_content(struct checker *c, const struct blob *b, uint8_t *one, uint8_t *two,
			struct error *err)
{
	if (sha_begin(&c->sha256, SHA_KIND_256) < 0 || (one && sha_begin(&c->sha1, SHA_KIND_1) < 0))
		return error_oom(err);
	for (uint64_t off = 0; off < b->size;) {
		size_t n = (size_t)MIN(b->size - off, (uint64_t)READ_CHUNK);
		int r = fd_pread_full(c->fd, c->buf, n, (off_t)(b->offset + off));

		if (r < 0)
			return error_sys(err, r == -ENODATA ? -EBADMSG : r, "cannot read it");
		if (sha_update(&c->sha256, c->buf, n) < 0 ||
		    (one && sha_update(&c->sha1, c->buf, n) < 0))
			return error_set(err, -EIO, "cannot hash");
		off += n;
	}
	if (sha_finish(&c->sha256, two) < 0 || (one && sha_finish(&c->sha1, one) < 0))
		return error_set(err, -EIO, "cannot hash");
	return 0;
}

static int check_content(struct checker *c, const struct layer_entry *d, struct error *err)
{
	const struct blob *b = &d->content;
	uint8_t sum[SHA_SIZE_MAX];
	int r = hash_content(c, b, NULL, sum, err);

	if (r < 0)
		return r;
	if (memcmp(sum, b->sums.sha256, SHA_SIZE_256) != 0)
		return error_set(err, -EBADMSG, "the content of '%.200s' does not have its hash",
				 d->e.path);
	return 0;
}

/* A fingerprint takes a tenth of what the hashes take; these then say which content it is. */
static int check_contents(int fd, struct layer *l, uint64_t end, const uint8_t want[XXH_SIZE],
			  struct error *err)
{
	_cleanup_free_ uint8_t *buf = malloc(READ_CHUNK);
	struct checker c = { fd, SHA_INIT, SHA_INIT, buf };
	struct xxh *x = NULL;
	int r = buf && xxh_new(&x) == 0 ? 0 : error_oom(err);
	bool bad;

	r = r < 0 ? r : check_fingerprint(&c, x, end, want, err);
	bad = r == -EBADMSG;
	for (size_t i = 0; (r == 0 || bad) && i < l->n; i++) {
		struct layer_entry *d = &l->v[i];

		if (!d->content.has_sums)
			continue;
		if (bad && check_content(&c, d, err) < 0)
			break;
		if (d->content.kind == BLOB_FD)
			d->content.fd = fd;
	}
	sha_release(&c.sha256);
	if (x)
		xxh_free(x);
	return r;
}

int unpacked_read(const struct unpacked *u, const char *sha256, struct layer *l,
		  struct source_package_info *info, int *ret_fd, struct error *err)
{
	_cleanup_strbuf_ struct strbuf index = STRBUF_INIT;
	uint8_t fingerprint[XXH_SIZE] = { 0 };
	char name[NAME_MAX_LEN];
	_cleanup_fd_ int fd = -1;
	uint64_t end = 0;
	int r;

	file_name(name, sha256);
	if (u->dirfd < 0)
		return error_set(err, -ENOENT, "there is no cache of unpacked packages");
	fd = openat(u->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "unpacked package");
	r = read_index(fd, sha256, &index, &end, err);
	if (r == 0)
		r = unpacked_index_parse(index.buf, index.len, end, l, info, fingerprint, err);
	if (r == 0)
		r = check_contents(fd, l, end, fingerprint, err);
	if (r < 0) {
		layer_release(l);
		return r;
	}
	futimens(fd, NULL); /* used now; somebody else's file keeps its time */
	*ret_fd = fd_steal(&fd);
	return 0;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

int unpacked_create(const struct unpacked *u, const char *sha256, struct file_out *ret,
		    struct error *err)
{
	char name[NAME_MAX_LEN], dir[3];

	if (u->dirfd < 0)
		return error_set(err, -ENOENT, "there is no cache of unpacked packages");
	file_name(name, sha256);
	snprintf(dir, sizeof(dir), "%.2s", sha256);
	if (mkdirat(u->dirfd, dir, 0755) < 0 && errno != EEXIST)
		return error_sys(err, -errno, "cannot make a directory in the cache");
	return file_out_open(ret, u->dirfd, name, 0644, err);
}

/* Those that the archive's reader has not hashed. */
static int add_sums(int fd, struct layer *l, struct error *err)
{
	_cleanup_free_ uint8_t *buf = malloc(READ_CHUNK);
	struct checker c = { fd, SHA_INIT, SHA_INIT, buf };
	uint8_t one[SHA_SIZE_MAX], two[SHA_SIZE_MAX];
	int r = buf ? 0 : error_oom(err);

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		struct blob *b = &l->v[i].content;

		if (b->has_sums || l->v[i].e.hardlink || !S_ISREG(l->v[i].e.mode))
			continue;
		r = hash_content(&c, b, one, two, err);
		memcpy(b->sums.sha1, one, SHA_SIZE_1);
		memcpy(b->sums.sha256, two, SHA_SIZE_256);
		b->has_sums = r == 0;
	}
	sha_release(&c.sha1);
	sha_release(&c.sha256);
	return r;
}

int unpacked_finish(struct file_out *o, const char *sha256, struct layer *l,
		    const struct layer_spool *spool, const struct source_package_info *info,
		    int *ret_fd, struct error *err)
{
	_cleanup_strbuf_ struct strbuf index = STRBUF_INIT;
	uint8_t h[UNPACKED_HEADER] = MAGIC, sum[SHA_SIZE_MAX], fingerprint[XXH_SIZE];
	const uint64_t end = spool->size;
	int r = add_sums(o->fd, l, err);

	xxh_get(spool->fingerprint, fingerprint);
	if (r == 0)
		r = unpacked_index_make(l, info, fingerprint, &index, err);
	if (r == 0) {
		le_put32(h + 8, UNPACKED_VERSION);
		le_put64(h + 16, end);
		le_put64(h + 24, index.len);
		r = sum_of(h, sha256, index.buf, index.len, sum);
		memcpy(h + SUM_OFFSET, sum, SHA_SIZE_256);
		r = r < 0 ? r : fd_pwrite_full(o->fd, index.buf, index.len, (off_t)end);
		r = r < 0 ? r : fd_pwrite_full(o->fd, h, sizeof(h), 0);
		if (r < 0)
			error_sys(err, r, "cannot write an unpacked package");
	}
	if (r == 0)
		return file_out_publish(o, ret_fd, err);
	*ret_fd = fd_steal(&o->fd);
	file_out_release(o);
	return r;
}

/* ---- pruning ---------------------------------------------------------------------------------------------------- */

struct aged {
	char name[NAME_MAX_LEN];
	struct timespec used;
	uint64_t bytes;
};
struct aged_list {
	struct aged *v;
	size_t n, cap;
	uint64_t bytes;
};

static bool is_old(const struct stat *st)
{
	struct timespec now;

	return clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	       st->st_mtim.tv_sec + UNPACKED_TMP_SECONDS < now.tv_sec;
}

static void look_at(int fd, const char *dir, const char *name, struct aged_list *l)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return;
	if (str_after(name, TMP_PREFIX)) {
		if (is_old(&st))
			unlinkat(fd, name, 0);
		return;
	}
	if (!store_is_sha256(name) || array_reserve(&l->v, &l->cap, l->n + 1, sizeof(*l->v)) < 0)
		return;
	l->v[l->n] = (struct aged){ .used = st.st_mtim, .bytes = (uint64_t)st.st_size };
	snprintf(l->v[l->n].name, NAME_MAX_LEN, "%.2s/%.64s", dir, name);
	l->bytes += l->v[l->n++].bytes;
}

static void look_into(int parent, const char *dir, struct aged_list *l)
{
	int fd = openat(parent, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		fd_close(fd);
		return;
	}
	while ((de = readdir(d)))
		look_at(dirfd(d), dir, de->d_name, l);
	closedir(d);
}

static int by_use(const void *a, const void *b)
{
	const struct aged *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	if (x->used.tv_nsec != y->used.tv_nsec)
		return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
	return strcmp(x->name, y->name);
}

void unpacked_prune(const struct unpacked *u, uint64_t keep)
{
	struct aged_list l = { 0 };

	for (unsigned i = 0; u->dirfd >= 0 && i < 256; i++) {
		char dir[3];

		snprintf(dir, sizeof(dir), "%02x", i);
		look_into(u->dirfd, dir, &l);
	}
	if (l.bytes > keep)
		qsort(l.v, l.n, sizeof(*l.v), by_use);
	for (size_t i = 0; i < l.n && l.bytes > keep; i++) {
		unlinkat(u->dirfd, l.v[i].name, 0);
		l.bytes -= l.v[i].bytes;
	}
	free(l.v);
}
