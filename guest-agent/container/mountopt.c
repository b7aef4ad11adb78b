/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mountopt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include "base/strbuf.h"

/* A word that sets or clears one flag. Those with an attribute also exist with an "r" in front: for the whole tree. */
struct flag_word {
	const char *word;
	bool clear;
	unsigned long ms;
	uint64_t attr; /* 0: has no per-mount form */
	uint64_t mask; /* attribute bits that the word decides (access time is a field) */
};

static const struct flag_word flag_words[] = {
	{ "ro", false, MS_RDONLY, MOUNT_ATTR_RDONLY, MOUNT_ATTR_RDONLY },
	{ "rw", true, MS_RDONLY, MOUNT_ATTR_RDONLY, MOUNT_ATTR_RDONLY },
	{ "nosuid", false, MS_NOSUID, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSUID },
	{ "suid", true, MS_NOSUID, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSUID },
	{ "nodev", false, MS_NODEV, MOUNT_ATTR_NODEV, MOUNT_ATTR_NODEV },
	{ "dev", true, MS_NODEV, MOUNT_ATTR_NODEV, MOUNT_ATTR_NODEV },
	{ "noexec", false, MS_NOEXEC, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOEXEC },
	{ "exec", true, MS_NOEXEC, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOEXEC },
	{ "noatime", false, MS_NOATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "atime", true, MS_NOATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "strictatime", false, MS_STRICTATIME, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "nostrictatime", true, MS_STRICTATIME, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "relatime", false, MS_RELATIME, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "norelatime", true, MS_RELATIME, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "nodiratime", false, MS_NODIRATIME, MOUNT_ATTR_NODIRATIME, MOUNT_ATTR_NODIRATIME },
	{ "diratime", true, MS_NODIRATIME, MOUNT_ATTR_NODIRATIME, MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", false, 256 /* MS_NOSYMFOLLOW, include/uapi/linux/mount.h */,
	  MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
	{ "symfollow", true, 256, MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", false, MS_SYNCHRONOUS, 0, 0 },
	{ "async", true, MS_SYNCHRONOUS, 0, 0 },
	{ "dirsync", false, MS_DIRSYNC, 0, 0 },
	{ "mand", false, MS_MANDLOCK, 0, 0 },
	{ "nomand", true, MS_MANDLOCK, 0, 0 },
	{ "iversion", false, MS_I_VERSION, 0, 0 },
	{ "noiversion", true, MS_I_VERSION, 0, 0 },
	{ "silent", false, MS_SILENT, 0, 0 },
	{ "loud", true, MS_SILENT, 0, 0 },
	{ "lazytime", false, MS_LAZYTIME, 0, 0 },
	{ "nolazytime", true, MS_LAZYTIME, 0, 0 },
};

int mount_propagation_parse(const char *word, unsigned long *ret)
{
	static const struct {
		const char *word;
		unsigned long flag;
	} table[] = {
		{ "private", MS_PRIVATE },
		{ "shared", MS_SHARED },
		{ "slave", MS_SLAVE },
		{ "unbindable", MS_UNBINDABLE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (str_eq(word, table[i].word))
			*ret = table[i].flag;
		else if (word && word[0] == 'r' && str_eq(word + 1, table[i].word))
			*ret = table[i].flag | MS_REC;
		else
			continue;
		return 0;
	}
	return -EINVAL;
}

static void attr_apply(const struct flag_word *w, uint64_t *set, uint64_t *clr)
{
	/* mount_setattr() wants the whole access time field cleared before one value of it is set. */
	*clr |= w->mask == MOUNT_ATTR__ATIME ? w->mask : 0;
	if (w->clear) {
		*set &= ~w->attr;
		*clr |= w->mask;
	} else {
		*set = (*set & ~w->mask) | w->attr;
		if (w->mask != MOUNT_ATTR__ATIME)
			*clr &= ~w->mask;
	}
}

static bool parse_flag(const char *opt, struct mount_opts *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_words); i++) {
		const struct flag_word *w = &flag_words[i];

		if (str_eq(opt, w->word)) {
			if (w->clear)
				o->flags &= ~w->ms;
			else
				o->flags |= w->ms;
			attr_apply(w, &o->attr_set, &o->attr_clr);
			return true;
		}
		if (w->attr && opt[0] == 'r' && str_eq(opt + 1, w->word)) {
			attr_apply(w, &o->rec_set, &o->rec_clr);
			return true;
		}
	}
	return false;
}

static int parse_one(const char *opt, struct mount_opts *o, struct strbuf *data, struct error *err)
{
	unsigned long prop;

	if (!opt || !*opt || str_eq(opt, "defaults") || str_after(opt, "io.katacontainers.") ||
	    str_after(opt, "x-"))
		return 0;
	if (str_eq(opt, "bind") || str_eq(opt, "rbind")) {
		o->bind = true;
		o->recursive |= opt[0] == 'r';
		return 0;
	}
	if (mount_propagation_parse(opt, &prop) == 0) {
		o->propagation = prop;
		return 0;
	}
	if (parse_flag(opt, o))
		return 0;
	if (str_eq(opt, "idmap") || str_eq(opt, "ridmap")) {
		o->idmap = true;
		o->idmap_recursive |= opt[0] == 'r';
		return 0;
	}
	if (str_eq(opt, "tmpcopyup")) {
		o->copy_up = true;
		return 0;
	}
	if (data->len + strlen(opt) >= MOUNT_OPTS_MAX_DATA)
		return error_set(err, -EINVAL, "mount options are longer than %d bytes",
				 MOUNT_OPTS_MAX_DATA);
	if ((data->len && strbuf_addch(data, ',') < 0) || strbuf_addstr(data, opt) < 0)
		return error_oom(err);
	return 0;
}

int mount_opts_parse(char *const *options, size_t n, struct mount_opts *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
	struct mount_opts o;

	memset(&o, 0, sizeof(o));
	for (size_t i = 0; i < n; i++) {
		int r = parse_one(options[i], &o, &data, err);

		if (r < 0)
			return r;
	}
	if (data.len) {
		o.data = strbuf_detach(&data, NULL);
		if (!o.data)
			return error_oom(err);
	}
	*ret = o;
	return 0;
}

void mount_opts_release(struct mount_opts *o)
{
	free(o->data);
	memset(o, 0, sizeof(*o));
}

const char *mount_opts_word(size_t i)
{
	static const char *const others[] = { "bind",	    "rbind",	   "private", "rprivate",
					      "shared",	    "rshared",	   "slave",   "rslave",
					      "unbindable", "runbindable", "idmap",   "ridmap",
					      "tmpcopyup" };

	if (i < ARRAY_SIZE(flag_words))
		return flag_words[i].word;
	i -= ARRAY_SIZE(flag_words);
	return i < ARRAY_SIZE(others) ? others[i] : NULL;
}
