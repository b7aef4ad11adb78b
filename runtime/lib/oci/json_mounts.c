/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/json_read.h"

static int read_mount(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_mount *m = element;
	const char *destination = NULL;
	int r;

	if ((r = json_need_string(v, "destination", &destination, rd->err)) < 0 ||
	    (r = oci_read_string(rd, v, "destination", &m->destination)) < 0 ||
	    (r = oci_read_string(rd, v, "source", &m->source)) < 0 ||
	    (r = oci_read_string(rd, v, "type", &m->type)) < 0 ||
	    (r = oci_read_strings(rd, v, "options", &m->options)) < 0 ||
	    (r = oci_read_id_maps(rd, v, "uidMappings", &m->uid_mappings, &m->n_uid_mappings)) < 0)
		return r;
	return oci_read_id_maps(rd, v, "gidMappings", &m->gid_mappings, &m->n_gid_mappings);
}

int oci_read_mounts(struct oci_reader *rd, const struct json_value *root, struct oci_spec *spec)
{
	return oci_read_objects(rd, root, "mounts", sizeof(*spec->mounts), read_mount,
				&spec->mounts, &spec->n_mounts);
}

static int read_hook(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_hook *h = element;
	const char *path = NULL;
	int r;

	if ((r = json_need_string(v, "path", &path, rd->err)) < 0 ||
	    (r = oci_read_string(rd, v, "path", &h->path)) < 0 ||
	    (r = oci_read_strings(rd, v, "args", &h->args)) < 0 ||
	    (r = oci_read_strings(rd, v, "env", &h->env)) < 0)
		return r;
	return oci_read_opt_i64(rd, v, "timeout", &h->has_timeout, &h->timeout);
}

int oci_read_hooks(struct oci_reader *rd, const struct json_value *root, struct oci_hooks *hooks)
{
	const struct {
		const char *key;
		struct oci_hook_list *list;
	} kinds[] = {
		{ "prestart", &hooks->prestart },
		{ "createRuntime", &hooks->create_runtime },
		{ "createContainer", &hooks->create_container },
		{ "startContainer", &hooks->start_container },
		{ "poststart", &hooks->poststart },
		{ "poststop", &hooks->poststop },
	};
	const struct json_value *v = NULL;
	int r = json_get_object(root, "hooks", &v, rd->err);

	for (size_t i = 0; r > 0 && i < ARRAY_SIZE(kinds); i++) {
		r = oci_read_objects(rd, v, kinds[i].key, sizeof(struct oci_hook), read_hook,
				     &kinds[i].list->v, &kinds[i].list->n);
		if (r == 0)
			r = 1;
	}
	return r;
}
