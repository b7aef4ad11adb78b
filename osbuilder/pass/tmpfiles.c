/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd-tmpfiles(8) makes of tmpfiles.d(5) when packages are configured, as far as it is of lasting: directories, files, links and
 * modes outside of /run, /tmp, /dev, /proc and /sys. Left to a running system: removals, ACLs and attributes, lines for boot ('!') or from
 * credentials ('^'), and paths with specifiers.
 */
#include "pass/pass.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "pass/accounts.h"
#include "pass/text.h"

struct line {
	char type;
	bool force; /* '+' */
	const char *path, *mode, *user, *group, *argument;
};

struct tmpfiles {
	struct tree *t;
	struct accounts *a;
	bool adjust; /* the second time: 'z' lines */
};

static bool is_volatile(const char *path)
{
	static const char *const tops[] = { "/run", "/tmp",	"/dev",	   "/proc",
					    "/sys", "/var/run", "/var/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		const char *rest = str_after(path, tops[i]);

		if (rest && (*rest == '/' || !*rest))
			return true;
	}
	return false;
}

/* "-" and what is not there are the default. ':' before a value: only for what is made anew. */
static const char *given(const char *word)
{
	if (!word || str_eq(word, "-") || !*word)
		return NULL;
	return *word == ':' ? word + 1 : word;
}

static bool read_line(char *text, struct line *l)
{
	char *type = pass_next_word(&text), *path = pass_next_word(&text);
	const char *age;

	if (!type || *type == '#' || !path || *path != '/')
		return false;
	if (strpbrk(type, "!^") || strpbrk(path, "%*?[") || is_volatile(path))
		return false;
	*l = (struct line){ .type = type[0], .force = strchr(type, '+'), .path = path };
	l->mode = given(pass_next_word(&text));
	l->user = given(pass_next_word(&text));
	l->group = given(pass_next_word(&text));
	age = pass_next_word(&text); /* for cleaning up later */
	if (age && text) {
		text += strspn(text, " \t");
		l->argument = *text && !str_eq(text, "-") ? text : NULL;
	}
	return true;
}

/* Mode and owner. A line with an account that is not there, or no mode, does nothing: systemd passes over it with a warning. */
static void set_attributes(const struct tmpfiles *c, const struct line *l, struct tree_node *n)
{
	uint32_t uid = l->user ? accounts_uid(c->a, l->user) : n->inode->uid;
	uint32_t gid = l->group ? accounts_gid(c->a, l->group) : n->inode->gid;
	uint32_t mode = n->inode->mode & 07777;
	const char *digits = l->mode;

	while (digits && (*digits == ':' || *digits == '~'))
		digits++;
	if (uid == ACCOUNT_ID_NONE || gid == ACCOUNT_ID_NONE ||
	    (digits && (parse_u32(digits, 8, &mode) < 0 || mode > 07777)))
		return;
	n->inode->uid = uid;
	n->inode->gid = gid;
	n->inode->mode = (n->inode->mode & S_IFMT) | mode;
}

static int make_link(struct tree *t, const struct line *l, struct error *err)
{
	_cleanup_free_ char *factory = str_printf("/usr/share/factory%s", l->path);
	struct tree_node *n = tree_lookup(t, l->path);

	if (!factory)
		return error_oom(err);
	if (!l->argument && !tree_resolve(t, factory))
		return 0;
	if (n && (!l->force || tree_is_dir(n)))
		return 0;
	return tree_add_symlink(t, l->path, l->argument ? l->argument : factory, err);
}

static int apply(const struct tmpfiles *c, const struct line *l, struct error *err)
{
	struct tree_node *n = tree_resolve(c->t, l->path);
	int r = 0;

	if (c->adjust) {
		if (l->type == 'z' && n)
			set_attributes(c, l, n);
		return 0;
	}
	if (l->type == 'L')
		return make_link(c->t, l, err);
	if (strchr("dDvqQ", l->type))
		r = n ? 0 : tree_add_dir(c->t, l->path, 0755, err);
	else if (l->type == 'f' && !n)
		r = tree_add_file(c->t, l->path, 0644, l->argument,
				  l->argument ? strlen(l->argument) : 0, err);
	else
		return 0;
	n = r == 0 ? tree_resolve(c->t, l->path) : NULL;
	if (n)
		set_attributes(c, l, n);
	return r;
}

static int one_file(const struct tree_node *n, void *data, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[TREE_PATH_BUF], *next, *line;
	struct line l;
	int r = pass_read_node(n, &text, err);

	next = text.buf;
	r = r < 0 ? r : 0;
	while (r == 0 && (line = pass_next_line(&next)))
		if (read_line(line, &l))
			r = apply(data, &l, err);
	return r < 0 ? error_wrap(err, r, "%.300s", tree_path(n, path)) : 0;
}

int pass_tmpfiles(struct tree *t, struct error *err)
{
	_cleanup_(accounts_release) struct accounts a = ACCOUNTS_INIT;
	struct tmpfiles c = { t, &a, false };
	int r;

	if (!pass_exists(t, "/usr/lib/tmpfiles.d") && !pass_exists(t, "/etc/tmpfiles.d"))
		return 0;
	r = accounts_read(&a, t, 0, err);
	for (int i = 0; r >= 0 && i < 2; i++) {
		c.adjust = i == 1;
		r = pass_for_conf_files(t, "/etc/tmpfiles.d", "/usr/lib/tmpfiles.d", ".conf",
					one_file, &c, err);
	}
	return r < 0 ? error_wrap(err, r, "tmpfiles") : 0;
}
