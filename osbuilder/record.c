/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include <dirent.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "codec/sha.h"
#include "compat/la.h"
#include "recipe_lock.h"
#include "sbom.h"

#define RECORD_FORMAT "osbuilder build 1\n"

/* ---- the key ---------------------------------------------------------------------------------------------------- */

struct key {
	struct sha sha;
	struct record *record;
	size_t entries;
	bool failed; /* something could not be told */
};

static void add_bytes(struct key *k, const void *p, size_t n)
{
	const uint64_t len = n;

	/* the length first, so that no two lists of strings are one */
	if (sha_update(&k->sha, &len, sizeof(len)) < 0 || sha_update(&k->sha, p, n) < 0)
		k->failed = true;
}

static void add_string(struct key *k, const char *s)
{
	add_bytes(k, s ? s : "", s ? strlen(s) + 1 : 0);
}

static void add_number(struct key *k, int64_t v)
{
	add_bytes(k, &v, sizeof(v));
}

static void add_stat(struct key *k, const struct stat *st)
{
	const int64_t v[] = { (int64_t)st->st_dev, (int64_t)st->st_ino, st->st_mode,
			      st->st_uid,	   st->st_gid,		(int64_t)st->st_rdev,
			      st->st_size,	   st->st_mtim.tv_sec,	st->st_mtim.tv_nsec,
			      st->st_ctim.tv_sec,  st->st_ctim.tv_nsec };

	add_bytes(k, v, sizeof(v));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_entry(struct key *k, int dirfd, const char *name, unsigned depth);

static void add_directory(struct key *k, int fd, unsigned depth)
{
	_cleanup_strv_ struct strv names = STRV_INIT;
	DIR *d = fdopendir(fd);
	struct dirent *de;

	if (!d) {
		fd_close(fd);
		k->failed = true;
		return;
	}
	while ((de = readdir(d)))
		if (!str_eq(de->d_name, ".") && !str_eq(de->d_name, "..") &&
		    strv_add(&names, de->d_name) < 0)
			k->failed = true;
	if (names.n)
		qsort(names.v, names.n, sizeof(char *), by_name);
	for (size_t i = 0; !k->failed && i < names.n; i++)
		add_entry(k, dirfd(d), names.v[i], depth + 1);
	add_number(k, (int64_t)names.n);
	closedir(d);
}

/* One name and, of a directory, all below it. Links are not followed. */
static void add_entry(struct key *k, int dirfd, const char *name, unsigned depth)
{
	char target[TREE_PATH_MAX + 1];
	struct stat st;
	ssize_t n;
	int fd;

	if (++k->entries > RECORD_ENTRIES_MAX || depth > RECORD_DEPTH_MAX ||
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		k->failed = true;
		return;
	}
	add_string(k, name);
	add_stat(k, &st);
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(dirfd, name, target, sizeof(target));
		k->failed |= n < 0;
		add_bytes(k, target, n < 0 ? 0 : (size_t)n);
	}
	if (!S_ISDIR(st.st_mode))
		return;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		k->failed = true;
	else
		add_directory(k, fd, depth);
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static const struct record_input *find_input(const struct record *r, const struct stat *st)
{
	for (size_t i = 0; i < r->n_inputs; i++)
		if (same_stat(&r->inputs[i].st, st))
			return &r->inputs[i];
	return NULL;
}

static void add_content(struct key *k, int fd, const struct stat *st)
{
	struct record *r = k->record;
	const struct record_input *known = find_input(r, st);
	uint8_t digest[SHA_SIZE_MAX];

	if (known) {
		add_bytes(k, known->sha256, SHA_SIZE_256);
		return;
	}
	if (sha_of_fd(SHA_KIND_256, fd, 0, UINT64_MAX, digest, NULL) < 0) {
		k->failed = true;
		return;
	}
	add_bytes(k, digest, SHA_SIZE_256);
	/* What changes again within a tick of its file system's clock has the same times. */
	if (r->n_inputs < RECORD_INPUTS_MAX && st->st_ctim.tv_sec < r->begun - RECORD_SETTLED_S) {
		r->inputs[r->n_inputs].st = *st;
		memcpy(r->inputs[r->n_inputs++].sha256, digest, SHA_SIZE_256);
	}
}

/* What a path leads to, with the content of a file. One that leads nowhere is told, too. */
static void add_path(struct key *k, int dirfd, const char *path)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	add_string(k, path);
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		k->failed |= errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG;
		return;
	}
	add_stat(k, &st);
	fd = openat(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		k->failed = true;
		return;
	}
	add_stat(k, &st);
	if (S_ISDIR(st.st_mode)) {
		add_directory(k, fd_steal(&fd), 0);
	} else if (S_ISREG(st.st_mode)) {
		add_content(k, fd, &st);
	} else {
		k->failed = true;
	}
}

