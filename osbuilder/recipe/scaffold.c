/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/scaffold.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "recipe/recipe.h"

static const char head[] =
	"# %1$s\n"
	"#\n"
	"# osbuilder build --recipe %1$s --agent kata-agent --image %1$s.img --initrd %1$s-initrd.img\n"
	"# osbuilder lock --recipe %1$s		# pins the packages\n"
	"#\n"
	"# All keys: osbuilder-recipe(5).\n"
	"format = 1\n"
	"name = \"%1$s\"\n"
	"description = \"%1$s with kata-agent as init\"\n"
	"architectures = [%2$s]\n";

static const char guest[] = "\n"
			    "# The agent is the guest's PID 1.\n"
			    "[agent]\n"
			    "path = \"/usr/bin/kata-agent\"\n"
			    "link = \"/sbin/init\"\n"
			    "\n"
			    "[image]\n"
			    "filesystem = \"ext4\"	# or \"erofs\"\n"
			    "free_mib = 16		# room beyond the content\n";

static const char items[] =
	"\n"
	"# What no package brings: files, links and directories of your own. See also [[copy]].\n"
	"[[text]]\n"
	"path = \"/etc/hostname\"\n"
	"text = \"localhost\\n\"\n"
	"\n"
	"[[link]]\n"
	"path = \"/etc/mtab\"\n"
	"target = \"../proc/self/mounts\"\n";

static const char drop_xattrs[] =
	"\n"
	"# cpio cannot hold file capabilities: leave them out of the initrd instead of refusing them.\n"
	"[initrd]\n"
	"drop_xattrs = true\n";

struct template
{
	const char *type;
	const char *archs;
	const char *before; /* keys of the top level */
	const char *more;   /* tables before the source */
	const char *source;
	const char *file, *text; /* one more file of the recipe; NULL: none */
	const char *dir;	 /* or a directory without a file */
};

static const struct template templates[] = {
	{ .type = "deb",
	  .archs = "\"x86_64\", \"aarch64\", \"ppc64le\", \"s390x\"",
	  .before = "merge_usr = true	# /bin, /sbin and /lib are links into /usr\n"
		    "# Removed at the end.\n"
		    "prune = [\"/usr/share/doc\", \"/usr/share/locale\", \"/usr/share/man\", "
		    "\"/var/cache\", \"/var/lib/dpkg\"]\n"
		    "\n[distribution]\nname = \"Debian\"\nversion = \"12\"\n",
	  .more = "",
	  .source =
		  "# Debian's mirror and keyring are those of this machine unless `mirror` and `keyring` say others.\n"
		  "[[source]]\ntype = \"deb\"\n"
		  "suites = [\"bookworm\"]\n"
		  "components = [\"main\"]\n"
		  "packages = [\"base-files\", \"base-passwd\", \"bash\", \"coreutils\", \"mount\"]\n"
		  "# Needed by scripts of packages only, which are never run.\n"
		  "omit = [\"debconf\", \"dpkg\", \"gcc-12-base\", \"libdebconfclient0\", "
		  "\"perl-base\", \"tar\"]\n" },
	{ .type = "rpm",
	  .archs = "\"x86_64\", \"aarch64\", \"ppc64le\", \"s390x\"",
	  .before = "merge_usr = true	# /bin, /sbin and /lib are links into /usr\n"
		    "# Removed at the end.\n"
		    "prune = [\"/usr/lib/.build-id\", \"/usr/share/doc\", \"/usr/share/licenses\", "
		    "\"/usr/share/locale\", \"/usr/share/man\"]\n"
		    "\n[distribution]\nname = \"Fedora\"\nversion = \"41\"\n",
	  .more = drop_xattrs,
	  .source =
		  "# dnf, dnf-plugins-core and rpm must be installed. The key is where distribution-gpg-keys has it; a path without a slash\n"
		  "# in front is below this directory.\n"
		  "[[source]]\ntype = \"rpm\"\n"
		  "release = \"41\"\n"
		  "repositories = [\"https://dl.fedoraproject.org/pub/fedora/linux/releases/41/Everything/$basearch/os/\"]\n"
		  "keys = [\"/usr/share/distribution-gpg-keys/fedora/RPM-GPG-KEY-fedora-41-primary\"]\n"
		  "packages = [\"bash\", \"coreutils\", \"setup\", \"util-linux\"]\n"
		  "# What belongs to users whom no package makes is root's; without this it is an error.\n"
		  "plain_owners = true\n" },
	{ .type = "apk",
	  .archs = "\"x86_64\", \"aarch64\", \"ppc64le\", \"s390x\"",
	  .before = "# Removed at the end.\n"
		    "prune = [\"/usr/share/man\", \"/usr/share/doc\"]\n"
		    "\n[distribution]\nname = \"Alpine\"\nversion = \"3.20\"\n",
	  .more = "",
	  .source =
		  "# An Alpine system has its keys in /etc/apk/keys; a path without a slash in front is below this directory.\n"
		  "[[source]]\ntype = \"apk\"\n"
		  "repositories = [\"https://dl-cdn.alpinelinux.org/alpine/v3.20/main\"]\n"
		  "keys = [\"keys/alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub\"]\n"
		  "packages = [\"alpine-baselayout\", \"bash\", \"busybox\", \"busybox-binsh\", \"musl\"]\n",
	  .dir = "keys" },
	{ .type = "oci",
	  .archs = "\"x86_64\", \"aarch64\", \"ppc64le\", \"s390x\"",
	  .before = "",
	  .more = "",
	  .source = "# An OCI image layout, a directory or a tar of one. For instance:\n"
		    "#	skopeo copy docker://docker.io/library/debian:12 oci:image:12\n"
		    "# `reference` names the image when the layout holds several.\n"
		    "[[source]]\ntype = \"oci\"\n"
		    "path = \"image\"\n"
		    "# reference = \"12\"\n" },
	{ .type = "dir",
	  .archs = "\"x86_64\", \"aarch64\", \"ppc64le\", \"s390x\"",
	  .before = "",
	  .more = "",
	  .source =
		  "# Everything below files/ goes into the image: as root's, directories 0755, files 0755 or 0644.\n"
		  "[[source]]\ntype = \"dir\"\n"
		  "path = \"files\"\n"
		  "target = \"/\"\n",
	  .file = "files/etc/hosts",
	  .text = "127.0.0.1\tlocalhost\n::1\tlocalhost\n" },
};

