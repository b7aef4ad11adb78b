/* SPDX-License-Identifier: Apache-2.0 */
#include "source/rpm_header.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "source/unpack.h"

#define HEADER_INTRO 16 /* magic, reserved, number of tags, bytes of data */
#define INDEX_ENTRY  16

enum rpm_tag {
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_EPOCH = 1003,
	TAG_ARCH = 1022,
	TAG_FILESIZES = 1028,
	TAG_FILEMODES = 1030,
	TAG_FILERDEVS = 1033,
	TAG_FILEMTIMES = 1034,
	TAG_FILELINKTOS = 1036,
	TAG_FILEFLAGS = 1037,
	TAG_FILEUSERNAME = 1039,
	TAG_FILEGROUPNAME = 1040,
	TAG_FILEDEVICES = 1095,
	TAG_FILEINODES = 1096,
	TAG_DIRINDEXES = 1116,
	TAG_BASENAMES = 1117,
	TAG_DIRNAMES = 1118,
	TAG_LONGFILESIZES = 5008,
	TAG_FILECAPS = 5010,
};
/* Bytes of one value; 0: a string that a NUL ends */
enum rpm_type { TYPE_INT16 = 3, TYPE_INT32 = 4, TYPE_INT64 = 5, TYPE_STRING = 6, TYPE_STRINGS = 8 };

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A header at the start of `data`; *ret_len is how many bytes it takes. */
static int open_header(const uint8_t *data, size_t len, struct rpm_header *ret, size_t *ret_len,
		       const char *what, struct error *err)
{
	static const uint8_t magic[] = { 0x8e, 0xad, 0xe8, 0x01 };

	if (len < HEADER_INTRO || memcmp(data, magic, sizeof(magic)) != 0)
		return error_set(err, -EBADMSG, "has no %s header", what);
	*ret = (struct rpm_header){ .index = data + HEADER_INTRO,
				    .n_tags = be32(data + 8),
				    .data_len = be32(data + 12) };
	if (ret->n_tags > RPM_HEADER_TAGS_MAX || ret->data_len > RPM_HEADER_DATA_MAX)
		return error_set(err, -EFBIG, "%s header of %u tags and %u bytes is too large",
				 what, ret->n_tags, ret->data_len);
	*ret_len = HEADER_INTRO + (size_t)ret->n_tags * INDEX_ENTRY + ret->data_len;
	if (*ret_len > len)
		return error_set(err, -EBADMSG, "%s header is cut off", what);
	ret->data = ret->index + (size_t)ret->n_tags * INDEX_ENTRY;
	return 0;
}

int rpm_header_open(const void *data, size_t len, struct rpm_header *ret, size_t *ret_payload,
		    struct error *err)
{
	static const uint8_t magic[] = { 0xed, 0xab, 0xee, 0xdb };
	const uint8_t *bytes = data;
	struct rpm_header signatures;
	size_t at = RPM_LEAD_SIZE, used = 0;
	int r;

	if (len < RPM_LEAD_SIZE || memcmp(bytes, magic, sizeof(magic)) != 0)
		return error_set(err, -EBADMSG, "is not an RPM package");
	if (bytes[4] < 3 || bytes[4] > 4) /* versions 3 and 4 of the format say 3 here */
		return error_set(err, -EBADMSG, "RPM format %u is not known", bytes[4]);
	if (bytes[6] || bytes[7])
		return error_set(err, -EINVAL, "is a source package");
	r = open_header(bytes + at, len - at, &signatures, &used, "signature", err);
	if (r < 0)
		return r;
	at += (used + 7) / 8 * 8; /* the main header is aligned */
	if (at > len)
		return error_set(err, -EBADMSG, "signature header is cut off");
	r = open_header(bytes + at, len - at, ret, &used, "main", err);
	*ret_payload = at + used;
	return r;
}

/* The values of one tag. */
struct values {
	const uint8_t *p, *end;
	uint32_t n, size;
};