static int add_library(struct dl_phdr_info *info, size_t size, void *data)
{
	struct key *k = data;
	struct stat st;

	add_string(k, info->dlpi_name);
	if (info->dlpi_name && *info->dlpi_name && stat(info->dlpi_name, &st) == 0)
		add_stat(k, &st);
	return 0;
}

/* A library that is loaded on the way would make another key after the build than before. */
static bool reads_archives(const struct recipe *rc)
{
	for (size_t i = 0; i < rc->n_sources; i++)
		if (!str_eq(rc->sources[i].type, "dir") && !str_eq(rc->sources[i].type, "file"))
			return true;
	return false;
}

static void add_program(struct key *k, const struct recipe *rc)
{
	struct stat st;

	if (reads_archives(rc) && la_load(NULL) < 0)
		k->failed = true;
	add_string(k, KATA_VERSION);
	if (stat("/proc/self/exe", &st) < 0)
		k->failed = true;
	else
		add_stat(k, &st);
	dl_iterate_phdr(add_library, k);
}

/* Every parameter that says what is made, whoever set it. */
static void add_params(struct key *k, const struct image_build_params *p)
{
	const char *const strings[] = { p->recipe,
					p->agent,
					p->arch,
					p->image_out,
					p->initrd_out,
					p->rootfs_out,
					p->tar_out,
					p->filesystem,
					p->variant,
					p->salt,
					p->initrd_compression };
	const int64_t numbers[] = {
		p->epoch,    p->lock,		p->no_dax, p->measured, (int64_t)p->align_mib,
		p->free_mib, (int64_t)geteuid()
	};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		add_string(k, strings[i]);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		add_number(k, numbers[i]);
}

/* An output or the cache is no input. */
static bool is_input(const struct image_build_params *p, const char *arg)
{
	const char *const others[] = { p->image_out, p->initrd_out, p->rootfs_out,
				       p->tar_out,   p->cache_dir,  p->recipes_dir };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i] && str_eq(arg, others[i]))
			return false;
	return true;
}

/* The arguments, and what those of them that are paths lead to: options that this file does not know are covered by that. */
static void add_arguments(struct key *k, const struct image_build_params *p)
{
	for (size_t i = 0; i < p->arguments.n; i++) {
		const char *arg = p->arguments.v[i], *value = strchr(arg, '=');

		value = value && arg[0] == '-' ? value + 1 : arg;
		add_string(k, arg);
		if (str_eq(arg, "--json-file")) { /* what its value names is written, not read */
			i++;
			continue;
		}
		if (*value && *value != '-' && is_input(p, value))
			add_path(k, AT_FDCWD, value);
	}
}

static void add_source(struct key *k, const struct source_spec *s, int dirfd)
{
	if (s->path)
		add_path(k, dirfd, s->path);
	if (s->keyring)
		add_path(k, dirfd, s->keyring);
	for (size_t i = 0; i < s->keys.n; i++)
		add_path(k, dirfd, s->keys.v[i]);
}

