/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of an OCI image layout: index.json and manifests. A digest that passes must be a plain file name. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct oci_desc *d)
{
	if (strncmp(d->digest, "sha256:", 7) != 0 && strncmp(d->digest, "sha512:", 7) != 0)
		abort();
	if (strspn(d->digest + 7, "0123456789abcdef") != strlen(d->digest + 7))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct oci_query any = { NULL, "amd64" }, named = { "v1", "arm64" };
	struct oci_image image = { 0 };
	struct error err = ERROR_INIT;
	struct oci_desc d;

	if (oci_read_index((const char *)data, len, &any, &d, &err) == 0)
		check(&d);
	if (oci_read_index((const char *)data, len, &named, &d, &err) == 0)
		check(&d);
	if (oci_read_manifest((const char *)data, len, &image, &err) == 0) {
		check(&image.config);
		for (size_t i = 0; i < image.n_layers; i++)
			check(&image.layers[i]);
	}
	oci_image_release(&image);
	return 0;
}
