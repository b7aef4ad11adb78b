/* SPDX-License-Identifier: Apache-2.0 */
#include "source/owner.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

#define SYSTEM_ID_MAX 999 /* SYS_UID_MAX: systemd-sysusers goes down from here */
#define SYSTEM_ID_MIN 101 /* below are numbers that distributions give away themselves */
#define ID_NONE	      UINT32_MAX

static const char *const sysusers_dirs[] = { "usr/lib/sysusers.d", "etc/sysusers.d" };

/* A user or a group. */
struct owner {
	const char *name;
	uint32_t id, gid; /* ID_NONE: not known yet; gid: of users */
	const char *gecos, *home, *shell;
	bool declared; /* by sysusers.d, not in passwd or group */
	bool needed;
};
struct owners {
	struct owner *v;
	size_t n, cap;
	size_t last; /* found: files of one owner come together */
};
struct resolver {
	struct arena arena;
	struct owners users, groups;
	struct layer *const *layers;
	const struct lock_package *const *packages;
	size_t n;
	struct tree *tree;
};

static void resolver_release(struct resolver *r)
{
	free(r->users.v);
	free(r->groups.v);
	arena_release(&r->arena);
}

static struct owner *owners_find(struct owners *o, const char *name)
{
	if (o->last < o->n && str_eq(o->v[o->last].name, name))
		return &o->v[o->last];
	for (size_t i = 0; i < o->n; i++)
		if (str_eq(o->v[i].name, name)) {
			o->last = i;
			return &o->v[i];
		}
	return NULL;
}

static bool id_taken(const struct owners *o, uint32_t id)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].id == id)
			return true;
	return false;
}

/* The new owner, or the one that is there already. */
static int owners_add(struct owners *o, const char *name, struct owner **ret, struct error *err)
{
	*ret = owners_find(o, name);
	if (*ret)
		return 0;
	if (o->n >= OWNERS_MAX)
		return error_set(err, -E2BIG, "more than %d users or groups", OWNERS_MAX);
	if (array_reserve(&o->v, &o->cap, o->n + 1, sizeof(*o->v)) < 0)
		return error_oom(err);
	*ret = &o->v[o->n++];
	**ret = (struct owner){ .name = name, .id = ID_NONE, .gid = ID_NONE };
	return 1;
}

/* A name of the kind that useradd(8) takes: it is written into files whose fields end at a colon. */
static bool is_name(const char *s)
{
	return *s && *s != '-' && strlen(s) <= 64 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.$") ==
		       strlen(s);
}

static int read_blob(struct resolver *r, const struct blob *b, char **ret, struct error *err)
{
	if (b->size > OWNER_TEXT_MAX)
		return error_set(err, -EFBIG, "has more than %u bytes", OWNER_TEXT_MAX);
	*ret = arena_alloc(&r->arena, (size_t)b->size + 1);
	return *ret ? blob_read(b, 0, *ret, (size_t)b->size, err) : error_oom(err);
}

static struct layer_entry *layer_find(const struct layer *l, const char *path)
{
	struct layer_entry *found = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const char *p = l->v[i].e.path;

		p += strspn(p, "./");
		if (str_eq(p, path) && S_ISREG(l->v[i].e.mode) && !l->v[i].e.hardlink)
			found = &l->v[i];
	}
	return found;
}

/* Where the last package that has it, or else the tree, has this file; NULL: nowhere. */
static struct blob *find_file(struct resolver *r, const char *path)
{
	struct tree_node *node;

	for (size_t i = r->n; i-- > 0;) {
		struct layer_entry *e = layer_find(r->layers[i], path);

		if (e)
			return &e->content;
	}
	node = tree_resolve(r->tree, path);
	return node && S_ISREG(node->inode->mode) ? &node->inode->content : NULL;
}

