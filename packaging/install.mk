# deps, install and the demo's set-up; what packaging will add (dist, deb, rpm) refuses until it exists.

.PHONY: deps install dist deb rpm bench demo demo-config
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# Idempotent: only what is missing is installed, and nothing is asked of the network when nothing is.
deps:
	$(Q)missing=; for p in $(DEPS); do \
		dpkg-query -W -f '$${db:Status-Status}' "$$p" 2>/dev/null | grep -qx installed || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then echo "deps: all $(words $(DEPS)) packages are installed"; else \
		echo "deps: installing$$missing"; \
		$(SUDO) apt-get update -q && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing && \
		echo "deps: done"; fi

dist deb rpm bench:
	@echo "make $@: not built yet (a later issue brings it)" >&2; exit 1
