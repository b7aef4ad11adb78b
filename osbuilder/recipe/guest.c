/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a root file system a guest: [agent], [systemd], [guest]. */
#include "recipe/parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/strbuf.h"

#define POLICY_DIR  "/etc/kata-opa"
#define POLICY_NAME "default-policy" /* and .toml for our agent, .rego for upstream's */

static int read_init(struct toml_value *agent, struct recipe *rc, struct error *err)
{
	const char *init = NULL;
	int r = toml_get_string(agent, "init", &init, err);

	if (r <= 0)
		return r;
	if (!str_eq(init, "agent") && !str_eq(init, "systemd"))
		return toml_fail(toml_find(agent, "init"), err,
				 "unknown init '%s' (agent and systemd are known)", init);
	rc->init = str_eq(init, "systemd") ? RECIPE_INIT_SYSTEMD : RECIPE_INIT_AGENT;
	return 0;
}

static int read_systemd(struct toml_value *root, struct recipe *rc, struct error *err)
{
	struct toml_value *t = NULL;
	int r = toml_get_table(root, "systemd", &t, err);

	rc->systemd.trim = true;
	if (r <= 0)
		return r;
	rc->systemd.present = true;
	r = recipe_get_words(t, "packages", &rc->systemd.packages, err);
	for (size_t i = 0; r >= 0 && i < rc->systemd.packages.n; i++)
		if (!recipe_word_ok(rc->systemd.packages.v[i]))
			r = toml_fail(toml_find(t, "packages"), err, "'%s' has unusable characters",
				      rc->systemd.packages.v[i]);
	if (r >= 0)
		r = recipe_get_words(t, "enable", &rc->systemd.enable, err);
	if (r >= 0)
		r = recipe_get_words(t, "disable", &rc->systemd.disable, err);
	if (r >= 0)
		r = toml_get_bool(t, "trim", &rc->systemd.trim, err);
	return r;
}

int recipe_read_guest(struct toml_value *root, struct recipe *rc, struct error *err)
{
	struct toml_value *agent = NULL;
	int r = toml_get_table(root, "agent", &agent, err);

	if (r == 1)
		r = recipe_get_path(agent, "path", &rc->agent_path, true, err);
	if (r >= 0)
		r = recipe_get_path(agent, "link", &rc->agent_link, false, err);
	if (r >= 0)
		r = read_init(agent, rc, err);
	if (r >= 0)
		r = read_systemd(root, rc, err);
	if (r >= 0 && rc->init == RECIPE_INIT_SYSTEMD && !rc->systemd.present)
		r = toml_fail(toml_find(agent, "init"), err, "there is no [systemd]");
	if (r >= 0)
		r = toml_get_bool(root, "guest.confidential", &rc->confidential, err);
	return r < 0 ? r : 0;
}

void recipe_guest_release(struct recipe *rc)
{
	free(rc->agent_path);
	free(rc->agent_link);
	strv_release(&rc->systemd.packages);
	strv_release(&rc->systemd.enable);
	strv_release(&rc->systemd.disable);
	strv_release(&rc->extra_packages);
}

/* Appends to the packages of the first source that has some. `whose` stands for them in messages. */
static int add_packages(struct recipe *rc, const struct strv *names, const char *whose,
			struct error *err)
{
	struct source_spec *s = NULL;

	for (size_t i = 0; !s && i < rc->n_sources; i++)
		if (rc->sources[i].packages.n)
			s = &rc->sources[i];
	if (names->n && !s)
		return error_set(err, -EINVAL, "recipe '%s' has no packages: %s cannot be added",
				 rc->name, whose);
	for (size_t i = 0; i < names->n; i++)
		if (!strv_has(&s->packages, names->v[i]) && strv_add(&s->packages, names->v[i]) < 0)
			return error_oom(err);
	return 0;
}

