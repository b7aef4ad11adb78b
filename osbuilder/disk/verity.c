/* SPDX-License-Identifier: Apache-2.0 */
#include "disk/verity.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "disk/sha256_multi.h"

#define PER_BLOCK  (VERITY_BLOCK / VERITY_DIGEST)
#define READ_SIZE  (64u << 10) /* stays in the processor's cache until it is hashed */
#define THREAD_MIN (4u << 20)  /* bytes that are worth a thread */
#define LEVELS_MAX 8	       /* 128^8 blocks are more than any file has */

static uint64_t blocks_over(uint64_t n)
{
	return (n + PER_BLOCK - 1) / PER_BLOCK;
}

uint64_t verity_hash_size(uint64_t data_size)
{
	uint64_t n = data_size / VERITY_BLOCK, sum = 0;

	while (n > 1) {
		n = blocks_over(n);
		sum += n;
	}
	return sum * VERITY_BLOCK;
}

/* One thread's share of the data. */
struct share {
	int fd;
	const struct verity_params *p;
	uint64_t first, end; /* blocks */
	uint8_t *out;	     /* digest of block `first` */
	pthread_t id;
	bool threaded;
	int r;
	struct error err;
};

static bool is_zero(const uint8_t *b)
{
	return b[0] == 0 && memcmp(b, b + 1, VERITY_BLOCK - 1) == 0;
}

/* Free space is blocks of zeros: their digest is computed once. */
static int hash_piece(struct sha256_multi *m, const uint8_t *buf, size_t n, const uint8_t *zero,
		      uint8_t *out)
{
	size_t from = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!is_zero(buf + i * VERITY_BLOCK))
			continue;
		r = sha256_multi_hash(m, buf + from * VERITY_BLOCK, i - from,
				      out + from * VERITY_DIGEST);
		memcpy(out + i * VERITY_DIGEST, zero, VERITY_DIGEST);
		from = i + 1;
	}
	return r < 0 ? r
		     : sha256_multi_hash(m, buf + from * VERITY_BLOCK, n - from,
					 out + from * VERITY_DIGEST);
}

/* How many of the n blocks at `at` lie in a hole (*hole), or do not, as far as the file system says. */
static uint64_t run_of(int fd, uint64_t at, uint64_t n, bool *hole)
{
	const uint64_t end = at + n * VERITY_BLOCK;
	off_t data = lseek(fd, (off_t)at, SEEK_DATA), stop;

	*hole = (data < 0 && errno == ENXIO) || (data >= 0 && (uint64_t)data >= at + VERITY_BLOCK);
	if (*hole)
		return data < 0 || (uint64_t)data >= end ? n : ((uint64_t)data - at) / VERITY_BLOCK;
	stop = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
	if (stop < 0 || (uint64_t)stop >= end)
		return n;
	return ((uint64_t)stop - at + VERITY_BLOCK - 1) / VERITY_BLOCK;
}

static int hash_run(struct sha256_multi *m, int fd, uint8_t *buf, uint64_t at, uint64_t blocks,
		    const uint8_t *zero, uint8_t *out)
{
	int r = 0;

	while (r == 0 && blocks) {
		size_t n = (size_t)MIN(blocks, (uint64_t)READ_SIZE / VERITY_BLOCK);

		r = fd_pread_full(fd, buf, n * VERITY_BLOCK, (off_t)at);
		if (r == 0)
			r = hash_piece(m, buf, n, zero, out);
		at += n * VERITY_BLOCK;
		out += n * VERITY_DIGEST;
		blocks -= n;
	}
	return r;
}

/* What hashes blocks: one thread's. */
struct hasher {
	struct sha256_multi *m;
	uint8_t *buf; /* READ_SIZE */
	uint8_t zero[VERITY_DIGEST];
};

static void hasher_release(struct hasher *h)
{
	sha256_multi_free(h->m);
	free(h->buf);
}