/* "name:x:ID:..." of passwd(5) and group(5). Lines of other forms are none of ours. */
static int read_database(struct resolver *r, const char *path, struct owners *o, struct error *err)
{
	const struct blob *b = find_file(r, path);
	char *text = NULL, *line, *next;
	int rc = b ? read_blob(r, b, &text, err) : 0;

	for (line = text; rc >= 0 && line; line = next) {
		char *name, *id, *gid;
		struct owner *d = NULL;
		uint32_t number, group = ID_NONE;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		name = strsep(&line, ":");
		strsep(&line, ":");
		id = strsep(&line, ":");
		gid = strsep(&line, ":");
		if (!id || !is_name(name) || parse_u32(id, 10, &number) < 0)
			continue;
		if (o == &r->users && (!gid || parse_u32(gid, 10, &group) < 0))
			continue;
		rc = owners_add(o, name, &d, err);
		if (rc > 0 && d) {
			d->id = number;
			d->gid = group;
		}
	}
	return rc < 0 ? error_prefix(err, "/%s", path) : 0;
}

/* The next word of a line; "quoted words" may hold white space. "" at the end. */
static char *next_word(char **line)
{
	char *p = *line + strspn(*line, " \t"), *word = p;

	if (*p == '"' || *p == '\'') {
		word = p + 1;
		p = strchr(word, *p);
	} else {
		p += strcspn(p, " \t");
		p = *p ? p : NULL;
	}
	if (p)
		*p++ = '\0';
	*line = p ? p : word + strlen(word);
	return word;
}

static const char *word_or(const char *word, const char *otherwise)
{
	/* what would end a field or a line of passwd(5) */
	return !*word || str_eq(word, "-") || strpbrk(word, ":\n") ? otherwise : word;
}

static int declare_group(struct resolver *r, const char *name, uint32_t id, struct error *err)
{
	struct owner *g = NULL;
	int rc = owners_add(&r->groups, name, &g, err);

	if (rc > 0 && g) {
		g->declared = true;
		g->id = id_taken(&r->groups, id) ? ID_NONE : id;
	}
	return rc;
}

/* "u name ID gecos home shell", ID being "-", a number, "UID:GID", "UID:group" or a path. */
static int declare_user(struct resolver *r, const char *name, char *id, char *rest,
			struct error *err)
{
	uint32_t uid = ID_NONE, gid = ID_NONE;
	char *group = strchr(id, ':');
	struct owner *u = NULL;
	int rc;

	if (group)
		*group++ = '\0';
	if (parse_u32(id, 10, &uid) < 0)
		uid = ID_NONE;
	if (group && parse_u32(group, 10, &gid) < 0)
		gid = ID_NONE;
	if (!group)
		gid = uid;
	rc = owners_add(&r->users, name, &u, err);
	if (rc > 0 && u) {
		u->declared = true;
		u->id = id_taken(&r->users, uid) ? ID_NONE : uid;
		u->gecos = word_or(next_word(&rest), "");
		u->home = word_or(next_word(&rest), "/");
		u->shell = word_or(next_word(&rest), "/usr/sbin/nologin");
		if (group && gid == ID_NONE && is_name(group)) { /* the group is another's */
			struct owner *g = owners_find(&r->groups, group);

			u->gid = g ? g->id : ID_NONE;
			return 0;
		}
	}
	return rc < 0 ? rc : declare_group(r, name, gid, err);
}

static int read_sysusers(struct resolver *r, const struct blob *b, struct error *err)
{
	char *text = NULL, *next;
	int rc = read_blob(r, b, &text, err);

	for (char *line = text; rc >= 0 && line; line = next) {
		char *type, *name, *id;
		uint32_t gid;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		type = next_word(&line);
		name = next_word(&line);
		id = next_word(&line);
		if (!is_name(name))
			continue;
		if (*type == 'u')
			rc = declare_user(r, name, id, line, err);
		else if (*type == 'g')
			rc = declare_group(r, name, parse_u32(id, 10, &gid) < 0 ? ID_NONE : gid,
					   err);
		else if (*type == 'm' && is_name(id))
			rc = declare_group(r, id, ID_NONE, err);
	}
	return rc < 0 ? rc : 0;
}

