/* SPDX-License-Identifier: Apache-2.0 */
#include "source/oci.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "source/lock.h"
#include "source/unpack.h"

#define OCI_CHUNK 65536 /* bytes hashed at once */

static int hash_blob(const struct blob *b, enum sha_kind kind, char hex[SHA_HEX_MAX],
		     struct error *err)
{
	_cleanup_free_ uint8_t *buf = malloc(OCI_CHUNK);
	_cleanup_blob_reader_ struct blob_reader br = BLOB_READER_INIT;
	_cleanup_sha_ struct sha sha = SHA_INIT;
	uint8_t digest[SHA_SIZE_MAX];
	int r;

	if (!buf || sha_begin(&sha, kind) < 0)
		return error_oom(err);
	r = blob_reader_open(&br, b, err);
	for (uint64_t at = 0; r == 0 && at < b->size;) {
		size_t n = MIN(b->size - at, (uint64_t)OCI_CHUNK);

		r = blob_reader_pread(&br, at, buf, n, err);
		if (r == 0 && sha_update(&sha, buf, n) < 0)
			r = error_set(err, -EIO, "cannot hash");
		at += n;
	}
	if (r == 0 && sha_finish(&sha, digest) < 0)
		r = error_set(err, -EIO, "cannot hash");
	if (r == 0)
		hex_encode(hex, digest, sha_size(kind));
	return r;
}

int oci_find_blob(struct tree *layout, const struct oci_desc *d, const struct blob **ret,
		  struct error *err)
{
	const enum sha_kind kind = d->digest[3] == '5' ? SHA_KIND_512 : SHA_KIND_256;
	const char *want = d->digest + strlen("sha256:");
	_cleanup_free_ char *path = str_printf("blobs/%.6s/%s", d->digest, want);
	char hex[SHA_HEX_MAX];
	struct tree_node *n;
	int r;

	if (!path)
		return error_oom(err);
	n = tree_lookup(layout, path);
	if (!n || !S_ISREG(n->inode->mode))
		return error_set(err, -ENOENT, "the layout has no blob %s", d->digest);
	if (n->inode->content.size != d->size)
		return error_set(err, -EBADMSG, "blob %s has %llu bytes, its descriptor says %llu",
				 d->digest, (unsigned long long)n->inode->content.size,
				 (unsigned long long)d->size);
	r = hash_blob(&n->inode->content, kind, hex, err);
	if (r < 0)
		return error_prefix(err, "blob %s", d->digest);
	if (!str_eq(hex, want))
		return error_set(err, -EBADMSG, "blob %s is damaged: its digest is %.6s:%s",
				 d->digest, d->digest, hex);
	*ret = &n->inode->content;
	return 0;
}

static int read_text(const struct blob *b, struct strbuf *out, struct error *err)
{
	int r;

	if (b->size > OCI_JSON_MAX)
		return error_set(err, -EFBIG, "has more than %u bytes", OCI_JSON_MAX);
	if (strbuf_grow(out, b->size) < 0)
		return error_oom(err);
	r = blob_read(b, 0, out->buf, b->size, err);
	if (r == 0)
		strbuf_setlen(out, b->size);
	return r;
}

static int read_blob_text(struct tree *layout, const struct oci_desc *d, struct strbuf *out,
			  struct error *err)
{
	const struct blob *b = NULL;
	int r = oci_find_blob(layout, d, &b, err);

	if (r < 0 || !b)
		return r;
	r = read_text(b, out, err);
	return r < 0 ? error_prefix(err, "blob %s", d->digest) : 0;
}

static int read_file_text(struct tree *layout, const char *name, struct strbuf *out,
			  struct error *err)
{
	struct tree_node *n = tree_lookup(layout, name);
	int r;

	if (!n || !S_ISREG(n->inode->mode))
		return error_set(err, -ENOENT, "is no OCI image layout: it has no file %s", name);
	r = read_text(&n->inode->content, out, err);
	return r < 0 ? error_prefix(err, "%s", name) : 0;
}

static int check_layout_version(struct tree *layout, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const char *version = NULL;
	int r;

	/* `docker save` before version 25; later ones write an image layout with this file beside it */
	if (!tree_lookup(layout, "oci-layout") && tree_lookup(layout, "manifest.json"))
		return error_set(err, -EINVAL,
				 "is a docker-archive, not an OCI image layout (skopeo copy "
				 "docker-archive:FILE oci:DIR makes one of it)");
	r = read_file_text(layout, "oci-layout", &text, err);
	if (r < 0)
		return r;
	r = json_doc_parse(text.buf, text.len, OCI_JSON_MAX, &doc, err);
	if (r == 0)
		r = json_need_string(json_doc_root(doc), "imageLayoutVersion", &version, err);
	if (r == 0 && !str_after(version, "1."))
		r = error_set(err, -EINVAL, "layout version '%.32s' is not known (only 1.x)",
			      version);
	return r < 0 ? error_prefix(err, "oci-layout") : 0;
}

