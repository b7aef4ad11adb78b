/* SPDX-License-Identifier: Apache-2.0 */
/* The files of apk-tools: a packed index and a package, from signature to content. */
#include "source/apk.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "codec/rsa.h"
#include "compat/zmember.h"

#define SIGNATURE_MAX	 4096	    /* bytes of one signature */
#define SIGNATURE_ALL	 (1u << 20) /* bytes of the tar of signatures, unpacked */
#define SIGNATURE_PREFIX ".SIGN."

/* All of the current entry; -EFBIG over max. */
static int read_entry(struct la_archive *a, size_t max, struct strbuf *out, struct error *err)
{
	char buf[4096];
	ssize_t n;

	while ((n = la_read(a, buf, sizeof(buf), err)) > 0) {
		if (out->len + (size_t)n > max)
			return error_set(err, -EFBIG, "has more than %zu bytes", max);
		if (strbuf_add(out, buf, (size_t)n) < 0)
			return error_oom(err);
	}
	return n < 0 ? (int)n : 0;
}

/* The key of an entry ".SIGN.RSA.NAME" or ".SIGN.RSA256.NAME", or NULL. */
static const struct apk_key *find_key(const struct apk_keys *keys, const char *path,
				      enum sha_kind *ret_kind)
{
	const char *name = str_after(path, SIGNATURE_PREFIX "RSA256.");

	*ret_kind = SHA_KIND_256;
	if (!name) {
		name = str_after(path, SIGNATURE_PREFIX "RSA.");
		*ret_kind = SHA_KIND_1;
	}
	for (size_t i = 0; name && i < keys->n; i++)
		if (str_eq(keys->v[i].name, name))
			return &keys->v[i];
	return NULL;
}

/* One signature by a known key must be there and right. */
static int check_signatures(struct la_archive *a, const struct apk_keys *keys, const void *data,
			    size_t len, struct error *err)
{
	_cleanup_strbuf_ struct strbuf others = STRBUF_INIT, sig = STRBUF_INIT;
	struct la_entry e;
	int r;

	while ((r = la_next(a, &e, err)) > 0) {
		const char *name = str_after(e.path, SIGNATURE_PREFIX);
		enum sha_kind kind;
		const struct apk_key *key = find_key(keys, e.path, &kind);

		if (!key) {
			if (name &&
			    strbuf_addf(&others, "%s%.100s", others.len ? ", " : "", name) < 0)
				return error_oom(err);
			continue;
		}
		r = read_entry(a, SIGNATURE_MAX, &sig, err);
		if (r == 0)
			r = rsa_verify(key->pem, key->len, kind, data, len, sig.buf, sig.len, err);
		return r < 0 ? error_prefix(err, "key %s", key->name) : 0;
	}
	if (r < 0)
		return r;
	if (!others.len)
		return error_set(err, -ENOKEY, "is not signed");
	return error_set(err, -ENOKEY, "is signed by %.300s, which is no key of the recipe",
			 others.buf);
}

int apk_check_signature(const void *data, size_t len, const struct apk_keys *keys,
			size_t *ret_start, size_t *ret_end, struct error *err)
{
	static const struct la_limits limits = { SIGNATURE_ALL, 64 };
	_cleanup_la_ struct la_archive *a = NULL;
	size_t first = 0, second = 0;
	int r = z_member_length(data, len, SIGNATURE_ALL, &first, err);

	if (r == 0)
		r = z_member_length((const uint8_t *)data + first, len - first, APK_INDEX_MAX,
				    &second, err);
	if (r == 0)
		r = la_open_memory(data, first, LA_TAR, &limits, &a, err);
	if (r == 0)
		r = check_signatures(a, keys, (const uint8_t *)data + first, second, err);
	*ret_start = first;
	*ret_end = first + second;
	return r;
}

/* The content of one file of a tar in memory. */
static int read_member(const void *data, size_t len, const char *name, size_t max,
		       struct strbuf *out, struct error *err)
{
	const struct la_limits limits = { (uint64_t)max + (4u << 20), 1000 };
	_cleanup_la_ struct la_archive *a = NULL;
	struct la_entry e;
	int r = la_open_memory(data, len, LA_TAR, &limits, &a, err);

	if (r < 0)
		return r;
	while ((r = la_next(a, &e, err)) > 0)
		if (str_eq(e.path, name) && S_ISREG(e.mode))
			break;
	if (r <= 0)
		return r < 0 ? r : error_set(err, -EBADMSG, "has no %s", name);
	r = read_entry(a, max, out, err);
	return r < 0 ? error_prefix(err, "%s", name) : 0;
}

int apk_index_open(struct apk_index *x, const void *data, size_t len, const struct apk_keys *keys,
		   const char *arch, uint32_t repo, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	size_t start = 0, end = 0;
	int r = apk_check_signature(data, len, keys, &start, &end, err);

	/* What follows the signed member is signed by nobody. */
	if (r == 0 && end != len)
		r = error_set(err, -EBADMSG, "has %zu bytes behind the signed part", len - end);
	if (r == 0)
		r = read_member((const uint8_t *)data + start, end - start, "APKINDEX",
				APK_INDEX_MAX, &text, err);
	return r < 0 ? r : apk_index_add(x, text.buf, text.len, arch, repo, err);
}