static int check_strings(const struct values *v, uint32_t tag, struct error *err)
{
	const uint8_t *p = v->p;

	for (uint32_t i = 0; i < v->n; i++) {
		p = p < v->end ? memchr(p, '\0', (size_t)(v->end - p)) : NULL;
		if (!p)
			return error_set(err, -EBADMSG, "tag %u: a string does not end", tag);
		p++;
	}
	return 0;
}

/* 1: found, 0: the header has no such tag. */
static int find(const struct rpm_header *h, uint32_t tag, enum rpm_type type, struct values *ret,
		struct error *err)
{
	static const uint32_t sizes[] = { [TYPE_INT16] = 2, [TYPE_INT32] = 4, [TYPE_INT64] = 8 };
	const uint8_t *e = h->index;
	uint32_t i, offset;

	*ret = (struct values){ 0 };
	for (i = 0; i < h->n_tags && be32(e) != tag; i++)
		e += INDEX_ENTRY;
	if (i == h->n_tags)
		return 0;
	offset = be32(e + 8);
	ret->n = be32(e + 12);
	if (be32(e + 4) != type)
		return error_set(err, -EBADMSG, "tag %u has type %u instead of %d", tag,
				 be32(e + 4), (int)type);
	if (offset > h->data_len)
		return error_set(err, -EBADMSG, "tag %u lies behind its header", tag);
	ret->p = h->data + offset;
	ret->end = h->data + h->data_len;
	if (type == TYPE_STRING || type == TYPE_STRINGS)
		return check_strings(ret, tag, err) < 0 ? -EBADMSG : 1;
	ret->size = sizes[type];
	if (ret->n > (size_t)(ret->end - ret->p) / ret->size)
		return error_set(err, -EBADMSG, "tag %u reaches behind its header", tag);
	return 1;
}

static uint64_t value_at(const struct values *v, uint32_t i)
{
	const uint8_t *p = v->p + (size_t)i * v->size;
	uint64_t n = 0;

	for (uint32_t k = 0; k < v->size; k++)
		n = n << 8 | p[k];
	return n;
}

/* Strings come one after the other. */
static const char *next_string(struct values *v)
{
	const char *s = (const char *)v->p;

	v->p += strlen(s) + 1;
	return s;
}

/* What stands in a lock file and in messages. */
static bool is_word(const char *s)
{
	return *s && strlen(s) < 128 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			 "+-._~^") == strlen(s);
}

int rpm_header_name(const struct rpm_header *h, struct arena *a, struct rpm_name *ret,
		    struct error *err)
{
	static const struct {
		uint32_t tag;
		const char *what;
	} words[] = { { TAG_NAME, "name" },
		      { TAG_VERSION, "version" },
		      { TAG_RELEASE, "release" },
		      { TAG_ARCH, "architecture" } };
	const char *found[ARRAY_SIZE(words)];
	struct values v;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		r = find(h, words[i].tag, TYPE_STRING, &v, err);
		if (r < 0)
			return r;
		if (r == 0 || !v.n)
			return error_set(err, -EBADMSG, "has no %s", words[i].what);
		found[i] = (const char *)v.p;
		if (!is_word(found[i]))
			return error_set(err, -EBADMSG, "%s '%.100s' is unusable", words[i].what,
					 found[i]);
	}
	r = find(h, TAG_EPOCH, TYPE_INT32, &v, err);
	if (r < 0)
		return r;
	ret->name = arena_strdup(a, found[0]);
	ret->arch = arena_strdup(a, found[3]);
	ret->version = r && v.n ? arena_printf(a, "%llu:%s-%s", (unsigned long long)value_at(&v, 0),
					       found[1], found[2])
				: arena_printf(a, "%s-%s", found[1], found[2]);
	return ret->name && ret->arch && ret->version ? 0 : error_oom(err);
}

void rpm_files_release(struct rpm_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		blob_release(&f->v[i].content);
	free(f->v);
	free(f->sorted);
	arena_release(&f->arena);
	*f = (struct rpm_files){ 0 };
}

