/* SPDX-License-Identifier: Apache-2.0 */
#include "source/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"

#define COPY_CHUNK 262144 /* bytes moved at once */

/* "AB/ABCD..." and its NUL */
#define NAME_MAX_LEN (3 + STORE_SHA_LEN + 1)

static void file_name(char out[NAME_MAX_LEN], const char *sha256)
{
	snprintf(out, NAME_MAX_LEN, "%.2s/%.64s", sha256, sha256);
}

bool store_is_sha256(const char *s)
{
	return strlen(s) == STORE_SHA_LEN && strspn(s, "0123456789abcdef") == STORE_SHA_LEN;
}

int store_open(struct store *s, const char *cache_dir, struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s/sha256", cache_dir);
	int r;

	if (!path)
		return error_oom(err);
	r = file_mkdir_p(AT_FDCWD, path, 0755, err);
	if (r < 0)
		return error_prefix(err, "cache");
	s->dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->dirfd < 0 ? error_sys(err, -errno, "cache: '%s'", path) : 0;
}

void store_release(struct store *s)
{
	s->dirfd = fd_close(s->dirfd);
}

bool store_has(const struct store *s, const char *sha256, uint64_t size)
{
	char name[NAME_MAX_LEN];
	struct stat st;

	file_name(name, sha256);
	return fstatat(s->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size;
}

static int map_fd(int fd, uint64_t size, struct store_map *ret, struct error *err)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "cached file");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size || !size || size > STORE_FILE_MAX)
		return error_set(err, -EBADMSG, "the cached file has %llu bytes instead of %llu",
				 (unsigned long long)st.st_size, (unsigned long long)size);
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return error_sys(err, -errno, "cannot map the cached file");
	ret->data = map;
	ret->len = size;
	return 0;
}

int store_map(const struct store *s, const char *sha256, uint64_t size, struct store_map *ret,
	      struct error *err)
{
	char name[NAME_MAX_LEN], hex[SHA_HEX_MAX];
	_cleanup_fd_ int fd = -1;
	int r;

	file_name(name, sha256);
	fd = openat(s->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "cached file");
	r = map_fd(fd, size, ret, err);
	if (r < 0)
		return r;
	r = sha_hex_of(SHA_KIND_256, ret->data, ret->len, hex);
	if (r < 0)
		error_sys(err, r, "cannot hash the cached file");
	else if (!str_eq(hex, sha256))
		r = error_set(err, -EBADMSG, "the cached file has SHA-256 %s instead of %s", hex,
			      sha256);
	if (r < 0)
		store_unmap(ret);
	return r;
}

void store_unmap(struct store_map *m)
{
	if (m->data)
		munmap((void *)m->data, m->len);
	*m = (struct store_map)STORE_MAP_INIT;
}

/* Copies and hashes; the copy, not the original, is what must have the hash. */
static int copy_hashed(int from, int to, const char *sha256, uint64_t size, struct error *err)
{
	_cleanup_sha_ struct sha sha = SHA_INIT;
	_cleanup_free_ char *buf = malloc(COPY_CHUNK);
	uint8_t digest[SHA_SIZE_MAX];
	char hex[SHA_HEX_MAX];
	uint64_t off = 0;
	ssize_t n;

	if (!buf || sha_begin(&sha, SHA_KIND_256) < 0)
		return error_oom(err);
	while ((n = pread(from, buf, COPY_CHUNK, (off_t)off)) != 0) {
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, -errno, "cannot read");
		off += (uint64_t)n;
		if (off > size)
			return error_set(err, -EBADMSG, "has more than %llu bytes",
					 (unsigned long long)size);
		r = sha_update(&sha, buf, (size_t)n);
		if (r == 0)
			r = fd_write_full(to, buf, (size_t)n);
		if (r < 0)
			return error_sys(err, r, "cannot write into the cache");
	}
	if (sha_finish(&sha, digest) < 0)
		return error_oom(err);
	hex_encode(hex, digest, SHA_SIZE_256);
	if (off != size || !str_eq(hex, sha256))
		return error_set(err, -EBADMSG,
				 "has %llu bytes and SHA-256 %s instead of %llu and %s",
				 (unsigned long long)off, hex, (unsigned long long)size, sha256);
	return 0;
}

int store_add_fd(const struct store *s, int fd, const char *sha256, uint64_t size,
		 struct error *err)
{
	_cleanup_file_out_ struct file_out out = FILE_OUT_INIT;
	char name[NAME_MAX_LEN], dir[3];
	int r;

	file_name(name, sha256);
	snprintf(dir, sizeof(dir), "%.2s", sha256);
	if (mkdirat(s->dirfd, dir, 0755) < 0 && errno != EEXIST)
		return error_sys(err, -errno, "cannot make a directory in the cache");
	r = file_out_open(&out, s->dirfd, name, 0644, err);
	if (r == 0)
		r = copy_hashed(fd, out.fd, sha256, size, err);
	return r < 0 ? r : file_out_commit(&out, err);
}
