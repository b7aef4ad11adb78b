/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INIT_SETTINGS_H
#define INIT_SETTINGS_H

#include "init/cmdline.h"

/*
 * One setting by its name and a text: NULL when it was taken, SETTING_UNKNOWN for a name that is none, else what is wrong with the value.
 * Names are those of the kernel command line ("agent.log") or of the configuration file ("log_level").
 */
extern const char SETTING_UNKNOWN[], SETTING_BAD[], SETTING_OOM[];
const char *setting_from_param(struct agent_config *c, const char *name, const char *value);
const char *setting_from_key(struct agent_config *c, const char *key, const char *value);

#endif
