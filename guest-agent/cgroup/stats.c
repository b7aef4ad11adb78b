/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/driver.h"

#define LINES_MAX 4096 /* of one control file */
#define WORDS_MAX 16   /* of one line */
#define HUGE_MAX  16   /* sizes of huge pages; machines have up to five */

static uint64_t number(const char *s)
{
	uint64_t v;

	if (str_eq(s, "max"))
		return UINT64_MAX;
	return parse_u64(s, 10, &v) == 0 ? v : 0;
}

uint64_t cgroup_keyed(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		char value[24];
		size_t n;

		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != ' ')
			continue;
		n = strcspn(line + len + 1, "\n");
		if (n >= sizeof(value))
			return 0;
		memcpy(value, line + len + 1, n);
		value[n] = '\0';
		return number(value);
	}
	return 0;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (const char *p = strchr(text, '\n'); p; p = strchr(p + 1, '\n'))
		n++;
	return MIN(n, (size_t)LINES_MAX);
}

int cgroup_parse_memory_stat(struct cgroup_stats *s, const char *text)
{
	size_t most = count_lines(text);
	char *copy = arena_strdup(&s->arena, text), *save = NULL;

	s->memory.stat = arena_new_array(&s->arena, struct cgroup_counter, most);
	if (!copy || !s->memory.stat)
		return -ENOMEM;
	for (char *line = strtok_r(copy, "\n", &save); line && s->memory.n_stat < most;
	     line = strtok_r(NULL, "\n", &save)) {
		char *words[WORDS_MAX];

		if (parse_words(line, words, WORDS_MAX) != 2)
			continue;
		s->memory.stat[s->memory.n_stat].key = words[0];
		s->memory.stat[s->memory.n_stat++].value = number(words[1]);
	}
	return 0;
}

static int add_entry(struct cgroup_io_list *l, uint64_t major, uint64_t minor, const char *op,
		     uint64_t value)
{
	if (array_reserve(&l->v, &l->cap, l->n + 1, sizeof(*l->v)) < 0)
		return -ENOMEM;
	l->v[l->n++] = (struct cgroup_io_entry){ major, minor, op, value };
	return 0;
}

/* "8:16" */
static bool device(char *word, uint64_t *major, uint64_t *minor)
{
	char *colon = strchr(word, ':');

	if (!colon)
		return false;
	*colon = '\0';
	return parse_u64(word, 10, major) == 0 && parse_u64(colon + 1, 10, minor) == 0;
}

int cgroup_parse_io_stat(struct cgroup_stats *s, const char *text)
{
	/* The keys of the file, and the names that the agent's callers know. */
	static const struct {
		const char *key, *op;
	} ops[] = {
		{ "rbytes=", "read" }, { "wbytes=", "write" },	{ "rios=", "rios" },
		{ "wios=", "wios" },   { "dbytes=", "dbytes" }, { "dios=", "dios" },
	};
	char *copy = arena_strdup(&s->arena, text), *save = NULL;
	uint64_t major, minor;
	int r = copy ? 0 : -ENOMEM, lines = 0;

	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL;
	     r == 0 && line && lines++ < LINES_MAX; line = strtok_r(NULL, "\n", &save)) {
		char *words[WORDS_MAX];
		size_t n = parse_words(line, words, WORDS_MAX);

		if (!n || !device(words[0], &major, &minor))
			continue;
		for (size_t i = 1; r == 0 && i < n; i++) {
			for (size_t j = 0; r == 0 && j < ARRAY_SIZE(ops); j++) {
				const char *v = str_after(words[i], ops[j].key);

				if (v)
					r = add_entry(&s->io[CGROUP_IO_SERVICE_BYTES], major, minor,
						      ops[j].op, number(v));
			}
		}
	}
	return r;
}

int cgroup_parse_blkio(struct cgroup_io_list *l, struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text), *save = NULL;
	uint64_t major, minor;
	int r = copy ? 0 : -ENOMEM;

	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL;
	     r == 0 && line && l->n < LINES_MAX; line = strtok_r(NULL, "\n", &save)) {
		char *words[WORDS_MAX];
		size_t n = parse_words(line, words, WORDS_MAX);

		if (n < 2 || n > 3 || !device(words[0], &major, &minor))
			continue;
		r = add_entry(l, major, minor, n == 3 ? words[1] : "", number(words[n - 1]));
	}
	return r;
}

int cgroup_parse_percpu(struct cgroup_stats *s, const char *text)
{
	size_t most = 0;
	char *copy = arena_strdup(&s->arena, text), *save = NULL;

	for (const char *p = text; *p; p++)
		most += *p == ' ';
	most = MIN(most + 1, (size_t)LINES_MAX * 2);
	s->cpu.percpu = arena_new_array(&s->arena, uint64_t, most);
	if (!copy || !s->cpu.percpu)
		return -ENOMEM;
	for (char *w = strtok_r(copy, " \n", &save); w && s->cpu.n_percpu < most;
	     w = strtok_r(NULL, " \n", &save))
		s->cpu.percpu[s->cpu.n_percpu++] = number(w);
	return 0;
}

char *cgroup_huge_size(const char *name, const char *suffix)
{
	const char *rest = str_after(name, "hugetlb.");
	const char *dot = rest ? strchr(rest, '.') : NULL;

	if (!dot || dot == rest || dot - rest > 32 || strcmp(dot + 1, suffix) != 0)
		return NULL;
	return strndup(rest, (size_t)(dot - rest));
}

int cgroup_each_huge(const struct cgroup *c, const struct hierarchy *h, const char *suffix,
		     struct cgroup_stats *s,
		     int (*fn)(const struct cgroup *c, const struct hierarchy *h,
			       struct cgroup_huge *huge))
{
	int fd, r = 0;
	DIR *d;
	struct dirent *e;

	fd = openat(h->fd, c->rel, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		fd_close(fd);
		return 0;
	}
	s->huge = arena_new_array(&s->arena, struct cgroup_huge, HUGE_MAX);
	r = s->huge ? 0 : -ENOMEM;
	while (r == 0 && s->n_huge < HUGE_MAX && (e = readdir(d))) {
		_cleanup_free_ char *size = cgroup_huge_size(e->d_name, suffix);

		if (!size)
			continue;
		s->huge[s->n_huge].size = arena_strdup(&s->arena, size);
		r = s->huge[s->n_huge].size ? fn(c, h, &s->huge[s->n_huge]) : -ENOMEM;
		s->n_huge++;
	}
	closedir(d);
	return r;
}
