/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups that package scripts would have made: base-passwd's masters, sysusers.d(5), and those of the recipe. */
#include "pass/pass.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "pass/accounts.h"
#include "pass/text.h"

/* A copy of the regular file `from` at `to` when that does not exist. */
static int copy_master(struct tree *t, const char *from, const char *to, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = pass_exists(t, to) ? 0 : pass_read_text(t, from, &text, err);

	return r <= 0 ? r : tree_add_file(t, to, 0644, text.buf, text.len, err);
}

/* The id of sysusers.d(5): "-", a number, a path of the tree whose owner counts; after ':' a group. */
struct wanted_ids {
	uint32_t uid, gid;
	char *group; /* in the text, NULL: none */
};

static int parse_ids(const struct accounts *a, char *text, struct wanted_ids *ret,
		     struct error *err)
{
	char *colon = text ? strchr(text, ':') : NULL;
	const struct tree_node *n;

	*ret = (struct wanted_ids){ ACCOUNT_ID_NONE, ACCOUNT_ID_NONE, NULL };
	if (!text)
		return 0;
	if (*text == '/') {
		n = tree_resolve(a->t, text);
		if (n)
			*ret = (struct wanted_ids){ n->inode->uid, n->inode->gid, NULL };
		return 0;
	}
	if (colon) {
		*colon = '\0';
		ret->group = colon + 1;
	}
	if (!str_eq(text, "-") && *text && parse_u32(text, 10, &ret->uid) < 0)
		return error_set(err, -EINVAL, "'%.64s' is not an id", text);
	if (ret->group && parse_u32(ret->group, 10, &ret->gid) == 0)
		ret->group = NULL;
	return 0;
}

static const char *or_null(const char *word)
{
	return str_eq(word, "-") || (word && !*word) ? NULL : word;
}

/* What is wanted is taken when it can be had; an id that another has is not worth failing, as systemd-sysusers does it. */
static uint32_t if_free(const struct accounts *a, uint32_t id, bool user)
{
	return accounts_id_used(a, id, user) ? ACCOUNT_ID_NONE : id;
}

static int sysusers_user(struct accounts *a, const char *name, struct wanted_ids *ids, char *rest,
			 struct error *err)
{
	struct account_user u = { .name = name,
				  .uid = if_free(a, ids->uid, true),
				  .gid = ids->gid };
	int r;

	u.gecos = or_null(pass_next_word(&rest));
	u.home = or_null(pass_next_word(&rest));
	u.shell = or_null(pass_next_word(&rest));
	if (ids->group) {
		r = accounts_add_group(a, ids->group, ACCOUNT_ID_NONE, err);
		if (r < 0)
			return r;
		u.gid = accounts_gid(a, ids->group);
	}
	return accounts_add_user(a, &u, err);
}

static int sysusers_member(struct accounts *a, const char *user, const char *group,
			   struct error *err)
{
	const struct account_user u = { .name = user,
					.uid = ACCOUNT_ID_NONE,
					.gid = ACCOUNT_ID_NONE };
	int r = accounts_add_group(a, group, ACCOUNT_ID_NONE, err);

	if (r == 0)
		r = accounts_add_user(a, &u, err);
	return r < 0 ? r : accounts_add_member(a, user, group, err);
}

static int sysusers_line(struct accounts *a, char *line, struct error *err)
{
	const char *type = pass_next_word(&line), *name = pass_next_word(&line);
	char *id = pass_next_word(&line);
	struct wanted_ids ids;
	int r;

	if (!type || *type == '#' || !name || strchr(name, '%'))
		return 0;
	if (*type == 'm')
		return id ? sysusers_member(a, name, id, err) : 0;
	if (*type != 'u' && *type != 'g')
		return 0;
	r = parse_ids(a, id, &ids, err);
	if (r < 0)
		return r;
	if (*type == 'g')
		return accounts_add_group(
			a, name, if_free(a, id && *id == '/' ? ids.gid : ids.uid, false), err);
	if (id && *id == '/') /* the owner of a file says nothing about the group */
		ids.gid = ACCOUNT_ID_NONE;
	return sysusers_user(a, name, &ids, line, err);
}

