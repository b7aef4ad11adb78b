/* SPDX-License-Identifier: Apache-2.0 */
#include "disk/verity_seal.h"

#include <string.h>
#include "base/alloc.h"
#include "base/parse.h"
#include "codec/sha.h"

#define BLOCK_SIZE_MIN 512
#define BLOCK_SIZE_MAX 65536

/* Copies hex digits of an even number between min and max into out, in lower case. */
static int set_hex(char *out, const char *what, const char *hex, size_t min, size_t max,
		   struct error *err)
{
	size_t n = strlen(hex);

	if (n < min || n > max || n % 2)
		return error_set(err, -EINVAL, "%s has %zu hex digits, not %s%zu", what, n,
				 min == max ? "" : "an even number up to ", max);
	for (size_t i = 0; i < n; i++) {
		char c = hex[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (!strchr("0123456789abcdef", c))
			return error_set(err, -EINVAL, "%s is not a number in hex", what);
		out[i] = c;
	}
	out[n] = '\0';
	return 0;
}

static int set_block_size(uint32_t *out, const char *what, uint64_t v, struct error *err)
{
	if (v < BLOCK_SIZE_MIN || v > BLOCK_SIZE_MAX || (v & (v - 1)))
		return error_set(err, -EINVAL, "%s of %llu is not a power of two from %d to %d",
				 what, (unsigned long long)v, BLOCK_SIZE_MIN, BLOCK_SIZE_MAX);
	*out = (uint32_t)v;
	return 0;
}

int verity_seal_set(struct verity_seal *ret, const char *root_hash, const char *salt,
		    uint64_t data_blocks, uint64_t data_block_size, uint64_t hash_block_size,
		    struct error *err)
{
	struct verity_seal s = { .salt = "-", .data_blocks = data_blocks };
	size_t digits = 2 * (size_t)VERITY_DIGEST;
	int r = set_hex(s.root_hash, "root_hash", root_hash, digits, digits, err);

