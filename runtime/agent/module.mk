# Typed calls of the agent's services
$(eval $(call lib,agentclient,$(addprefix runtime/agent/,client.c client_container.c client_resources.c)))
