/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/hypervisor.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/time.h"
#include "hypervisor/qemu-internal.h"
#include "hypervisor/qemu_connect.h"
#include "hypervisor/qemu_console.h"
#include "hypervisor/qmp.h"

/* How long QEMU may take from exec to its first answer; seconds on a loaded machine. */
#define ANSWER_USEC (60 * USEC_PER_SEC)

struct vm {
	struct loop *loop;
	struct qemu_plan plan;
	vm_done_fn done; /* of the launch; NULL once called */
	vm_exit_fn on_exit;
	void *data;
	vm_done_fn stop_done;
	void *stop_data;
	struct vm_times times;
	char *warning;
	/* What disk_source() needs after the launch. */
	char **disk_ids;
	size_t n_disks;

	pid_t pid; /* -1 when there is no process */
	struct loop_source *child;
	struct loop_source *answer_timer;
	struct loop_source *deferred; /* stop of a VM that has no process */
	struct qmp *qmp;
	struct vm_link *link;
	struct console *console, *messages; /* the guest's console; QEMU's stderr */
	bool powered_off, was_reset, panicked;
};

static void finish_launch(struct vm *vm, const struct error *err)
{
	vm_done_fn done = vm->done;

	vm->answer_timer = loop_source_free(vm->answer_timer);
	vm->done = NULL;
	if (done)
		done(vm, err, vm->data);
}

/* ---- the end of the process ---- */

static void describe_exit(struct vm *vm, int status, char *buf, size_t size)
{
	const char *panic = console_panic(vm->console);
	const char *said = console_tail(vm->messages);

	if (panic || vm->panicked)
		snprintf(buf, size, "guest panicked%s%s", panic ? ": " : "", panic ? panic : "");
	else if (vm->powered_off)
		snprintf(buf, size, "guest powered off");
	else if (vm->was_reset)
		snprintf(buf, size, "guest reset itself");
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "hypervisor killed by signal %d%s%s", WTERMSIG(status),
			 *said ? ": " : "", said);
	else
		snprintf(buf, size, "hypervisor exited with code %d%s%s", WEXITSTATUS(status),
			 *said ? ": " : "", said);
}

static void on_child(struct loop_source *s, pid_t pid, int status, void *data)
{
	struct vm *vm = data;
	struct error err = ERROR_INIT;
	char reason[512];
	vm_done_fn stop_done;

	vm->child = NULL;
	vm->pid = -1;
	if (vm->qmp)
		qmp_drain(vm->qmp);
	console_drain(vm->console);
	console_drain(vm->messages);
	vm->qmp = qmp_free(vm->qmp);
	describe_exit(vm, status, reason, sizeof(reason));

	stop_done = vm->stop_done;
	if (!stop_done && !vm->done) {
		vm->on_exit(vm, reason, vm->data);
		return;
	}
	if (!stop_done) {
		error_set(&err, -EIO, "%s: %s", vm->plan.p->path, reason);
		finish_launch(vm, &err);
		return;
	}
	/* Stopped by the caller, perhaps in the middle of the launch. */
	vm->stop_done = NULL;
	if (vm->done) {
		error_set(&err, -ECANCELED, "the launch was cancelled");
		finish_launch(vm, &err);
	}
	stop_done(vm, NULL, vm->stop_data);
}

static void on_answer_timeout(struct loop_source *s, void *data)
{
	struct vm *vm = data;
	struct error err = ERROR_INIT;

	error_set(&err, -ETIMEDOUT, "%s: no answer on its control socket within %llu s",
		  vm->plan.p->path, (unsigned long long)(ANSWER_USEC / USEC_PER_SEC));
	finish_launch(vm, &err);
}

/* ---- QMP ---- */

static void on_event(const char *name, const struct json_value *info, void *data)
{
	struct vm *vm = data;

	if (str_eq(name, "GUEST_PANICKED") || str_eq(name, "GUEST_CRASHLOADED")) {
		vm->panicked = true;
	} else if (str_eq(name, "SHUTDOWN")) {
		const char *reason = "";

		if (info && json_get_string(info, "reason", &reason, NULL) < 0)
			return;
		vm->powered_off = str_eq(reason, "guest-shutdown");
		vm->was_reset = str_eq(reason, "guest-reset");
		if (str_eq(reason, "guest-panic"))
			vm->panicked = true;
	}
}

