/* SPDX-License-Identifier: Apache-2.0 */
#include "source/apt.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"

/* One entry of the host: every URI serves every suite. */
struct entry {
	struct strv uris, suites;
	bool is_deb, enabled, foreign_key;
};
#define ENTRY_INIT                                       \
	{                                                \
		STRV_INIT, STRV_INIT, false, true, false \
	}

static void entry_release(struct entry *e)
{
	strv_release(&e->uris);
	strv_release(&e->suites);
	*e = (struct entry)ENTRY_INIT;
}

/* What is collected for each suite of the recipe, in its order. */
struct found {
	const struct source_spec *spec;
	struct strv *uris; /* one vector a suite */
};

/* Cuts the next word off *text (white space between words), or NULL. */
static char *next_word(char **text)
{
	char *w = *text + strspn(*text, " \t\r\n"), *end = w + strcspn(w, " \t\r\n");

	*text = *end ? end + 1 : end;
	*end = '\0';
	return *w ? w : NULL;
}

static int add_words(struct strv *sv, char *text)
{
	for (char *w; (w = next_word(&text));)
		if (strv_add(sv, w) < 0)
			return -ENOMEM;
	return 0;
}

static bool key_is_foreign(const char *signed_by)
{
	return *signed_by && !strstr(signed_by, "debian-archive-");
}

