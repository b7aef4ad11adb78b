/* SPDX-License-Identifier: Apache-2.0 */
#include "service/metrics.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "service/netdev.h"

#define PROC_FILE_MAX (1u << 20)
#define WORDS_MAX     64

/* One name of the kernel's and upstream's label for it. */
struct item {
	const char *key, *label;
};

struct writer {
	struct strbuf *out;
	const char *root;
	int code; /* the first error */
};

static void put(struct writer *w, const char *fmt, ...) _printf_(2, 3);
static void put(struct writer *w, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = strbuf_vaddf(w->out, fmt, ap);
	va_end(ap);
	if (r < 0 && !w->code)
		w->code = r;
}

static void family(struct writer *w, const char *name, const char *type, const char *help)
{
	put(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A family of one gauge without labels. */
static void gauge(struct writer *w, const char *name, const char *help, double v)
{
	family(w, name, "gauge", help);
	put(w, "%s %.17g\n", name, v);
}

static bool load(struct writer *w, const char *name, struct strbuf *text)
{
	char path[256];

	strbuf_reset(text);
	snprintf(path, sizeof(path), "%s/proc/%s", w->root, name);
	return file_read(AT_FDCWD, path, PROC_FILE_MAX, text, NULL) == 0;
}

/* The number in the line "KEY:  N kB", times scale when it has a unit. False: no such line. */
static bool keyed(const char *text, const char *key, uint64_t scale, uint64_t *ret)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		char *end;

		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != ':')
			continue;
		*ret = strtoull(line + len + 1, &end, 10);
		if (strncmp(end, " kB", 3) == 0)
			*ret *= scale;
		return true;
	}
	return false;
}

static void keyed_family(struct writer *w, const char *name, const char *file, const char *help,
			 const struct item *items, size_t n, uint64_t scale)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	uint64_t v;

	if (!load(w, file, &text))
		return;
	family(w, name, "gauge", help);
	for (size_t i = 0; i < n; i++)
		if (keyed(text.buf, items[i].key, scale, &v))
			put(w, "%s{item=\"%s\"} %" PRIu64 "\n", name, items[i].label, v);
}

/* ---- the agent ----------------------------------------------------------------------------------------------------- */

/* Fields of /proc/PID/stat (proc(5)), counted behind the name's parenthesis. */
enum {
	STAT_UTIME = 11,
	STAT_STIME,
	STAT_CUTIME,
	STAT_CSTIME,
	STAT_THREADS = 17,
	STAT_START = 19,
	STAT_VSIZE,
	STAT_RSS,
	STAT_WORDS,
};

static unsigned int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 3 ? n - 3 : 0; /* ".", ".." and this one */
}

static uint64_t boot_time(struct writer *w)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const char *p = load(w, "stat", &text) ? strstr(text.buf, "\nbtime ") : NULL;

	return p ? strtoull(p + strlen("\nbtime "), NULL, 10) : 0;
}

