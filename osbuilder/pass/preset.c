/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which systemd units are on: what `systemctl preset-all` would do (systemd.preset(5), systemd.unit(5) [Install]). The scripts of
 * packages do the same when they are configured.
 */
#include "pass/pass.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "pass/text.h"

#define UNIT_DIR "/usr/lib/systemd/system"
#define ETC_DIR	 "/etc/systemd/system"

/* A line of a preset file. */
struct rule {
	char *pattern;
	bool enable;
};
struct rules {
	struct rule *v;
	size_t n, cap;
};

static void rules_release(struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		free(rules->v[i].pattern);
	free(rules->v);
}

static int rules_add(struct rules *rules, const char *pattern, bool enable, struct error *err)
{
	char *copy = strdup(pattern);

	if (!copy || array_reserve(&rules->v, &rules->cap, rules->n + 1, sizeof(*rules->v)) < 0) {
		free(copy);
		return error_oom(err);
	}
	rules->v[rules->n++] = (struct rule){ copy, enable };
	return 0;
}

static int rules_add_text(struct rules *rules, char *text, struct error *err)
{
	char *line;
	int r = 0;

	while (r == 0 && (line = pass_next_line(&text))) {
		const char *verb = pass_next_word(&line);
		const char *pattern = pass_next_word(&line);

		if (pattern && (str_eq(verb, "enable") || str_eq(verb, "disable")))
			r = rules_add(rules, pattern, *verb == 'e', err);
	}
	return r;
}

static int one_preset_file(const struct tree_node *n, void *data, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = pass_read_node(n, &text, err);

	return r < 0 ? r : rules_add_text(data, text.buf, err);
}

/* The first rule counts; what no rule names is on, as systemd has it. `template` is the name of "a@x.service" as "a@.service". */
static bool is_enabled(const struct rules *rules, const char *unit)
{
	for (size_t i = 0; i < rules->n; i++)
		if (fnmatch(rules->v[i].pattern, unit, FNM_NOESCAPE) == 0)
			return rules->v[i].enable;
	return true;
}

/* A word that can be the name of a unit, and nothing else in a path. */
static bool is_unit_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/') && strlen(name) <= TREE_NAME_MAX;
}

/* "getty@.service" and "tty1" to "getty@tty1.service". */
static char *instance_of(const char *unit, const char *instance)
{
	const char *at = strchr(unit, '@');

	if (!at || at[1] != '.' || !instance)
		return strdup(unit);
	return str_printf("%.*s%s%s", (int)(at + 1 - unit), unit, instance, at + 1);
}

struct install {
	struct tree *t;
	const char *unit;
	const char *instance; /* DefaultInstance=, NULL: none */
};

static int link_in(const struct install *in, const char *dir, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_printf(ETC_DIR "/%s%s", dir, name);
	_cleanup_free_ char *to = str_printf(UNIT_DIR "/%s", in->unit);

	if (!path || !to)
		return error_oom(err);
	/* what is there is of somebody who knew better: the recipe, or a package */
	return tree_lookup(in->t, path) ? 0 : tree_add_symlink(in->t, path, to, err);
}

/* One of the directories UNIT.wants/, UNIT.requires/. */
static int link_for(const struct install *in, char *targets, const char *kind, struct error *err)
{
	_cleanup_free_ char *name = instance_of(in->unit, in->instance);
	const char *target;
	int r = 0;

	if (!name)
		return error_oom(err);
	/* a template without an instance cannot be started, so nothing can want it */
	if (strstr(name, "@."))
		return 0;
	while (r == 0 && (target = pass_next_word(&targets))) {
		_cleanup_free_ char *dir = NULL;

		if (!is_unit_name(target) || strchr(target, '%'))
			continue;
		dir = str_printf("%s.%s/", target, kind);
		r = dir ? link_in(in, dir, name, err) : error_oom(err);
	}
	return r;
}

static int link_aliases(const struct install *in, char *names, struct error *err)
{
	const char *alias;
	int r = 0;

	while (r == 0 && (alias = pass_next_word(&names)))
		if (is_unit_name(alias) && !strchr(alias, '%'))
			r = link_in(in, "", alias, err);
	return r;
}

/* The value of "KEY=..." in the line. */
static char *value_of(char *line, const char *key)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) != 0)
		return NULL;
	line += n + strspn(line + n, " \t");
	return *line == '=' ? line + 1 : NULL;
}

static int install_line(const struct install *in, char *line, struct rules *also, struct error *err)
{
	const char *name;
	char *v;

	if ((v = value_of(line, "WantedBy")))
		return link_for(in, v, "wants", err);
	if ((v = value_of(line, "RequiredBy")))
		return link_for(in, v, "requires", err);
	if ((v = value_of(line, "Alias")))
		return link_aliases(in, v, err);
	if ((v = value_of(line, "Also")))
		while ((name = pass_next_word(&v)))
			if (is_unit_name(name) && rules_add(also, name, true, err) < 0)
				return -ENOMEM;
	return 0;
}

/* DefaultInstance= may stand behind what needs it. */
static const char *default_instance(char *text, struct strbuf *keep)
{
	char *line, *v;

	while ((line = pass_next_line(&text)))
		if ((v = value_of(line, "DefaultInstance")) && (v = pass_next_word(&v)) &&
		    is_unit_name(v) && strbuf_addstr(keep, v) == 0)
			return keep->buf;
	return NULL;
}

static int install_unit(struct tree *t, const struct tree_node *n, struct rules *also,
			struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, copy = STRBUF_INIT, inst = STRBUF_INIT;
	struct install in = { .t = t, .unit = n->name };
	char *section, *line;
	int r = pass_read_node(n, &text, err);

	if (r < 0)
		return r;
	section = strstr(text.buf, "\n[Install]");
	if (!section)
		return 0;
	if (strbuf_addstr(&copy, section) < 0)
		return error_oom(err);
	in.instance = default_instance(copy.buf, &inst);
	section++; /* the newline */
	r = 0;
	pass_next_line(&section);
	while (r == 0 && (line = pass_next_line(&section)) && *line != '[')
		r = install_line(&in, line, also, err);
	return r;
}

int pass_presets(struct tree *t, const struct recipe_systemd *p, struct error *err)
{
	struct tree_node *dir = tree_resolve(t, UNIT_DIR);
	_cleanup_(rules_release) struct rules rules = { 0 }, also = { 0 };
	int r = 0;

	if (!dir)
		return 0;
	for (size_t i = 0; r == 0 && i < p->enable.n; i++)
		r = rules_add(&rules, p->enable.v[i], true, err);
	for (size_t i = 0; r == 0 && i < p->disable.n; i++)
		r = rules_add(&rules, p->disable.v[i], false, err);
	if (r == 0)
		r = pass_for_conf_files(t, "/etc/systemd/system-preset",
					"/usr/lib/systemd/system-preset", ".preset",
					one_preset_file, &rules, err);
	for (size_t i = 0; r == 0 && i < dir->n_children; i++) {
		const struct tree_node *n = dir->children[i];

		if (S_ISREG(n->inode->mode) && is_enabled(&rules, n->name))
			r = install_unit(t, n, &also, err);
	}
	/* what an enabled unit brings along, one step, as it stands */
	for (size_t i = 0; r == 0 && i < also.n; i++) {
		const struct tree_node *n =
			tree_child(dir, also.v[i].pattern, strlen(also.v[i].pattern));
		_cleanup_(rules_release) struct rules none = { 0 };

		if (n && S_ISREG(n->inode->mode))
			r = install_unit(t, n, &none, err);
	}
	return r < 0 ? error_wrap(err, r, "systemd presets") : 0;
}