static int hasher_init(struct hasher *h, const struct verity_params *p, struct error *err)
{
	int r;

	h->buf = calloc(1, READ_SIZE);
	if (!h->buf)
		return error_oom(err);
	r = sha256_multi_new(SHA256_MULTI_AUTO, p->salt, p->salt_len, &h->m, err);
	if (r < 0)
		return r;
	r = sha256_multi_hash(h->m, h->buf, 1, h->zero);
	if (r < 0)
		return error_sys(err, r, "verity: hash a block");
	return 0;
}

/* Blocks `first` to `end` of the data, out of the file. */
static int hash_blocks(struct hasher *h, int fd, const struct verity_params *p, uint64_t first,
		       uint64_t end, uint8_t *out, struct error *err)
{
	for (uint64_t i = first; i < end;) {
		uint64_t at = p->data_offset + i * VERITY_BLOCK, n;
		bool hole;
		int r;

		n = run_of(fd, at, end - i, &hole);
		for (uint64_t k = 0; hole && k < n; k++)
			memcpy(out + k * VERITY_DIGEST, h->zero, VERITY_DIGEST);
		r = hole ? 0 : hash_run(h->m, fd, h->buf, at, n, h->zero, out);
		if (r < 0)
			return error_sys(err, r, "verity: hash data at byte %llu",
					 (unsigned long long)at);
		i += n;
		out += n * VERITY_DIGEST;
	}
	return 0;
}

static int hash_share(struct share *s, struct error *err)
{
	_cleanup_(hasher_release) struct hasher h = { 0 };
	int r = hasher_init(&h, s->p, err);

	return r < 0 ? r : hash_blocks(&h, s->fd, s->p, s->first, s->end, s->out, err);
}

static void *share_run(void *arg)
{
	struct share *s = arg;

	s->r = hash_share(s, &s->err);
	return NULL;
}

/* Digests of the data blocks from `from` on, one after the other; `out` is that of block 0. */
static int hash_data(int fd, const struct verity_params *p, uint64_t from, uint8_t *out,
		     struct error *err)
{
	struct share shares[VERITY_THREADS_MAX];
	uint64_t blocks = p->data_size / VERITY_BLOCK - from;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t n = cpus > 0 ? (uint64_t)cpus : 1;
	struct stat st;
	int r = 0;

	/* What is behind the end would look like a hole. */
	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "verity: stat");
	if ((uint64_t)st.st_size < p->data_offset + p->data_size)
		return error_set(err, -ENODATA,
				 "verity: the file ends at byte %llu, the data at %llu",
				 (unsigned long long)st.st_size,
				 (unsigned long long)(p->data_offset + p->data_size));
	n = MIN(n, blocks * VERITY_BLOCK / THREAD_MIN + 1);
	n = MIN(n, (uint64_t)VERITY_THREADS_MAX);
	for (uint64_t i = 0; i < n; i++) {
		struct share *s = &shares[i];

		*s = (struct share){ .fd = fd,
				     .p = p,
				     .first = from + blocks * i / n,
				     .end = from + blocks * (i + 1) / n };
		s->out = out + s->first * VERITY_DIGEST;
		/* The last share is this thread's; one that cannot be started is done here, too. */
		s->threaded = i + 1 < n && pthread_create(&s->id, NULL, share_run, s) == 0;
		if (!s->threaded)
			share_run(s);
	}
	for (uint64_t i = 0; i < n; i++) {
		if (shares[i].threaded)
			pthread_join(shares[i].id, NULL);
		if (r == 0 && shares[i].r < 0)
			r = error_set(err, shares[i].r, "%s", error_text(&shares[i].err));
	}
	return r;
}

static int check_params(const struct verity_params *p, struct error *err)
{
	if (!p->data_size || p->data_size % VERITY_BLOCK || p->data_size > VERITY_DATA_MAX)
		return error_set(err, -EINVAL,
				 "verity: %llu bytes of data are not a multiple of 4096 up to %llu",
				 (unsigned long long)p->data_size,
				 (unsigned long long)VERITY_DATA_MAX);
	if (p->salt_len > VERITY_SALT_MAX)
		return error_set(err, -EINVAL, "verity: a salt of %zu bytes is longer than %u",
				 p->salt_len, VERITY_SALT_MAX);
	return 0;
}