struct conf {
	const char *name; /* without its directory */
	const struct blob *content;
};
struct confs {
	struct conf *v;
	size_t n, cap;
};

static int confs_add(struct confs *c, const char *name, const struct blob *b)
{
	if (!str_ends(name, ".conf"))
		return 0;
	if (array_reserve(&c->v, &c->cap, c->n + 1, sizeof(*c->v)) < 0)
		return -ENOMEM;
	c->v[c->n++] = (struct conf){ name, b };
	return 0;
}

static int confs_of_tree(struct resolver *r, struct confs *c, const char *dir)
{
	const struct tree_node *d = tree_resolve(r->tree, dir);
	int rc = 0;

	for (size_t i = 0; rc == 0 && d && tree_is_dir(d) && i < d->n_children; i++)
		if (S_ISREG(d->children[i]->inode->mode))
			rc = confs_add(c, d->children[i]->name, &d->children[i]->inode->content);
	return rc;
}

static int confs_of_layer(const struct layer *l, struct confs *c)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		const char *p = l->v[i].e.path + strspn(l->v[i].e.path, "./");

		for (size_t k = 0; k < ARRAY_SIZE(sysusers_dirs); k++) {
			const char *name = str_after(p, sysusers_dirs[k]);

			if (rc == 0 && name && *name == '/' && !strchr(name + 1, '/') &&
			    S_ISREG(l->v[i].e.mode))
				rc = confs_add(c, name + 1, &l->v[i].content);
		}
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	const struct conf *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int read_all_sysusers(struct resolver *r, struct error *err)
{
	struct confs c = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(sysusers_dirs); i++)
		rc = confs_of_tree(r, &c, sysusers_dirs[i]);
	for (size_t i = 0; rc == 0 && i < r->n; i++)
		rc = confs_of_layer(r->layers[i], &c);
	if (rc < 0)
		rc = error_oom(err);
	if (c.n)
		qsort(c.v, c.n, sizeof(*c.v), by_name);
	for (size_t i = 0; rc == 0 && i < c.n; i++) {
		rc = read_sysusers(r, c.v[i].content, err);
		if (rc < 0)
			error_prefix(err, "sysusers.d/%s", c.v[i].name);
	}
	free(c.v);
	return rc;
}

static int free_id(const struct resolver *r, struct error *err)
{
	for (uint32_t id = SYSTEM_ID_MAX; id >= SYSTEM_ID_MIN; id--)
		if (!id_taken(&r->users, id) && !id_taken(&r->groups, id))
			return (int)id;
	return error_set(err, -ENOSPC, "no system user number is free");
}

/* Numbers for those whom sysusers.d declares without one, in its order. */
static int number_all(struct resolver *r, struct error *err)
{
	struct owners *const both[] = { &r->users, &r->groups };

	for (size_t k = 0; k < ARRAY_SIZE(both); k++)
		for (size_t i = 0; i < both[k]->n; i++) {
			struct owner *o = &both[k]->v[i];
			struct owner *g = k == 0 ? owners_find(&r->groups, o->name) : NULL;
			int id = 0;

			if (o->id != ID_NONE && (k || o->gid != ID_NONE))
				continue;
			if (o->id == ID_NONE)
				id = g && g->id != ID_NONE && !id_taken(&r->users, g->id)
					     ? (int)g->id
					     : free_id(r, err);
			if (id < 0)
				return id;
			if (o->id == ID_NONE)
				o->id = (uint32_t)id;
			if (g && g->id == ID_NONE && !id_taken(&r->groups, o->id))
				g->id = o->id;
			if (g && o->gid == ID_NONE)
				o->gid = g->id;
			if (k == 0 && o->gid == ID_NONE)
				o->gid = o->id;
		}
	return 0;
}

static int find_id(struct owners *o, const char *name, bool plain, uint32_t *ret)
{
	struct owner *found = str_eq(name, "root") ? NULL : owners_find(o, name);

	*ret = 0;
	if (found) {
		found->needed = true;
		*ret = found->id;
	}
	return found || plain || str_eq(name, "root") ? 0 : -ENOTSUP;
}

