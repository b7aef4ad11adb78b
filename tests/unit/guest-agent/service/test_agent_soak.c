/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent has left after many containers, and what it needs for many at once. KATA_SOAK_CYCLES and KATA_SOAK_CONTAINERS make it
 * longer than `make check-unit` has the time for (tests/integration/boot_soak.py in a guest of 512 MB).
 */
#include "support/cmocka_all.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/strbuf.h"
#include "unit/guest-agent/service/agent_client.h"

#define WARM_UP	     10 /* cycles until everything has its size */
#define CYCLES	     15
#define CONTAINERS   20
#define CONTAINER_KB 30 /* of the agent's memory for a running one */
#define LEFT_KB	     32 /* the allocator's and the kernel's granularity */

static struct agent_client client;

static unsigned int setting(const char *name, unsigned int def)
{
	const char *v = getenv(name);

	return v && *v ? (unsigned int)strtoul(v, NULL, 10) : def;
}

static void read_text(const char *path, struct strbuf *out)
{
	strbuf_reset(out);
	file_read(AT_FDCWD, path, 4u << 20, out, NULL);
}

/* The agent itself: PID 1 of a guest, or the only child of the helper that made its namespaces. */
static int agent_pid(void)
{
	struct strbuf text = STRBUF_INIT;
	char path[64];
	int pid;

	if (agent_client_in_guest())
		return 1;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)client.pid, (int)client.pid);
	read_text(path, &text);
	pid = (int)strtoul(text.buf, NULL, 10);
	strbuf_release(&text);
	assert_true(pid > 1);
	return pid;
}

struct sample {
	unsigned int fds, mounts, zombies, cgroups;
	unsigned long rss_kb;
};

