/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle of certificate authorities that update-ca-certificates(8) makes: all of the package's, then those of the administrator. */
#include "pass/pass.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "pass/text.h"

#define BUNDLE	  "/etc/ssl/certs/ca-certificates.crt"
#define DEPTH_MAX 16

/* Its own name in /etc/ssl/certs, where programs look for hashed or plain names. */
static int link_cert(struct tree *t, const struct tree_node *n, struct error *err)
{
	char path[TREE_PATH_BUF];
	_cleanup_free_ char *link = str_printf("/etc/ssl/certs/%.*s.pem",
					       (int)(n->name_len - sizeof(".crt") + 1), n->name);

	if (!link)
		return error_oom(err);
	return tree_lookup(t, link) ? 0 : tree_add_symlink(t, link, tree_path(n, path), err);
}

static int add_below(struct tree *t, const struct tree_node *dir, int depth, struct strbuf *bundle,
		     struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && depth < DEPTH_MAX && i < dir->n_children; i++) {
		const struct tree_node *n = dir->children[i];

		if (tree_is_dir(n)) {
			r = add_below(t, n, depth + 1, bundle, err);
			continue;
		}
		if (!S_ISREG(n->inode->mode) || !str_ends(n->name, ".crt"))
			continue;
		r = pass_read_node(n, &text, err);
		if (r < 0)
			return r;
		if (text.len && text.buf[text.len - 1] != '\n' && strbuf_addch(&text, '\n') < 0)
			return error_oom(err);
		if (strbuf_add(bundle, text.buf, text.len) < 0)
			return error_oom(err);
		r = link_cert(t, n, err);
	}
	return r;
}

int pass_ca_certificates(struct tree *t, struct error *err)
{
	static const char *const dirs[] = { "/usr/share/ca-certificates",
					    "/usr/local/share/ca-certificates" };
	_cleanup_strbuf_ struct strbuf bundle = STRBUF_INIT;
	int r = 0;

	if (pass_exists(t, BUNDLE))
		return 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++) {
		const struct tree_node *dir = tree_resolve(t, dirs[i]);

		if (dir && tree_is_dir(dir))
			r = add_below(t, dir, 0, &bundle, err);
	}
	if (r == 0 && bundle.len)
		r = tree_add_file(t, BUNDLE, 0644, bundle.buf, bundle.len, err);
	return r < 0 ? error_wrap(err, r, "certificates") : 0;
}