static int sysusers_file(struct accounts *a, const struct tree_node *n, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[TREE_PATH_BUF], *next, *line;
	int r = pass_read_node(n, &text, err);

	next = text.buf;
	r = r < 0 ? r : 0;
	while (r == 0 && (line = pass_next_line(&next)))
		r = sysusers_line(a, line, err);
	return r < 0 ? error_wrap(err, r, "%.300s", tree_path(n, path)) : 0;
}

static int one_sysusers_file(const struct tree_node *n, void *data, struct error *err)
{
	return sysusers_file(data, n, err);
}

/* Those of the recipe, with an id of their own or without. */
static int add_recipe_accounts(struct accounts *a, const struct recipe *rc, bool with_id,
			       struct error *err)
{
	for (size_t i = 0; i < rc->n_accounts; i++) {
		const struct recipe_account *c = &rc->accounts[i];
		struct account_user u = { c->name,  c->id,   ACCOUNT_ID_NONE,
					  c->gecos, c->home, c->shell };
		int r;

		if ((c->id != ACCOUNT_ID_NONE) != with_id || !pass_when(a->t, c->when))
			continue;
		if (c->group)
			u.gid = accounts_gid(a, c->group);
		if (c->group && u.gid == ACCOUNT_ID_NONE)
			return error_set(err, -ENOENT, "user %s: there is no group '%s'", c->name,
					 c->group);
		r = c->is_group ? accounts_add_group(a, c->name, c->id, err)
				: accounts_add_user(a, &u, err);
		for (size_t k = 0; r == 0 && k < c->groups.n; k++)
			r = accounts_add_member(a, c->name, c->groups.v[k], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int pass_users(struct tree *t, const struct recipe *rc, int64_t epoch, struct error *err)
{
	_cleanup_(accounts_release) struct accounts a = ACCOUNTS_INIT;
	int r = copy_master(t, "/usr/share/base-passwd/passwd.master", "/etc/passwd", err);

	if (r == 0)
		r = copy_master(t, "/usr/share/base-passwd/group.master", "/etc/group", err);
	if (r < 0)
		return r;
	r = accounts_read(&a, t, epoch, err);
	if (r == 0 && rc->n_accounts)
		return error_set(err, -ENOENT,
				 "the image has no /etc/passwd that users could be added to");
	if (r <= 0)
		return r;
	r = add_recipe_accounts(&a, rc, true, err);
	if (r == 0)
		r = pass_for_conf_files(t, "/etc/sysusers.d", "/usr/lib/sysusers.d", ".conf",
					one_sysusers_file, &a, err);
	if (r == 0)
		r = add_recipe_accounts(&a, rc, false, err);
	if (r == 0)
		r = accounts_write(&a, err);
	return r < 0 ? error_wrap(err, r, "users") : 0;
}

int pass_owners(struct tree *t, const struct recipe *rc, struct error *err)
{
	_cleanup_(accounts_release) struct accounts a = ACCOUNTS_INIT;
	int r = rc->n_owners ? accounts_read(&a, t, 0, err) : 0;

	for (size_t i = 0; r >= 0 && i < rc->n_owners; i++) {
		const struct recipe_owner *o = &rc->owners[i];
		struct tree_node *n = tree_resolve(t, o->path);
		uint32_t uid = 0, gid = 0;

		if (!pass_when(t, o->when))
			continue;
		if (!n)
			return error_set(err, -ENOENT,
					 "recipe owner: there is no '%s' in the image", o->path);
		uid = o->user ? accounts_uid(&a, o->user) : n->inode->uid;
		gid = o->group ? accounts_gid(&a, o->group) : n->inode->gid;
		if (uid == ACCOUNT_ID_NONE || gid == ACCOUNT_ID_NONE)
			return error_set(err, -ENOENT, "recipe owner '%s': there is no %s '%s'",
					 o->path, uid == ACCOUNT_ID_NONE ? "user" : "group",
					 uid == ACCOUNT_ID_NONE ? o->user : o->group);
		n->inode->uid = uid;
		n->inode->gid = gid;
		if (o->has_mode)
			n->inode->mode = (n->inode->mode & S_IFMT) | o->mode;
	}
	return r < 0 ? r : 0;
}