static void on_qmp_end(const struct error *err, void *data)
{
	struct vm *vm = data;

	/* The end of the process follows and says more; a QEMU that breaks the protocol but lives is of no use. */
	vm->qmp = qmp_free(vm->qmp);
	if (err->code != -ENOTCONN && vm->pid > 0)
		kill(vm->pid, SIGKILL);
}

static void on_status(const struct json_value *ret, const struct error *err, void *data)
{
	struct vm *vm = data;
	struct error e = ERROR_INIT;

	if (!vm->done)
		return;
	if (err) {
		/* With the connection gone the process is going too: its exit tells why. */
		if (err->code == -ENOTCONN)
			return;
		error_set(&e, err->code, "%s: query-status: %s", vm->plan.p->path, error_text(err));
		finish_launch(vm, &e);
		return;
	}
	vm->times.started = time_mono_usec();
	finish_launch(vm, NULL);
}

/* ---- launching ---- */

static void on_driver(void *data)
{
	struct vm *vm = data;

	vm->times.driver = time_mono_usec();
}

static int qemu_probe(const struct vm_params *p, struct error *err)
{
	enum qemu_machine machine;

	if (!p->path || !*p->path)
		return error_set(err, -EINVAL, "no hypervisor path given");
	if (access(p->path, X_OK) < 0)
		return error_sys(err, -errno, "hypervisor %s", p->path);
	return qemu_machine_parse(p->machine_type, &machine, err);
}

static int choose_accel(struct vm *vm, struct error *err)
{
	const struct vm_params *p = vm->plan.p;
	struct error why = ERROR_INIT;
	int r;

	if (p->accel == VM_ACCEL_TCG)
		return 0;
	r = kvm_probe(&why);
	if (r >= 0) {
		vm->plan.kvm = true;
		return 0;
	}
	if (p->accel == VM_ACCEL_KVM)
		return error_set(err, r, "KVM was asked for but is not usable: %s",
				 error_text(&why));
	vm->warning = str_printf("KVM is not usable (%s): the guest is emulated (TCG), which is "
				 "much slower",
				 error_text(&why));
	return vm->warning ? 0 : error_oom(err);
}

static int plan_image(struct vm *vm, struct error *err)
{
	const struct vm_params *p = vm->plan.p;
	const char *path = p->image ? p->image : p->initrd;
	struct stat st;

	if (!path)
		return 0; /* refused by qemu_check() */
	if (stat(path, &st) < 0)
		return error_sys(err, -errno, "%s %s", p->image ? "image" : "initrd", path);
	if (!S_ISREG(st.st_mode) && !(p->image && S_ISBLK(st.st_mode)))
		return error_set(err, -EINVAL, "%s %s: not a regular file",
				 p->image ? "image" : "initrd", path);
	vm->plan.nvdimm =
		p->image && p->image_nvdimm && qemu_is_pci(vm->plan.machine) && S_ISREG(st.st_mode);
	vm->plan.image_size = vm->plan.nvdimm ? (uint64_t)st.st_size : 0;
	return 0;
}

static int keep_disk_ids(struct vm *vm)
{
	const struct vm_params *p = vm->plan.p;

	vm->disk_ids = new0_array(char *, p->n_disks);
	if (!vm->disk_ids)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_disks; i++) {
		vm->disk_ids[i] = str_printf("%s", p->disks[i].id);
		if (!vm->disk_ids[i])
			return -ENOMEM;
		vm->n_disks++;
	}
	return 0;
}

/* The descriptors that QEMU gets; -1 when handed over or closed. */
struct child_fds {
	int qmp, console, messages, vsock;
};

static void child_fds_close(struct child_fds *f)
{
	fd_close(f->qmp);
	fd_close(f->console);
	fd_close(f->messages);
}