static unsigned int count_entries(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static unsigned int count_dirs(const char *path, const char *prefix)
{
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_type == DT_DIR && e->d_name[0] != '.' &&
		     strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	if (d)
		closedir(d);
	return n;
}

static unsigned int count_zombies(int parent)
{
	DIR *d = opendir("/proc");
	struct strbuf text = STRBUF_INIT;
	unsigned int n = 0;
	struct dirent *e;

	while ((e = readdir(d))) {
		char path[300];
		const char *end;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		read_text(path, &text);
		end = strrchr(text.buf, ')');
		n += end && end[2] == 'Z' && (int)strtoul(end + 4, NULL, 10) == parent;
	}
	closedir(d);
	strbuf_release(&text);
	return n;
}

static struct sample sample(void)
{
	struct strbuf text = STRBUF_INIT;
	int pid = agent_pid();
	struct sample s;
	char path[64];
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	s.fds = count_entries(path);
	snprintf(path, sizeof(path), "/proc/%d/mounts", pid);
	read_text(path, &text);
	s.mounts = 0;
	for (p = text.buf; (p = strchr(p, '\n')); p++)
		s.mounts++;
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	read_text(path, &text);
	p = strstr(text.buf, "\nRss:");
	s.rss_kb = p ? strtoul(p + strlen("\nRss:"), NULL, 10) : 0;
	assert_true(s.rss_kb > 0);
	s.zombies = count_zombies(pid);
	/* Those of this run have its directory's name; a guest has no others. */
	if (agent_client_in_guest())
		s.cgroups = count_dirs("/sys/fs/cgroup", "");
	else
		s.cgroups = count_dirs("/sys/fs/cgroup/pids", "agent-test-");
	strbuf_release(&text);
	return s;
}

static void must(enum ttrpc_code code, const struct error *err)
{
	if (code != TTRPC_OK)
		fail_msg("%s", err->msg);
}

static void start(const char *cid)
{
	char *args[] = { (char *)"sleep", (char *)"1000", NULL };
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	must(agent_create(&client, cid, &s, &err), &err);
	must(agent_start(&client, cid, &err), &err);
}

static void end(const char *cid)
{
	assert_int_equal(agent_signal(&client, cid, cid, SIGKILL), TTRPC_OK);
	assert_int_equal(agent_wait(&client, cid, cid), 128 + SIGKILL);
	assert_int_equal(agent_remove(&client, cid, 30), TTRPC_OK);
}

static void cycle(void)
{
	static char *args[] = { (char *)"true" }, *env[] = { (char *)"PATH=/bin" };
	Grpc__Process p = GRPC__PROCESS__INIT;
	Grpc__User u = GRPC__USER__INIT;
	struct error err = ERROR_INIT;

	start("cycle");
	p.user = &u;
	p.args = args;
	p.n_args = 1;
	p.env = env;
	p.n_env = 1;
	must(agent_exec(&client, "cycle", "more", &p, &err), &err);
	assert_int_equal(agent_wait(&client, "cycle", "more"), 0);
	end("cycle");
}

static void print(const char *when, const struct sample *s)
{
	print_message("SOAK %s: %u fds, %u mounts, %u zombies, %u cgroups, %lu kB\n", when, s->fds,
		      s->mounts, s->zombies, s->cgroups, s->rss_kb);
}

/* A removal's last cgroup goes a moment after its answer. */
static struct sample settled(unsigned int cgroups)
{
	struct sample s = sample();

	for (int i = 0; i < 200 && (s.cgroups > cgroups || s.zombies); i++) {
		usleep(20000);
		s = sample();
	}
	return s;
}

static void test_cycles(void **state)
{
	unsigned int n = setting("KATA_SOAK_CYCLES", CYCLES);
	struct sample before, after;

	for (int i = 0; i < WARM_UP; i++)
		cycle();
	before = settled(0);
	print("after ten", &before);
	for (unsigned int i = WARM_UP; i < n; i++)
		cycle();
	after = settled(0);
	print("after all", &after);
	assert_int_equal(after.fds, before.fds);
	assert_int_equal(after.mounts, before.mounts);
	assert_int_equal(after.zombies, 0);
	assert_int_equal(after.cgroups, 0);
#ifndef KATA_SANITIZED
	assert_in_range(after.rss_kb, 0, before.rss_kb + LEFT_KB);
#endif
}

static void test_many_at_once(void **state)
{
	unsigned int n = setting("KATA_SOAK_CONTAINERS", CONTAINERS);
	struct sample before = settled(0), during, after;
	char cid[16];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(cid, sizeof(cid), "many%u", i);
		start(cid);
	}
	during = sample();
	print_message("SOAK %u at once\n", n);
	print("before", &before);
	print("during", &during);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(cid, sizeof(cid), "many%u", i);
		end(cid);
	}
	after = settled(0);
	print("after", &after);
	print_message("SOAK %lu kB each\n", (during.rss_kb - before.rss_kb + n - 1) / n);
	assert_int_equal(after.fds, before.fds);
	assert_int_equal(after.mounts, before.mounts);
	assert_int_equal(after.zombies, 0);
	assert_int_equal(after.cgroups, 0);
#ifndef KATA_SANITIZED
	assert_in_range(during.rss_kb, 0, before.rss_kb + (unsigned long)n * CONTAINER_KB);
#endif
}

static int group_setup(void **state)
{
	Grpc__CreateSandboxRequest req = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	int r = agent_client_start(&client);

	req.sandbox_id = (char *)"box";
	return r < 0 ? r : -(int)agent_call(&client, "CreateSandbox", &req.base, NULL);
}

static int group_teardown(void **state)
{
	Grpc__DestroySandboxRequest req = GRPC__DESTROY_SANDBOX_REQUEST__INIT;

	agent_call(&client, "DestroySandbox", &req.base, NULL);
	agent_client_stop(&client);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cycles),
		cmocka_unit_test(test_many_at_once),
	};
	const char *missing = agent_client_missing();

	if (missing) {
		printf("1..1\nok 1 - containers one after another, and at once # SKIP %s\n",
		       missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