static int resolve_entries(struct resolver *r, bool plain, struct error *err)
{
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->layers[i]->n; k++) {
			struct layer_entry *e = &r->layers[i]->v[k];
			const char *what = "user", *name = e->user;
			int rc = e->user ? find_id(&r->users, e->user, plain, &e->e.uid) : 0;

			if (rc == 0 && e->group) {
				what = "group";
				name = e->group;
				rc = find_id(&r->groups, e->group, plain, &e->e.gid);
			}
			if (rc < 0)
				return error_set(
					err, rc,
					"package %s: entry '/%.200s' belongs to %s %.64s, whom no "
					"package makes (plain_owners gives it to root)",
					r->packages[i]->name, e->e.path, what, name);
		}
	return 0;
}

/* Adds lines to a file of a package, or of the tree; to a new one only with `make`. */
static int append(struct resolver *r, const char *path, const struct strbuf *lines, bool make,
		  struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct blob *b = find_file(r, path);
	char *old = NULL;
	int rc = b ? read_blob(r, b, &old, err) : 0;

	if (rc < 0 || !lines->len || (!b && !make))
		return rc;
	if (old && (strbuf_addstr(&text, old) < 0 ||
		    (text.len && text.buf[text.len - 1] != '\n' && strbuf_addch(&text, '\n') < 0)))
		return error_oom(err);
	if (strbuf_add(&text, lines->buf, lines->len) < 0)
		return error_oom(err);
	if (!b)
		return tree_add_file(r->tree, path, 0644, text.buf, text.len, err);
	blob_release(b);
	return blob_from_bytes(b, text.buf, text.len) < 0 ? error_oom(err) : 0;
}

/* The passwords that nobody has go beside them, where the packages have those files. */
static int write_needed(struct resolver *r, struct error *err)
{
	_cleanup_strbuf_ struct strbuf users = STRBUF_INIT, groups = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf shadow = STRBUF_INIT, gshadow = STRBUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < r->users.n; i++) {
		const struct owner *u = &r->users.v[i];
		struct owner *g = u->needed ? owners_find(&r->groups, u->name) : NULL;

		if (u->declared && u->needed) {
			rc |= strbuf_addf(&users, "%s:x:%u:%u:%s:%s:%s\n", u->name, u->id, u->gid,
					  u->gecos, u->home, u->shell);
			rc |= strbuf_addf(&shadow, "%s:!*:::::::\n", u->name);
		}
		if (g) /* a user without its group is half a user */
			g->needed = true;
	}
	for (size_t i = 0; i < r->groups.n; i++) {
		const struct owner *g = &r->groups.v[i];

		if (g->declared && g->needed) {
			rc |= strbuf_addf(&groups, "%s:x:%u:\n", g->name, g->id);
			rc |= strbuf_addf(&gshadow, "%s:!*::\n", g->name);
		}
	}
	if (rc)
		return error_oom(err);
	rc = append(r, "etc/passwd", &users, true, err);
	if (rc == 0)
		rc = append(r, "etc/group", &groups, true, err);
	if (rc == 0)
		rc = append(r, "etc/shadow", &shadow, false, err);
	return rc < 0 ? rc : append(r, "etc/gshadow", &gshadow, false, err);
}

int owner_resolve(struct layer *const *layers, const struct lock_package *const *packages, size_t n,
		  struct tree *t, bool plain, struct error *err)
{
	_cleanup_(resolver_release) struct resolver r = {
		.layers = layers, .packages = packages, .n = n, .tree = t
	};
	int rc = read_database(&r, "etc/passwd", &r.users, err);

	if (rc == 0)
		rc = read_database(&r, "etc/group", &r.groups, err);
	if (rc == 0)
		rc = read_all_sysusers(&r, err);
	if (rc == 0)
		rc = number_all(&r, err);
	if (rc == 0)
		rc = resolve_entries(&r, plain, err);
	return rc < 0 ? rc : write_needed(&r, err);
}