	if (r == 0 && !str_eq(salt, "-"))
		r = set_hex(s.salt, "salt", salt, 2, VERITY_SALT_HEX, err);
	if (r == 0)
		r = set_block_size(&s.data_block_size, "data_block_size", data_block_size, err);
	if (r == 0)
		r = set_block_size(&s.hash_block_size, "hash_block_size", hash_block_size, err);
	if (r < 0)
		return r;
	if (!data_blocks || data_blocks > VERITY_DATA_MAX / s.data_block_size)
		return error_set(err, -EINVAL, "data_blocks of %llu is not in 1..%llu",
				 (unsigned long long)data_blocks,
				 (unsigned long long)(VERITY_DATA_MAX / s.data_block_size));
	*ret = s;
	return 0;
}

enum { KEY_ROOT_HASH, KEY_SALT, KEY_DATA_BLOCKS, KEY_DATA_SIZE, KEY_HASH_SIZE, N_KEYS };
static const char *const keys[N_KEYS] = { "root_hash", "salt", "data_blocks", "data_block_size",
					  "hash_block_size" };

static char *trim(char *s)
{
	static const char white[] = " \t\r\n";
	size_t n;

	s += strspn(s, white);
	for (n = strlen(s); n && strchr(white, s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

/* One "key=value"; cuts it apart. */
static int take_part(char *part, char *values[N_KEYS], struct error *err)
{
	char *key = trim(part), *eq = strchr(key, '=');

	if (!eq)
		return error_set(err, -EINVAL, "'%s' is not KEY=VALUE", key);
	*eq = '\0';
	key = trim(key);
	for (unsigned i = 0; i < N_KEYS; i++) {
		if (!str_eq(keys[i], key))
			continue;
		if (values[i])
			return error_set(err, -EINVAL, "'%s' is given twice", key);
		values[i] = trim(eq + 1);
		return 0;
	}
	return error_set(err, -EINVAL, "unknown key '%s'", key);
}

static int number(const char *key, const char *text, uint64_t *ret, struct error *err)
{
	if (parse_u64(text, 10, ret) < 0)
		return error_set(err, -EINVAL, "%s '%s' is not a number", key, text);
	return 0;
}

int verity_seal_parse(const char *line, struct verity_seal *ret, struct error *err)
{
	char copy[VERITY_LINE_MAX + 1], *values[N_KEYS] = { NULL };
	uint64_t n[N_KEYS] = { 0 };
	char *at = copy, *part;
	int r = 0;

	if (strlen(line) > VERITY_LINE_MAX)
		return error_set(err, -EINVAL, "verity parameters: longer than %d bytes",
				 VERITY_LINE_MAX);
	memcpy(copy, line, strlen(line) + 1);
	while (r == 0 && (part = strsep(&at, ",")))
		r = take_part(part, values, err);
	for (unsigned i = 0; r == 0 && i < N_KEYS; i++) {
		if (!values[i])
			r = error_set(err, -EINVAL, "'%s' is missing", keys[i]);
		else if (i >= KEY_DATA_BLOCKS)
			r = number(keys[i], values[i], &n[i], err);
	}
	if (r == 0)
		r = verity_seal_set(ret, values[KEY_ROOT_HASH], values[KEY_SALT],
				    n[KEY_DATA_BLOCKS], n[KEY_DATA_SIZE], n[KEY_HASH_SIZE], err);
	return r < 0 ? error_wrap(err, r, "verity parameters") : 0;
}

int verity_seal_format(const struct verity_seal *s, struct strbuf *out)
{
	return strbuf_addf(out,
			   "root_hash=%s,salt=%s,data_blocks=%llu,data_block_size=%u,"
			   "hash_block_size=%u",
			   s->root_hash, s->salt, (unsigned long long)s->data_blocks,
			   s->data_block_size, s->hash_block_size);
}

bool verity_seal_equal(const struct verity_seal *a, const struct verity_seal *b)
{
	return str_eq(a->root_hash, b->root_hash) && str_eq(a->salt, b->salt) &&
	       a->data_blocks == b->data_blocks && a->data_block_size == b->data_block_size &&
	       a->hash_block_size == b->hash_block_size;
}

/* Bytes of the tree, whatever the block sizes. */
static uint64_t tree_size(const struct verity_seal *s)
{
	uint64_t per = s->hash_block_size / VERITY_DIGEST, n = s->data_blocks, sum = 0;

	while (n > 1) {
		n = (n + per - 1) / per;
		sum += n;
	}
	return sum * s->hash_block_size;
}

int verity_seal_fits(const struct verity_seal *s, const struct disk_extent *parts, unsigned n_parts,
		     struct error *err)
{
	uint64_t data = s->data_blocks * s->data_block_size, tree = tree_size(s);

	if (n_parts < 2)
		return error_set(err, -EINVAL,
				 "is not measured: it has no second partition with a hash tree");
	if (data > parts[0].size)
		return error_set(err, -EINVAL,
				 "its verity parameters speak of %llu bytes, partition 1 has %llu",
				 (unsigned long long)data, (unsigned long long)parts[0].size);
	if (tree > parts[1].size)
		return error_set(err, -EINVAL,
				 "its hash tree needs %llu bytes, partition 2 has %llu",
				 (unsigned long long)tree, (unsigned long long)parts[1].size);
	return 0;
}

int verity_salt_from_seed(const uint8_t *seed, size_t len, uint8_t ret[VERITY_SALT_DERIVED])
{
	static const char text[] = "kata image dm-verity salt";
	_cleanup_sha_ struct sha s = SHA_INIT;
	uint8_t d[SHA_SIZE_MAX];
	int r = sha_begin(&s, SHA_KIND_256);

	r = r < 0 ? r : sha_update(&s, text, sizeof(text));
	r = r < 0 ? r : sha_update(&s, seed, len);
	r = r < 0 ? r : sha_finish(&s, d);
	if (r == 0)
		memcpy(ret, d, VERITY_SALT_DERIVED);
	return r;
}

int verity_seal_begin(int fd, const struct disk_layout *l, const uint8_t *salt, size_t salt_len,
		      struct verity **ret, struct error *err)
{
	const struct verity_params p = { .data_offset = l->parts[0].offset,
					 .data_size = l->parts[0].size,
					 .hash_offset = l->parts[1].offset,
					 .salt = salt,
					 .salt_len = salt_len };

	if (l->n_parts != 2 || l->parts[1].size != verity_hash_size(p.data_size))
		return error_set(err, -EINVAL,
				 "verity: partition 2 does not have the size of the hash tree");
	return verity_begin(fd, &p, ret, err);
}

int verity_seal_finish(struct verity *v, const struct disk_layout *l, const uint8_t *salt,
		       size_t salt_len, struct verity_seal *ret, struct error *err)
{
	char root_hex[2 * VERITY_DIGEST + 1], salt_hex[VERITY_SALT_HEX + 1] = "-";
	uint8_t root[VERITY_DIGEST];
	int r = verity_finish(v, root, err);

	if (r < 0)
		return r;
	hex_encode(root_hex, root, sizeof(root));
	if (salt_len)
		hex_encode(salt_hex, salt, (uint32_t)salt_len);
	return verity_seal_set(ret, root_hex, salt_hex, l->parts[0].size / VERITY_BLOCK,
			       VERITY_BLOCK, VERITY_BLOCK, err);
}

int verity_seal_check(int fd, const struct disk_extent *parts, unsigned n_parts,
		      const struct verity_seal *s, struct verity_bad *bad, struct error *err)
{
	uint8_t salt[VERITY_SALT_MAX], root[VERITY_DIGEST];
	struct verity_params p = { .salt = salt };
	int r;

	if (s->data_block_size != VERITY_BLOCK || s->hash_block_size != VERITY_BLOCK)
		return error_set(err, -ENOTSUP,
				 "verity blocks of %u and %u bytes: only 4096 can be checked",
				 s->data_block_size, s->hash_block_size);
	r = verity_seal_fits(s, parts, n_parts, err);
	if (r < 0)
		return r;
	if (!str_eq(s->salt, "-"))
		p.salt_len = strlen(s->salt) / 2;
	if (hex_decode(root, sizeof(root), s->root_hash) < 0 ||
	    (p.salt_len && hex_decode(salt, (uint32_t)p.salt_len, s->salt) < 0))
		return error_set(err, -EINVAL, "verity: root hash or salt is not a number in hex");
	p.data_offset = parts[0].offset;
	p.data_size = s->data_blocks * VERITY_BLOCK;
	p.hash_offset = parts[1].offset;
	return verity_check(fd, &p, root, bad, err);
}