static void agent_stat(struct writer *w)
{
	static const struct {
		int field;
		const char *label;
	} items[] = { { STAT_UTIME, "utime" },
		      { STAT_STIME, "stime" },
		      { STAT_CUTIME, "cutime" },
		      { STAT_CSTIME, "cstime" } };
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	double tick = (double)sysconf(_SC_CLK_TCK), page = (double)sysconf(_SC_PAGESIZE);
	char *words[WORDS_MAX], *rest;
	uint64_t v[STAT_WORDS];
	struct rlimit fds;

	if (!load(w, "self/stat", &text))
		return;
	rest = strrchr(text.buf, ')');
	if (!rest || parse_words(rest + 1, words, WORDS_MAX) < STAT_WORDS)
		return;
	for (int i = 1; i < STAT_WORDS; i++)
		v[i] = strtoull(words[i], NULL, 10);
	family(w, "kata_agent_proc_stat", "gauge", "Agent process statistics.");
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		put(w, "kata_agent_proc_stat{item=\"%s\"} %" PRIu64 "\n", items[i].label,
		    v[items[i].field]);
	family(w, "kata_agent_process_cpu_seconds_total", "counter",
	       "Total user and system CPU time spent in seconds.");
	put(w, "kata_agent_process_cpu_seconds_total %.2f\n",
	    (double)(v[STAT_UTIME] + v[STAT_STIME]) / tick);
	if (getrlimit(RLIMIT_NOFILE, &fds) == 0)
		gauge(w, "kata_agent_process_max_fds", "Maximum number of open file descriptors.",
		      (double)fds.rlim_cur);
	gauge(w, "kata_agent_process_open_fds", "Number of open file descriptors.", open_fds());
	gauge(w, "kata_agent_process_resident_memory_bytes", "Resident memory size in bytes.",
	      (double)v[STAT_RSS] * page);
	gauge(w, "kata_agent_process_start_time_seconds",
	      "Start time of the process since unix epoch in seconds.",
	      (double)boot_time(w) + (double)v[STAT_START] / tick);
	gauge(w, "kata_agent_process_virtual_memory_bytes", "Virtual memory size in bytes.",
	      (double)v[STAT_VSIZE]);
	gauge(w, "kata_agent_threads", "Agent process threads", (double)v[STAT_THREADS]);
	gauge(w, "kata_agent_total_rss", "Agent process total RSS size",
	      (double)v[STAT_RSS] * page);
	family(w, "kata_agent_total_time", "gauge", "Agent process total time");
	put(w, "kata_agent_total_time %.2f\n", (double)(v[STAT_UTIME] + v[STAT_STIME]) / tick);
	gauge(w, "kata_agent_total_vm", "Agent process total VM size", (double)v[STAT_VSIZE]);
}

static const struct item io_items[] = {
	{ "rchar", "rchar" },
	{ "wchar", "wchar" },
	{ "syscr", "syscr" },
	{ "syscw", "syscw" },
	{ "read_bytes", "read_bytes" },
	{ "write_bytes", "write_bytes" },
	{ "cancelled_write_bytes", "cancelled_write_bytes" },
};

/* In kB, as upstream has them. */
static const struct item status_items[] = {
	{ "VmPeak", "vmpeak" },
	{ "VmSize", "vmsize" },
	{ "VmLck", "vmlck" },
	{ "VmPin", "vmpin" },
	{ "VmHWM", "vmhwm" },
	{ "VmRSS", "vmrss" },
	{ "RssAnon", "rssanon" },
	{ "RssFile", "rssfile" },
	{ "RssShmem", "rssshmem" },
	{ "VmData", "vmdata" },
	{ "VmStk", "vmstk" },
	{ "VmExe", "vmexe" },
	{ "VmLib", "vmlib" },
	{ "VmPTE", "vmpte" },
	{ "VmSwap", "vmswap" },
	{ "HugetlbPages", "hugetlbpages" },
	{ "voluntary_ctxt_switches", "voluntary_ctxt_switches" },
	{ "nonvoluntary_ctxt_switches", "nonvoluntary_ctxt_switches" },
};

/* ---- the guest ----------------------------------------------------------------------------------------------------- */

/* In bytes. */
static const struct item memory_items[] = {
	{ "MemTotal", "mem_total" },
	{ "MemFree", "mem_free" },
	{ "MemAvailable", "mem_available" },
	{ "Buffers", "buffers" },
	{ "Cached", "cached" },
	{ "SwapCached", "swap_cached" },
	{ "Active", "active" },
	{ "Inactive", "inactive" },
	{ "Active(anon)", "active_anon" },
	{ "Inactive(anon)", "inactive_anon" },
	{ "Active(file)", "active_file" },
	{ "Inactive(file)", "inactive_file" },
	{ "Unevictable", "unevictable" },
	{ "Mlocked", "mlocked" },
	{ "HighTotal", "high_total" },
	{ "HighFree", "high_free" },
	{ "LowTotal", "low_total" },
	{ "LowFree", "low_free" },
	{ "MmapCopy", "mmap_copy" },
	{ "SwapTotal", "swap_total" },
	{ "SwapFree", "swap_free" },
	{ "Dirty", "dirty" },
	{ "Writeback", "writeback" },
	{ "AnonPages", "anon_pages" },
	{ "Mapped", "mapped" },
	{ "Shmem", "shmem" },
	{ "Slab", "slab" },
	{ "SReclaimable", "s_reclaimable" },
	{ "SUnreclaim", "s_unreclaim" },
	{ "KernelStack", "kernel_stack" },
	{ "PageTables", "page_tables" },
	{ "Quicklists", "quicklists" },
	{ "NFS_Unstable", "nfs_unstable" },
	{ "Bounce", "bounce" },
	{ "WritebackTmp", "writeback_tmp" },
	{ "CommitLimit", "commit_limit" },
	{ "Committed_AS", "committed_as" },
	{ "VmallocTotal", "vmalloc_total" },
	{ "VmallocUsed", "vmalloc_used" },
	{ "VmallocChunk", "vmalloc_chunk" },
	{ "HardwareCorrupted", "hardware_corrupted" },
	{ "AnonHugePages", "anon_hugepages" },
	{ "ShmemHugePages", "shmem_hugepages" },
	{ "ShmemPmdMapped", "shmem_pmd_mapped" },
	{ "CmaTotal", "cma_total" },
	{ "CmaFree", "cma_free" },
	{ "HugePages_Total", "hugepages_total" },
	{ "HugePages_Free", "hugepages_free" },
	{ "HugePages_Rsvd", "hugepages_rsvd" },
	{ "HugePages_Surp", "hugepages_surp" },
	{ "Hugepagesize", "hugepagesize" },
	{ "DirectMap4k", "direct_map_4k" },
	{ "DirectMap4M", "direct_map_4M" },
	{ "DirectMap2M", "direct_map_2M" },
	{ "DirectMap1G", "direct_map_1G" },
	{ "Hugetlb", "hugetlb" },
	{ "Percpu", "per_cpu" },
	{ "KReclaimable", "k_reclaimable" },
};