static int choose_init(struct recipe *rc, enum recipe_init_choice choice, struct error *err)
{
	bool systemd = choice == RECIPE_INIT_CHOICE_SYSTEMD ||
		       (choice == RECIPE_INIT_CHOICE_NONE && rc->init == RECIPE_INIT_SYSTEMD);

	if (systemd && !rc->systemd.present)
		return error_set(
			err, -EINVAL,
			"recipe '%s' has no [systemd]: only the agent can be its init (--agent-init yes, AGENT_INIT=yes)",
			rc->name);
	rc->init = systemd ? RECIPE_INIT_SYSTEMD : RECIPE_INIT_AGENT;
	return !systemd ? 0 : add_packages(rc, &rc->systemd.packages, "those of [systemd]", err);
}

static int add_extra_packages(struct recipe *rc, const struct strv *names, struct error *err)
{
	for (size_t i = 0; i < names->n; i++) {
		if (!recipe_word_ok(names->v[i]))
			return error_set(err, -EINVAL, "extra package '%s' is not a package name",
					 names->v[i]);
		if (!strv_has(&rc->extra_packages, names->v[i]) &&
		    strv_add(&rc->extra_packages, names->v[i]) < 0)
			return error_oom(err);
	}
	return add_packages(rc, &rc->extra_packages, "extra packages", err);
}

/* Appends a source for a file of this machine, whose path is relative to where the program was started. */
static int add_source(struct recipe *rc, const char *type, const char *path, const char *target,
		      struct error *err)
{
	struct source_spec *all = realloc(rc->sources, (rc->n_sources + 1) * sizeof(*all)), *s;

	if (!all)
		return error_oom(err);
	rc->sources = all;
	s = &all[rc->n_sources++];
	*s = (struct source_spec){ .mode = 0644 };
	s->type = strdup(type);
	s->path = path_absolute(path);
	s->target = strdup(target);
	return s->type && s->path && s->target ? 0 : error_oom(err);
}

static int add_hooks(struct recipe *rc, const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_sys(err, -errno, "guest hooks '%s'", path);
	return add_source(rc, S_ISDIR(st.st_mode) ? "dir" : "tar", path, "/", err);
}

/* As upstream's builder: the file under its own name, and the link that the agent reads. Our agent takes rules in TOML, upstream's Rego. */
static int add_policy(struct recipe *rc, const char *path, struct error *err)
{
	const char *name = path_base(path);
	_cleanup_free_ char *target = str_printf(POLICY_DIR "/%s", name);
	_cleanup_free_ char *link = str_printf(POLICY_DIR "/" POLICY_NAME "%s",
					       str_ends(name, ".rego") ? ".rego" : ".toml");
	struct recipe_items *links = &rc->links;
	struct recipe_item *it;
	int r;

	if (!target || !link)
		return error_oom(err);
	r = add_source(rc, "file", path, target, err);
	if (r < 0 || str_eq(target, link))
		return r;
	if (array_reserve(&links->v, &links->cap, links->n + 1, sizeof(*links->v)) < 0)
		return error_oom(err);
	it = &links->v[links->n++];
	*it = (struct recipe_item){ .path = steal_ptr(link), .value = strdup(name) };
	return it->value ? 0 : error_oom(err);
}

/* Upstream's OS_VERSION is a number for some distributions and a code name for others. */
static int check_version(const struct recipe *rc, const char *version, struct error *err)
{
	if (!version || str_eq(rc->distro_version, version))
		return 0;
	for (size_t i = 0; i < rc->n_sources; i++)
		if (strv_has(&rc->sources[i].suites, version))
			return 0;
	return error_set(err, -EINVAL, "recipe '%s' is of version %s, not %s", rc->name,
			 rc->distro_version ? rc->distro_version : "unknown", version);
}

int recipe_apply(struct recipe *rc, const struct recipe_choices *c, struct error *err)
{
	int r = choose_init(rc, c->init, err);

	if (r == 0)
		r = add_extra_packages(rc, &c->extra_packages, err);
	if (r == 0)
		r = check_version(rc, c->os_version, err);
	if (r == 0 && c->modules)
		r = add_source(rc, "modules", c->modules, "/", err);
	if (r == 0 && c->hooks)
		r = add_hooks(rc, c->hooks, err);
	if (r == 0 && c->policy)
		r = add_policy(rc, c->policy, err);
	rc->confidential |= c->confidential;
	return r;
}

void recipe_choices_release(struct recipe_choices *c)
{
	strv_release(&c->extra_packages);
}
