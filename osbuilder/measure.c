/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

int measure_prepare(struct measure *m, const char *image_path, const char *variant,
		    const char *salt_hex, struct error *err)
{
	size_t n = strlen(variant);

	if (!n || n > MEASURE_VARIANT_MAX ||
	    strspn(variant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") !=
		    n)
		return error_set(err, -EINVAL,
				 "'%s' cannot be part of a file name root_hash_NAME.txt: 1 to %d "
				 "letters, digits and ._+- are needed (--variant)",
				 variant, MEASURE_VARIANT_MAX);
	m->line_path = str_printf("%.*sroot_hash_%s.txt", (int)(path_base(image_path) - image_path),
				  image_path, variant);
	if (!m->line_path)
		return error_oom(err);
	m->salt_given = salt_hex != NULL;
	if (!salt_hex || str_eq(salt_hex, "-"))
		return 0;
	m->salt_len = strlen(salt_hex) / 2;
	if (!m->salt_len || m->salt_len > VERITY_SALT_MAX ||
	    hex_decode(m->salt, (uint32_t)m->salt_len, salt_hex) < 0)
		return error_set(err, -EINVAL,
				 "verity salt '%s' is neither 1 to %u bytes in hex nor '-'",
				 salt_hex, VERITY_SALT_MAX);
	return 0;
}

int measure_begin(struct measure *m, int fd, const struct disk_layout *l,
		  const uint8_t seed[DISK_SEED_SIZE], struct error *err)
{
	if (!m->salt_given) {
		int r = verity_salt_from_seed(seed, DISK_SEED_SIZE, m->salt);

		if (r < 0)
			return error_sys(err, r, "verity: derive the salt");
		m->salt_len = VERITY_SALT_DERIVED;
	}
	return verity_seal_begin(fd, l, m->salt, m->salt_len, &m->verity, err);
}

int measure_write(struct measure *m, const struct disk_layout *l, struct verity_seal *ret,
		  struct error *err)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	int r = verity_seal_finish(m->verity, l, m->salt, m->salt_len, ret, err);

	if (r == 0)
		r = file_out_open(&m->line, AT_FDCWD, m->line_path, 0644, err);
	if (r < 0)
		return r;
	if (verity_seal_format(ret, &line) < 0 || strbuf_addch(&line, '\n') < 0)
		return error_oom(err);
	r = fd_write_full(m->line.fd, line.buf, line.len);
	return r < 0 ? error_sys(err, r, "cannot write '%s'", m->line_path) : 0;
}

int measure_retract(struct measure *m, struct error *err)
{
	if (unlink(m->line_path) < 0 && errno != ENOENT)
		return error_sys(err, -errno, "cannot remove '%s'", m->line_path);
	return 0;
}

int measure_commit(struct measure *m, struct error *err)
{
	return file_out_commit(&m->line, err);
}

void measure_release(struct measure *m)
{
	verity_free(m->verity);
	m->verity = NULL;
	file_out_release(&m->line);
	free(m->line_path);
	m->line_path = NULL;
}
