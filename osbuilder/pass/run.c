/* SPDX-License-Identifier: Apache-2.0 */
/* Which passes a recipe gets, and in which order. */
#include "pass/pass.h"

/* What the scripts of the packages would have done. While everything that was unpacked is still there. */
static int run_scripts(struct tree *t, const struct pass_run_params *p, struct error *err)
{
	const struct recipe *rc = p->recipe;
	int r = pass_users(t, rc, p->epoch, err);

	if (r == 0)
		r = pass_defaults(t, err);
	if (r == 0)
		r = pass_alternatives(t, err);
	if (r == 0)
		r = pass_ca_certificates(t, err);
	if (r == 0)
		r = pass_pam(t, err);
	if (r == 0)
		r = pass_tmpfiles(t, err);
	if (r == 0)
		r = pass_depmod(t, err);
	if (r == 0 && rc->init == RECIPE_INIT_SYSTEMD)
		r = pass_presets(t, &rc->systemd, err);
	return r;
}

static int run_systemd(struct tree *t, const struct recipe *rc, struct error *err)
{
	const struct pass_systemd_params p = { rc->agent_path, rc->confidential };
	int r = pass_systemd(t, &p, err);

	if (r == 0 && rc->systemd.trim)
		pass_trim_systemd(t);
	return r;
}

/* Is what /sbin/init leads to the file that the recipe made the agent? */
static bool agent_is_init(struct tree *t, const struct recipe *rc)
{
	const struct tree_node *init = tree_resolve(t, "/sbin/init");

	return init && init == tree_resolve(t, rc->agent_path);
}

/* What only a guest needs: the agent, and what it finds around it. */
static int run_guest(struct tree *t, const struct pass_run_params *p, bool *ret_agent_is_init,
		     struct error *err)
{
	const struct recipe *rc = p->recipe;
	const bool systemd = rc->init == RECIPE_INIT_SYSTEMD;
	const struct pass_agent_params agent = { p->agent, p->arch, rc->agent_path,
						 systemd ? NULL : rc->agent_link };
	struct pass_summary_params summary = { .epoch = p->epoch,
					       .arch = p->arch,
					       .osbuilder_version = KATA_VERSION,
					       .agent_version = p->agent_version,
					       .recipe = rc };
	int r = pass_agent(t, &agent, err);

	if (r == 0 && systemd)
		r = run_systemd(t, rc, err);
	if (r == 0)
		r = pass_chrony(t, err);
	if (r == 0 && rc->confidential)
		r = pass_confidential(t, err);
	*ret_agent_is_init = r == 0 && agent_is_init(t, rc);
	summary.agent_is_init = *ret_agent_is_init;
	if (r == 0)
		r = pass_summary(t, &summary, err);
	return r < 0 ? r : pass_check_init(t, err);
}

int pass_run(struct tree *t, const struct pass_run_params *p, bool *ret_agent_is_init,
	     struct error *err)
{
	const struct recipe *rc = p->recipe;
	int r = run_scripts(t, p, err);

	if (r == 0)
		r = pass_prune(t, &rc->prune, err);
	if (r == 0)
		r = pass_keep(t, p->arch, &rc->keep, &rc->dlopen, err);
	if (r == 0 && rc->agent_path)
		r = pass_layout(t, err);
	if (r == 0)
		r = pass_items(t, rc, err);
	if (r == 0)
		r = pass_owners(t, rc, err);
	if (r == 0 && rc->agent_path)
		r = run_guest(t, p, ret_agent_is_init, err);
	if (r == 0)
		r = pass_check_arch(t, p->arch, err);
	if (r == 0)
		pass_normalize(t, p->epoch);
	return r;
}
