/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/parse.h"
#include "codec/json.h"

#define ZERO_CHUNK 65536
#define HASH_STEP  (8u << 20)

void manifest_release(struct manifest *m)
{
	free(m->arch);
	free(m->recipe);
	free(m->filesystem);
	free(m->agent_path);
	free(m->agent_version);
	free(m->agent_protocol);
	source_packages_release(&m->packages);
	*m = (struct manifest){ 0 };
}

static void put_packages(struct json_out *o, const struct source_packages *p)
{
	json_out_array(o, "packages");
	for (size_t i = 0; i < p->n; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "name", p->v[i].name);
		json_out_string(o, "version", p->v[i].version);
		json_out_string(o, "architecture", p->v[i].arch);
		json_out_string(o, "sha256", p->v[i].sha256);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_verity(struct json_out *o, const struct manifest *m)
{
	const struct verity_seal *s = &m->verity;

	if (!m->measured) {
		json_out_string(o, "verity", NULL);
		return;
	}
	json_out_object(o, "verity");
	json_out_string(o, "root_hash", s->root_hash);
	json_out_string(o, "salt", s->salt);
	json_out_u64(o, "data_blocks", s->data_blocks);
	json_out_u64(o, "data_block_size", s->data_block_size);
	json_out_u64(o, "hash_block_size", s->hash_block_size);
	json_out_end(o);
}

static void put_kernel_options(struct json_out *o, const struct manifest *m)
{
	json_out_array(o, "kernel_options");
	if (m->is_initrd) {
		json_out_string(o, NULL, "CONFIG_BLK_DEV_INITRD");
		json_out_string(o, NULL, "CONFIG_RD_GZIP");
	} else {
		json_out_string(o, NULL, "CONFIG_MSDOS_PARTITION");
		json_out_string(o, NULL,
				str_eq(m->filesystem, "erofs") ? "CONFIG_EROFS_FS"
							       : "CONFIG_EXT4_FS");
	}
	if (m->measured) {
		json_out_string(o, NULL, "CONFIG_DM_INIT");
		json_out_string(o, NULL, "CONFIG_DM_VERITY");
	}
	json_out_end(o);
}

int manifest_to_json(const struct manifest *m, struct strbuf *out, struct error *err)
{
	struct json_out o;

	json_out_init(&o, out, "\t");
	json_out_object(&o, NULL);
	json_out_i64(&o, "format", MANIFEST_FORMAT);
	json_out_string(&o, "kind", m->is_initrd ? "initrd" : "image");
	json_out_u64(&o, "size", m->size);
	json_out_string(&o, "sha512", m->sha512);
	json_out_u64(&o, "sha512_size", m->sha512_size);
	json_out_string(&o, "architecture", m->arch);
	json_out_string(&o, "recipe", m->recipe);
	json_out_i64(&o, "source_date_epoch", m->epoch);
	json_out_string(&o, "filesystem", m->filesystem);
	json_out_bool(&o, "dax", m->dax);
	json_out_array(&o, "partitions");
	for (unsigned i = 0; i < m->n_parts; i++) {
		json_out_object(&o, NULL);
		json_out_u64(&o, "offset", m->parts[i].offset);
		json_out_u64(&o, "size", m->parts[i].size);
		json_out_end(&o);
	}
	json_out_end(&o);
	put_verity(&o, m);
	json_out_string(&o, "uuid", *m->uuid ? m->uuid : NULL);
	json_out_object(&o, "agent");
	json_out_string(&o, "path", m->agent_path);
	json_out_bool(&o, "init", m->agent_is_init);
	json_out_string(&o, "version", m->agent_version);
	json_out_string(&o, "protocol", m->agent_protocol);
	json_out_string(&o, "sha256", m->agent_sha256);
	json_out_end(&o);
	put_kernel_options(&o, m);
	put_packages(&o, &m->packages);
	json_out_end(&o);
	return json_out_finish(&o) < 0 ? error_oom(err) : 0;
}

static int get_copy(const struct json_value *obj, const char *key, bool need, char **ret,
		    struct error *err)
{
	const char *s = NULL;
	int r = need ? json_need_string(obj, key, &s, err) : json_get_string(obj, key, &s, err);

	if (r < 0 || !s)
		return r;
	*ret = strdup(s);
	return *ret ? 0 : error_oom(err);
}

static int get_hex(const struct json_value *obj, const char *key, char *ret, size_t len,
		   struct error *err)
{
	const char *s = NULL;
	int r = json_need_string(obj, key, &s, err);

	if (r < 0)
		return r;
	if (strlen(s) != len || strspn(s, "0123456789abcdef") != len)
		return json_fail(json_find(obj, key), err, "is not a hash of %zu hex digits", len);
	memcpy(ret, s, len + 1);
	return 0;
}

static int get_partitions(const struct json_value *root, struct manifest *m, struct error *err)
{
	const struct json_value *array = NULL, *v;
	int r = json_need_array(root, "partitions", &array, err);

	json_for_each(v, array)
	{
		struct disk_extent *e = &m->parts[m->n_parts];

		if (m->n_parts == DISK_PARTS_MAX)
			return json_fail(array, err, "more than %d partitions", DISK_PARTS_MAX);
		r = json_need_u64(v, "offset", &e->offset, err);
		if (r == 0)
			r = json_need_u64(v, "size", &e->size, err);
		if (r < 0)
			return r;
		m->n_parts++;
	}
	return r;
}

static int get_verity(const struct json_value *root, struct manifest *m, struct error *err)
{
	uint64_t blocks = 0, data_size = 0, hash_size = 0;
	const char *root_hash = NULL, *salt = NULL;
	const struct json_value *v = NULL;
	struct error why = ERROR_INIT;
	int r = json_get_object(root, "verity", &v, err);

	if (r < 0 || !v)
		return r;
	r = json_need_string(v, "root_hash", &root_hash, err);
	if (r == 0)
		r = json_need_string(v, "salt", &salt, err);
	if (r == 0)
		r = json_need_u64(v, "data_blocks", &blocks, err);
	if (r == 0)
		r = json_need_u64(v, "data_block_size", &data_size, err);
	if (r == 0)
		r = json_need_u64(v, "hash_block_size", &hash_size, err);
	if (r < 0)
		return r;
	r = verity_seal_set(&m->verity, root_hash, salt, blocks, data_size, hash_size, &why);
	if (r < 0)
		return json_fail(v, err, "%s", error_text(&why));
	m->measured = true;
	return 0;
}

static int get_packages(const struct json_value *root, struct source_packages *p, struct error *err)
{
	const struct json_value *array = NULL, *v;
	int r = json_get_array(root, "packages", &array, err);

	if (r < 0)
		return r;
	if (json_count(array) > SOURCE_PACKAGES_MAX)
		return json_fail(array, err, "more than %d packages", SOURCE_PACKAGES_MAX);
	json_for_each(v, array)
	{
		struct source_package *d;

		if (array_reserve(&p->v, &p->cap, p->n + 1, sizeof(*p->v)) < 0)
			return error_oom(err);
		d = &p->v[p->n++];
		memset(d, 0, sizeof(*d));
		r = get_copy(v, "name", true, &d->name, err);
		if (r == 0)
			r = get_copy(v, "version", true, &d->version, err);
		if (r == 0)
			r = get_copy(v, "architecture", true, &d->arch, err);
		if (r == 0)
			r = get_hex(v, "sha256", d->sha256, 2 * SHA_SIZE_256, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_agent(const struct json_value *root, struct manifest *m, struct error *err)
{
	const struct json_value *agent = NULL;
	int r = json_need_object(root, "agent", &agent, err);

	if (r == 0)
		r = get_copy(agent, "path", true, &m->agent_path, err);
	if (r == 0)
		r = json_need_bool(agent, "init", &m->agent_is_init, err);
	if (r == 0)
		r = get_copy(agent, "version", false, &m->agent_version, err);
	if (r == 0)
		r = get_copy(agent, "protocol", false, &m->agent_protocol, err);
	if (r == 0)
		r = get_hex(agent, "sha256", m->agent_sha256, 2 * SHA_SIZE_256, err);
	return r;
}

static int read_root(const struct json_value *root, struct manifest *m, struct error *err)
{
	const char *kind = NULL, *uuid = NULL;
	int64_t format = 0;
	int r = json_need_i64(root, "format", &format, err);

	if (r == 0 && format != MANIFEST_FORMAT)
		return json_fail(json_find(root, "format"), err, "is %lld, this program knows %d",
				 (long long)format, MANIFEST_FORMAT);
	if (r == 0)
		r = json_need_string(root, "kind", &kind, err);
	if (r == 0 && !str_eq(kind, "image") && !str_eq(kind, "initrd"))
		return json_fail(json_find(root, "kind"), err, "is neither image nor initrd");
	m->is_initrd = str_eq(kind, "initrd");
	if (r == 0)
		r = json_need_u64(root, "size", &m->size, err);
	if (r == 0)
		r = get_hex(root, "sha512", m->sha512, 2 * SHA_SIZE_512, err);
	m->sha512_size = m->size;
	if (r == 0)
		r = json_get_u64(root, "sha512_size", &m->sha512_size, err);
	if (r >= 0 && m->sha512_size > m->size)
		return json_fail(json_find(root, "sha512_size"), err, "is more than the size");
	r = r < 0 ? r : 0;
	if (r == 0)
		r = get_copy(root, "architecture", true, &m->arch, err);
	if (r == 0)
		r = get_copy(root, "recipe", true, &m->recipe, err);
	if (r == 0)
		r = json_need_i64(root, "source_date_epoch", &m->epoch, err);
	if (r == 0)
		r = get_copy(root, "filesystem", true, &m->filesystem, err);
	if (r == 0)
		r = json_need_bool(root, "dax", &m->dax, err);
	if (r == 0)
		r = get_partitions(root, m, err);
	if (r == 0)
		r = get_verity(root, m, err);
	if (r == 0)
		r = json_get_string(root, "uuid", &uuid, err);
	if (r >= 0 && uuid && strlen(uuid) != sizeof(m->uuid) - 1)
		return json_fail(json_find(root, "uuid"), err, "is not a UUID");
	if (r >= 0 && uuid)
		memcpy(m->uuid, uuid, sizeof(m->uuid));
	if (r >= 0)
		r = read_agent(root, m, err);
	if (r >= 0)
		r = get_packages(root, &m->packages, err);
	return r < 0 ? r : 0;
}

int manifest_parse(const char *text, size_t len, struct manifest *ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	_cleanup_manifest_ struct manifest m = { 0 };
	int r = json_doc_parse(text, len, MANIFEST_MAX_BYTES, &doc, err);

	if (r == 0)
		r = read_root(json_doc_root(doc), &m, err);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct manifest){ 0 };
	return 0;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* From `off` to the end; what the file system knows to be a hole is not read. 1 or 0. */
static int rest_is_zero(int fd, uint64_t off, struct error *err)
{
	_cleanup_free_ uint8_t *buf = malloc(ZERO_CHUNK);
	ssize_t n;

	if (!buf)
		return error_oom(err);
	for (;;) {
		off_t data = lseek(fd, (off_t)off, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			return 1;
		if (data > 0)
			off = (uint64_t)data;
		n = pread(fd, buf, ZERO_CHUNK, (off_t)off);
		if (n < 0)
			return error_sys(err, -errno, "read at byte %llu", (unsigned long long)off);
		if (n == 0 || !all_zero(buf, (size_t)n))
			return n == 0;
		off += (uint64_t)n;
	}
}

/* SHA-512 of the first `size` bytes, told to progress on the way. */
static int hash_begin(int fd, uint64_t size, struct progress *progress, char hex[SHA_HEX_MAX],
		      struct error *err)
{
	_cleanup_sha_ struct sha sha = SHA_INIT;
	uint8_t digest[SHA_SIZE_MAX];
	int r = sha_begin(&sha, SHA_KIND_512);

	if (r < 0)
		return error_set(err, r, "libcrypto has no SHA-512");
	for (uint64_t at = 0; r == 0 && at < size;) {
		const uint64_t n = MIN(size - at, (uint64_t)HASH_STEP);

		r = sha_update_fd(&sha, fd, at, n, err);
		progress_add(progress, PROGRESS_CHECK, 0, n);
		at += n;
	}
	if (r < 0)
		return r;
	r = sha_finish(&sha, digest);
	hex_encode(hex, digest, SHA_SIZE_512);
	return r < 0 ? error_set(err, r, "libcrypto failed to hash") : 0;
}

int manifest_hash_fits(const struct manifest *m, int fd, struct progress *progress,
		       struct error *err)
{
	char hex[SHA_HEX_MAX];
	int r = hash_begin(fd, m->sha512_size, progress, hex, err);

	if (r == -ENODATA)
		return 0;
	if (r < 0)
		return r;
	return str_eq(hex, m->sha512) ? rest_is_zero(fd, m->sha512_size, err) : 0;
}

int manifest_load(const char *image_path, struct manifest *ret, struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s" MANIFEST_SUFFIX, image_path);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r;

	if (!path)
		return error_oom(err);
	r = file_read(AT_FDCWD, path, MANIFEST_MAX_BYTES, &text, err);
	if (r < 0)
		return r;
	r = manifest_parse(text.buf, text.len, ret, err);
	return r < 0 ? error_prefix(err, "%s", path) : 0;
}
