/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECIPE_RECIPE_H
#define RECIPE_RECIPE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strv.h"
#include "source/source.h"

/*
 * A recipe: a directory with recipe.toml and the files that it names. The format:
 *
 *	format = 1				# required
 *	name = "debian"				# required
 *	description = "..."
 *	architectures = ["x86_64"]		# default: all
 *	merge_usr = true			# /bin /sbin /lib become links into /usr before anything is unpacked; default false
 *	prune = ["/usr/share/doc", "/usr/lib/{multiarch}/gconv"]	# removed at the end; fnmatch(3) patterns, '*' does not match '/'
 *	keep = ["/usr/sbin/iptables", "/etc"]	# only these, and what they need to run; patterns as above; default: all
 *	dlopen = ["/usr/lib/{multiarch}/xtables/libxt_?cp.so"]	# and these, which programs load by themselves
 *
 *	[distribution]				# for the summary inside the image
 *	name = "Debian"
 *	version = "12"
 *
 *	[agent]					# without it the recipe is a plain root file system, for containers
 *	path = "/usr/bin/kata-agent"		# required: where the agent is put
 *	link = "/sbin/init"			# a symbolic link to it when it is the init; default none
 *	init = "agent"				# the guest's PID 1: "agent" or "systemd"; default "agent"
 *
 *	[systemd]				# for builds with systemd as PID 1; without the table there are none
 *	packages = ["systemd-sysv", "dbus"]	# added to those of the first source that has packages
 *	enable = ["a.service"]  disable = ["b.*"]	# before the presets of the packages: unit names, fnmatch(3) patterns
 *	trim = true				# remove the units that a guest does without, see pass/pass.h; default true
 *
 *	[guest]
 *	confidential = true			# /run may be half of the memory; default false
 *
 *	[image]
 *	filesystem = "ext4"			# or "erofs"; default ext4
 *	free_mib = 16				# room beyond the content (ext4); default 0
 *	compression = "none"			# or "lz4" (erofs; without the DAX header); default none
 *	dax = true				# the DAX header, see disk/disk.h; default true
 *	measured = true				# a dm-verity partition, see disk/verity_seal.h; default false
 *
 *	[initrd]
 *	compression = "gzip"			# or "zstd", "none"; default gzip
 *	drop_xattrs = true			# cpio cannot hold extended attributes: leave them out; default false: refuse them
 *
 *	[[source]]				# in order; see source/source.h
 *	type = "deb"
 *	suites = ["bookworm"]  components = ["main"]  packages = ["bash"]  omit = ["dpkg"]
 *	mirror = "http://..."  security_mirror = "http://..."  keyring = "/path"
 *	[source.arch.s390x]			# deb: what replaces the keys of the same name for this architecture
 *	suites = ["bookworm"]
 *	[[source]]
 *	type = "dir"				# or tar, file
 *	path = "files"  target = "/"  mode = "0644"
 *
 *	[[source]]
 *	type = "apk"
 *	repositories = ["https://.../v3.20/main"]  keys = ["keys/....rsa.pub"]  packages = ["bash"]  omit = ["apk-tools"]
 *	[[source]]
 *	type = "rpm"
 *	repositories = ["https://..."]  keys = ["keys/..."]  packages = ["bash"]  omit = ["..."]  release = "40"
 *	plain_owners = true			# default false: refuse files of users whom no package makes
 *	[[source]]
 *	type = "modules"			# kernel modules; the last word of path is their version
 *	path = "lib/modules/6.1.0-x"
 *	[[source]]
 *	type = "oci"				# an OCI image layout: a directory or a tar
 *	path = "image"  reference = "v1"  target = "/"
 *
 *	[[copy]] from = "/a" to = "/b"		# inside the image, after the sources
 *	[[text]] path = "/etc/hostname" text = "kata\n" mode = "0644"
 *	[[link]] path = "/etc/mtab" target = "../proc/self/mounts"
 *	[[directory]] path = "/mnt" mode = "0755"
 *	[[user]] name = "_chrony" id = 100 group = "chrony" gecos = "..." home = "/var/lib/chrony" shell = "/bin/sh" groups = ["adm"]
 *	[[group]] name = "chrony" id = 100
 *	[[owner]] path = "/etc/key" user = "root" group = "chrony" mode = "0640"	# what is not given stays
 *
 * Each of these may have `when = "/path"`: the entry counts only if that path leads to something in the image.
 *
 * A key that is not listed here is an error with its line.
 *
 * In `prune`, in all paths of copy, text, link (and its target) and directory, and in path and target of a source, {arch} stands for
 * the architecture ("aarch64"), {debian_arch} for Debian's name of it ("arm64"), {multiarch} for Debian's directory of its
 * libraries ("aarch64-linux-gnu"). Another lower case word in braces is an error.
 */

