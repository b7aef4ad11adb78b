/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/ikconfig.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>
#include "base/alloc.h"
#include "base/fd.h"

#define MARK_START "IKCFG_ST"
#define MARK_END   "IKCFG_ED"
#define MARK_LEN   8

static bool is_gzip(const uint8_t *p, size_t len)
{
	return len > 2 && p[0] == 0x1f && p[1] == 0x8b;
}

/* One gzip member of at most KCONFIG_FILE_MAX bytes of text. What follows it is not looked at. */
static int gunzip(const uint8_t *data, size_t len, struct strbuf *out, struct error *err)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data,
		       .avail_in = (uInt)(len < UINT32_MAX ? len : UINT32_MAX) };
	int r;

	if (strbuf_grow(out, KCONFIG_FILE_MAX + 1) < 0)
		return error_oom(err);
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return error_oom(err);
	z.next_out = (Bytef *)out->buf;
	z.avail_out = KCONFIG_FILE_MAX + 1;
	r = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	if (z.avail_out == 0)
		return error_set(err, -EFBIG, "the configuration is larger than %u bytes",
				 KCONFIG_FILE_MAX);
	if (r != Z_STREAM_END)
		return error_set(err, -EBADMSG, "damaged gzip data");
	strbuf_setlen(out, KCONFIG_FILE_MAX + 1 - z.avail_out);
	return 0;
}

static int parse_gzip(struct kconfig *kc, const char *file, const uint8_t *data, size_t len,
		      struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = gunzip(data, len, &text, err);

	return r < 0 ? error_prefix(err, "%s", file)
		     : kconfig_parse(kc, file, text.buf, text.len, err);
}

/* Text, or a kernel image that has no configuration in it? */
static bool is_text(const uint8_t *p, size_t len)
{
	return len <= KCONFIG_FILE_MAX && !memchr(p, 0, len);
}

int ikconfig_parse(struct kconfig *kc, const char *file, const void *data, size_t len,
		   struct error *err)
{
	const uint8_t *p = data, *start, *end;

	start = memmem(p, len, MARK_START, MARK_LEN);
	if (start) {
		start += MARK_LEN;
		end = memmem(start, (size_t)(p + len - start), MARK_END, MARK_LEN);
		if (end && is_gzip(start, (size_t)(end - start)))
			return parse_gzip(kc, file, start, (size_t)(end - start), err);
	}
	if (len > 0x206 && memcmp(p + 0x202, "HdrS", 4) == 0)
		return error_set(err, -EINVAL,
				 "%s: a bzImage is compressed: give the vmlinux or the .config",
				 file);
	if (is_gzip(p, len))
		return parse_gzip(kc, file, p, len, err);
	if (!is_text(p, len))
		return error_set(err, -ENODATA,
				 "%s: no configuration inside (the kernel was built without "
				 "CONFIG_IKCONFIG)",
				 file);
	return kconfig_parse(kc, file, data, len, err);
}

int ikconfig_load(struct kconfig *kc, const char *path, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct stat st;
	void *map;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, -errno, "cannot open %s", path);
	if (st.st_size > IKCONFIG_FILE_MAX)
		return error_set(err, -EFBIG, "%s: larger than %u bytes", path, IKCONFIG_FILE_MAX);
	if (st.st_size == 0) { /* empty, or a file of /proc, whose size is not known */
		r = strbuf_read_fd(&text, fd, KCONFIG_FILE_MAX);
		return r < 0 ? error_sys(err, r, "cannot read %s", path)
			     : ikconfig_parse(kc, path, text.buf, text.len, err);
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return error_sys(err, -errno, "cannot read %s", path);
	r = ikconfig_parse(kc, path, map, (size_t)st.st_size, err);
	munmap(map, (size_t)st.st_size);
	return r;
}