/* The value of "key = value" in a .PKGINFO; false when it is absent or given twice. */
static bool pkginfo_value(const char *text, const char *key, char *out, size_t size)
{
	bool found = false;

	for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		const char *v = str_after(p, key);
		size_t n;

		if (!v || !(v = str_after(v, " = ")))
			continue;
		n = strcspn(v, "\r\n");
		if (found || !n || n >= size)
			return false;
		memcpy(out, v, n);
		out[n] = '\0';
		found = true;
	}
	return found;
}

/* The control data is the one of the index and speaks of this package. */
static int check_control(const void *data, size_t len, const struct apk_package *p,
			 char datahash[2 * SHA_SIZE_256 + 1], struct error *err)
{
	const char *const want[][2] = { { "pkgname", p->name },
					{ "pkgver", p->version },
					{ "arch", p->arch } };
	_cleanup_strbuf_ struct strbuf info = STRBUF_INIT;
	uint8_t sha1[SHA_SIZE_MAX];
	char value[APK_WORD_MAX];
	int r = sha_of(SHA_KIND_1, data, len, sha1);

	if (r < 0)
		return error_set(err, r, "cannot hash");
	if (memcmp(sha1, p->sha1, SHA_SIZE_1) != 0) {
		char hex[2 * SHA_SIZE_1 + 1], is[2 * SHA_SIZE_1 + 1];

		hex_encode(hex, p->sha1, SHA_SIZE_1);
		hex_encode(is, sha1, SHA_SIZE_1);
		return error_set(err, -EBADMSG,
				 "SHA-1 of its control data is %s, the index says %s", is, hex);
	}
	r = read_member(data, len, ".PKGINFO", APK_CONTROL_MAX, &info, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		if (!pkginfo_value(info.buf, want[i][0], value, sizeof(value)) ||
		    !str_eq(value, want[i][1]))
			return error_set(err, -EBADMSG, ".PKGINFO: %s is not '%s'", want[i][0],
					 want[i][1]);
	if (!pkginfo_value(info.buf, "datahash", datahash, 2 * SHA_SIZE_256 + 1))
		return error_set(err, -EBADMSG, ".PKGINFO has no datahash");
	return 0;
}

int apk_verify(const void *data, size_t len, const struct apk_package *p,
	       const struct apk_keys *keys, struct error *err)
{
	char want[2 * SHA_SIZE_256 + 1], hex[SHA_HEX_MAX];
	const uint8_t *bytes = data;
	size_t start = 0, end = 0;
	int r;

	if (len != p->size)
		return error_set(err, -EBADMSG, "has %zu bytes, the index says %llu", len,
				 (unsigned long long)p->size);
	r = apk_check_signature(data, len, keys, &start, &end, err);
	if (r == 0)
		r = check_control(bytes + start, end - start, p, want, err);
	if (r < 0)
		return r;
	if (sha_hex_of(SHA_KIND_256, bytes + end, len - end, hex) < 0)
		return error_set(err, -EIO, "cannot hash");
	if (!str_eq(hex, want))
		return error_set(err, -EBADMSG, "SHA-256 of its data is %s, its .PKGINFO says %s",
				 hex, want);
	return 0;
}

/* Past the signatures and the control data, whose .PKGINFO says what it is. */
static int read_info(const uint8_t *data, size_t len, struct source_package_info *ret,
		     size_t *ret_data, struct error *err)
{
	const struct {
		const char *key;
		char *out;
		size_t size;
	} fields[] = { { "pkgname", ret->name, sizeof(ret->name) },
		       { "pkgver", ret->version, sizeof(ret->version) },
		       { "arch", ret->arch, sizeof(ret->arch) } };
	_cleanup_strbuf_ struct strbuf info = STRBUF_INIT;
	size_t first = 0, second = 0;
	int r = z_member_length(data, len, SIGNATURE_ALL, &first, err);

	if (r == 0)
		r = z_member_length(data + first, len - first, APK_CONTROL_MAX, &second, err);
	if (r == 0)
		r = read_member(data + first, second, ".PKGINFO", APK_CONTROL_MAX, &info, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!pkginfo_value(info.buf, fields[i].key, fields[i].out, fields[i].size))
			return error_set(err, -EBADMSG, ".PKGINFO: no usable %s", fields[i].key);
	*ret_data = first + second;
	return 0;
}

int apk_read(struct layer *l, struct layer_spool *spool, const void *data, size_t len,
	     const char *arch, struct source_package_info *ret, struct error *err)
{
	static const struct la_limits limits = { APK_DATA_MAX, 1000000 };
	_cleanup_la_ struct la_archive *a = NULL;
	size_t at = 0;
	int r = read_info(data, len, ret, &at, err);

	if (r == 0 && arch && !str_eq(ret->arch, arch) && !str_eq(ret->arch, "noarch"))
		r = error_set(err, -ENOEXEC, "is for %s, the image is for %s", ret->arch, arch);
	if (r == 0)
		r = la_open_memory((const uint8_t *)data + at, len - at, LA_TAR, &limits, &a, err);
	return r < 0 ? r : layer_read(l, a, spool, err);
}