/* Makes a channel: our end non-blocking and owned by nobody yet. */
static int make_channel(int *ret_ours, int *ret_childs, struct error *err)
{
	int sv[2];
	int r = fd_socketpair(sv, 0);

	if (r >= 0)
		r = fd_set_nonblock(sv[0], true);
	if (r < 0)
		return error_sys(err, r, "socketpair");
	*ret_ours = sv[0];
	*ret_childs = sv[1];
	return 0;
}

static int open_channels(struct vm *vm, struct child_fds *f, struct error *err)
{
	const struct vm_params *p = vm->plan.p;
	_cleanup_fd_ int qmp = -1, console = -1, messages = -1;
	int r;

	if (make_channel(&qmp, &f->qmp, err) < 0 || make_channel(&console, &f->console, err) < 0 ||
	    make_channel(&messages, &f->messages, err) < 0)
		return err->code;
	r = qmp_new(vm->loop, qmp, on_event, on_qmp_end, vm, &vm->qmp);
	if (r < 0)
		return error_sys(err, r, "QMP");
	fd_steal(&qmp);
	r = console_new(vm->loop, console, p->console_line, p->console_data, &vm->console);
	if (r < 0)
		return error_sys(err, r, "console");
	fd_steal(&console);
	r = console_new(vm->loop, messages, NULL, NULL, &vm->messages);
	if (r < 0)
		return error_sys(err, r, "stderr");
	fd_steal(&messages);
	r = vm_link_new(vm->loop, p->transport, &vm->link, &f->vsock, err);
	if (r < 0)
		return r;
	vm_link_on_driver(vm->link, on_driver, vm);
	return 0;
}

static int spawn(struct vm *vm, const struct child_fds *f, struct error *err)
{
	_cleanup_strv_ struct strv args = STRV_INIT;
	struct process_params pp;
	int keep[] = { f->qmp, f->console, f->vsock };
	int r;

	r = qemu_args(&vm->plan, &args, err);
	if (r < 0)
		return r;
	process_params_preset(&pp);
	pp.path = vm->plan.p->path;
	pp.argv = args.v;
	pp.stdout_fd = f->messages;
	pp.stderr_fd = f->messages;
	pp.keep_fds = keep;
	pp.n_keep_fds = ARRAY_SIZE(keep);
	pp.new_session = true; /* the terminal's Ctrl-C is not for it */
	pp.death_signal = SIGKILL;
	return process_spawn(&pp, &vm->pid, err);
}

static int start(struct vm *vm, struct error *err)
{
	struct child_fds f = { -1, -1, -1, -1 };
	int r;

	r = open_channels(vm, &f, err);
	if (r >= 0) {
		vm->plan.vhost = vm_link_is_vhost(vm->link);
		vm->plan.cid = vm_link_cid(vm->link);
		vm->plan.vsock_fd = f.vsock;
		vm->plan.qmp_fd = f.qmp;
		vm->plan.console_fd = f.console;
		r = spawn(vm, &f, err);
	}
	child_fds_close(&f);
	if (r < 0)
		return r;
	vm_link_started(vm->link);
	r = loop_add_child(vm->loop, vm->pid, on_child, vm, &vm->child);
	if (r >= 0)
		r = loop_add_timer(vm->loop, on_answer_timeout, vm, &vm->answer_timer);
	if (r >= 0)
		r = qmp_execute(vm->qmp, "query-status", NULL, on_status, vm);
	if (r < 0)
		return error_sys(err, r, "%s", vm->plan.p->path);
	loop_timer_set(vm->answer_timer, ANSWER_USEC);
	return 0;
}

