/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/agent_note.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "compat/elf.h"
#include "hint.h"
#include "sbom.h"

int output_open(struct output *o, const char *path, struct error *err)
{
	int r;

	o->path = path;
	o->manifest_path = str_printf("%s" MANIFEST_SUFFIX, path);
	if (!o->manifest_path)
		return error_oom(err);
	r = file_out_open(&o->file, AT_FDCWD, path, 0644, err);
	if (r == -ENOENT)
		return error_hint(err, r, HINT_DIRECTORY);
	if (r == 0)
		r = file_out_open(&o->manifest, AT_FDCWD, o->manifest_path, 0644, err);
	return r;
}

int output_describe(struct output *o, struct manifest *m, struct error *err)
{
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;
	char hex[SHA_HEX_MAX];
	struct stat st;
	int r;

	if (fstat(o->file.fd, &st) < 0)
		return error_sys(err, -errno, "'%s'", o->path);
	m->size = (uint64_t)st.st_size;
	r = sha_hex_of_fd(SHA_KIND_512, o->file.fd, 0, UINT64_MAX, hex, err);
	if (r < 0)
		return error_prefix(err, "'%s'", o->path);
	memcpy(m->sha512, hex, sizeof(m->sha512));
	memcpy(o->sha512, hex, sizeof(o->sha512));
	o->size = m->size;
	r = manifest_to_json(m, &json, err);
	if (r < 0)
		return r;
	r = fd_write_full(o->manifest.fd, json.buf, json.len);
	return r < 0 ? error_sys(err, r, "cannot write '%s'", o->manifest_path) : 0;
}

int output_commit(struct output *o, struct error *err)
{
	_cleanup_free_ char *sbom = str_printf("%s" SBOM_SUFFIX, o->path);
	int r;

	if (!sbom)
		return error_oom(err);
	if (unlink(o->manifest_path) < 0 && errno != ENOENT)
		return error_sys(err, -errno, "cannot remove '%s'", o->manifest_path);
	if (unlink(sbom) < 0 && errno != ENOENT)
		return error_sys(err, -errno, "cannot remove '%s'", sbom);
	r = file_out_commit(&o->file, err);
	return r < 0 ? r : file_out_commit(&o->manifest, err);
}

void output_release(struct output *o)
{
	file_out_release(&o->file);
	file_out_release(&o->manifest);
	free(o->manifest_path);
	o->manifest_path = NULL;
}

static int replace(char **old, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*old);
	*old = copy;
	return 0;
}

int manifest_set_agent(struct manifest *m, int fd, const char *file, const char *path,
		       struct error *err)
{
	char note[AGENT_NOTE_DESC_MAX + 1], hex[SHA_HEX_MAX];
	char *space;
	int r = sha_hex_of_fd(SHA_KIND_256, fd, 0, UINT64_MAX, hex, err);

	if (r < 0)
		return error_prefix(err, "agent '%s'", file);
	memcpy(m->agent_sha256, hex, sizeof(m->agent_sha256));
	if (replace(&m->agent_path, path) < 0)
		return error_oom(err);
	free(m->agent_version);
	free(m->agent_protocol);
	m->agent_version = m->agent_protocol = NULL;
	if (elf_find_note(fd, AGENT_NOTE_OWNER, AGENT_NOTE_TYPE, note, sizeof(note), NULL) < 0)
		return 0;
	space = strchr(note, ' ');
	if (!space)
		return error_set(err, -EBADMSG, "agent '%s': its note '%s' has no protocol version",
				 file, note);
	*space = '\0';
	m->agent_version = strdup(note);
	m->agent_protocol = strdup(space + 1);
	return m->agent_version && m->agent_protocol ? 0 : error_oom(err);
}

void manifest_set_uuid(struct manifest *m, const uint8_t u[16])
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			m->uuid[at++] = '-';
		m->uuid[at++] = digits[u[i] >> 4];
		m->uuid[at++] = digits[u[i] & 15];
	}
	m->uuid[at] = '\0';
}