static int check_name(const char *name, struct error *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	const size_t len = strlen(name);

	if (!len || len > SCAFFOLD_NAME_MAX || !strchr(first, *name) || strspn(name, rest) != len)
		return error_set(
			err, -EINVAL,
			"'%.100s' is no name for a recipe: lower case letters, digits, and "
			"behind the first . _ -, at most %d",
			name, SCAFFOLD_NAME_MAX);
	return 0;
}

static int find_template(const char *type, const struct template **ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf known = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(templates); i++) {
		if (str_eq(templates[i].type, type)) {
			*ret = &templates[i];
			return 0;
		}
		if (strbuf_addf(&known, "%s%s", i ? ", " : "", templates[i].type) < 0)
			return error_oom(err);
	}
	return error_set(err, -EINVAL, "a recipe cannot start from '%.64s' (%s)", type, known.buf);
}

static int write_file(int dirfd, const char *path, const char *text, size_t len, struct error *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash ? mem_dup0(path, (size_t)(slash - path)) : NULL;
	int r = 0;

	if (slash && !dir)
		return error_oom(err);
	if (dir)
		r = file_mkdir_p(dirfd, dir, 0755, err);
	return r < 0 ? r : file_write_atomic(dirfd, path, 0644, text, len, err);
}

static int recipe_text(const struct template *t, const char *name, struct strbuf *out)
{
	int r = strbuf_addf(out, head, name, t->archs);

	r |= strbuf_addf(out, "%s%s%s\n%s%s", t->before, guest, t->more, t->source, items);
	return r;
}

static int write_all(const struct template *t, const char *name, int dirfd, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r;

	if (recipe_text(t, name, &text) < 0)
		return error_oom(err);
	r = write_file(dirfd, RECIPE_FILE, text.buf, text.len, err);
	if (r == 0 && t->file)
		r = write_file(dirfd, t->file, t->text, strlen(t->text), err);
	if (r == 0 && t->dir)
		r = file_mkdir_p(dirfd, t->dir, 0755, err);
	return r;
}

/* Under a name that nobody looks up, until all is there. */
static int make_directory(const struct template *t, const struct scaffold_params *p, int top,
			  const char *tmp, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	int r;

	if (mkdirat(top, tmp, 0755) < 0)
		return error_sys(err, -errno, "cannot make a directory in '%s'", p->recipes_dir);
	fd = openat(top, tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "'%s/%s'", p->recipes_dir, tmp);
	r = write_all(t, p->name, fd, err);
	if (r == 0 && renameat2(top, tmp, top, p->name, RENAME_NOREPLACE) < 0)
		r = errno == EEXIST ? error_set(err, -EEXIST, "'%s/%s' exists already",
						p->recipes_dir, p->name)
				    : error_sys(err, -errno, "'%s/%s'", p->recipes_dir, p->name);
	return r;
}

int scaffold_recipe(const struct scaffold_params *p, char **ret_file, struct error *err)
{
	_cleanup_free_ char *tmp = str_printf(".%s.tmp-%ld", p->name, (long)getpid());
	const struct template *t = NULL;
	_cleanup_fd_ int top = -1;
	int r = tmp ? check_name(p->name, err) : error_oom(err);

	if (r == 0)
		r = find_template(p->from ? p->from : "deb", &t, err);
	if (r < 0)
		return r;
	top = open(p->recipes_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return error_sys(err, -errno, "recipes '%s'", p->recipes_dir);
	if (faccessat(top, p->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, -EEXIST, "'%s/%s' exists already", p->recipes_dir, p->name);
	r = make_directory(t, p, top, tmp, err);
	if (r < 0) {
		file_remove_tree(top, tmp, NULL);
		return r;
	}
	*ret_file = str_printf("%s/%s/" RECIPE_FILE, p->recipes_dir, p->name);
	return *ret_file ? 0 : error_oom(err);
}
