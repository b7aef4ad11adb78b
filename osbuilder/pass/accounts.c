/* SPDX-License-Identifier: Apache-2.0 */
#include "pass/accounts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "pass/text.h"

#define NAME_MAX_BYTES 31 /* useradd(8) */
#define ID_MAX	       0xfffffffdu
#define SHADOW_MODE    0640
#define SECONDS_A_DAY  86400

static const char nologin[] = "/usr/sbin/nologin";

void accounts_release(struct accounts *a)
{
	strbuf_release(&a->passwd);
	strbuf_release(&a->group);
	strbuf_release(&a->shadow);
	strbuf_release(&a->gshadow);
}

/* The line of an account in passwd(5) or group(5), or NULL. */
static const char *find_line(const struct strbuf *file, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = file->buf; *p;) {
		const char *end = strchr(p, '\n');

		if (strncmp(p, name, n) == 0 && p[n] == ':')
			return p;
		if (!end)
			break;
		p = end + 1;
	}
	return NULL;
}

/* Field number `i` of a line, ended by ':' or the line's end; its length. */
static const char *field_of(const char *line, unsigned i, size_t *ret_len)
{
	while (i--) {
		line += strcspn(line, ":\n");
		if (*line != ':') {
			*ret_len = 0;
			return line;
		}
		line++;
	}
	*ret_len = strcspn(line, ":\n");
	return line;
}

static uint32_t id_of(const char *line)
{
	char text[16];
	uint32_t id;
	size_t n;
	const char *p = field_of(line, 2, &n);

	if (n >= sizeof(text))
		return ACCOUNT_ID_NONE;
	memcpy(text, p, n);
	text[n] = '\0';
	return parse_u32(text, 10, &id) == 0 ? id : ACCOUNT_ID_NONE;
}

static uint32_t id_by_name(const struct strbuf *file, const char *name)
{
	const char *line = find_line(file, name);
	uint32_t id;

	if (line)
		return id_of(line);
	return parse_u32(name, 10, &id) == 0 ? id : ACCOUNT_ID_NONE;
}

uint32_t accounts_uid(const struct accounts *a, const char *name)
{
	return id_by_name(&a->passwd, name);
}

uint32_t accounts_gid(const struct accounts *a, const char *name)
{
	return id_by_name(&a->group, name);
}

static bool id_used(const struct strbuf *file, uint32_t id)
{
	for (const char *p = file->buf; *p;) {
		const char *end = strchr(p, '\n');

		if (id_of(p) == id)
			return true;
		if (!end)
			break;
		p = end + 1;
	}
	return false;
}

bool accounts_id_used(const struct accounts *a, uint32_t id, bool user)
{
	return id != ACCOUNT_ID_NONE && id_used(user ? &a->passwd : &a->group, id);
}