#define RECIPE_FORMAT	    1
#define RECIPE_FILE	    "recipe.toml"
#define RECIPE_ITEMS_MAX    1024 /* sources, copies, texts, links, directories: of each */
#define RECIPE_FREE_MIB_MAX 65536

struct recipe_item {
	char *path;  /* in the image */
	char *when;  /* NULL: always */
	char *value; /* copy: from; text: the text; link: the target; directory: NULL */
	uint32_t mode;
};
struct recipe_items {
	struct recipe_item *v;
	size_t n, cap;
};

/* [source.arch.ARCH]: what is empty or NULL in `spec` stays as the source has it. */
struct recipe_override {
	size_t source; /* index in recipe.sources */
	char *arch;
	struct source_spec spec;
};

#define RECIPE_ID_NONE UINT32_MAX
#define RECIPE_ID_MAX  0xfffffffd

struct recipe_account {
	bool is_group;
	char *name, *when;
	uint32_t id;			    /* RECIPE_ID_NONE: any */
	char *group, *gecos, *home, *shell; /* of a user; NULL: its own group, "", "/", nologin */
	struct strv groups;		    /* that the user is a member of as well */
};
struct recipe_owner {
	char *path, *when;
	char *user, *group; /* NULL: as it is */
	bool has_mode;
	uint32_t mode;
};

enum recipe_init { RECIPE_INIT_AGENT, RECIPE_INIT_SYSTEMD };
struct recipe_systemd {
	bool present, trim;
	struct strv packages, enable, disable;
};

struct recipe {
	char *name, *description;
	char *file; /* path of recipe.toml, for messages */
	int dirfd;  /* the recipe's directory */
	struct strv architectures;
	bool merge_usr;
	struct strv prune;
	struct strv keep, dlopen; /* keep empty: everything */
	char *distro_name, *distro_version;
	char *agent_path, *agent_link; /* agent_path NULL: no agent, a plain root file system */
	enum recipe_init init;
	struct recipe_systemd systemd;
	struct strv extra_packages; /* of recipe_apply() */
	bool confidential;
	char *filesystem;
	uint64_t free_mib;
	char *compression; /* "none", "lz4" */
	bool dax, measured;
	bool dax_given;		  /* the recipe says so, it is not the default */
	char *initrd_compression; /* "none", "gzip", "zstd" */
	bool initrd_drop_xattrs;
	struct source_spec *sources;
	size_t n_sources;
	struct recipe_override *overrides;
	size_t n_overrides, cap_overrides;
	struct recipe_items copies, texts, links, directories;
	struct recipe_account *accounts;
	size_t n_accounts;
	struct recipe_owner *owners;
	size_t n_owners;
};

/*
 * By name or path: what contains a slash is a directory or a recipe.toml; a plain word is looked for in recipes_dir.
 * Errors about the content read "FILE:LINE: KEY: what".
 */
int recipe_load(const char *name, const char *recipes_dir, struct recipe **ret, struct error *err);
void recipe_free(struct recipe *r);
static inline void recipe_freep(struct recipe **r)
{
	recipe_free(*r);
}
#define _cleanup_recipe_ _cleanup_(recipe_freep)

/*
 * Once, before the recipe is used: applies [source.arch.ARCH] and puts in what placeholders stand for. -EINVAL when the recipe is not
 * made for this architecture, or has a placeholder that is not known.
 */
int recipe_select_arch(struct recipe *rc, const char *arch, struct error *err);
/* *ret is malloc'd: the text with the placeholders replaced. `arch` must be a known one. */
int recipe_expand(const char *text, const char *arch, char **ret, struct error *err);
/* What whoever builds says beyond the recipe. */
enum recipe_init_choice {
	RECIPE_INIT_CHOICE_NONE, /* the recipe's */
	RECIPE_INIT_CHOICE_AGENT,
	RECIPE_INIT_CHOICE_SYSTEMD
};
struct recipe_choices {
	enum recipe_init_choice init;
	/* Owned; added to those of the first source that has packages. */
	struct strv extra_packages;
	/* NULL where nothing was said. */
	const char *hooks;   /* a tar or a directory that is laid over the root */
	const char *modules; /* a directory like /lib/modules/VERSION */
	const char *
		policy; /* becomes /etc/kata-opa/NAME, and default-policy.toml or .rego a link to it */
	const char *
		os_version; /* what the recipe's distribution.version, or one of its suites, must be */
	bool confidential;
};
void recipe_choices_release(struct recipe_choices *c);
/* Changes the recipe accordingly, with sources of its own for files. Once, after recipe_select_arch(). -EINVAL, -ENOMEM, system's. */
int recipe_apply(struct recipe *rc, const struct recipe_choices *c, struct error *err);

#endif
