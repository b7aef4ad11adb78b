# runk: the container library as an OCI runtime. Static, as what it starts may have no library of the host.
RUNK_SRCS := $(addprefix guest-agent/runk/,main.c cgroups.c cmd_create.c cmd_delete.c cmd_events.c cmd_exec.c cmd_features.c \
	cmd_kill.c cmd_list.c cmd_pause.c cmd_ps.c cmd_run.c cmd_spec.c cmd_start.c cmd_state.c cmd_update.c create.c end.c foreground.c seal.c state.c)
RUNK_LIBS := container ocijson oci codec base
RUNK_LDLIBS := -ljansson -lseccomp
$(eval $(call prog,$(G),runk,$(RUNK_SRCS),$(RUNK_LIBS),$(RUNK_LDLIBS)))
$(eval $(call prog,$(H),runk,$(RUNK_SRCS),$(RUNK_LIBS),$(RUNK_LDLIBS)))
ifeq ($(CROSS),)
PROGRAMS += $(G)/bin/runk
endif
MANUALS += guest-agent/runk/runk.8
