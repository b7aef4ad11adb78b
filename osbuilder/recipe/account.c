/* SPDX-License-Identifier: Apache-2.0 */
/* The [[user]], [[group]] and [[owner]] tables. */
#include "recipe/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void recipe_accounts_release(struct recipe *rc)
{
	for (size_t i = 0; i < rc->n_accounts; i++) {
		struct recipe_account *a = &rc->accounts[i];

		free(a->name);
		free(a->when);
		free(a->group);
		free(a->gecos);
		free(a->home);
		free(a->shell);
		strv_release(&a->groups);
	}
	free(rc->accounts);
	for (size_t i = 0; i < rc->n_owners; i++) {
		struct recipe_owner *o = &rc->owners[i];

		free(o->path);
		free(o->when);
		free(o->user);
		free(o->group);
	}
	free(rc->owners);
}

static int read_account(struct toml_value *t, struct recipe_account *a, struct error *err)
{
	int64_t id = RECIPE_ID_NONE;
	int r = recipe_need_str(t, "name", &a->name, err);

	if (r >= 0)
		r = toml_get_int(t, "id", 0, RECIPE_ID_MAX, &id, err);
	a->id = (uint32_t)id;
	if (r >= 0)
		r = recipe_get_path(t, "when", &a->when, false, err);
	if (r < 0 || a->is_group)
		return r;
	r = recipe_get_str(t, "group", &a->group, err);
	if (r >= 0)
		r = recipe_get_str(t, "gecos", &a->gecos, err);
	if (r >= 0)
		r = recipe_get_path(t, "home", &a->home, false, err);
	if (r >= 0)
		r = recipe_get_path(t, "shell", &a->shell, false, err);
	return r < 0 ? r : recipe_get_words(t, "groups", &a->groups, err);
}

static int read_accounts(struct toml_value *array, bool groups, struct recipe *rc,
			 struct error *err)
{
	struct toml_value *v, *t;

	toml_for_each(v, array)
	{
		struct recipe_account *a = &rc->accounts[rc->n_accounts++];
		int r = toml_as_table(v, &t, err);

		a->is_group = groups;
		if (r == 0)
			r = read_account(t, a, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_owner(struct toml_value *t, struct recipe_owner *o, struct error *err)
{
	int r = recipe_get_path(t, "path", &o->path, true, err);

	if (r >= 0)
		r = recipe_get_path(t, "when", &o->when, false, err);
	if (r >= 0)
		r = recipe_get_str(t, "user", &o->user, err);
	if (r >= 0)
		r = recipe_get_str(t, "group", &o->group, err);
	if (r >= 0)
		r = recipe_get_mode(t, "mode", &o->mode, err);
	o->has_mode = r == 1;
	if (r >= 0 && !o->user && !o->group && !o->has_mode)
		r = toml_fail(t, err, "one of 'user', 'group', 'mode' is needed");
	return r < 0 ? r : 0;
}

static int read_owners(struct toml_value *root, struct recipe *rc, struct error *err)
{
	struct toml_value *array = NULL, *v, *t;
	int r = recipe_get_tables(root, "owner", &array, err);

	if (r <= 0)
		return r;
	rc->owners = new0_array(struct recipe_owner, toml_count(array));
	if (!rc->owners)
		return error_oom(err);
	toml_for_each(v, array)
	{
		r = toml_as_table(v, &t, err);
		if (r == 0)
			r = read_owner(t, &rc->owners[rc->n_owners++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int recipe_read_accounts(struct toml_value *root, struct recipe *rc, struct error *err)
{
	struct toml_value *users = NULL, *groups = NULL;
	int r = recipe_get_tables(root, "group", &groups, err);

	if (r >= 0)
		r = recipe_get_tables(root, "user", &users, err);
	if (r < 0)
		return r;
	rc->accounts = new0_array(struct recipe_account, toml_count(groups) + toml_count(users));
	if (!rc->accounts)
		return error_oom(err);
	/* groups first: users may be in them */
	r = read_accounts(groups, true, rc, err);
	if (r >= 0)
		r = read_accounts(users, false, rc, err);
	return r < 0 ? r : read_owners(root, rc, err);
}