static int check_name(const char *name, struct error *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char rest[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.-";
	size_t n = strlen(name);

	if (!n || n > NAME_MAX_BYTES || !strchr(first, *name) || strspn(name, rest) != n)
		return error_set(err, -EINVAL, "'%.64s' cannot be the name of a user or group",
				 name);
	return 0;
}

static int check_text(const char *text, struct error *err)
{
	if (text[strcspn(text, ":\n\r")])
		return error_set(err, -EINVAL, "'%.64s' cannot stand in /etc/passwd", text);
	return 0;
}

static int free_id(const struct accounts *a, bool for_user, uint32_t *ret, struct error *err)
{
	for (uint32_t id = ACCOUNT_ID_LAST; id >= ACCOUNT_ID_FIRST; id--)
		if (!id_used(&a->group, id) && !(for_user && id_used(&a->passwd, id))) {
			*ret = id;
			return 0;
		}
	return error_set(err, -ENOSPC, "no id from %d to %d is free", ACCOUNT_ID_FIRST,
			 ACCOUNT_ID_LAST);
}

int accounts_add_group(struct accounts *a, const char *name, uint32_t gid, struct error *err)
{
	int r = check_name(name, err);

	if (r < 0 || find_line(&a->group, name))
		return r;
	if (gid == ACCOUNT_ID_NONE)
		r = free_id(a, false, &gid, err);
	else if (gid > ID_MAX || id_used(&a->group, gid))
		r = error_set(err, -EEXIST, "group %s cannot have the id %" PRIu32 ": it is used",
			      name, gid);
	if (r < 0)
		return r;
	a->changed = true;
	if (strbuf_addf(&a->group, "%s:x:%" PRIu32 ":\n", name, gid) < 0 ||
	    strbuf_addf(&a->gshadow, "%s:!*::\n", name) < 0)
		return error_oom(err);
	return 0;
}

static int add_shadow_line(struct accounts *a, const char *name, size_t len, const char *password,
			   size_t password_len)
{
	char days[24] = "";

	if (a->days > 0)
		snprintf(days, sizeof(days), "%" PRId64, a->days);
	return strbuf_addf(&a->shadow, "%.*s:%.*s:%s:0:99999:7:::\n", (int)len, name,
			   (int)password_len, password, days);
}

int accounts_add_user(struct accounts *a, const struct account_user *u, struct error *err)
{
	const char *gecos = u->gecos ? u->gecos : "", *home = u->home ? u->home : "/";
	const char *shell = u->shell ? u->shell : nologin;
	uint32_t uid = u->uid, gid = u->gid;
	int r = check_name(u->name, err);

	if (r == 0)
		r = check_text(gecos, err);
	if (r == 0)
		r = check_text(home, err);
	if (r == 0)
		r = check_text(shell, err);
	if (r < 0 || find_line(&a->passwd, u->name))
		return r;
	if (gid == ACCOUNT_ID_NONE && find_line(&a->group, u->name))
		gid = accounts_gid(a, u->name);
	if (uid == ACCOUNT_ID_NONE)
		r = free_id(a, true, &uid, err);
	else if (uid > ID_MAX || id_used(&a->passwd, uid))
		r = error_set(err, -EEXIST, "user %s cannot have the id %" PRIu32 ": it is used",
			      u->name, uid);
	if (r == 0 && gid == ACCOUNT_ID_NONE) {
		/* its own group has the same number where that is free */
		r = accounts_add_group(a, u->name, id_used(&a->group, uid) ? ACCOUNT_ID_NONE : uid,
				       err);
		gid = accounts_gid(a, u->name);
	}
	if (r < 0)
		return r;
	a->changed = true;
	if (strbuf_addf(&a->passwd, "%s:x:%" PRIu32 ":%" PRIu32 ":%s:%s:%s\n", u->name, uid, gid,
			gecos, home, shell) < 0 ||
	    add_shadow_line(a, u->name, strlen(u->name), "!*", 2) < 0)
		return error_oom(err);
	return 0;
}

/* Is the user in the list "a,b,c" at the end of a group's line? */
static bool has_member(const char *list, size_t len, const char *user)
{
	size_t n = strlen(user);

	for (size_t i = 0; i < len; i += strcspn(list + i, ",\n") + 1)
		if (strncmp(list + i, user, n) == 0 && strchr(",\n", list[i + n]))
			return true;
	return false;
}

int accounts_add_member(struct accounts *a, const char *user, const char *group, struct error *err)
{
	const char *line = find_line(&a->group, group), *list;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	size_t len, at;

	if (!line || !find_line(&a->passwd, user))
		return error_set(err, -ENOENT, "there is no %s '%.64s'", line ? "user" : "group",
				 line ? user : group);
	list = field_of(line, 3, &len);
	if (has_member(list, len, user))
		return 0;
	at = (size_t)(list + len - a->group.buf);
	if (strbuf_add(&out, a->group.buf, at) < 0 ||
	    strbuf_addf(&out, "%s%s", len ? "," : "", user) < 0 ||
	    strbuf_addstr(&out, a->group.buf + at) < 0)
		return error_oom(err);
	strbuf_reset(&a->group);
	a->changed = true;
	return strbuf_add(&a->group, out.buf, out.len) < 0 ? error_oom(err) : 0;
}

/* Moves the passwords of passwd(5) into shadow(5) lines; pwconv(8). */
static int convert_passwords(struct accounts *a)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r = 0;

	for (const char *p = a->passwd.buf; r == 0 && *p;) {
		const char *end = strchrnul(p, '\n'), *password, *rest;
		size_t name_len, len;

		field_of(p, 0, &name_len);
		password = field_of(p, 1, &len);
		rest = password + len;
		if (!len || *rest != ':') {
			r = strbuf_addf(&out, "%.*s\n", (int)(end - p), p);
		} else {
			r = add_shadow_line(a, p, name_len, *password == 'x' ? "*" : password,
					    *password == 'x' ? 1 : len);
			if (r == 0)
				r = strbuf_addf(&out, "%.*s:x%.*s\n", (int)name_len, p,
						(int)(end - rest), rest);
		}
		p = *end ? end + 1 : end;
	}
	if (r < 0)
		return r;
	strbuf_reset(&a->passwd);
	return strbuf_add(&a->passwd, out.buf, out.len);
}

