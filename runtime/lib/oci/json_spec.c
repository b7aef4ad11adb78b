/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"

#include <fcntl.h>
#include <stdlib.h>
#include "base/alloc.h"
#include "base/file.h"
#include "oci/json_read.h"

#define CONFIG_NAME "config.json"

static int read_root(struct oci_reader *rd, const struct json_value *top, struct oci_spec *spec)
{
	const struct json_value *root = NULL;
	int r = json_get_object(top, "root", &root, rd->err);

	if (r <= 0)
		return r;
	r = oci_read_string(rd, root, "path", &spec->root_path);
	if (r < 0)
		return r;
	return json_get_bool(root, "readonly", &spec->root_readonly, rd->err);
}

static int read_spec(struct oci_reader *rd, const struct json_value *top, struct oci_spec *spec)
{
	const struct json_value *v = NULL;
	int r;

	if ((r = oci_read_string(rd, top, "ociVersion", &spec->oci_version)) < 0 ||
	    (r = read_root(rd, top, spec)) < 0 ||
	    (r = oci_read_string(rd, top, "hostname", &spec->hostname)) < 0 ||
	    (r = oci_read_string(rd, top, "domainname", &spec->domainname)) < 0 ||
	    (r = oci_read_mounts(rd, top, spec)) < 0 ||
	    (r = oci_read_hooks(rd, top, &spec->hooks)) < 0 ||
	    (r = oci_read_map(rd, top, "annotations", &spec->annotations, &spec->n_annotations)) <
		    0)
		return r;
	r = json_get_object(top, "process", &v, rd->err);
	if (r > 0) {
		spec->process = arena_new(rd->arena, struct oci_process);
		if (!spec->process)
			return error_oom(rd->err);
		r = oci_read_process(rd, v, spec->process);
	}
	if (r < 0)
		return r;
	r = json_get_object(top, "linux", &v, rd->err);
	if (r > 0)
		r = oci_read_linux(rd, v, &spec->linux_);
	return r < 0 ? r : 0;
}

int oci_spec_parse(const char *json, size_t len, struct oci_spec **ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	struct oci_reader rd = { .err = err };
	int r;

	r = json_doc_parse(json, len, OCI_SPEC_MAX_BYTES, &doc, err);
	if (r < 0)
		return r;
	spec = new0(struct oci_spec);
	if (!spec)
		return error_oom(err);
	rd.arena = &spec->arena;
	r = read_spec(&rd, json_doc_root(doc), spec);
	if (r < 0)
		return r;
	*ret = steal_ptr(spec);
	return 0;
}

int oci_spec_load(int bundle_fd, const char *bundle_path, struct oci_spec **ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r;

	r = file_read(bundle_fd, CONFIG_NAME, OCI_SPEC_MAX_BYTES, &sb, NULL);
	if (r == -EFBIG)
		return error_set(err, r, "%s/" CONFIG_NAME ": larger than %u bytes", bundle_path,
				 OCI_SPEC_MAX_BYTES);
	if (r < 0)
		return error_sys(err, r, "%s/" CONFIG_NAME, bundle_path);
	r = oci_spec_parse(sb.buf, sb.len, ret, err);
	return r < 0 ? error_wrap(err, r, "%s/" CONFIG_NAME, bundle_path) : 0;
}

int oci_process_parse(const char *json, size_t len, struct oci_process_doc **ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	struct oci_process_doc *pd;
	struct oci_reader rd = { .err = err };
	const struct json_value *top = NULL;
	int r;

	r = json_doc_parse(json, len, OCI_SPEC_MAX_BYTES, &doc, err);
	if (r < 0)
		return r;
	r = json_as_object(json_doc_root(doc), &top, err);
	if (r < 0)
		return r;
	pd = new0(struct oci_process_doc);
	if (!pd)
		return error_oom(err);
	rd.arena = &pd->arena;
	r = oci_read_process(&rd, top, &pd->process);
	if (r < 0) {
		oci_process_free(pd);
		return r;
	}
	*ret = pd;
	return 0;
}

int oci_resources_parse(const char *json, size_t len, struct oci_resources_doc **ret,
			struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	struct oci_resources_doc *rdoc;
	struct oci_reader rd = { .err = err };
	const struct json_value *top = NULL;
	int r;

	r = json_doc_parse(json, len, OCI_SPEC_MAX_BYTES, &doc, err);
	if (r == 0)
		r = json_as_object(json_doc_root(doc), &top, err);
	if (r < 0)
		return r;
	rdoc = new0(struct oci_resources_doc);
	if (!rdoc)
		return error_oom(err);
	rd.arena = &rdoc->arena;
	r = oci_read_resources(&rd, top, &rdoc->resources);
	if (r < 0) {
		oci_resources_free(rdoc);
		return r;
	}
	*ret = rdoc;
	return 0;
}