/* Is there a source of packages and no lock file to say which? */
static bool is_open_ended(const struct image_build_params *p, const struct recipe *rc,
			  const char *lock_path)
{
	if (p->lock != LOCK_USE_NONE && !rc->extra_packages.n &&
	    faccessat(AT_FDCWD, lock_path, F_OK, 0) == 0)
		return false;
	for (size_t i = 0; i < rc->n_sources; i++)
		if (lock_wants(&rc->sources[i]))
			return true;
	return false;
}

static void add_recipe(struct key *k, const struct image_build_params *p, const struct recipe *rc)
{
	_cleanup_free_ char *path = recipe_lock_path(rc, p->arch);

	if (!path || is_open_ended(p, rc, path)) {
		k->failed = true;
		return;
	}
	add_path(k, AT_FDCWD, rc->file);
	add_path(k, AT_FDCWD, path);
	add_path(k, rc->dirfd, ".");
	for (size_t i = 0; i < rc->n_sources; i++)
		add_source(k, &rc->sources[i], rc->dirfd);
}

static int make_key(struct record *r, const struct image_build_params *p, const struct recipe *rc,
		    char ret[RECORD_HEX + 1])
{
	struct key k = { .sha = SHA_INIT, .record = r };
	uint8_t digest[SHA_SIZE_MAX];

	k.failed = sha_begin(&k.sha, SHA_KIND_256) < 0;
	if (!k.failed) {
		add_program(&k, rc);
		add_params(&k, p);
		add_arguments(&k, p);
		add_recipe(&k, p, rc);
		k.failed |= sha_finish(&k.sha, digest) < 0;
	}
	sha_release(&k.sha);
	if (k.failed)
		return -EINVAL;
	hex_encode(ret, digest, SHA_SIZE_256);
	return 0;
}

/* ---- the record ------------------------------------------------------------------------------------------------- */

static int add_output(struct record *r, const char *path, const char *suffix)
{
	char *name;

	if (!path)
		return 0;
	name = str_printf("%s%s", path, suffix);
	if (!name)
		return -ENOMEM;
	r->outputs[r->n++] = (struct record_output){ .path = name };
	return 0;
}

static int list_outputs(struct record *r, const struct image_build_params *p,
			const struct recipe *rc)
{
	_cleanup_free_ char *line = NULL;
	int code = 0;

	if (p->image_out && (p->measured || rc->measured)) {
		line = str_printf("%.*sroot_hash_%s.txt",
				  (int)(path_base(p->image_out) - p->image_out), p->image_out,
				  p->variant ? p->variant : rc->name);
		if (!line)
			return -ENOMEM;
	}
	code |= add_output(r, p->image_out, "");
	code |= add_output(r, p->image_out, MANIFEST_SUFFIX);
	code |= add_output(r, p->image_out, SBOM_SUFFIX);
	code |= add_output(r, p->initrd_out, "");
	code |= add_output(r, p->initrd_out, MANIFEST_SUFFIX);
	code |= add_output(r, p->initrd_out, SBOM_SUFFIX);
	code |= add_output(r, p->tar_out, "");
	code |= add_output(r, line, "");
	return code < 0 ? -ENOMEM : 0;
}

/* CACHE/builds/HEX */
static int name_file(struct record *r, const struct image_build_params *p)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	_cleanup_free_ char *cache = path_absolute(p->cache_dir);
	char hex[SHA_HEX_MAX];
	int code = cache ? 0 : -ENOMEM;

	for (size_t i = 0; code == 0 && i < r->n; i++) {
		_cleanup_free_ char *path = path_absolute(r->outputs[i].path);

		code = path ? strbuf_add(&names, path, strlen(path) + 1) : -ENOMEM;
	}
	if (code == 0)
		code = sha_hex_of(SHA_KIND_256, names.buf, names.len, hex);
	if (code == 0)
		r->file = str_printf("%s/builds/%s", cache, hex);
	return r->file ? 0 : -ENOMEM;
}

static int load_recipe(const struct image_build_params *p, struct recipe **ret)
{
	int code = recipe_load(p->recipe, p->recipes_dir, ret, NULL);

	if (code == 0)
		code = recipe_select_arch(*ret, p->arch, NULL);
	return code < 0 ? code : recipe_apply(*ret, &p->choices, NULL);
}