/* The configuration says what the image is for, also where the index does not. */
static int check_config(struct tree *layout, const struct oci_query *q, const struct oci_image *i,
			struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const char *arch = NULL, *os = NULL;
	int r = read_blob_text(layout, &i->config, &text, err);

	if (r < 0)
		return r;
	r = json_doc_parse(text.buf, text.len, OCI_JSON_MAX, &doc, err);
	if (r == 0)
		r = json_need_string(json_doc_root(doc), "architecture", &arch, err);
	if (r == 0)
		r = json_need_string(json_doc_root(doc), "os", &os, err);
	if (r < 0)
		return error_prefix(err, "configuration %s", i->config.digest);
	if (!str_eq(os, "linux") || !str_eq(arch, q->oci_arch))
		return error_set(err, -ENOEXEC, "the image is for %.32s/%.32s, not for linux/%s",
				 os, arch, q->oci_arch);
	return 0;
}

int oci_find_image(struct tree *layout, const struct oci_query *q, struct oci_image *ret,
		   struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct oci_query inner = *q;
	struct oci_desc d = { 0 };
	int r = check_layout_version(layout, err), depth = 0;

	if (r == 0)
		r = read_file_text(layout, "index.json", &text, err);
	if (r == 0)
		r = oci_read_index(text.buf, text.len, q, &d, err);
	if (r < 0)
		return error_prefix(err, "index.json");
	inner.reference = NULL; /* names are those of the outermost index */
	while (d.kind == OCI_INDEX) {
		struct oci_desc next = { 0 };

		if (++depth > OCI_INDEX_DEPTH)
			return error_set(err, -E2BIG, "more than %d indexes inside each other",
					 OCI_INDEX_DEPTH);
		strbuf_reset(&text);
		r = read_blob_text(layout, &d, &text, err);
		if (r < 0)
			return r;
		r = oci_read_index(text.buf, text.len, &inner, &next, err);
		if (r < 0)
			return error_prefix(err, "index %s", d.digest);
		d = next;
	}
	strbuf_reset(&text);
	ret->manifest = d;
	r = read_blob_text(layout, &d, &text, err);
	if (r < 0)
		return r;
	r = oci_read_manifest(text.buf, text.len, ret, err);
	if (r < 0)
		return error_prefix(err, "manifest %s", d.digest);
	return check_config(layout, q, ret, err);
}

/* The whole layout as a tree, from a directory or a tar. */
static int load_layout(const struct source_spec *s, const struct source_env *env,
		       struct tree *layout, struct error *err)
{
	static const struct la_limits limits = { UINT64_C(64) << 30, OCI_LAYOUT_ENTRIES };
	static const struct source_dir_params dp = { .plain = true, .target = "" };
	static const struct source_unpack u = { .target = "" };
	_cleanup_la_ struct la_archive *a = NULL;
	_cleanup_fd_ int fd = openat(env->dirfd, s->path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, -errno, "cannot open");
	if (S_ISDIR(st.st_mode))
		return source_add_dir(layout, fd, &dp, err);
	r = la_open_fd(fd, LA_TAR, &limits, &a, err);
	return r < 0 ? r : unpack_archive(layout, a, &u, err);
}

/* The layout and the image in it that is meant. */
static int open_image(const struct source_spec *s, const struct source_env *env,
		      struct tree *layout, struct oci_image *ret, struct error *err)
{
	const struct oci_query q = { s->reference, oci_arch(env->arch) };
	int r;

	if (!q.oci_arch)
		return error_set(err, -EINVAL, "architecture '%s' has no container images",
				 env->arch);
	r = load_layout(s, env, layout, err);
	if (r == 0)
		r = oci_find_image(layout, &q, ret, err);
	return r < 0 ? error_prefix(err, "'%s'", s->path) : 0;
}

static int check_lock(const struct source_spec *s, const struct source_env *env,
		      const struct oci_image *image, struct error *err)
{
	if (!env->lock || str_eq(env->lock->digest, image->manifest.digest))
		return 0;
	return error_set(err, -ESTALE, "'%s': the image is not the one of the lock file: +%s -%s",
			 s->path, image->manifest.digest, env->lock->digest);
}

static int oci_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err)
{
	static const struct la_limits limits = LA_LIMITS_DEFAULT;
	_cleanup_(oci_image_release) struct oci_image image = { 0 };
	_cleanup_tree_ struct tree *layout = tree_new();
	const char *name = s->reference ? s->reference : path_base(s->path);
	char hex[2 * SHA_SIZE_256 + 1] = "";
	int r;

	if (!layout)
		return error_oom(err);
	r = open_image(s, env, layout, &image, err);
	if (r == 0)
		r = check_lock(s, env, &image, err);
	if (r < 0)
		return r;
	r = oci_unpack_image(t, layout, &image, s->target, &limits, err);
	if (r < 0)
		return error_prefix(err, "'%s'", s->path);
	/* The manifest's digest is the identity of all of it. */
	if (str_after(image.manifest.digest, "sha256:"))
		memcpy(hex, image.manifest.digest + strlen("sha256:"), sizeof(hex));
	r = source_packages_add(env->packages, name, image.manifest.digest, env->arch, hex);
	return r < 0 ? error_oom(err) : 0;
}

static int oci_lock(const struct source_spec *s, const struct source_env *env,
		    struct lock_source *ret, struct error *err)
{
	_cleanup_(oci_image_release) struct oci_image image = { 0 };
	_cleanup_tree_ struct tree *layout = tree_new();
	int r = layout ? open_image(s, env, layout, &image, err) : error_oom(err);

	if (r < 0)
		return r;
	ret->digest = strdup(image.manifest.digest);
	return ret->digest ? 0 : error_oom(err);
}

const struct source_ops source_oci = { .name = "oci", .load = oci_load, .lock = oci_lock };
