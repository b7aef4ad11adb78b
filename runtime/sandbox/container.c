/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "sandbox/sandbox.h"

static int load_spec(struct container *c, struct error *err)
{
	_cleanup_fd_ int dir = open(c->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir < 0)
		return error_sys(err, -errno, "bundle %s", c->bundle);
	r = oci_spec_load(dir, c->bundle, &c->spec, err);
	if (r < 0)
		return r;
	r = oci_spec_validate(c->spec, err);
	return r < 0 ? error_prefix(err, "%s/config.json", c->bundle) : 0;
}

int container_new(struct sandbox *sb, const struct container_params *p, struct container **ret,
		  struct error *err)
{
	struct container *c;
	struct process *init;
	int r;

	if (!path_valid_id(p->id))
		return error_set(err, -EINVAL, "invalid container id \"%.64s\"", p->id);
	if (p->bundle[0] != '/')
		return error_set(err, -EINVAL, "bundle \"%s\" is no absolute path", p->bundle);
	c = new0(struct container);
	if (!c)
		return error_oom(err);
	c->sandbox = sb;
	list_init(&c->processes);
	list_add_tail(&sb->containers, &c->link);
	c->id = strdup(p->id);
	c->bundle = strdup(p->bundle);
	r = c->id && c->bundle ? load_spec(c, err) : error_oom(err);
	if (r == 0)
		r = process_new(c, "", p, &init, err);
	if (r == 0 && p->terminal != c->spec->process->terminal)
		r = error_set(err, -EINVAL,
			      "the request's terminal flag contradicts config.json's");
	if (r < 0) {
		container_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct container *container_free(struct container *c)
{
	struct list *pos, *tmp;

	if (!c)
		return NULL;
	list_for_each_safe(pos, tmp, &c->processes) {
		process_free(list_entry(pos, struct process, link));
	}
	share_remove(&c->sandbox->share, c->id);
	packed_free(c->packed);
	list_del(&c->link);
	oci_spec_free(c->spec);
	free(c->id);
	free(c->bundle);
	free(c);
	return NULL;
}

struct process *container_init_process(struct container *c)
{
	return list_empty(&c->processes) ? NULL
					 : list_entry(c->processes.next, struct process, link);
}
