/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What update-alternatives(1) chooses when nobody says otherwise: the first of the candidates, by falling priority as their packages give
 * it, that the image has. LINK leads to /etc/alternatives/NAME, and that to the candidate.
 */
#include "pass/pass.h"

#include "base/alloc.h"
#include "base/strbuf.h"

#define CANDIDATES_MAX 5

static const struct {
	const char *link, *name;
	const char *candidates[CANDIDATES_MAX + 1];
} table[] = {
	{ "/usr/bin/awk", "awk", { "/usr/bin/gawk", "/usr/bin/mawk", "/usr/bin/original-awk" } },
	{ "/usr/bin/nawk", "nawk", { "/usr/bin/gawk", "/usr/bin/mawk", "/usr/bin/original-awk" } },
	{ "/usr/bin/which", "which", { "/usr/bin/which.gnu", "/usr/bin/which.debianutils" } },
	{ "/usr/bin/pager", "pager", { "/usr/bin/less", "/bin/more" } },
	{ "/usr/bin/editor", "editor", { "/bin/nano", "/usr/bin/vim.basic", "/usr/bin/vim.tiny" } },
	{ "/usr/bin/vi", "vi", { "/usr/bin/vim.basic", "/usr/bin/vim.tiny" } },
	{ "/usr/bin/nc", "nc", { "/bin/nc.openbsd", "/bin/nc.traditional" } },
	{ "/usr/sbin/rmt", "rmt", { "/usr/sbin/rmt-tar" } },
};

/* Packet filters: NAME, NAME-restore, NAME-save lead to NAME-nft... or NAME-legacy... together. */
static const char *const filters[] = { "iptables", "ip6tables", "arptables", "ebtables" };
static const char *const kinds[] = { "nft", "legacy" }; /* priorities 20 and 10 */
static const char *const parts[] = { "", "-restore", "-save" };

static bool is_there(struct tree *t, const char *path)
{
	const struct tree_node *n = tree_resolve(t, path);

	return n && S_ISREG(n->inode->mode);
}

static int choose(struct tree *t, const char *link, const char *name, const char *candidate,
		  struct error *err)
{
	_cleanup_free_ char *etc = str_printf("/etc/alternatives/%s", name);
	int r = etc ? 0 : error_oom(err);

	if (r == 0 && !tree_lookup(t, etc))
		r = tree_add_symlink(t, etc, candidate, err);
	/* what a package or the recipe has put there is not an alternative */
	if (r == 0 && !tree_resolve(t, link))
		r = tree_add_symlink(t, link, etc, err);
	return r;
}

static int choose_filter(struct tree *t, const char *filter, const char *kind, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
		_cleanup_free_ char *name = str_printf("%s%s", filter, parts[i]);
		_cleanup_free_ char *link = str_printf("/usr/sbin/%s%s", filter, parts[i]);
		_cleanup_free_ char *to = str_printf("/usr/sbin/%s-%s%s", filter, kind, parts[i]);

		if (!name || !link || !to)
			return error_oom(err);
		if (is_there(t, to))
			r = choose(t, link, name, to, err);
	}
	return r;
}

int pass_alternatives(struct tree *t, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(table); i++)
		for (size_t k = 0; r == 0 && table[i].candidates[k]; k++)
			if (is_there(t, table[i].candidates[k])) {
				r = choose(t, table[i].link, table[i].name, table[i].candidates[k],
					   err);
				break;
			}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(filters); i++)
		for (size_t k = 0; r == 0 && k < ARRAY_SIZE(kinds); k++) {
			_cleanup_free_ char *main =
				str_printf("/usr/sbin/%s-%s", filters[i], kinds[k]);

			if (!main)
				return error_oom(err);
			if (!is_there(t, main))
				continue;
			r = choose_filter(t, filters[i], kinds[k], err);
			break;
		}
	return r < 0 ? error_wrap(err, r, "alternatives") : 0;
}
