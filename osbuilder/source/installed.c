/* SPDX-License-Identifier: Apache-2.0 */
#include "source/installed.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

struct stanza {
	char *name, *version, *arch; /* in the text */
	bool absent;		     /* removed, or only configured */
};

static int end_stanza(struct stanza *s, struct source_packages *ret)
{
	int r = 0;

	if (s->name && !s->absent && ret->n < SOURCE_PACKAGES_MAX)
		r = source_packages_add(ret, s->name, s->version ? s->version : "",
					s->arch ? s->arch : "", "");
	*s = (struct stanza){ 0 };
	return r;
}

static void dpkg_line(struct stanza *s, char *line)
{
	char *v;

	if ((v = (char *)str_after(line, "Package: ")))
		s->name = v;
	else if ((v = (char *)str_after(line, "Version: ")))
		s->version = v;
	else if ((v = (char *)str_after(line, "Architecture: ")))
		s->arch = v;
	else if (str_after(line, "Status: "))
		s->absent = !strstr(line, " installed");
}

static void apk_line(struct stanza *s, char *line)
{
	if (str_after(line, "P:"))
		s->name = line + 2;
	else if (str_after(line, "V:"))
		s->version = line + 2;
	else if (str_after(line, "A:"))
		s->arch = line + 2;
}

/* Items of the list below "packages:", which are the only ones of the form - "NAME". */
static void summary_line(struct stanza *s, char *line)
{
	char *v = line + strspn(line, " "), *end;

	v = (char *)str_after(v, "- \"");
	end = v ? strchr(v, '"') : NULL;
	if (!end || end == v)
		return;
	*end = '\0';
	s->name = v;
}

static const struct form {
	const char *path;
	void (*line)(struct stanza *s, char *line);
	bool stanzas; /* an empty line ends a package; else every line does */
} forms[] = {
	{ "/var/lib/dpkg/status", dpkg_line, true },
	{ "/lib/apk/db/installed", apk_line, true },
	{ "/var/lib/osbuilder/osbuilder.yaml", summary_line, false },
};

static int parse(const struct form *f, char *text, struct source_packages *ret)
{
	struct stanza s = { 0 };
	char *line, *rest = text;
	int r = 0;

	while (r == 0 && (line = strsep(&rest, "\n"))) {
		if (*line)
			f->line(&s, line);
		if (!*line || !f->stanzas)
			r = end_stanza(&s, ret);
	}
	return r < 0 ? r : end_stanza(&s, ret);
}

int installed_packages(struct tree *t, struct source_packages *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && ret->n == 0 && i < ARRAY_SIZE(forms); i++) {
		const struct tree_node *n = tree_resolve(t, forms[i].path);
		_cleanup_free_ char *text = NULL;
		uint64_t size;

		if (!n || !S_ISREG(n->inode->mode) || n->inode->content.size > INSTALLED_FILE_MAX)
			continue;
		size = n->inode->content.size;
		text = malloc(size + 1);
		if (!text)
			return -ENOMEM;
		if (blob_read(&n->inode->content, 0, text, size, NULL) < 0)
			continue;
		text[size] = '\0';
		r = parse(&forms[i], text, ret);
	}
	return r;
}