void record_begin(struct record *r, const struct image_build_params *p)
{
	_cleanup_recipe_ struct recipe *rc = NULL;

	*r = (struct record){ .begun = time(NULL) };
	if (!p->arguments.n || p->rootfs_out || load_recipe(p, &rc) < 0)
		return;
	r->usable = list_outputs(r, p, rc) == 0 && r->n && name_file(r, p) == 0 &&
		    make_key(r, p, rc, r->key) == 0;
}

void record_release(struct record *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->outputs[i].path);
	free(r->file);
	*r = (struct record){ 0 };
}

static int put_output(struct strbuf *out, const char *path, bool content)
{
	char hex[SHA_HEX_MAX] = "-";
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (content) {
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || sha_hex_of_fd(SHA_KIND_256, fd, 0, UINT64_MAX, hex, NULL) < 0)
			return -EIO;
	}
	return strbuf_addf(out, "%llu %llu %lld %lld.%09ld %lld.%09ld %s %s\n",
			   (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
			   (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			   (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, hex, path);
}

/* What the record must say now. Fails when an output is not there. */
static int make_text(const struct record *r, struct strbuf *out)
{
	int code = strbuf_addf(out, RECORD_FORMAT "%s\n", r->key);

	for (size_t i = 0; code == 0 && i < r->n; i++) {
		const char *path = r->outputs[i].path, *at = strstr(path, MANIFEST_SUFFIX);

		code = put_output(out, path, at && !at[strlen(MANIFEST_SUFFIX)]);
	}
	return code;
}

bool record_is_current(const struct record *r)
{
	_cleanup_strbuf_ struct strbuf want = STRBUF_INIT, have = STRBUF_INIT;

	return r->usable && make_text(r, &want) == 0 &&
	       file_read(AT_FDCWD, r->file, RECORD_TEXT_MAX, &have, NULL) == 0 &&
	       have.len == want.len && memcmp(have.buf, want.buf, want.len) == 0;
}

bool record_sha256(const struct record *r, int fd, uint8_t ret[32])
{
	const struct record_input *known;
	struct stat st;

	known = fstat(fd, &st) == 0 ? find_input(r, &st) : NULL;
	if (known)
		memcpy(ret, known->sha256, sizeof(known->sha256));
	return known;
}

void record_expect(struct record *r, const char *path, int fd)
{
	struct stat st;

	for (size_t i = 0; path && i < r->n; i++) {
		struct record_output *o = &r->outputs[i];

		if (!str_eq(o->path, path) || fstat(fd, &st) < 0)
			continue;
		o->made = true;
		o->dev = st.st_dev;
		o->ino = st.st_ino;
	}
}

static bool all_made(const struct record *r)
{
	struct stat st;

	for (size_t i = 0; i < r->n; i++) {
		const struct record_output *o = &r->outputs[i];

		if (!o->made || lstat(o->path, &st) < 0 || st.st_ino != o->ino ||
		    st.st_dev != o->dev)
			return false;
	}
	return true;
}

void record_finish(struct record *r, const struct image_build_params *p)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_file_out_ struct file_out out = FILE_OUT_INIT;
	_cleanup_recipe_ struct recipe *rc = NULL;
	_cleanup_free_ char *dir = NULL;
	char key[RECORD_HEX + 1];

	if (!r->file)
		return;
	dir = mem_dup0(r->file, (size_t)(path_base(r->file) - r->file));
	if (r->usable && dir && load_recipe(p, &rc) == 0 && make_key(r, p, rc, key) == 0 &&
	    str_eq(key, r->key) && make_text(r, &text) == 0 && all_made(r) &&
	    file_mkdir_p(AT_FDCWD, dir, 0755, NULL) == 0 &&
	    file_out_open(&out, AT_FDCWD, r->file, 0644, NULL) == 0 &&
	    fd_write_full(out.fd, text.buf, text.len) == 0 &&
	    file_out_publish(&out, NULL, NULL) == 0)
		return;
	unlink(r->file);
}
