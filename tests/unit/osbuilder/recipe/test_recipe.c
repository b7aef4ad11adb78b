/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "recipe/recipe.h"
#include "support/tool.h"

static int setup(void **state)
{
	char *dir = tool_tmpdir(), *sub = str_printf("%s/r", dir);

	assert_int_equal(mkdir(sub, 0755), 0);
	free(sub);
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	tool_rmdir(*state);
	return 0;
}

static int load(const char *dir, const char *text, struct recipe **ret, struct error *err)
{
	char *file = str_printf("%s/r/recipe.toml", dir);

	assert_int_equal(file_write_atomic(AT_FDCWD, file, 0644, text, strlen(text), err), 0);
	free(file);
	return recipe_load("r", dir, ret, err);
}

#define HEAD "format = 1\nname = \"r\"\n"
#define DEB                                              \
	"[[source]]\ntype = \"deb\"\nsuites = [\"b\"]\n" \
	"components = [\"m\"]\npackages = [\"p\"]\n"
#define AGENT "[agent]\npath = \"/sbin/init\"\n"

static void test_full(void **state)
{
	struct error err = ERROR_INIT;
	struct recipe *rc = NULL;
	int r = load(
		*state,
		HEAD
		"description = \"d\"\narchitectures = [\"x86_64\"]\nmerge_usr = true\n"
		"prune = [\"/usr/share/doc\"]\n" AGENT "link = \"/init\"\n"
		"[distribution]\nname = \"Debian\"\nversion = \"12\"\n"
		"[image]\nfilesystem = \"erofs\"\nfree_mib = 7\ndax = false\n"
		"[initrd]\ndrop_xattrs = true\ncompression = \"zstd\"\n"
		"[[source]]\ntype = \"deb\"\nsuites = [\"bookworm\"]\ncomponents = [\"main\"]\n"
		"packages = [\"bash\", \"libc6:amd64\"]\nomit = [\"dpkg\"]\n"
		"[[source]]\ntype = \"file\"\npath = \"f\"\ntarget = \"/etc/f\"\nmode = \"0600\"\n"
		"[[copy]]\nfrom = \"/a\"\nto = \"/b\"\n"
		"[[text]]\npath = \"/t\"\ntext = \"\"\nmode = \"0755\"\n"
		"[[link]]\npath = \"/l\"\ntarget = \"../x\"\n"
		"[[directory]]\npath = \"/d\"\nmode = \"1777\"\n",
		&rc, &err);

	if (r < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(rc->name, "r");
	assert_true(rc->merge_usr && !rc->dax && rc->initrd_drop_xattrs);
	assert_string_equal(rc->initrd_compression, "zstd");
	assert_string_equal(rc->filesystem, "erofs");
	assert_int_equal(rc->free_mib, 7);
	assert_string_equal(rc->agent_link, "/init");
	assert_int_equal(rc->n_sources, 2);
	assert_string_equal(rc->sources[0].packages.v[1], "libc6:amd64");
	assert_string_equal(rc->sources[0].omit.v[0], "dpkg");
	assert_int_equal(rc->sources[1].mode, 0600);
	assert_string_equal(rc->copies.v[0].path, "/b");
	assert_string_equal(rc->copies.v[0].value, "/a");
	assert_int_equal(rc->texts.v[0].mode, 0755);
	assert_string_equal(rc->links.v[0].value, "../x");
	assert_int_equal(rc->directories.v[0].mode, 01777);
	assert_int_equal(recipe_select_arch(rc, "x86_64", &err), 0);
	assert_int_equal(recipe_select_arch(rc, "s390x", &err), -EINVAL);
	assert_string_equal(err.msg, "recipe 'r' is not made for s390x");
	assert_int_equal(recipe_select_arch(rc, "amd64", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "unknown architecture 'amd64'"));
	recipe_free(rc);
}

static void test_arch(void **state)
{
	static const char text[] =
		HEAD "prune = [\"/usr/lib/{multiarch}/x\", \"/a{b,c}/{\"]\n"
		     "[[source]]\ntype = \"deb\"\nsuites = [\"b\", \"b-security\"]\n"
		     "components = [\"main\"]\npackages = [\"p\"]\nmirror = \"http://a\"\n"
		     "[source.arch.s390x]\nsuites = [\"b\"]\nmirror = \"http://ports\"\n"
		     "[source.arch.ppc64le]\npackages = [\"p\", \"q\"]\n"
		     "[[source]]\ntype = \"dir\"\npath = \"files-{arch}\"\n"
		     "[[link]]\npath = \"/{arch}\"\ntarget = \"{debian_arch}\"\n"
		     "[[text]]\npath = \"/t\"\ntext = \"{arch}\"\n";
	struct error err = ERROR_INIT;
	struct recipe *rc = NULL;

	assert_int_equal(load(*state, text, &rc, &err), 0);
	assert_int_equal(recipe_select_arch(rc, "s390x", &err), 0);
	assert_int_equal(rc->sources[0].suites.n, 1);
	assert_int_equal(rc->sources[0].packages.n, 1);
	assert_string_equal(rc->sources[0].mirror, "http://ports");
	assert_string_equal(rc->sources[1].path, "files-s390x");
	recipe_free(rc);

	assert_int_equal(load(*state, text, &rc, &err), 0);
	assert_int_equal(recipe_select_arch(rc, "ppc64le", &err), 0);
	assert_int_equal(rc->sources[0].suites.n, 2);
	assert_int_equal(rc->sources[0].packages.n, 2);
	assert_string_equal(rc->sources[0].mirror, "http://a");
	assert_string_equal(rc->prune.v[0], "/usr/lib/powerpc64le-linux-gnu/x");
	assert_string_equal(rc->prune.v[1], "/a{b,c}/{"); /* no placeholders */
	assert_string_equal(rc->links.v[0].path, "/ppc64le");
	assert_string_equal(rc->links.v[0].value, "ppc64el");
	assert_string_equal(rc->texts.v[0].value, "{arch}");
	recipe_free(rc);

	assert_int_equal(load(*state, HEAD "prune = [\"/x/{multiach}\"]\n", &rc, &err), 0);
	assert_int_equal(recipe_select_arch(rc, "aarch64", &err), -EINVAL);
	assert_non_null(strstr(err.msg,
			       "recipe.toml: '/x/{multiach}': unknown placeholder "
			       "'{multiach}' (arch, debian_arch and multiarch are known)"));
	recipe_free(rc);
}

static void test_defaults(void **state)
{
	struct error err = ERROR_INIT;
	struct recipe *rc = NULL;

	assert_int_equal(load(*state, HEAD AGENT, &rc, &err), 0);
	assert_string_equal(rc->filesystem, "ext4");
	assert_true(rc->dax && !rc->merge_usr && !rc->initrd_drop_xattrs);
	assert_string_equal(rc->initrd_compression, "gzip");
	assert_null(rc->agent_link);
	assert_int_equal(rc->n_sources, 0);
	recipe_free(rc);
	assert_int_equal(load(*state, HEAD, &rc, &err), 0);
	assert_null(rc->agent_path);
	recipe_free(rc);
}

static void test_choices(void **state)
{
	static const char text[] =
		HEAD AGENT "[systemd]\npackages = [\"dbus\", \"bash\"]\ndisable = [\"a*\"]\n"
			   "[[source]]\ntype = \"dir\"\npath = \"d\"\n"
			   "[[source]]\ntype = \"deb\"\nsuites = [\"s\"]\ncomponents = [\"c\"]\n"
			   "packages = [\"bash\"]\n";
	struct recipe_choices c = { .init = RECIPE_INIT_CHOICE_SYSTEMD, .confidential = true };
	struct error err = ERROR_INIT;
	struct recipe *rc = NULL;
	char *dir = *state, *policy = str_printf("%s/p.rego", dir);

	assert_int_equal(load(dir, text, &rc, &err), 0);
	assert_int_equal(rc->init, RECIPE_INIT_AGENT);
	assert_int_equal(strv_adds(&c.extra_packages, "strace", "bash", NULL), 0);
	c.hooks = dir;
	c.policy = policy;
	if (recipe_apply(rc, &c, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(rc->init, RECIPE_INIT_SYSTEMD);
	assert_true(rc->confidential && rc->systemd.trim);
	assert_int_equal(rc->sources[1].packages.n, 3);
	assert_string_equal(rc->sources[1].packages.v[1], "dbus");
	assert_string_equal(rc->sources[1].packages.v[2], "strace");
	assert_int_equal(rc->n_sources, 4);
	assert_string_equal(rc->sources[2].type, "dir");
	assert_string_equal(rc->sources[2].path, dir);
	assert_string_equal(rc->sources[3].target, "/etc/kata-opa/p.rego");
	assert_string_equal(rc->links.v[0].path, "/etc/kata-opa/default-policy.rego");
	assert_string_equal(rc->links.v[0].value, "p.rego");
	recipe_free(rc);
	/* Our agent's form has its own name. */
	memcpy(policy + strlen(policy) - 4, "toml", 4);
	assert_int_equal(load(dir, text, &rc, &err), 0);
	if (recipe_apply(rc, &c, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(rc->links.v[0].path, "/etc/kata-opa/default-policy.toml");
	assert_string_equal(rc->links.v[0].value, "p.toml");
	recipe_free(rc);
	recipe_choices_release(&c);
	free(policy);
}

static void test_bad_choices(void **state)
{
	struct recipe_choices systemd = { .init = RECIPE_INIT_CHOICE_SYSTEMD };
	struct recipe_choices hooks = { .hooks = "/nonexistent" };
	struct recipe_choices extra = { 0 };
	struct error err = ERROR_INIT;
	struct recipe *rc = NULL;

	assert_int_equal(load(*state, HEAD AGENT, &rc, &err), 0);
	assert_int_equal(recipe_apply(rc, &systemd, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"recipe 'r' has no [systemd]: only the agent can be its init (--agent-init yes, AGENT_INIT=yes)");
	assert_int_equal(recipe_apply(rc, &hooks, &err), -ENOENT);
	assert_string_equal(err.msg, "guest hooks '/nonexistent': No such file or directory");
	assert_int_equal(strv_add(&extra.extra_packages, "a"), 0);
	assert_int_equal(recipe_apply(rc, &extra, &err), -EINVAL);
	assert_string_equal(err.msg, "recipe 'r' has no packages: extra packages cannot be added");
	recipe_choices_release(&extra);
	extra = (struct recipe_choices){ 0 };
	assert_int_equal(strv_add(&extra.extra_packages, "-o=x"), 0);
	assert_int_equal(recipe_apply(rc, &extra, &err), -EINVAL);
	assert_string_equal(err.msg, "extra package '-o=x' is not a package name");
	recipe_choices_release(&extra);
	recipe_free(rc);
}

static const struct {
	const char *text, *message; /* the message without the path before it */
} bad_recipes[] = {
	{ HEAD AGENT "colour = 1\n", "recipe.toml:5: agent.colour: unknown key" },
	{ HEAD AGENT "[[source]]\ntype = \"dir\"\npath = \"x\"\nmode = \"1\"\n",
	  "recipe.toml:8: source[0].mode: unknown key" },
	{ "name = \"r\"\n" AGENT, "'format' is missing" },
	{ "format = 2\nname = \"r\"\n" AGENT, "recipe.toml:1: format: " },
	{ "format = 1\n" AGENT, "'name' is missing" },
	{ HEAD "agent = 1\n", "recipe.toml:3: agent: " },
	{ HEAD AGENT "[initrd]\ndrop_xattrs = 1\n", "recipe.toml:6: initrd.drop_xattrs: " },
	{ HEAD AGENT "[image]\ncompression = \"xz\"\n",
	  "recipe.toml:6: image.compression: unknown compression 'xz'" },
	{ HEAD AGENT "[image]\ncompression = \"lz4\"\n",
	  "recipe.toml:6: image.compression: only erofs can be compressed" },
	{ HEAD AGENT "[image]\nfilesystem = \"erofs\"\ndax = true\ncompression = \"lz4\"\n",
	  "recipe.toml:8: image.compression: what is compressed cannot be mapped: it excludes image.dax" },
	{ HEAD AGENT "[initrd]\ncompression = \"lz4\"\n",
	  "recipe.toml:6: initrd.compression: unknown compression 'lz4'" },
	{ HEAD "[agent]\n", "recipe.toml:3: agent: 'path' is missing" },
	{ HEAD "[agent]\npath = \"sbin/init\"\n",
	  "recipe.toml:4: agent.path: must be an absolute path" },
	{ HEAD "[agent]\npath = \"/a/../b\"\n",
	  "recipe.toml:4: agent.path: must not contain '..'" },
	{ HEAD AGENT "[image]\nfilesystem = \"ntfs\"\n", "unknown file system 'ntfs'" },
	{ HEAD AGENT "[image]\nfree_mib = -1\n", "recipe.toml:6: image.free_mib: " },
	{ HEAD AGENT "[[source]]\ntype = \"zip\"\n",
	  "recipe.toml:6: source[0].type: unknown source type 'zip'" },
	{ HEAD AGENT "[[source]]\ntype = \"apk\"\nkeys = [\"k\"]\n",
	  "recipe.toml:5: source[0]: 'repositories' is missing" },
	{ HEAD AGENT "[[source]]\ntype = \"rpm\"\nrepositories = [\"r\"]\npackages = [\"p\"]\n",
	  "recipe.toml:5: source[0]: 'keys' is missing" },
	{ HEAD AGENT "[[source]]\ntype = \"oci\"\n",
	  "recipe.toml:5: source[0]: 'path' is missing" },
	{ HEAD AGENT "[[source]]\ntype = \"deb\"\nsuites = [\"b\"]\n",
	  "recipe.toml:5: source[0]: 'components' is missing" },
	{ HEAD AGENT "[[source]]\ntype = \"deb\"\nsuites = [\"b c\"]\n",
	  "recipe.toml:7: source[0].suites: 'b c' has unusable characters" },
	{ HEAD AGENT "[[source]]\ntype = \"deb\"\nsuites = [\"-oX=1\"]\n",
	  "'-oX=1' is not a usable word here" },
	{ HEAD AGENT "[[source]]\ntype = \"deb\"\nsuites = [\"b\"]\ncomponents = [\"m\"]\n"
		     "packages = [\"p\"]\nmirror = \"http://x\\nTrusted: yes\"\n",
	  "source[0].mirror: has unusable characters" },
	{ HEAD AGENT DEB "[source.arch.amd64]\nsuites = [\"b\"]\n",
	  "source[0].arch.amd64: unknown architecture 'amd64'" },
	{ HEAD AGENT DEB "[source.arch.s390x]\nsuites = [\"b c\"]\n",
	  "source[0].arch.s390x.suites: 'b c' has unusable characters" },
	{ HEAD AGENT DEB "[source.arch.s390x]\npath = \"x\"\n",
	  "source[0].arch.s390x.path: unknown key" },
	{ HEAD AGENT "[[source]]\ntype = \"dir\"\npath = \"x\"\n[source.arch.s390x]\n",
	  "source[0].arch: unknown key" },
	{ HEAD AGENT "init = \"upstart\"\n",
	  "recipe.toml:5: agent.init: unknown init 'upstart' (agent and systemd are known)" },
	{ HEAD AGENT "init = \"systemd\"\n", "recipe.toml:5: agent.init: there is no [systemd]" },
	{ HEAD AGENT "[systemd]\npackages = [\"a b\"]\n",
	  "recipe.toml:6: systemd.packages: 'a b' has unusable characters" },
	{ HEAD AGENT "[systemd]\ntrim = \"no\"\n", "recipe.toml:6: systemd.trim: " },
	{ HEAD AGENT "[systemd]\nenable = \"a\"\n", "recipe.toml:6: systemd.enable: " },
	{ HEAD AGENT "[guest]\nconfidential = 1\n", "recipe.toml:6: guest.confidential: " },
	{ HEAD "keep = [\"bin/sh\"]\n", "recipe.toml:3: keep: 'bin/sh' does not start with '/'" },
	{ HEAD "keep = \"/bin/sh\"\n", "recipe.toml:3: keep: " },
	{ HEAD "keep = [\"/a\"]\ndlopen = [\"b\"]\n",
	  "recipe.toml:4: dlopen: 'b' does not start with '/'" },
	{ HEAD "dlopen = [\"/b\"]\n", "recipe.toml:3: dlopen: is for recipes with 'keep'" },
	{ HEAD AGENT "[[source]]\ntype = \"modules\"\n",
	  "recipe.toml:5: source[0]: 'path' is missing" },
	{ HEAD AGENT "[[source]]\ntype = \"modules\"\npath = \"m\"\ntarget = \"/\"\n",
	  "recipe.toml:8: source[0].target: unknown key" },
	{ HEAD AGENT "[[user]]\nid = 1\n", "recipe.toml:5: user[0]: 'name' is missing" },
	{ HEAD AGENT "[[user]]\nname = \"a\"\nid = 4294967295\n", "recipe.toml:7: user[0].id: " },
	{ HEAD AGENT "[[user]]\nname = \"a\"\nhome = \"x\"\n",
	  "recipe.toml:7: user[0].home: must be an absolute path" },
	{ HEAD AGENT "[[group]]\nname = \"a\"\nhome = \"/x\"\n",
	  "recipe.toml:7: group[0].home: unknown key" },
	{ HEAD AGENT "[[owner]]\npath = \"/x\"\n",
	  "recipe.toml:5: owner[0]: one of 'user', 'group', 'mode' is needed" },
	{ HEAD AGENT "[[owner]]\npath = \"/x\"\nmode = \"8\"\n",
	  "recipe.toml:7: owner[0].mode: '8' is not an octal mode" },
	{ HEAD AGENT "[[link]]\npath = \"/x\"\ntarget = \"y\"\nwhen = \"z\"\n",
	  "recipe.toml:8: link[0].when: must be an absolute path" },
	{ HEAD AGENT "[[text]]\npath = \"/x\"\n",
	  "recipe.toml:5: text[0]: 'text' must be given as a string" },
	{ HEAD AGENT "[[directory]]\npath = \"/x\"\nmode = \"09\"\n",
	  "directory[0].mode: '09' is not an octal mode" },
	{ HEAD AGENT "[[directory]]\npath = 5\n", "recipe.toml:6: directory[0].path: " },
	{ HEAD "x = [\n", "recipe.toml:4:" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_recipes); i++) {
		struct error err = ERROR_INIT;
		struct recipe *rc = NULL;

		assert_true(load(*state, bad_recipes[i].text, &rc, &err) < 0);
		assert_null(rc);
		if (!strstr(err.msg, bad_recipes[i].message))
			fail_msg("case %zu: '%s'", i, err.msg);
	}
}

static void test_names(void **state)
{
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct recipe *rc = NULL;

	assert_int_equal(recipe_load("none", *state, &rc, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "unknown recipe 'none': no directory of that name in "));
	assert_int_equal(load(*state, HEAD AGENT, &rc, &err), 0);
	recipe_free(rc);
	strbuf_addf(&path, "%s/r", (char *)*state);
	assert_int_equal(recipe_load(path.buf, "/nonexistent", &rc, &err), 0);
	recipe_free(rc);
	strbuf_addstr(&path, "/recipe.toml");
	assert_int_equal(recipe_load(path.buf, "/nonexistent", &rc, &err), 0);
	recipe_free(rc);
}

/* The recipes that are shipped must load. */
static void test_shipped(void **state)
{
	static const char *const names[] = { "agent", "busybox", "debian" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct error err = ERROR_INIT;
		struct recipe *rc = NULL;

		if (recipe_load(names[i], "recipes", &rc, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(rc->name, names[i]);
		recipe_free(rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_arch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_choices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_choices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
