/* SPDX-License-Identifier: Apache-2.0 */
#include "pass/pass.h"

#include "base/strbuf.h"
#include "base/time.h"

/* A YAML double-quoted scalar; JSON's escapes are a subset of YAML's. */
static int add_quoted(struct strbuf *sb, const char *lead, const char *value)
{
	int r = strbuf_addf(sb, "%s\"", lead);

	r |= strbuf_add_json(sb, value ? value : "unknown");
	r |= strbuf_addstr(sb, "\"\n");
	return r;
}

int pass_summary(struct tree *t, const struct pass_summary_params *p, struct error *err)
{
	_cleanup_strbuf_ struct strbuf y = STRBUF_INIT;
	char when[TIME_RFC3339_MAX];
	const struct recipe *rc = p->recipe;
	int r = 0;

	time_rfc3339(when, (uint64_t)p->epoch * NSEC_PER_SEC);
	r |= strbuf_addstr(&y, "---\nosbuilder:\n");
	r |= add_quoted(&y, "  url: ", PASS_PROJECT_URL "/osbuilder");
	r |= add_quoted(&y, "  version: ", p->osbuilder_version);
	r |= add_quoted(&y, "rootfs-creation-time: ", when);
	r |= add_quoted(&y, "description: ", rc->description);
	r |= add_quoted(&y, "file-format-version: ", "0.0.2");
	r |= add_quoted(&y, "architecture: ", p->arch);
	r |= strbuf_addstr(&y, "base-distro:\n");
	r |= add_quoted(&y, "  name: ", rc->distro_name);
	r |= add_quoted(&y, "  version: ", rc->distro_version);
	r |= strbuf_addstr(&y, "  packages:\n    default:\n");
	for (size_t i = 0; i < rc->n_sources; i++)
		for (size_t k = 0; k < rc->sources[i].packages.n; k++)
			if (!strv_has(&rc->extra_packages, rc->sources[i].packages.v[k]))
				r |= add_quoted(&y, "      - ", rc->sources[i].packages.v[k]);
	r |= strbuf_addstr(&y, "    extra:\n");
	for (size_t i = 0; i < rc->extra_packages.n; i++)
		r |= add_quoted(&y, "      - ", rc->extra_packages.v[i]);
	r |= strbuf_addstr(&y, "agent:\n");
	r |= add_quoted(&y, "  url: ", PASS_PROJECT_URL);
	r |= add_quoted(&y, "  name: ", "kata-agent");
	r |= add_quoted(&y, "  version: ", p->agent_version);
	r |= add_quoted(&y, "  agent-is-init-daemon: ", p->agent_is_init ? "yes" : "no");
	if (r)
		return error_oom(err);
	return tree_add_file(t, "/var/lib/osbuilder/osbuilder.yaml", 0644, y.buf, y.len, err);
}
