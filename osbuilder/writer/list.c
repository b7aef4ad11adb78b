/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/list.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "writer/le.h"

#define DESCRIBE_FLUSH (1u << 20)

static int list_add(struct tree_node *n, void *data)
{
	struct wlist *l = data;
	struct tree_inode *in = n->inode;
	struct witem *it;

	if (in->mark) {
		l->v[wlist_index(in)].last = n;
		return 0;
	}
	if (array_reserve(&l->v, &l->cap, l->n + 1, sizeof(*l->v)) < 0)
		return -ENOMEM;
	it = &l->v[l->n++];
	it->in = in;
	it->first = it->last = n;
	it->subdirs = 0;
	in->mark = l->n;
	for (size_t i = 0; tree_is_dir(n) && i < n->n_children; i++)
		it->subdirs += tree_is_dir(n->children[i]);
	return 0;
}

int wlist_build(struct tree *t, struct wlist *l, struct error *err)
{
	tree_clear_marks(t);
	if (tree_walk(tree_root(t), list_add, l) < 0)
		return error_oom(err);
	return 0;
}

void wlist_release(struct wlist *l)
{
	free(l->v);
	*l = (struct wlist)WLIST_INIT;
}

void writer_mtime(const struct writer_params *p, const struct tree_inode *in, int64_t *sec,
		  uint32_t *nsec)
{
	*sec = in->mtime_sec;
	*nsec = in->mtime_nsec;
	if (!p->keep_times && *sec >= p->epoch) {
		*sec = p->epoch;
		*nsec = 0;
	}
}

uint8_t writer_file_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 1;
	case S_IFDIR:
		return 2;
	case S_IFCHR:
		return 3;
	case S_IFBLK:
		return 4;
	case S_IFIFO:
		return 5;
	case S_IFSOCK:
		return 6;
	case S_IFLNK:
		return 7;
	}
	return 0;
}

int writer_blame(const struct tree_node *n, struct error *err)
{
	char *path = malloc(TREE_PATH_BUF);

	if (!path)
		return error_prefix(err, "%s", n->name);
	error_prefix(err, "%s", tree_path(n, path));
	free(path);
	return err ? err->code : -EIO;
}

static int add_num(struct strbuf *sb, uint64_t v)
{
	uint8_t b[8];

	le_put64(b, v);
	return strbuf_add(sb, b, sizeof(b));
}

static int add_bytes(struct strbuf *sb, const void *p, size_t n)
{
	return add_num(sb, n) < 0 ? -ENOMEM : strbuf_add(sb, p, n);
}

static int describe(struct strbuf *sb, const struct witem *it, const struct writer_params *p)
{
	const struct tree_inode *in = it->in;
	int64_t sec;
	uint32_t nsec;
	int r = 0;

	writer_mtime(p, in, &sec, &nsec);
	const uint64_t nums[] = { in->mode,    in->uid,	       in->gid,	       (uint64_t)sec,
				  nsec,	       in->rdev_major, in->rdev_minor, in->content.size,
				  in->n_xattrs };

	for (size_t i = 0; i < ARRAY_SIZE(nums); i++)
		r |= add_num(sb, nums[i]);
	if (S_ISLNK(in->mode))
		r |= add_bytes(sb, in->target, strlen(in->target));
	for (size_t i = 0; i < in->n_xattrs; i++) {
		r |= add_bytes(sb, in->xattrs[i].name, strlen(in->xattrs[i].name));
		r |= add_bytes(sb, in->xattrs[i].value, in->xattrs[i].len);
	}
	if (!S_ISDIR(in->mode))
		return r ? -ENOMEM : 0;
	for (size_t i = 0; i < it->first->n_children; i++) {
		const struct tree_node *c = it->first->children[i];

		r |= add_bytes(sb, c->name, c->name_len);
		r |= add_num(sb, c->inode->mark);
	}
	return r ? -ENOMEM : 0;
}