/* gshadow(5) lines of the groups; grpconv(8). */
static int convert_groups(struct accounts *a)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r = 0;

	for (const char *p = a->group.buf; r == 0 && *p;) {
		const char *end = strchrnul(p, '\n'), *members, *rest;
		size_t name_len, password_len, len;

		field_of(p, 0, &name_len);
		rest = field_of(p, 1, &password_len) + password_len;
		members = field_of(p, 3, &len);
		r = strbuf_addf(&a->gshadow, "%.*s:*::%.*s\n", (int)name_len, p, (int)len, members);
		if (r == 0)
			r = strbuf_addf(&out, "%.*s:x%.*s\n", (int)name_len, p, (int)(end - rest),
					rest);
		p = *end ? end + 1 : end;
	}
	if (r < 0)
		return r;
	strbuf_reset(&a->group);
	return strbuf_add(&a->group, out.buf, out.len);
}

static int end_line(struct strbuf *file)
{
	return file->len && file->buf[file->len - 1] != '\n' ? strbuf_addch(file, '\n') : 0;
}

int accounts_read(struct accounts *a, struct tree *t, int64_t epoch, struct error *err)
{
	int r;

	a->t = t;
	a->days = epoch / SECONDS_A_DAY;
	r = pass_read_text(t, "/etc/passwd", &a->passwd, err);
	if (r == 1)
		r = pass_read_text(t, "/etc/group", &a->group, err);
	if (r <= 0)
		return r;
	if (memchr(a->passwd.buf, 0, a->passwd.len) || memchr(a->group.buf, 0, a->group.len))
		return error_set(err, -EBADMSG, "/etc/passwd or /etc/group has a NUL byte");
	if (end_line(&a->passwd) < 0 || end_line(&a->group) < 0)
		return error_oom(err);
	if (!pass_exists(t, "/etc/shadow")) {
		a->changed = true;
		if (convert_passwords(a) < 0)
			return error_oom(err);
	}
	if (!pass_exists(t, "/etc/gshadow")) {
		a->changed = true;
		if (convert_groups(a) < 0)
			return error_oom(err);
	}
	return 1;
}

/* New lines behind those of the file; a new file belongs to the group shadow where there is one. */
static int append(struct accounts *a, const char *path, const struct strbuf *lines,
		  struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	uint32_t gid = accounts_gid(a, "shadow");
	struct tree_node *n;
	int r = pass_read_text(a->t, path, &text, err);

	if (r < 0)
		return r;
	if (r == 1) {
		if (end_line(&text) < 0 || strbuf_add(&text, lines->buf, lines->len) < 0)
			return error_oom(err);
		return pass_write_text(a->t, path, &text, err);
	}
	r = tree_add_file(a->t, path, SHADOW_MODE, lines->buf, lines->len, err);
	n = r == 0 ? tree_lookup(a->t, path) : NULL;
	if (n && gid != ACCOUNT_ID_NONE)
		n->inode->gid = gid;
	return r;
}

int accounts_write(struct accounts *a, struct error *err)
{
	int r;

	if (!a->changed)
		return 0;
	r = pass_write_text(a->t, "/etc/passwd", &a->passwd, err);
	if (r == 0)
		r = pass_write_text(a->t, "/etc/group", &a->group, err);
	if (r == 0)
		r = append(a, "/etc/shadow", &a->shadow, err);
	return r < 0 ? r : append(a, "/etc/gshadow", &a->gshadow, err);
}