struct verity {
	int fd;
	struct verity_params p;
	uint8_t salt[VERITY_SALT_MAX];
	struct hasher h;
	uint64_t done;	/* blocks */
	uint8_t *level; /* digests of the data, with zeros up to whole blocks */
};

void verity_free(struct verity *v)
{
	if (!v)
		return;
	hasher_release(&v->h);
	free(v->level);
	free(v);
}

int verity_begin(int fd, const struct verity_params *p, struct verity **ret, struct error *err)
{
	_cleanup_verity_ struct verity *v = NULL;
	int r = check_params(p, err);

	if (r < 0)
		return r;
	v = new0(struct verity);
	if (!v)
		return error_oom(err);
	v->fd = fd;
	v->p = *p;
	if (p->salt_len)
		memcpy(v->salt, p->salt, p->salt_len);
	v->p.salt = v->salt;
	v->level = calloc(blocks_over(p->data_size / VERITY_BLOCK), VERITY_BLOCK);
	if (!v->level)
		return error_oom(err);
	r = hasher_init(&v->h, &v->p, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(v);
	return 0;
}

int verity_add(struct verity *v, uint64_t offset, const uint8_t *data, size_t len,
	       struct error *err)
{
	const uint64_t first = (offset - v->p.data_offset) / VERITY_BLOCK, n = len / VERITY_BLOCK;
	int r;

	if (offset < v->p.data_offset + v->done * VERITY_BLOCK ||
	    (offset - v->p.data_offset) % VERITY_BLOCK || len % VERITY_BLOCK ||
	    len > v->p.data_size || offset - v->p.data_offset > v->p.data_size - len)
		return error_set(err, -EINVAL,
				 "verity: %zu bytes at byte %llu are not the next blocks", len,
				 (unsigned long long)offset);
	r = hash_blocks(&v->h, v->fd, &v->p, v->done, first, v->level + v->done * VERITY_DIGEST,
			err);
	if (r < 0)
		return r;
	r = hash_piece(v->h.m, data, n, v->h.zero, v->level + first * VERITY_DIGEST);
	v->done = first + n;
	return r < 0 ? error_sys(err, r, "verity: hash data") : 0;
}

/* Each level is written below the one before, and hashed in place into the next. */
static int write_levels(struct verity *v, uint8_t root[VERITY_DIGEST], struct error *err)
{
	uint64_t n = blocks_over(v->p.data_size / VERITY_BLOCK);
	uint64_t at = v->p.hash_offset + verity_hash_size(v->p.data_size);
	uint8_t *level = v->level;
	int r;

	for (;;) {
		uint64_t up = blocks_over(n);

		at -= n * VERITY_BLOCK;
		r = fd_pwrite_full(v->fd, level, n * VERITY_BLOCK, (off_t)at);
		if (r == 0)
			r = sha256_multi_hash(v->h.m, level, n, level);
		if (r < 0)
			return error_sys(err, r, "verity: write the hash tree");
		if (n == 1)
			break;
		memset(level + n * VERITY_DIGEST, 0, up * VERITY_BLOCK - n * VERITY_DIGEST);
		n = up;
	}
	memcpy(root, level, VERITY_DIGEST);
	return 0;
}

int verity_finish(struct verity *v, uint8_t root[VERITY_DIGEST], struct error *err)
{
	int r = hash_data(v->fd, &v->p, v->done, v->level, err);

	if (r < 0)
		return r;
	v->done = v->p.data_size / VERITY_BLOCK;
	/* One block needs no tree: its digest is the root. */
	if (v->done > 1)
		return write_levels(v, root, err);
	memcpy(root, v->level, VERITY_DIGEST);
	return 0;
}

int verity_write(int fd, const struct verity_params *p, uint8_t root[VERITY_DIGEST],
		 struct error *err)
{
	_cleanup_verity_ struct verity *v = NULL;
	int r = verity_begin(fd, p, &v, err);

	return r < 0 ? r : verity_finish(v, root, err);
}

/* Where each level lies in the tree; level 0 holds the data's digests. */
struct levels {
	unsigned n;
	uint64_t blocks[LEVELS_MAX], first[LEVELS_MAX]; /* in blocks of the tree */
};

static void find_levels(uint64_t data_blocks, struct levels *l)
{
	uint64_t at = 0;

	l->n = 0;
	for (uint64_t n = data_blocks; n > 1 && l->n < LEVELS_MAX; l->n++)
		n = l->blocks[l->n] = blocks_over(n);
	for (unsigned i = l->n; i--; at += l->blocks[i])
		l->first[i] = at;
}

/* Index of the first of n digests that differs, n when none does. */
static uint64_t first_difference(const uint8_t *a, const uint8_t *b, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (memcmp(a + i * VERITY_DIGEST, b + i * VERITY_DIGEST, VERITY_DIGEST) != 0)
			return i;
	return n;
}

static int found_bad(const struct verity_params *p, unsigned partition, uint64_t block,
		     struct verity_bad *bad, struct error *err)
{
	uint64_t start = partition == 1 ? p->data_offset : p->hash_offset;

	*bad = (struct verity_bad){ partition, block, start + block * VERITY_BLOCK };
	return error_set(err, -EBADMSG,
			 "partition %u is damaged: block %llu, at byte %llu of the file, does not "
			 "match its hash%s",
			 partition, (unsigned long long)block, (unsigned long long)bad->offset,
			 partition == 2 && block == 0 ? " (the root hash)" : "");
}

/* Every block of the tree against its digest in the level above, the top one against the root. */
static int check_tree(const struct verity_params *p, const struct levels *l, const uint8_t *tree,
		      uint8_t *scratch, const uint8_t *root, struct verity_bad *bad,
		      struct error *err)
{
	_cleanup_sha256_multi_ struct sha256_multi *m = NULL;
	int r = sha256_multi_new(SHA256_MULTI_AUTO, p->salt, p->salt_len, &m, err);

	for (unsigned i = l->n; r == 0 && i--;) {
		const uint8_t *want = i + 1 == l->n ? root : tree + l->first[i + 1] * VERITY_BLOCK;
		uint64_t k;

		r = sha256_multi_hash(m, tree + l->first[i] * VERITY_BLOCK, l->blocks[i], scratch);
		if (r < 0)
			return error_sys(err, r, "verity: hash the tree");
		k = first_difference(scratch, want, l->blocks[i]);
		if (k < l->blocks[i])
			return found_bad(p, 2, l->first[i] + k, bad, err);
	}
	return r;
}

int verity_check(int fd, const struct verity_params *p, const uint8_t root[VERITY_DIGEST],
		 struct verity_bad *bad, struct error *err)
{
	uint64_t size = verity_hash_size(p->data_size), n = p->data_size / VERITY_BLOCK, k;
	_cleanup_free_ uint8_t *tree = NULL, *digests = NULL;
	struct levels l;
	int r = check_params(p, err);

	if (r < 0)
		return r;
	find_levels(n, &l);
	tree = malloc(size ? size : 1);
	digests = calloc(n, VERITY_DIGEST);
	if (!tree || !digests)
		return error_oom(err);
	r = fd_pread_full(fd, tree, size, (off_t)p->hash_offset);
	if (r < 0)
		return error_sys(err, r, "verity: read the hash tree");
	r = check_tree(p, &l, tree, digests, root, bad, err);
	if (r == 0)
		r = hash_data(fd, p, 0, digests, err);
	if (r < 0)
		return r;
	k = first_difference(digests, l.n ? tree + l.first[0] * VERITY_BLOCK : root, n);
	return k < n ? found_bad(p, 1, k, bad, err) : 0;
}