/* With the hashes of the contents when `sums` says so. */
static int hash_descriptions(const struct wlist *l, const struct writer_params *p, bool sums,
			     uint8_t ret[SHA_SIZE_MAX])
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_sha_ struct sha sha = SHA_INIT;
	int r = sha_begin(&sha, SHA_KIND_256);

	r = r < 0 ? r : add_num(&sb, (uint64_t)p->epoch);
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		const struct tree_inode *in = l->v[i].in;

		r = describe(&sb, &l->v[i], p);
		if (r == 0 && sums && S_ISREG(in->mode))
			r = strbuf_add(&sb, in->content.sums.sha256, SHA_SIZE_256);
		if (r == 0 && (sb.len > DESCRIBE_FLUSH || i + 1 == l->n)) {
			r = sha_update(&sha, sb.buf, sb.len);
			strbuf_reset(&sb);
		}
	}
	return r < 0 ? r : sha_finish(&sha, ret);
}

int writer_seed(struct tree *t, const struct writer_params *p, uint8_t seed[WRITER_SEED_SIZE],
		struct error *err)
{
	_cleanup_wlist_ struct wlist l = WLIST_INIT;
	uint8_t d[SHA_SIZE_MAX];
	int r = wlist_build(t, &l, err);

	for (size_t i = 0; r == 0 && i < l.n; i++)
		if (S_ISREG(l.v[i].in->mode) && !l.v[i].in->content.has_sums)
			r = error_set(err, -EINVAL, "'%s' was not hashed", l.v[i].first->name);
	if (r < 0)
		return r;
	r = hash_descriptions(&l, p, true, d);
	if (r < 0)
		return error_sys(err, r, "hash the tree's description");
	memcpy(seed, d, WRITER_SEED_SIZE);
	return 0;
}

int wseed_begin(struct wseed *s, const struct wlist *l, const struct writer_params *p,
		struct error *err)
{
	uint8_t d[SHA_SIZE_MAX];
	int r;

	if (p->seed) {
		memcpy(s->tree, p->seed, sizeof(s->tree));
		return 0;
	}
	r = hash_descriptions(l, p, false, d);
	r = r < 0 ? r : xxh_new(&s->content);
	if (r < 0)
		return error_sys(err, r, "hash the tree's description");
	memcpy(s->tree, d, sizeof(s->tree));
	s->on = true;
	return 0;
}

void wseed_content(struct wseed *s, const void *data, size_t len)
{
	if (s->on)
		xxh_add(s->content, data, len);
}

int wseed_finish(struct wseed *s, const struct writer_params *p, uint8_t seed[WRITER_SEED_SIZE],
		 struct error *err)
{
	uint8_t d[SHA_SIZE_MAX], both[WRITER_SEED_SIZE + XXH_SIZE];
	int r;

	if (p->seed) {
		memcpy(seed, p->seed, WRITER_SEED_SIZE);
		return 0;
	}
	memcpy(both, s->tree, WRITER_SEED_SIZE);
	xxh_get(s->content, both + WRITER_SEED_SIZE);
	r = sha_of(SHA_KIND_256, both, sizeof(both), d);
	if (r < 0)
		return error_sys(err, r, "hash the tree");
	memcpy(seed, d, WRITER_SEED_SIZE);
	return 0;
}

void wseed_release(struct wseed *s)
{
	if (s->content)
		xxh_free(s->content);
	s->content = NULL;
	s->on = false;
}

int wseed_uuid(const uint8_t seed[WRITER_SEED_SIZE], const char *purpose, uint8_t uuid[16],
	       struct error *err)
{
	_cleanup_sha_ struct sha s = SHA_INIT;
	uint8_t d[SHA_SIZE_MAX];
	int r = sha_begin(&s, SHA_KIND_256);

	r = r < 0 ? r : sha_update(&s, purpose, strlen(purpose));
	r = r < 0 ? r : sha_update(&s, seed, WRITER_SEED_SIZE);
	r = r < 0 ? r : sha_finish(&s, d);
	if (r < 0)
		return error_sys(err, r, "derive the UUID");
	memcpy(uuid, d, 16);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	return 0;
}
