# kata-runtime, one file a command
CLI_SRCS := $(addprefix runtime/cli/,cmd_create.c cmd_delete.c cmd_exec.c cmd_kill.c cmd_list.c cmd_pause.c cmd_run.c cmd_spec.c cmd_start.c cmd_state.c cmd_update.c known.c launch.c \
	resources.c session.c standin.c task_client.c terminal.c timings.c)
$(eval $(call lib,cli,$(CLI_SRCS)))
CLI_LIBS := cli sandboxstate config ocijson oci wire wireproto codec base
CLI_LDLIBS := -lprotobuf-c -ljansson
$(eval $(call prog,$(H),kata-runtime,runtime/cli/main.c,$(CLI_LIBS),$(CLI_LDLIBS)))
PROGRAMS += $(H)/bin/kata-runtime
$(eval $(call unit,runtime/cli/test_resources,cli codec base,-ljansson))
$(eval $(call unit,runtime/cli/test_standin,$(CLI_LIBS),$(CLI_LDLIBS)))