static int take_entry(struct found *f, const struct entry *e)
{
	if (!e->is_deb || !e->enabled || e->foreign_key)
		return 0;
	for (size_t i = 0; i < f->spec->suites.n; i++) {
		if (!strv_has(&e->suites, f->spec->suites.v[i]))
			continue;
		for (size_t k = 0; k < e->uris.n; k++)
			if (!strv_has(&f->uris[i], e->uris.v[k]) &&
			    strv_add(&f->uris[i], e->uris.v[k]) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int field(struct entry *e, const char *key, char *value)
{
	value += strspn(value, " \t");
	if (!strcasecmp(key, "Types"))
		e->is_deb = !strncmp(value, "deb", 3) && value[3] != '-';
	else if (!strcasecmp(key, "Enabled"))
		e->enabled = strncasecmp(value, "no", 2) != 0 && *value != '0';
	else if (!strcasecmp(key, "Signed-By"))
		e->foreign_key = key_is_foreign(value);
	else if (!strcasecmp(key, "URIs"))
		return add_words(&e->uris, value);
	else if (!strcasecmp(key, "Suites"))
		return add_words(&e->suites, value);
	return 0;
}

/* deb822 (sources.list(5)): stanzas of fields; a line that starts with white space goes on with the field before. */
static int parse_deb822(struct found *f, char *text)
{
	_cleanup_(entry_release) struct entry e = ENTRY_INIT;
	_cleanup_strbuf_ struct strbuf value = STRBUF_INIT;
	char *next, *key = NULL;
	int r = 0;

	for (char *line = text; r == 0 && line; line = next) {
		char *colon;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (*line == '#')
			continue;
		if (key && (*line == ' ' || *line == '\t')) {
			r = strbuf_addf(&value, " %s", line);
			continue;
		}
		if (key)
			r = field(&e, key, value.buf);
		key = NULL;
		colon = strchr(line, ':');
		if (!line[strspn(line, " \t\r")]) {
			r = r < 0 ? r : take_entry(f, &e);
			entry_release(&e);
		} else if (r == 0 && colon) {
			*colon = '\0';
			key = line;
			strbuf_reset(&value);
			r = strbuf_addstr(&value, colon + 1);
		}
	}
	if (r == 0 && key)
		r = field(&e, key, value.buf);
	return r < 0 ? r : take_entry(f, &e);
}

/* deb [option=value ...] uri suite component... */
static int parse_one_line(struct found *f, char *line)
{
	_cleanup_(entry_release) struct entry e = ENTRY_INIT;
	char *w, *opts;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t");
	if (strncmp(line, "deb", 3) != 0 || (line[3] != ' ' && line[3] != '\t'))
		return 0;
	e.is_deb = true;
	line += 3;
	opts = strchr(line, '[');
	if (opts && line + strspn(line, " \t") == opts) {
		char *key, *end = strchr(opts, ']');

		if (!end)
			return 0;
		*end = '\0';
		key = strstr(opts, "signed-by=");
		if (key) {
			key += strlen("signed-by=");
			key[strcspn(key, " \t")] = '\0';
			e.foreign_key = key_is_foreign(key);
		}
		line = end + 1;
	}
	w = next_word(&line);
	if (!w)
		return 0;
	if (strv_add(&e.uris, w) < 0)
		return -ENOMEM;
	w = next_word(&line);
	if (w && strv_add(&e.suites, w) < 0)
		return -ENOMEM;
	return take_entry(f, &e);
}

static int parse_list(struct found *f, char *text)
{
	char *next;
	int r = 0;

	for (char *line = text; r == 0 && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		r = parse_one_line(f, line);
	}
	return r;
}

static int read_sources(struct found *f, int dirfd, const char *name, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r;

	if (faccessat(dirfd, name, F_OK, 0) < 0)
		return 0;
	r = file_read(dirfd, name, APT_SOURCES_FILE_MAX, &sb, err);
	if (r < 0)
		return r;
	r = str_ends(name, ".sources") ? parse_deb822(f, sb.buf) : parse_list(f, sb.buf);
	return r < 0 ? error_oom(err) : 0;
}

static int only_sources(const struct dirent *d)
{
	return d->d_name[0] != '.' &&
	       (str_ends(d->d_name, ".sources") || str_ends(d->d_name, ".list"));
}

static int read_host(struct found *f, const char *etc_apt, struct error *err)
{
	_cleanup_fd_ int dirfd = open(etc_apt, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct dirent **names = NULL;
	int n, r;

	if (dirfd < 0)
		return 0;
	r = read_sources(f, dirfd, "sources.list", err);
	n = scandirat(dirfd, "sources.list.d", &names, only_sources, alphasort);
	for (int i = 0; i < n; i++) {
		if (r == 0) {
			_cleanup_free_ char *path =
				str_printf("sources.list.d/%s", names[i]->d_name);

			r = path ? read_sources(f, dirfd, path, err) : error_oom(err);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

static bool is_security(const char *suite)
{
	return str_ends(suite, "-security");
}

static int add_stanza(struct strbuf *out, const struct source_spec *s, const char *suite,
		      const char *uri, char *const *uris, size_t n)
{
	int r = strbuf_addstr(out, "Types: deb\nURIs:");

	if (uri)
		r |= strbuf_addf(out, " %s", uri);
	for (size_t i = 0; i < n; i++)
		r |= strbuf_addf(out, " %s", uris[i]);
	r |= strbuf_addf(out, "\nSuites: %s\nComponents:", suite);
	for (size_t i = 0; i < s->components.n; i++)
		r |= strbuf_addf(out, " %s", s->components.v[i]);
	r |= strbuf_addf(out, "\nSigned-By: %s\n\n", s->keyring ? s->keyring : APT_DEFAULT_KEYRING);
	return r ? -ENOMEM : 0;
}

static int add_fixed(struct strbuf *out, const struct source_spec *s, const char *mirror,
		     const char *security)
{
	for (size_t i = 0; i < s->suites.n; i++) {
		const char *suite = s->suites.v[i];

		if (add_stanza(out, s, suite, is_security(suite) ? security : mirror, NULL, 0) < 0)
			return -ENOMEM;
	}
	return 0;
}

int apt_sources_text(const struct source_spec *s, const char *etc_apt, struct strbuf *out,
		     struct error *err)
{
	struct found f = { s, NULL };
	int r = 0;

	if (!s->suites.n || !s->components.n)
		return error_set(err, -EINVAL, "no suites or no components");
	if (s->mirror) {
		r = add_fixed(out, s, s->mirror,
			      s->security_mirror ? s->security_mirror : s->mirror);
		return r < 0 ? error_oom(err) : 0;
	}
	f.uris = new0_array(struct strv, s->suites.n);
	if (!f.uris)
		return error_oom(err);
	r = read_host(&f, etc_apt, err);
	if (r == 0 && !f.uris[0].n) {
		if (add_fixed(out, s, APT_DEFAULT_MIRROR, APT_DEFAULT_SECURITY_MIRROR) < 0)
			r = error_oom(err);
	} else if (r == 0) {
		for (size_t i = 0; r == 0 && i < s->suites.n; i++)
			if (f.uris[i].n &&
			    add_stanza(out, s, s->suites.v[i], NULL, f.uris[i].v, f.uris[i].n) < 0)
				r = error_oom(err);
	}
	for (size_t i = 0; i < s->suites.n; i++)
		strv_release(&f.uris[i]);
	free(f.uris);
	return r;
}

int apt_field_words(const char *sources, const char *field, struct strv *ret, struct error *err)
{
	for (const char *line = sources; line && *line; line = strchr(line, '\n'), line += !!line) {
		const char *p = str_after(line, field);

		while (p && *(p += strspn(p, " "))) {
			size_t len = strcspn(p, " \n"), cut = len;
			_cleanup_free_ char *word = NULL;

			if (!len)
				break;
			while (cut && p[cut - 1] == '/')
				cut--;
			word = mem_dup0(p, cut);
			if (!word || (!strv_has(ret, word) && strv_add(ret, word) < 0))
				return error_oom(err);
			p += len;
		}
	}
	return 0;
}

int apt_base_uris(const char *sources, struct strv *ret, struct error *err)
{
	return apt_field_words(sources, "URIs:", ret, err);
}