/* The parallel arrays of the file list. */
struct lists {
	struct values basenames, dirindexes, sizes, modes, rdevs, mtimes, links, flags, users,
		groups, devices, inodes, caps;
	const char **dirs;
	uint32_t n_dirs;
};

/* An array with one element a file; optional ones may be absent. */
static int find_list(const struct rpm_header *h, uint32_t tag, enum rpm_type type, bool need,
		     uint32_t n, struct values *ret, struct error *err)
{
	int r = find(h, tag, type, ret, err);

	if (r < 0)
		return r;
	if (r == 0 && !need)
		return 0;
	if (ret->n != n)
		return error_set(err, -EBADMSG, "tag %u has %u values for %u files", tag, ret->n,
				 n);
	return 0;
}

static int find_dirs(const struct rpm_header *h, struct lists *l, struct arena *a,
		     struct error *err)
{
	struct values v;
	int r = find(h, TAG_DIRNAMES, TYPE_STRINGS, &v, err);

	if (r < 0)
		return r;
	l->dirs = arena_new_array(a, const char *, (size_t)v.n + 1);
	if (!l->dirs)
		return error_oom(err);
	for (l->n_dirs = 0; l->n_dirs < v.n; l->n_dirs++)
		l->dirs[l->n_dirs] = next_string(&v);
	return 0;
}

static int find_lists(const struct rpm_header *h, struct lists *l, uint32_t n, struct error *err)
{
	const struct {
		struct values *v;
		uint32_t tag;
		enum rpm_type type;
		bool need;
	} all[] = {
		{ &l->dirindexes, TAG_DIRINDEXES, TYPE_INT32, true },
		{ &l->modes, TAG_FILEMODES, TYPE_INT16, true },
		{ &l->rdevs, TAG_FILERDEVS, TYPE_INT16, true },
		{ &l->mtimes, TAG_FILEMTIMES, TYPE_INT32, true },
		{ &l->links, TAG_FILELINKTOS, TYPE_STRINGS, true },
		{ &l->flags, TAG_FILEFLAGS, TYPE_INT32, true },
		{ &l->users, TAG_FILEUSERNAME, TYPE_STRINGS, true },
		{ &l->groups, TAG_FILEGROUPNAME, TYPE_STRINGS, true },
		{ &l->devices, TAG_FILEDEVICES, TYPE_INT32, false },
		{ &l->inodes, TAG_FILEINODES, TYPE_INT32, false },
		{ &l->caps, TAG_FILECAPS, TYPE_STRINGS, false },
	};
	int r = find(h, TAG_LONGFILESIZES, TYPE_INT64, &l->sizes, err);

	if (r == 0)
		r = find(h, TAG_FILESIZES, TYPE_INT32, &l->sizes, err);
	if (r >= 0 && l->sizes.n != n)
		r = error_set(err, -EBADMSG, "has %u sizes for %u files", l->sizes.n, n);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(all); i++)
		r = find_list(h, all[i].tag, all[i].type, all[i].need, n, all[i].v, err);
	return r < 0 ? r : 0;
}

static int fill_file(struct rpm_file *f, struct lists *l, uint32_t i, struct arena *a,
		     struct error *err)
{
	const uint64_t dir = value_at(&l->dirindexes, i);
	const char *base = next_string(&l->basenames);
	char *path;

