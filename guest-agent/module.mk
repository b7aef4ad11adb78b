# The guest agent: one fragment a part.
-include guest-agent/container/module.mk
-include guest-agent/agent.mk
-include guest-agent/runk/runk.mk
