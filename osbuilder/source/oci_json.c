/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of an OCI image layout, without its files. */
#include "source/oci.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

/* media-types.md of the OCI image specification, and Docker's image manifest version 2, schema 2 */
static const struct {
	const char *name;
	enum oci_kind kind;
} media_types[] = {
	{ "application/vnd.oci.image.index.v1+json", OCI_INDEX },
	{ "application/vnd.docker.distribution.manifest.list.v2+json", OCI_INDEX },
	{ "application/vnd.oci.image.manifest.v1+json", OCI_MANIFEST },
	{ "application/vnd.docker.distribution.manifest.v2+json", OCI_MANIFEST },
	{ "application/vnd.oci.image.config.v1+json", OCI_CONFIG },
	{ "application/vnd.docker.container.image.v1+json", OCI_CONFIG },
	{ "application/vnd.oci.image.layer.v1.tar", OCI_LAYER },
	{ "application/vnd.oci.image.layer.v1.tar+gzip", OCI_LAYER },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", OCI_LAYER },
	{ "application/vnd.docker.image.rootfs.diff.tar", OCI_LAYER },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", OCI_LAYER },
};

const char *oci_arch(const char *arch)
{
	static const char *const names[][2] = { { "x86_64", "amd64" },
						{ "aarch64", "arm64" },
						{ "ppc64le", "ppc64le" },
						{ "s390x", "s390x" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(names[i][0], arch))
			return names[i][1];
	return NULL;
}

void oci_image_release(struct oci_image *i)
{
	free(i->layers);
	*i = (struct oci_image){ 0 };
}

/* A digest becomes a file name below blobs/, so nothing but the two registered algorithms in their exact form passes. */
static bool valid_digest(const char *s)
{
	const char *hex = str_after(s, "sha256:");
	size_t want = 2 * SHA_SIZE_256;

	if (!hex) {
		hex = str_after(s, "sha512:");
		want = 2 * SHA_SIZE_512;
	}
	return hex && strlen(hex) == want && strspn(hex, "0123456789abcdef") == want;
}

int oci_read_desc(const struct json_value *v, struct oci_desc *ret, struct error *err)
{
	const char *type = "", *digest = "";
	struct oci_desc d = { 0 };
	size_t i = 0;
	int r = json_need_string(v, "mediaType", &type, err);

	if (r == 0)
		r = json_need_string(v, "digest", &digest, err);
	if (r == 0)
		r = json_need_u64(v, "size", &d.size, err);
	if (r < 0)
		return r;
	while (i < ARRAY_SIZE(media_types) && !str_eq(media_types[i].name, type))
		i++;
	if (strstr(type, ".foreign.") || strstr(type, ".nondistributable."))
		return json_fail(json_find(v, "mediaType"), err,
				 "'%.100s': a foreign layer, which the image does not hold", type);
	if (i == ARRAY_SIZE(media_types))
		return json_fail(json_find(v, "mediaType"), err, "unknown media type '%.100s'",
				 type);
	if (!valid_digest(digest))
		return json_fail(json_find(v, "digest"), err,
				 "'%.150s' is not a SHA-256 or SHA-512 digest", digest);
	d.kind = media_types[i].kind;
	memcpy(d.digest, digest, strlen(digest) + 1);
	*ret = d;
	return 0;
}

static int need_schema_2(const struct json_value *root, struct error *err)
{
	int64_t schema = 0;
	int r = json_need_i64(root, "schemaVersion", &schema, err);

	if (r == 0 && schema != 2)
		r = json_fail(json_find(root, "schemaVersion"), err, "%lld is not known (only 2)",
			      (long long)schema);
	return r;
}

static int read_layers(const struct json_value *root, struct oci_image *ret, struct error *err)
{
	const struct json_value *layers = NULL, *v;
	int r = json_need_array(root, "layers", &layers, err);

	if (r < 0)
		return r;
	if (json_count(layers) > OCI_LAYERS_MAX)
		return json_fail(layers, err, "more than %d layers", OCI_LAYERS_MAX);
	ret->layers = new0_array(struct oci_desc, json_count(layers));
	if (!ret->layers)
		return error_oom(err);
	json_for_each(v, layers)
	{
		r = oci_read_desc(v, &ret->layers[ret->n_layers], err);
		if (r < 0)
			return r;
		if (ret->layers[ret->n_layers++].kind != OCI_LAYER)
			return json_fail(v, err, "is not a layer");
	}
	return 0;
}

int oci_read_manifest(const char *text, size_t len, struct oci_image *ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	const struct json_value *root, *config = NULL;
	int r = json_doc_parse(text, len, OCI_JSON_MAX, &doc, err);

	if (r < 0)
		return r;
	root = json_doc_root(doc);
	r = need_schema_2(root, err);
	if (r == 0)
		r = json_need_object(root, "config", &config, err);
	if (r == 0)
		r = oci_read_desc(config, &ret->config, err);
	if (r == 0 && ret->config.kind != OCI_CONFIG)
		r = json_fail(config, err, "is not the configuration of a container image");
	if (r == 0)
		r = read_layers(root, ret, err);
	return r;
}

/* The name that a descriptor of an index goes by; NULL: it has none. */
static int read_name(const struct json_value *v, const char **ret, struct error *err)
{
	const struct json_value *notes = NULL;
	int r = json_get_object(v, "annotations", &notes, err);

	return r <= 0 ? r : json_get_string(notes, "org.opencontainers.image.ref.name", ret, err);
}

/* 1: for this platform or for none in particular; 0: for another, which is added to `others`. */
static int platform_fits(const struct json_value *v, const char *arch, struct strbuf *others,
			 struct error *err)
{
	const char *os = "linux", *got = arch;
	const struct json_value *p = NULL;
	int r = json_get_object(v, "platform", &p, err);

	if (r > 0)
		r = json_need_string(p, "os", &os, err);
	if (r == 0 && p)
		r = json_need_string(p, "architecture", &got, err);
	if (r < 0)
		return r;
	if (str_eq(os, "linux") && str_eq(got, arch))
		return 1;
	if (strbuf_addf(others, "%s%.32s/%.32s", others->len ? ", " : "", os, got) < 0)
		return error_oom(err);
	return 0;
}

/* What was met on the way through an index, for the messages. */
struct seen {
	struct strbuf others, names; /* platforms that did not fit; names of what fitted */
	size_t n;		     /* fitting */
};

static int try_manifest(const struct json_value *v, const struct oci_query *q, struct seen *seen,
			struct oci_desc *ret, struct error *err)
{
	const char *name = NULL, *digest = NULL;
	struct oci_desc d = { 0 };
	int r = read_name(v, &name, err);

	if (r >= 0)
		r = json_need_string(v, "digest", &digest, err);
	if (r < 0)
		return r;
	if (strbuf_addf(&seen->names, "%s%.100s", seen->names.len ? ", " : "",
			name ? name : digest) < 0)
		return error_oom(err);
	if (q->reference && !str_eq(q->reference, name) && !str_eq(q->reference, digest))
		return 0;
	r = platform_fits(v, q->oci_arch, &seen->others, err);
	if (r <= 0)
		return r;
	r = oci_read_desc(v, &d, err);
	if (r < 0)
		return r;
	if (d.kind != OCI_MANIFEST && d.kind != OCI_INDEX)
		return json_fail(v, err, "is neither a manifest nor an index");
	if (seen->n && str_eq(ret->digest, d.digest))
		return 0; /* the same under a second name */
	if (seen->n++ == 0)
		*ret = d;
	return 0;
}

static int conclude(const struct oci_query *q, const struct seen *seen, struct error *err)
{
	if (seen->n == 1)
		return 0;
	if (seen->n > 1)
		return error_set(err, -EINVAL,
				 "holds %zu images, and 'reference' must name one: %.600s", seen->n,
				 seen->names.buf);
	if (seen->others.len)
		return error_set(err, -ENOENT, "has no image for linux/%s, only for %.600s",
				 q->oci_arch, seen->others.buf);
	if (!seen->names.len)
		return error_set(err, -ENOENT, "holds no image");
	return error_set(err, -ENOENT, "holds no image '%.200s', only %.600s", q->reference,
			 seen->names.buf);
}

int oci_read_index(const char *text, size_t len, const struct oci_query *q, struct oci_desc *ret,
		   struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	const struct json_value *manifests = NULL, *v;
	struct seen seen = { STRBUF_INIT, STRBUF_INIT, 0 };
	int r = json_doc_parse(text, len, OCI_JSON_MAX, &doc, err);

	if (r == 0)
		r = need_schema_2(json_doc_root(doc), err);
	if (r == 0)
		r = json_need_array(json_doc_root(doc), "manifests", &manifests, err);
	if (r == 0 && json_count(manifests) > OCI_MANIFESTS_MAX)
		r = json_fail(manifests, err, "more than %d manifests", OCI_MANIFESTS_MAX);
	if (r == 0) {
		json_for_each(v, manifests)
		{
			r = try_manifest(v, q, &seen, ret, err);
			if (r < 0)
				break;
		}
	}
	if (r == 0)
		r = conclude(q, &seen, err);
	strbuf_release(&seen.others);
	strbuf_release(&seen.names);
	return r;
}