/* "0.10 0.05 0.01 2/97 1234" */
static void guest_load(struct writer *w)
{
	static const char *const labels[] = { "load1", "load5", "load15" };
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *words[WORDS_MAX], *max;

	if (!load(w, "loadavg", &text) || parse_words(text.buf, words, WORDS_MAX) < 4)
		return;
	family(w, "kata_guest_load", "gauge", "Guest system load.");
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		put(w, "kata_guest_load{item=\"%s\"} %s\n", labels[i], words[i]);
	max = strchr(words[3], '/');
	if (!max)
		return;
	*max++ = '\0';
	family(w, "kata_guest_tasks", "gauge", "Guest system load.");
	put(w, "kata_guest_tasks{item=\"cur\"} %s\nkata_guest_tasks{item=\"max\"} %s\n", words[3],
	    max);
}

/* A table of lines with a name and numbers: a sample for each. first: the column of the first number, after the name. */
static void table(struct writer *w, const char *name, const char *label, char *line, size_t at_name,
		  const char *const *columns, size_t n_columns, uint64_t scale)
{
	char *words[WORDS_MAX];
	size_t n = parse_words(line, words, WORDS_MAX);

	for (size_t i = 0; i < n_columns && at_name + 1 + i < n; i++)
		put(w, "%s{%s=\"%s\",item=\"%s\"} %" PRIu64 "\n", name, label, words[at_name],
		    columns[i], (uint64_t)(strtoull(words[at_name + 1 + i], NULL, 10) * scale));
}