static void qemu_free(struct vm *vm)
{
	if (!vm)
		return;
	vm->child = loop_source_free(vm->child);
	if (vm->pid > 0) {
		kill(vm->pid, SIGKILL);
		while (waitpid(vm->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	loop_source_free(vm->answer_timer);
	loop_source_free(vm->deferred);
	qmp_free(vm->qmp);
	vm_link_free(vm->link);
	console_free(vm->console);
	console_free(vm->messages);
	for (size_t i = 0; i < vm->n_disks; i++)
		free(vm->disk_ids[i]);
	free(vm->disk_ids);
	free(vm->warning);
	free(vm);
}

static int qemu_launch(struct loop *l, const struct vm_params *p, vm_done_fn done,
		       vm_exit_fn on_exit, void *data, struct vm **ret, struct error *err)
{
	struct error local = ERROR_INIT;
	struct vm *vm = new0(struct vm);
	int r;

	if (!err)
		err = &local;
	if (!vm)
		return error_oom(err);
	vm->times.launch = time_mono_usec();
	vm->loop = l;
	vm->pid = -1;
	vm->done = done;
	vm->on_exit = on_exit;
	vm->data = data;
	vm->plan.p = p;
	r = qemu_probe(p, err);
	if (r >= 0)
		r = qemu_machine_parse(p->machine_type, &vm->plan.machine, err);
	if (r >= 0)
		r = plan_image(vm, err);
	if (r >= 0)
		r = qemu_check(&vm->plan, err);
	if (r >= 0)
		r = choose_accel(vm, err);
	if (r >= 0 && keep_disk_ids(vm) < 0)
		r = error_oom(err);
	if (r >= 0 && !vm->plan.kvm)
		vm->plan.tsc_khz = qemu_host_tsc_khz();
	if (r >= 0)
		r = start(vm, err);
	if (r < 0) {
		vm->done = NULL;
		qemu_free(vm);
		return r;
	}
	*ret = vm;
	return 0;
}

/* ---- the other operations ---- */

static int qemu_connect(struct vm *vm, uint32_t port, uint64_t timeout_ms, vm_connect_fn fn,
			void *data)
{
	return vm_link_connect(vm->link, port, timeout_ms, fn, data);
}

static void on_stopped(struct loop_source *s, void *data)
{
	struct vm *vm = data;
	vm_done_fn done = vm->stop_done;

	vm->deferred = NULL;
	vm->stop_done = NULL;
	done(vm, NULL, vm->stop_data);
}

static int qemu_stop(struct vm *vm, vm_done_fn done, void *data)
{
	int r = 0;

	if (vm->stop_done)
		return -EALREADY;
	if (vm->pid < 0)
		r = loop_add_defer(vm->loop, on_stopped, vm, &vm->deferred);
	else
		kill(vm->pid, SIGKILL);
	if (r < 0)
		return r;
	vm->stop_done = done;
	vm->stop_data = data;
	return 0;
}

static pid_t qemu_pid(const struct vm *vm)
{
	return vm->pid;
}

static const struct vm_times *qemu_times(const struct vm *vm)
{
	return &vm->times;
}

static const char *qemu_console_tail(struct vm *vm)
{
	console_drain(vm->console);
	return console_tail(vm->console);
}

static int qemu_disk_source(const struct vm *vm, const char *disk_id, char *buf, size_t size,
			    const char **ret_driver)
{
	bool image_is_disk = vm->plan.p->image && !vm->plan.nvdimm;

	for (size_t i = 0; i < vm->n_disks; i++) {
		if (!str_eq(vm->disk_ids[i], disk_id))
			continue;
		if (qemu_is_pci(vm->plan.machine)) {
			snprintf(buf, size, "%02x", QEMU_SLOT_DISK + (unsigned)i);
			*ret_driver = "blk";
		} else {
			snprintf(buf, size, "/dev/vd%c", (char)('a' + i + image_is_disk));
			*ret_driver = "mmioblk";
		}
		return 0;
	}
	return -ENOENT;
}

static const char *qemu_accel_name(const struct vm *vm, const char **ret_warning)
{
	if (ret_warning)
		*ret_warning = vm->warning;
	return vm->plan.kvm ? "kvm" : "tcg";
}

const struct vm_ops vm_qemu_ops = {
	.name = "qemu",
	.probe = qemu_probe,
	.launch = qemu_launch,
	.connect = qemu_connect,
	.stop = qemu_stop,
	.free = qemu_free,
	.pid = qemu_pid,
	.times = qemu_times,
	.console_tail = qemu_console_tail,
	.disk_source = qemu_disk_source,
	.accel_name = qemu_accel_name,
};
