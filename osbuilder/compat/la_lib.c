/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/la_lib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

/* Constant from the first call on: a library is loaded once for a whole process, so it is no caller's. */
static struct {
	pthread_once_t once;
	struct la_lib lib;
	struct error err;
	int r;
} la = { .once = PTHREAD_ONCE_INIT };

static bool take(void *handle, const char *name, void *to)
{
	void *p = dlsym(handle, name);

	if (!p)
		la.r = error_set(&la.err, -ENOPKG, "%s has no %s", LA_LIB_NAME, name);
	memcpy(to, &p, sizeof(p)); /* dlsym() gives functions as a pointer to data */
	return p;
}

static void load(void)
{
	void *handle = dlopen(LA_LIB_NAME, RTLD_NOW | RTLD_LOCAL);
	const char *why = handle ? NULL : dlerror();
	bool ok = true;

	if (!handle) {
		la.r = error_set(&la.err, -ENOPKG, "cannot load libarchive: %s",
				 why ? why : LA_LIB_NAME);
		return;
	}
#define LA_LIB_TAKE(name) ok = ok && take(handle, #name, &la.lib.name);
	LA_LIB_FUNCTIONS(LA_LIB_TAKE)
#undef LA_LIB_TAKE
}

int la_lib_get(const struct la_lib **ret, struct error *err)
{
	pthread_once(&la.once, load);
	if (la.r < 0)
		return error_set(err, la.r, "%s", error_text(&la.err));
	*ret = &la.lib;
	return 0;
}
