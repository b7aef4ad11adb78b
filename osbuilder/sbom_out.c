/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "sbom.h"

int sbom_out_write(struct sbom_out *o, const char *image_path, const struct sbom *s,
		   const struct manifest *m, const char *distro, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r;

	o->path = str_printf("%s" SBOM_SUFFIX, image_path);
	if (!o->path)
		return error_oom(err);
	r = sbom_to_json(s, m, distro, &text, err);
	if (r == 0)
		r = file_out_open(&o->file, AT_FDCWD, o->path, 0644, err);
	if (r < 0)
		return r;
	r = fd_write_full(o->file.fd, text.buf, text.len);
	return r < 0 ? error_sys(err, r, "cannot write '%s'", o->path) : 0;
}

int sbom_out_commit(struct sbom_out *o, struct error *err)
{
	return o->path ? file_out_commit(&o->file, err) : 0;
}

void sbom_out_release(struct sbom_out *o)
{
	file_out_release(&o->file);
	free(o->path);
	o->path = NULL;
}