static void guest_cpu(struct writer *w)
{
	static const char *const columns[] = { "user", "nice",	  "system", "idle",  "iowait",
					       "irq",  "softirq", "steal",  "guest", "guest_nice" };
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	uint64_t msec = 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	char *save = NULL;

	if (!load(w, "stat", &text) || !text.len)
		return;
	family(w, "kata_guest_cpu_time", "gauge", "Guest CPU statistics.");
	for (char *line = strtok_r(text.buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char total[512];

		if (strncmp(line, "cpu", 3) != 0)
			continue;
		/* "cpu" alone is the sum, "cpu3" the fourth. */
		if (line[3] == ' ') {
			snprintf(total, sizeof(total), "total%s", line + 3);
			line = total;
		} else {
			line += 3;
		}
		table(w, "kata_guest_cpu_time", "cpu", line, 0, columns, ARRAY_SIZE(columns), msec);
	}
}

static void guest_disks(struct writer *w)
{
	static const char *const columns[] = {
		"reads",
		"merged",
		"sectors_read",
		"time_reading",
		"writes",
		"writes_merged",
		"sectors_written",
		"time_writing",
		"in_progress",
		"time_in_progress",
		"weighted_time_in_progress",
		"discards",
		"discards_merged",
		"sectors_discarded",
		"time_discarding",
		"flushes",
		"time_flushing",
	};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *save = NULL;

	if (!load(w, "diskstats", &text) || !text.len)
		return;
	family(w, "kata_guest_diskstat", "gauge", "Disks statistics in system.");
	for (char *line = strtok_r(text.buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		table(w, "kata_guest_diskstat", "disk", line, 2, columns, ARRAY_SIZE(columns), 1);
}

static void guest_net(struct writer *w)
{
	/* In the order of enum netdev_column. */
	static const char *const columns[] = {
		"recv_bytes", "recv_packets", "recv_errs",	 "recv_drop",
		"recv_fifo",  "recv_frame",   "recv_compressed", "recv_multicast",
		"sent_bytes", "sent_packets", "sent_errs",	 "sent_drop",
		"sent_fifo",  "sent_colls",   "sent_carrier",	 "sent_compressed",
	};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct netdev_stats devs[NETDEV_MAX];
	size_t n;

	if (!load(w, "net/dev", &text))
		return;
	n = netdev_parse(text.buf, devs);
	family(w, "kata_guest_netdev_stat", "gauge", "Guest net devices statistics.");
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < ARRAY_SIZE(columns); j++)
			put(w, "kata_guest_netdev_stat{interface=\"%s\",item=\"%s\"} %" PRIu64 "\n",
			    devs[i].name, columns[j], devs[i].v[j]);
}

static void guest_vm(struct writer *w)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *save = NULL, *words[WORDS_MAX];

	if (!load(w, "vmstat", &text) || !text.len)
		return;
	family(w, "kata_guest_vm_stat", "gauge", "Guest virtual memory statistics.");
	for (char *line = strtok_r(text.buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (parse_words(line, words, WORDS_MAX) == 2)
			put(w, "kata_guest_vm_stat{item=\"%s\"} %s\n", words[0], words[1]);
}

/* The root and /run, which hold what the agent writes: containers' file systems are GetVolumeStats' matter. */
static void guest_filesystems(struct writer *w)
{
	static const char *const mounts[] = { "/", "/run" };
	struct statvfs st[ARRAY_SIZE(mounts)];
	bool have[ARRAY_SIZE(mounts)];

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		have[i] = statvfs(mounts[i], &st[i]) == 0;
	family(w, "kata_guest_filesystem_bytes", "gauge", "Sizes of the guest's file systems.");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		if (have[i])
			put(w,
			    "kata_guest_filesystem_bytes{mount=\"%s\",item=\"total\"} %llu\n"
			    "kata_guest_filesystem_bytes{mount=\"%s\",item=\"available\"} %llu\n",
			    mounts[i], (unsigned long long)st[i].f_blocks * st[i].f_frsize,
			    mounts[i], (unsigned long long)st[i].f_bavail * st[i].f_frsize);
	family(w, "kata_guest_filesystem_inodes", "gauge", "Inodes of the guest's file systems.");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		if (have[i])
			put(w,
			    "kata_guest_filesystem_inodes{mount=\"%s\",item=\"total\"} %llu\n"
			    "kata_guest_filesystem_inodes{mount=\"%s\",item=\"available\"} %llu\n",
			    mounts[i], (unsigned long long)st[i].f_files, mounts[i],
			    (unsigned long long)st[i].f_favail);
}

int metrics_write(struct strbuf *out, const char *root, uint64_t scrapes)
{
	struct writer w = { out, root, 0 };

	family(&w, "kata_agent_scrape_count", "counter", "Metrics scrape count");
	put(&w, "kata_agent_scrape_count %" PRIu64 "\n", scrapes);
	agent_stat(&w);
	keyed_family(&w, "kata_agent_io_stat", "self/io", "Agent process IO statistics.", io_items,
		     ARRAY_SIZE(io_items), 1);
	keyed_family(&w, "kata_agent_proc_status", "self/status", "Agent process status.",
		     status_items, ARRAY_SIZE(status_items), 1);
	guest_load(&w);
	guest_cpu(&w);
	guest_disks(&w);
	keyed_family(&w, "kata_guest_meminfo", "meminfo",
		     "Statistics about memory usage in the system.", memory_items,
		     ARRAY_SIZE(memory_items), 1024);
	guest_net(&w);
	guest_vm(&w);
	guest_filesystems(&w);
	return w.code;
}
