/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PASS_ACCOUNTS_H
#define PASS_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "recipe/recipe.h"
#include "tree/tree.h"

/* For osbuilder/pass/ only: the users and groups of the tree, as its /etc/passwd, group, shadow and gshadow have them. */

#define ACCOUNT_ID_NONE RECIPE_ID_NONE /* let one be found */
/* Where ids of system accounts are looked for, downwards: SYSTEM_UID_MAX of login.defs(5), and what is below static ids. */
#define ACCOUNT_ID_LAST	 999
#define ACCOUNT_ID_FIRST 101

struct accounts {
	struct tree *t;
	struct strbuf passwd, group; /* the files */
	struct strbuf shadow,
		gshadow; /* of accounts that were added, and of all when there was no such file */
	bool changed;
	int64_t days; /* since 1970: of the last password change; 0: no password age */
};

#define ACCOUNTS_INIT                                                              \
	{                                                                          \
		NULL, STRBUF_INIT, STRBUF_INIT, STRBUF_INIT, STRBUF_INIT, false, 0 \
	}

/*
 * Reads /etc/passwd and /etc/group. 1, or 0 when the tree has none: it is not a system with accounts. Without a shadow file one is made
 * of the passwords in /etc/passwd, which become "x" there.
 */
int accounts_read(struct accounts *a, struct tree *t, int64_t epoch, struct error *err);
void accounts_release(struct accounts *a);
int accounts_write(struct accounts *a, struct error *err);

/* Ids by name; ACCOUNT_ID_NONE when there is no such account. A decimal number stands for itself. */
uint32_t accounts_uid(const struct accounts *a, const char *name);
uint32_t accounts_gid(const struct accounts *a, const char *name);

bool accounts_id_used(const struct accounts *a, uint32_t id, bool user);

/*
 * What exists already stays as it is: 0. Names must be those of portable accounts ([A-Za-z_][A-Za-z0-9_.-]*, at most 31 bytes), texts
 * without ':' and line ends: -EINVAL. -EEXIST when a wanted id belongs to another, -ENOSPC when none is free.
 */
int accounts_add_group(struct accounts *a, const char *name, uint32_t gid, struct error *err);
struct account_user {
	const char *name;
	uint32_t uid;
	uint32_t gid; /* ACCOUNT_ID_NONE: that of the group with the user's name, which is made */
	const char *gecos, *home, *shell; /* NULL: "", "/", nologin */
};
int accounts_add_user(struct accounts *a, const struct account_user *u, struct error *err);
int accounts_add_member(struct accounts *a, const char *user, const char *group, struct error *err);

#endif
