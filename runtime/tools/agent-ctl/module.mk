# kata-agent-ctl: calls of the agent from the command line; the driver of the agent's integration tests too
ACTL_SRCS := $(addprefix runtime/tools/agent-ctl/,attach.c builtin.c call.c duration.c line.c options.c request.c request_auto.c run.c)
$(eval $(call lib,agentctl,$(ACTL_SRCS)))
ACTL_LIBS := agentctl wirejson ocipb ocijson oci wire wireproto codec base
ACTL_LDLIBS := -lprotobuf-c -ljansson -lm
$(eval $(call prog,$(H),kata-agent-ctl,runtime/tools/agent-ctl/main.c,$(ACTL_LIBS),$(ACTL_LDLIBS)))
PROGRAMS += $(H)/bin/kata-agent-ctl
MANUALS += runtime/tools/agent-ctl/kata-agent-ctl.1
$(foreach t,duration line request manual,$(eval $(call unit,runtime/tools/agent-ctl/test_$(t),$(ACTL_LIBS),$(ACTL_LDLIBS))))
$(eval $(call fuzz,agent_ctl,$(ACTL_LIBS),$(ACTL_LDLIBS)))