	if (dir >= l->n_dirs)
		return error_set(err, -EBADMSG, "file '%.200s' is in no directory", base);
	if (l->dirs[dir][0] != '/')
		return error_set(err, -EBADMSG, "directory '%.200s' is not absolute", l->dirs[dir]);
	path = arena_printf(a, "%s%s", l->dirs[dir], base);
	if (!path)
		return error_oom(err);
	path += strspn(path, "/");
	*f = (struct rpm_file){
		.path = path,
		.user = next_string(&l->users),
		.group = next_string(&l->groups),
		.link = next_string(&l->links),
		.caps = l->caps.n ? next_string(&l->caps) : "",
		.mode = (uint32_t)value_at(&l->modes, i),
		.flags = (uint32_t)value_at(&l->flags, i),
		.rdev = (uint32_t)value_at(&l->rdevs, i),
		.mtime = (uint32_t)value_at(&l->mtimes, i),
		.size = value_at(&l->sizes, i),
		.dev = l->devices.n ? (uint32_t)value_at(&l->devices, i) : 0,
		/* without inode numbers nothing is a hard link */
		.inode = l->inodes.n ? (uint32_t)value_at(&l->inodes, i) : i + 1,
		.first_link = i,
		.is_last_link = true,
		.content = BLOB_INIT,
	};
	if (unpack_check_name(path, err) < 0)
		return error_prefix(err, "entry '/%.200s'", path);
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct rpm_file *x = *(struct rpm_file *const *)a;
	const struct rpm_file *y = *(struct rpm_file *const *)b;

	return strcmp(x->path, y->path);
}

static int sort_files(struct rpm_files *f, struct error *err)
{
	f->sorted = new0_array(struct rpm_file *, f->n);
	if (!f->sorted)
		return error_oom(err);
	for (size_t i = 0; i < f->n; i++)
		f->sorted[i] = &f->v[i];
	if (f->n)
		qsort(f->sorted, f->n, sizeof(struct rpm_file *), by_path);
	for (size_t i = 1; i < f->n; i++)
		if (str_eq(f->sorted[i]->path, f->sorted[i - 1]->path))
			return error_set(err, -EBADMSG, "entry '/%.200s' is there twice",
					 f->sorted[i]->path);
	return 0;
}

/* Directories have inode numbers, too, and what is not in the package is no link of what is. */
static bool can_be_linked(const struct rpm_file *f)
{
	return S_ISREG(f->mode) && !(f->flags & RPM_FLAG_GHOST);
}

static int by_inode(const void *a, const void *b)
{
	const struct rpm_file *x = *(struct rpm_file *const *)a;
	const struct rpm_file *y = *(struct rpm_file *const *)b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int find_links(struct rpm_files *f, struct error *err)
{
	_cleanup_free_ struct rpm_file **all = new0_array(struct rpm_file *, f->n);
	size_t n = 0;

	if (!all)
		return error_oom(err);
	for (size_t i = 0; i < f->n; i++)
		if (can_be_linked(&f->v[i]))
			all[n++] = &f->v[i];
	if (n)
		qsort(all, n, sizeof(struct rpm_file *), by_inode);
	for (size_t i = 1; i < n; i++) {
		if (all[i]->dev != all[i - 1]->dev || all[i]->inode != all[i - 1]->inode)
			continue;
		all[i]->first_link = all[i - 1]->first_link;
		all[i - 1]->is_last_link = false;
	}
	return 0;
}

int rpm_header_files(const struct rpm_header *h, struct rpm_files *ret, struct error *err)
{
	struct lists l = { 0 };
	int r = find(h, TAG_BASENAMES, TYPE_STRINGS, &l.basenames, err);
	const uint32_t n = l.basenames.n;

	if (r < 0)
		return r;
	if (n > RPM_FILES_MAX)
		return error_set(err, -EFBIG, "has more than %d files", RPM_FILES_MAX);
	ret->v = new0_array(struct rpm_file, n);
	if (!ret->v)
		return error_oom(err);
	r = find_dirs(h, &l, &ret->arena, err);
	if (r == 0 && n)
		r = find_lists(h, &l, n, err);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = fill_file(&ret->v[i], &l, i, &ret->arena, err);
		ret->n += r == 0;
	}
	if (r == 0)
		r = sort_files(ret, err);
	return r < 0 ? r : find_links(ret, err);
}

struct rpm_file *rpm_files_find(const struct rpm_files *f, const char *path)
{
	const struct rpm_file key = { .path = path };
	const struct rpm_file *k = &key;
	struct rpm_file **found =
		f->n ? bsearch(&k, f->sorted, f->n, sizeof(struct rpm_file *), by_path) : NULL;

	return found ? *found : NULL;
}
