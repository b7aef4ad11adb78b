/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/pam.d/common-* as pam-auth-update(8) makes them from the profiles in /usr/share/pam-configs that are on by default, the highest
 * priority first, put into the templates of /usr/share/pam.
 */
#include "pass/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "pass/text.h"

#define PROFILES_MAX 64
#define MODULES_MAX  64 /* lines of one block */

struct profile {
	char *text; /* of the file */
	const char *name;
	uint32_t priority;
};
struct profiles {
	struct profile v[PROFILES_MAX];
	size_t n;
};

static void profiles_release(struct profiles *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].text);
}

/* What follows "KEY:" at the start of a line, up to the end of the text; NULL when there is no such field. */
static const char *field(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (strncmp(p, key, n) == 0 && p[n] == ':')
			return p + n + 1;
	return NULL;
}

static bool field_is(const char *text, const char *key, const char *value)
{
	const char *v = field(text, key);
	size_t n = strlen(value);

	v = v ? v + strspn(v, " \t") : NULL;
	return v && strncmp(v, value, n) == 0 && (!v[n] || strchr(" \t\r\n", v[n]));
}

static int by_priority(const void *a, const void *b)
{
	const struct profile *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int one_profile(const struct tree_node *n, void *data, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct profiles *all = data;
	char digits[16] = "";
	const char *v;
	int r = pass_read_node(n, &text, err);

	if (r < 0 || !field_is(text.buf, "Default", "yes"))
		return r < 0 ? r : 0;
	if (all->n == PROFILES_MAX)
		return error_set(err, -EFBIG, "more than %d PAM profiles", PROFILES_MAX);
	v = field(text.buf, "Priority");
	if (v) {
		v += strspn(v, " \t");
		memcpy(digits, v, strnlen(v, sizeof(digits) - 1));
		digits[strspn(digits, "0123456789")] = '\0';
	}
	all->v[all->n] = (struct profile){ strdup(text.buf), n->name, 0 };
	if (!all->v[all->n].text)
		return error_oom(err);
	if (*digits && parse_u32(digits, 10, &all->v[all->n].priority) < 0)
		all->v[all->n].priority = 0;
	all->n++;
	return 0;
}

/* The lines of modules of one block, "CONTROL\tMODULE ARGUMENTS". */
struct block {
	struct strbuf lines[MODULES_MAX];
	size_t n;
};

static void block_release(struct block *b)
{
	for (size_t i = 0; i < b->n; i++)
		strbuf_release(&b->lines[i]);
}

/* A control may be in brackets with blanks in them. */
static int add_module(struct block *b, const char *line, size_t len, struct error *err)
{
	_cleanup_free_ char *copy = mem_dup0(line, len);
	char *p = copy, *rest;
	struct strbuf *out;
	size_t control;

	if (!copy)
		return error_oom(err);
	if (b->n == MODULES_MAX)
		return error_set(err, -EFBIG, "more than %d PAM modules", MODULES_MAX);
	p += strspn(p, " \t");
	control = *p == '[' ? strcspn(p, "]") + 1 : strcspn(p, " \t");
	if (control >= strlen(p))
		return 0;
	rest = p + control + strspn(p + control, " \t");
	out = &b->lines[b->n++];
	strbuf_init(out);
	if (strbuf_addf(out, "%.*s\t%s", (int)control, p, rest) < 0 ||
	    (!strpbrk(rest, " \t") && strbuf_addch(out, ' ') < 0))
		return error_oom(err);
	return 0;
}

/* "Auth-Initial:" and the lines below it that begin with a blank. */
static int add_field(struct block *b, const char *value, struct error *err)
{
	int r = 0;

	value = strchr(value, '\n');
	while (r == 0 && value && (value[1] == ' ' || value[1] == '\t')) {
		const char *line = value + 1;
		size_t len = strcspn(line, "\n");

		r = add_module(b, line, len, err);
		value = line[len] ? line + len : NULL;
	}
	return r;
}

/* The first profile of a primary block may say it otherwise: nobody has asked for a password before. */
static int collect(struct block *b, const struct profiles *all, const char *key, const char *kind,
		   bool interactive, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++) {
		const char *text = all->v[i].text, *value = NULL;
		char type[32], initial[32];

		snprintf(type, sizeof(type), "%s-Type", key);
		snprintf(initial, sizeof(initial), "%s-Initial", key);
		if (!field_is(text, type, kind) ||
		    (!interactive && field_is(text, "Session-Interactive-Only", "yes")))
			continue;
		if (b->n == 0)
			value = field(text, initial);
		if (!value)
			value = field(text, key);
		if (value)
			r = add_field(b, value, err);
	}
	return r;
}

/* "success=end" jumps over the modules that are left, and over the refusal behind the block. */
static int add_line(struct strbuf *out, const char *type, const char *line, size_t jump)
{
	const char *end = strstr(line, "=end");

	if (!end)
		return strbuf_addf(out, "%s\t%s\n", type, line);
	return strbuf_addf(out, "%s\t%.*s=%zu%s\n", type, (int)(end - line), line, jump, end + 4);
}

static int add_block(struct strbuf *out, const struct profiles *all, const char *key,
		     const char *type, bool primary, bool interactive, struct error *err)
{
	_cleanup_(block_release) struct block b = { .n = 0 };
	int r = collect(&b, all, key, primary ? "Primary" : "Additional", interactive, err), k = 0;

	if (r < 0)
		return r;
	if (!b.n && primary)
		k = strbuf_addf(out, "%s\t[default=1]\t\t\tpam_permit.so\n", type);
	for (size_t i = 0; k == 0 && i < b.n; i++)
		k = add_line(out, type, b.lines[i].buf, b.n - i);
	return k < 0 ? error_oom(err) : 0;
}

static int make_file(struct tree *t, const struct profiles *all, const char *name, const char *key,
		     const char *type, bool interactive, struct error *err)
{
	_cleanup_free_ char *from = str_printf("/usr/share/pam/common-%s", name);
	_cleanup_free_ char *to = str_printf("/etc/pam.d/common-%s", name);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
	char *next, *line;
	int r;

	if (!from || !to)
		return error_oom(err);
	r = tree_lookup(t, to) ? 0 : pass_read_text(t, from, &text, err);
	if (r <= 0)
		return r;
	next = text.buf;
	r = 0;
	while (r == 0 && (line = pass_next_line(&next))) {
		if (*line == '$')
			r = add_block(&out, all, key, type, str_ends(line, "_primary"), interactive,
				      err);
		else if (strbuf_addf(&out, "%s\n", line) < 0)
			r = error_oom(err);
	}
	return r < 0 ? r : tree_add_file(t, to, 0644, out.buf, out.len, err);
}

int pass_pam(struct tree *t, struct error *err)
{
	static const struct {
		const char *name, *key, *type;
		bool interactive;
	} files[] = {
		{ "account", "Account", "account", true },
		{ "auth", "Auth", "auth", true },
		{ "password", "Password", "password", true },
		{ "session", "Session", "session", true },
		{ "session-noninteractive", "Session", "session", false },
	};
	_cleanup_(profiles_release) struct profiles all = { .n = 0 };
	int r;

	if (!pass_exists(t, "/usr/share/pam-configs"))
		return 0;
	r = pass_for_conf_files(t, "/usr/local/share/pam-configs", "/usr/share/pam-configs", "",
				one_profile, &all, err);
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_priority);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = make_file(t, &all, files[i].name, files[i].key, files[i].type,
			      files[i].interactive, err);
	return r < 0 ? error_wrap(err, r, "PAM") : 0;
}
