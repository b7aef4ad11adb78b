/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the scripts of Debian's packages make when they are configured, and no package holds. */
#include "pass/pass.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "pass/text.h"

/* Copies with the mode and owner of what is copied: base-files, libc-bin and chrony. */
static const char *const copies[][2] = {
	{ "/usr/share/base-files/profile", "/etc/profile" },
	{ "/usr/share/base-files/motd", "/etc/motd" },
	{ "/usr/share/base-files/dot.profile", "/root/.profile" },
	{ "/usr/share/base-files/dot.bashrc", "/root/.bashrc" },
	{ "/usr/share/libc-bin/nsswitch.conf", "/etc/nsswitch.conf" },
	{ "/usr/share/chrony/chrony.conf", "/etc/chrony/chrony.conf" },
	{ "/usr/share/chrony/chrony.keys", "/etc/chrony/chrony.keys" },
};

/* `when` is in the package whose script it is. base-files, netbase, tzdata, systemd */
static const struct {
	const char *when, *path, *text;
} texts[] = {
	{ "/etc/protocols", "/etc/hosts",
	  "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n"
	  "ff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n\n" },
	{ "/etc/protocols", "/etc/networks",
	  "default\t\t0.0.0.0\nloopback\t127.0.0.0\nlink-local\t169.254.0.0\n\n" },
	{ "/usr/share/zoneinfo/Etc/UTC", "/etc/timezone", "Etc/UTC\n" },
	{ "/usr/share/pam", "/etc/environment", "" },
	{ "/usr/sbin/useradd", "/etc/subuid", "" },
	{ "/usr/sbin/useradd", "/etc/subgid", "" },
};
static const struct {
	const char *when, *path, *target;
} links[] = {
	{ "/usr/share/zoneinfo/Etc/UTC", "/etc/localtime", "/usr/share/zoneinfo/Etc/UTC" },
	{ "/usr/share/base-files", "/etc/mtab", "../proc/self/mounts" },
	{ "/usr/share/base-files", "/var/spool/mail", "../mail" },
	{ "/usr/share/base-files", "/usr/local/man", "share/man" },
	{ "/etc/dpkg/origins/debian", "/etc/dpkg/origins/default", "debian" },
};
static const struct {
	const char *when, *path;
	uint32_t mode;
} directories[] = {
	{ "/usr/share/base-files", "/mnt", 0755 },
	{ "/usr/share/base-files", "/srv", 0755 },
	{ "/usr/share/base-files", "/opt", 0755 },
	{ "/usr/share/base-files", "/media", 0755 },
	{ "/usr/share/base-files", "/etc/opt", 0755 },
	{ "/usr/share/base-files", "/var/opt", 0755 },
	{ "/usr/share/base-files", "/usr/local/bin", 0755 },
	{ "/usr/share/base-files", "/usr/local/etc", 0755 },
	{ "/usr/share/base-files", "/usr/local/games", 0755 },
	{ "/usr/share/base-files", "/usr/local/include", 0755 },
	{ "/usr/share/base-files", "/usr/local/lib", 0755 },
	{ "/usr/share/base-files", "/usr/local/sbin", 0755 },
	{ "/usr/share/base-files", "/usr/local/share", 0755 },
	{ "/usr/share/base-files", "/usr/local/share/man", 0755 },
	{ "/usr/share/base-files", "/usr/local/src", 0755 },
	{ "/usr/share/base-files", "/run/lock", 01777 },
	{ "/usr/lib/systemd/systemd-journald", "/var/log/journal", 0755 },
	{ "/usr/share/base-files", "/var/mail", 02775 },
};
/* Directories of base-files that its script makes links, when they are empty. */
static const char *const moved[][2] = { { "/var/lock", "/run/lock" }, { "/var/run", "/run" } };
#define MAIL_GID 8 /* group mail of base-passwd's group.master; /var/mail is its */

