/* SPDX-License-Identifier: Apache-2.0 */
#include "support/listing_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEPTH_PATH_MAX (1u << 16)

struct walk {
	listing_fn fn;
	void *data;
	dev_t dev;
	char *path; /* of the entry, from the directory walked, with a leading slash */
	size_t len;
	int errors;
};

static void cannot(struct walk *w, const char *what)
{
	fprintf(stderr, "cannot %s %s: %s\n", what, w->path, strerror(errno));
	w->errors++;
}

/* The working directory is the one that holds the entry. */
static void read_xattrs(struct walk *w, const char *name, struct listing *l)
{
	static char names[65536], value[65537];
	ssize_t n = llistxattr(name, names, sizeof(names));

	if (n < 0 && errno != ENOTSUP)
		cannot(w, "list attributes of");
	for (char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		ssize_t k = lgetxattr(name, p, value, sizeof(value));

		if (k < 0)
			cannot(w, "read an attribute of");
		else
			listing_xattr(l, p, value, (size_t)k);
	}
}

/* Holes are taken from the file system: SEEK_DATA finds the next byte that may not be zero. */
static uint32_t read_sum(struct walk *w, const char *name, uint64_t size)
{
	static uint8_t buf[LISTING_PIECE];
	uint32_t sum = LISTING_SUM_INIT;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint64_t at = 0;

	while (fd >= 0 && at < size) {
		off_t data = size > LISTING_PIECE ? lseek(fd, (off_t)at, SEEK_DATA) : (off_t)at;
		ssize_t n;

		if (data < 0 && errno == ENXIO)
			data = (off_t)size;
		if (data < 0)
			break;
		sum = listing_sum_zeros(sum, (uint64_t)data - at);
		at = (uint64_t)data;
		n = at < size ? pread(fd, buf, sizeof(buf), data) : 0;
		if (n < 0 || (n == 0 && at < size))
			break;
		sum = listing_sum(sum, buf, (size_t)n);
		at += (uint64_t)n;
	}
	if (at != size)
		cannot(w, "read all of");
	if (fd >= 0)
		close(fd);
	return sum;
}

static void fill(struct walk *w, const char *name, const struct stat *st, struct listing *l)
{
	ssize_t n;

	l->path = w->path;
	l->mode = st->st_mode;
	l->uid = st->st_uid;
	l->gid = st->st_gid;
	l->mtime = st->st_mtim.tv_sec;
	l->nsec = (uint32_t)st->st_mtim.tv_nsec;
	l->nlink = (uint32_t)st->st_nlink;
	if (!S_ISDIR(st->st_mode))
		l->size = (uint64_t)st->st_size;
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		l->major = major(st->st_rdev);
		l->minor = minor(st->st_rdev);
	}
	if (S_ISREG(st->st_mode))
		l->sum = read_sum(w, name, l->size);
	if (S_ISLNK(st->st_mode)) {
		n = readlink(name, l->target, sizeof(l->target) - 1);
		if (n < 0)
			cannot(w, "read the link");
		l->target[n < 0 ? 0 : n] = '\0';
	}
	read_xattrs(w, name, l);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the working directory, sorted, so that any order of readdir gives the same listing. */
static char **read_names(struct walk *w, size_t *ret_n)
{
	size_t n = 0, cap = 0;
	char **v = NULL;
	struct dirent *e;
	DIR *d = opendir(".");

	if (!d) {
		cannot(w, "open");
		*ret_n = 0;
		return NULL;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 64;
			v = realloc(v, cap * sizeof(*v));
		}
		if (!v || !(v[n] = strdup(e->d_name)))
			abort();
		n++;
	}
	closedir(d);
	if (n)
		qsort(v, n, sizeof(*v), by_name);
	*ret_n = n;
	return v;
}

static void walk_entry(struct walk *w, const char *name);

static void walk_below(struct walk *w)
{
	size_t n, len = w->len;
	char **v = read_names(w, &n);

	for (size_t i = 0; i < n; i++) {
		size_t k = strlen(v[i]);

		if (len + k + 2 > DEPTH_PATH_MAX)
			abort();
		w->path[len] = '/';
		memcpy(w->path + len + 1, v[i], k + 1);
		w->len = len + 1 + k;
		walk_entry(w, v[i]);
		free(v[i]);
	}
	free(v);
	w->path[len] = '\0';
	w->len = len;
}

static void walk_entry(struct walk *w, const char *name)
{
	struct listing *l = calloc(1, sizeof(*l));
	struct stat st;
	bool dir;

	if (!l)
		abort();
	if (lstat(name, &st) < 0) {
		cannot(w, "stat");
		free(l);
		return;
	}
	dir = S_ISDIR(st.st_mode) && st.st_dev == w->dev;
	fill(w, name, &st, l);
	w->fn(l, w->data);
	listing_release(l);
	free(l);
	if (!dir)
		return;
	if (chdir(name) < 0) {
		cannot(w, "enter");
		return;
	}
	walk_below(w);
	if (strcmp(name, ".") != 0 && chdir("..") < 0)
		abort();
}

int listing_walk(const char *dir, listing_fn fn, void *data)
{
	struct walk w = { .fn = fn, .data = data, .path = calloc(1, DEPTH_PATH_MAX) };
	int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (!w.path)
		abort();
	if (chdir(dir) < 0 || stat(".", &st) < 0) {
		perror(dir);
		w.errors++;
	} else {
		w.dev = st.st_dev;
		walk_entry(&w, ".");
	}
	if (back >= 0 && fchdir(back) < 0)
		perror("return to the working directory");
	if (back >= 0)
		close(back);
	free(w.path);
	return w.errors;
}

void listing_sums_end(struct listing_sums *s)
{
	char *hex = listing_hex(s->top, strlen(s->top));

	if (s->entries)
		fprintf(s->out, "%s-SUM %s %" PRIu64 " %016" PRIx64 "\n", s->tag, hex, s->entries,
			s->sum);
	free(hex);
	s->entries = 0;
	s->sum = LISTING_SUM64_INIT;
}

void listing_sums_add(struct listing *l, void *data)
{
	struct listing_sums *s = data;
	char *line = NULL;
	size_t n, size = 0;
	FILE *f;

	if (!*l->path)
		return;
	n = strcspn(l->path + 1, "/") + 1;
	if (strncmp(l->path, s->top, n) != 0 || s->top[n]) {
		listing_sums_end(s);
		snprintf(s->top, sizeof(s->top), "%.*s", (int)n, l->path);
	}
	l->mtime = 0;
	l->nsec = 0;
	f = open_memstream(&line, &size);
	if (!f)
		abort();
	listing_print(f, "", l);
	fclose(f);
	s->sum = listing_sum64(s->sum, line, size);
	s->entries++;
	free(line);
}