static int add_copies(struct tree *t, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(copies); i++) {
		const struct tree_node *from = tree_resolve(t, copies[i][0]);
		struct recipe_item it = { .path = (char *)copies[i][1],
					  .value = (char *)copies[i][0] };
		const struct recipe rc = { .copies = { &it, 1, 1 } };

		if (from && S_ISREG(from->inode->mode) && !tree_lookup(t, it.path))
			r = pass_items(t, &rc, err);
	}
	return r;
}

static int move_directories(struct tree *t, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(moved); i++) {
		const struct tree_attr link = { .mode = S_IFLNK | 0777, .target = moved[i][1] };
		const struct tree_node *n = tree_lookup(t, moved[i][0]);

		if (n && tree_is_dir(n) && !n->n_children &&
		    pass_exists(t, "/usr/share/base-files"))
			r = tree_add(t, moved[i][0], &link, TREE_ADD_EMPTY, NULL, err);
	}
	return r;
}

static int add_rest(struct tree *t, struct error *err)
{
	struct tree_node *n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++)
		if (pass_exists(t, texts[i].when) && !tree_lookup(t, texts[i].path))
			r = tree_add_file(t, texts[i].path, 0644, texts[i].text,
					  strlen(texts[i].text), err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(links); i++)
		if (pass_exists(t, links[i].when) && !tree_lookup(t, links[i].path))
			r = tree_add_symlink(t, links[i].path, links[i].target, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(directories); i++) {
		if (!pass_exists(t, directories[i].when) || pass_exists(t, directories[i].path))
			continue;
		r = tree_add_dir(t, directories[i].path, directories[i].mode, err);
		n = r == 0 ? tree_lookup(t, directories[i].path) : NULL;
		if (n && str_eq(directories[i].path, "/var/mail"))
			n->inode->gid = MAIL_GID;
	}
	return r;
}

struct shells {
	struct tree *t;
	struct strbuf text;
};

/* "/bin/bash" and "/usr/bin/bash", as far as they lead somewhere. */
static int add_shell(struct shells *s, const char *path)
{
	_cleanup_free_ char *usr = str_printf("/usr%s", path);
	_cleanup_free_ char *line = str_printf("\n%s\n", path);

	if (!usr || !line)
		return -ENOMEM;
	if (*path != '/' || strstr(s->text.buf, line))
		return 0;
	if (!str_after(path, "/usr/") && pass_exists(s->t, usr))
		return strbuf_addf(&s->text, "%s\n%s\n", path, usr);
	return strbuf_addf(&s->text, "%s\n", path);
}

static int one_shells_file(const struct tree_node *n, void *data, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *next, *line;
	int r = pass_read_node(n, &text, err), k = 0;

	next = text.buf;
	while (r > 0 && k == 0 && (line = pass_next_line(&next)))
		k = add_shell(data, line);
	return k < 0 ? error_oom(err) : r < 0 ? r : 0;
}

/* /etc/shells of debianutils' update-shells: its own list, then those of shells.d in the order of their names. */
static int add_shells(struct tree *t, struct error *err)
{
	const struct tree_node *base = tree_resolve(t, "/usr/share/debianutils/shells");
	struct shells s = { t, STRBUF_INIT };
	int r;

	if (!base || !S_ISREG(base->inode->mode) || tree_lookup(t, "/etc/shells"))
		return 0;
	r = strbuf_addstr(&s.text, "# /etc/shells: valid login shells\n") < 0 ? error_oom(err) : 0;
	if (r == 0)
		r = one_shells_file(base, &s, err);
	if (r == 0)
		r = pass_for_conf_files(t, "/etc/shells.d", "/usr/share/debianutils/shells.d", "",
					one_shells_file, &s, err);
	if (r == 0)
		r = tree_add_file(t, "/etc/shells", 0644, s.text.buf, s.text.len, err);
	strbuf_release(&s.text);
	return r;
}

int pass_defaults(struct tree *t, struct error *err)
{
	int r = add_copies(t, err);

	if (r == 0)
		r = add_rest(t, err);
	if (r == 0)
		r = move_directories(t, err);
	if (r == 0)
		r = add_shells(t, err);
	return r < 0 ? error_wrap(err, r, "defaults of packages") : 0;
}
