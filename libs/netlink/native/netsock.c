/*
 * The system calls that libs/netlink needs and Node.js does not offer: sockets of any family, namespaces, mounts, and
 * the end of processes that are children without Node.js having started them.
 *
 * Every function is one system call. It returns the call's result, or the negative errno; wrong argument types
 * throw a TypeError. What the calls mean together is written in TypeScript (src/native/table.ts has the contract).
 * Two are more than a call: sendAsync runs send(2) on libuv's thread pool, and pollStart reports readiness
 * through libuv.
 *
 * Built without the C library's start files and with no needed libraries (build.sh): the process that loads it has
 * them, whichever C library that is.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <node_api.h>
#include <uv.h>

#define MAX_ARGS 5
#define MAX_PATH 4096

/* ---- arguments and results ---- */

typedef struct {
  uint8_t *data;
  size_t length;
} bytes_t;

static void type_error(napi_env env, const char *message) { napi_throw_type_error(env, NULL, message); }

/* Reads exactly `count` arguments. */
static bool get_args(napi_env env, napi_callback_info info, napi_value *args, size_t count) {
  size_t given = MAX_ARGS;
  if (napi_get_cb_info(env, info, &given, args, NULL, NULL) != napi_ok) return false;
  if (given < count) {
    type_error(env, "too few arguments");
    return false;
  }
  return true;
}

static bool get_int(napi_env env, napi_value value, int *result) {
  int32_t number;
  if (napi_get_value_int32(env, value, &number) != napi_ok) {
    type_error(env, "an integer is required");
    return false;
  }
  *result = number;
  return true;
}

static bool get_bytes(napi_env env, napi_value value, bytes_t *result) {
  napi_typedarray_type type;
  void *data;
  bool is_array = false;
  napi_is_typedarray(env, value, &is_array);
  if (!is_array || napi_get_typedarray_info(env, value, &type, &result->length, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    type_error(env, "a Uint8Array is required");
    return false;
  }
  result->data = data;
  return true;
}

static bool get_text(napi_env env, napi_value value, char *result) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, result, MAX_PATH, &length) != napi_ok) {
    type_error(env, "a string is required");
    return false;
  }
  return true;
}

static napi_value number(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

/* A system call's result as JavaScript sees it. */
static napi_value outcome(napi_env env, int64_t result) { return number(env, result < 0 ? -errno : result); }

/* ---- sockets ---- */

static napi_value js_socket(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int domain, type, protocol;
  if (!get_args(env, info, args, 3) || !get_int(env, args[0], &domain) || !get_int(env, args[1], &type) ||
      !get_int(env, args[2], &protocol))
    return NULL;
  return outcome(env, socket(domain, type, protocol));
}

static napi_value js_bind(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd;
  bytes_t address;
  if (!get_args(env, info, args, 2) || !get_int(env, args[0], &fd) || !get_bytes(env, args[1], &address)) return NULL;
  return outcome(env, bind(fd, (const struct sockaddr *)address.data, (socklen_t)address.length));
}

static napi_value js_connect(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd;
  bytes_t address;
  if (!get_args(env, info, args, 2) || !get_int(env, args[0], &fd) || !get_bytes(env, args[1], &address)) return NULL;
  return outcome(env, connect(fd, (const struct sockaddr *)address.data, (socklen_t)address.length));
}

static napi_value js_listen(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd, backlog;
  if (!get_args(env, info, args, 2) || !get_int(env, args[0], &fd) || !get_int(env, args[1], &backlog)) return NULL;
  return outcome(env, listen(fd, backlog));
}

/* getsockname(fd, buffer) -> the address's length. */
static napi_value js_getsockname(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd;
  bytes_t address;
  if (!get_args(env, info, args, 2) || !get_int(env, args[0], &fd) || !get_bytes(env, args[1], &address)) return NULL;
  socklen_t length = (socklen_t)address.length;
  int result = getsockname(fd, (struct sockaddr *)address.data, &length);
  return outcome(env, result < 0 ? result : (int64_t)length);
}

static napi_value js_setsockopt(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd, level, name;
  bytes_t value;
  if (!get_args(env, info, args, 4) || !get_int(env, args[0], &fd) || !get_int(env, args[1], &level) ||
      !get_int(env, args[2], &name) || !get_bytes(env, args[3], &value))
    return NULL;
  return outcome(env, setsockopt(fd, level, name, value.data, (socklen_t)value.length));
}

/* getsockopt(fd, level, name, buffer) -> the value's length. */
static napi_value js_getsockopt(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd, level, name;
  bytes_t value;
  if (!get_args(env, info, args, 4) || !get_int(env, args[0], &fd) || !get_int(env, args[1], &level) ||
      !get_int(env, args[2], &name) || !get_bytes(env, args[3], &value))
    return NULL;
  socklen_t length = (socklen_t)value.length;
  int result = getsockopt(fd, level, name, value.data, &length);
  return outcome(env, result < 0 ? result : (int64_t)length);
}

/* attachFilter(fd, program): a classic packet filter, eight bytes an instruction; setsockopt alone cannot point at it. */
static napi_value js_attach_filter(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd;
  bytes_t program;
  if (!get_args(env, info, args, 2) || !get_int(env, args[0], &fd) || !get_bytes(env, args[1], &program)) return NULL;
  struct sock_fprog filter = {.len = (unsigned short)(program.length / sizeof(struct sock_filter)),
                              .filter = (struct sock_filter *)program.data};
  return outcome(env, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter));
}

static ssize_t send_whole(int fd, const bytes_t *data, int flags) {
  ssize_t result;
  do {
    result = send(fd, data->data, data->length, flags);
  } while (result < 0 && errno == EINTR);
  return result;
}

static napi_value js_send(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd, flags;
  bytes_t data;
  if (!get_args(env, info, args, 3) || !get_int(env, args[0], &fd) || !get_bytes(env, args[1], &data) ||
      !get_int(env, args[2], &flags))
    return NULL;
  return outcome(env, send_whole(fd, &data, flags));
}

static napi_value js_recv(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd, flags;
  bytes_t buffer;
  if (!get_args(env, info, args, 3) || !get_int(env, args[0], &fd) || !get_bytes(env, args[1], &buffer) ||
      !get_int(env, args[2], &flags))
    return NULL;
  ssize_t result;
  do {
    result = recv(fd, buffer.data, buffer.length, flags);
  } while (result < 0 && errno == EINTR);
  return outcome(env, result);
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd;
  if (!get_args(env, info, args, 1) || !get_int(env, args[0], &fd)) return NULL;
  return outcome(env, close(fd));
}

/* ---- send on the thread pool ---- */

typedef struct {
  napi_async_work work;
  napi_deferred deferred;
  napi_ref keep_alive; /* the typed array: its memory must outlive the call */
  bytes_t data;
  int fd, flags;
  int64_t result;
} send_job_t;

static void send_job_execute(napi_env env, void *context) {
  (void)env;
  send_job_t *job = context;
  ssize_t result = send_whole(job->fd, &job->data, job->flags);
  job->result = result < 0 ? -errno : result;
}

static void send_job_complete(napi_env env, napi_status status, void *context) {
  send_job_t *job = context;
  napi_resolve_deferred(env, job->deferred, number(env, status == napi_ok ? job->result : -ECANCELED));
  napi_delete_reference(env, job->keep_alive);
  napi_delete_async_work(env, job->work);
  free(job);
}

/* sendAsync(fd, data, flags) -> promise of what send would return. `data` must not change until it settles. */
static napi_value js_send_async(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS], promise = NULL, name;
  int fd, flags;
  bytes_t data;
  if (!get_args(env, info, args, 3) || !get_int(env, args[0], &fd) || !get_bytes(env, args[1], &data) ||
      !get_int(env, args[2], &flags))
    return NULL;
  send_job_t *job = calloc(1, sizeof *job);
  if (job == NULL) {
    napi_throw_error(env, NULL, "out of memory");
    return NULL;
  }
  job->fd = fd;
  job->flags = flags;
  job->data = data;
  if (napi_create_string_utf8(env, "netsock.send", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, args[1], 1, &job->keep_alive) != napi_ok ||
      napi_create_async_work(env, NULL, name, send_job_execute, send_job_complete, job, &job->work) != napi_ok ||
      napi_create_promise(env, &job->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, job->work) != napi_ok) {
    if (job->work != NULL) napi_delete_async_work(env, job->work);
    if (job->keep_alive != NULL) napi_delete_reference(env, job->keep_alive);
    free(job);
    napi_throw_error(env, NULL, "cannot queue the send");
    return NULL;
  }
  return promise;
}

/* ---- readiness ---- */

typedef struct {
  uv_poll_t handle;
  napi_env env;
  napi_ref callback;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  int references; /* the libuv handle's and the JavaScript external's */
  bool is_stopped;
} poller_t;

static void poller_release(poller_t *poller) {
  if (--poller->references == 0) free(poller);
}

static void poller_finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  poller_release(data);
}

static void poller_closed(uv_handle_t *handle) {
  poller_t *poller = handle->data;
  napi_handle_scope scope;
  if (napi_open_handle_scope(poller->env, &scope) == napi_ok) {
    napi_delete_reference(poller->env, poller->callback);
    napi_async_destroy(poller->env, poller->context);
    napi_close_handle_scope(poller->env, scope);
  }
  napi_remove_async_cleanup_hook(poller->hook);
  poller_release(poller);
}

static void poller_stop(poller_t *poller) {
  if (poller->is_stopped) return;
  poller->is_stopped = true;
  uv_poll_stop(&poller->handle);
  uv_close((uv_handle_t *)&poller->handle, poller_closed);
}

static void poller_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  poller_stop(data);
}

static void poller_ready(uv_poll_t *handle, int status, int events) {
  (void)events;
  poller_t *poller = handle->data;
  napi_env env = poller->env;
  napi_handle_scope scope;
  napi_value callback, global, result;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, poller->callback, &callback) == napi_ok &&
      napi_get_global(env, &global) == napi_ok &&
      napi_make_callback(env, poller->context, global, callback, 0, NULL, &result) == napi_pending_exception) {
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
  /*
   * A socket error (a netlink overrun, say) arrives as UV_EBADF, and libuv has stopped polling. The callback has
   * taken the error off the socket by receiving; go on.
   */
  if (status < 0 && !poller->is_stopped) uv_poll_start(handle, UV_READABLE, poller_ready);
}

/* pollStart(fd, callback) -> handle. The callback runs while the socket is readable or has an error. */
static napi_value js_poll_start(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS], external, name;
  int fd;
  uv_loop_t *loop;
  napi_valuetype type = napi_undefined;
  if (!get_args(env, info, args, 2) || !get_int(env, args[0], &fd)) return NULL;
  napi_typeof(env, args[1], &type);
  if (type != napi_function) {
    type_error(env, "a function is required");
    return NULL;
  }
  poller_t *poller = calloc(1, sizeof *poller);
  if (poller == NULL || napi_get_uv_event_loop(env, &loop) != napi_ok ||
      uv_poll_init(loop, &poller->handle, fd) != 0) {
    free(poller);
    napi_throw_error(env, NULL, "cannot poll this file descriptor");
    return NULL;
  }
  poller->env = env;
  poller->handle.data = poller;
  poller->references = 1;
  napi_create_reference(env, args[1], 1, &poller->callback);
  napi_create_string_utf8(env, "netsock.poll", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &poller->context);
  napi_add_async_cleanup_hook(env, poller_cleanup, poller, &poller->hook);
  if (napi_create_external(env, poller, poller_finalize, NULL, &external) != napi_ok) {
    poller_stop(poller);
    return NULL;
  }
  poller->references = 2;
  uv_poll_start(&poller->handle, UV_READABLE, poller_ready);
  return external;
}

/* pollStop(handle). The callback does not run again; stopping twice is harmless. */
static napi_value js_poll_stop(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  void *data;
  if (!get_args(env, info, args, 1)) return NULL;
  if (napi_get_value_external(env, args[0], &data) != napi_ok) {
    type_error(env, "a poll handle is required");
    return NULL;
  }
  poller_stop(data);
  return NULL;
}

/* ---- namespaces and mounts ---- */

static napi_value js_setns(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd, type;
  if (!get_args(env, info, args, 2) || !get_int(env, args[0], &fd) || !get_int(env, args[1], &type)) return NULL;
  return outcome(env, setns(fd, type));
}

static napi_value js_unshare(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int flags;
  if (!get_args(env, info, args, 1) || !get_int(env, args[0], &flags)) return NULL;
  return outcome(env, unshare(flags));
}

/* mount(source, target, type, flags) */
static napi_value js_mount(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  char source[MAX_PATH], target[MAX_PATH], type[MAX_PATH];
  int flags;
  if (!get_args(env, info, args, 4) || !get_text(env, args[0], source) || !get_text(env, args[1], target) ||
      !get_text(env, args[2], type) || !get_int(env, args[3], &flags))
    return NULL;
  return outcome(env, mount(source, target, type, (unsigned long)flags, NULL));
}

static napi_value js_umount(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  char target[MAX_PATH];
  int flags;
  if (!get_args(env, info, args, 2) || !get_text(env, args[0], target) || !get_int(env, args[1], &flags)) return NULL;
  return outcome(env, umount2(target, flags));
}

static napi_value js_flock(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int fd, operation;
  if (!get_args(env, info, args, 2) || !get_int(env, args[0], &fd) || !get_int(env, args[1], &operation)) return NULL;
  return outcome(env, flock(fd, operation));
}

static napi_value js_waitpid(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int pid, options;
  if (!get_args(env, info, args, 2) || !get_int(env, args[0], &pid) || !get_int(env, args[1], &options)) return NULL;
  return outcome(env, waitpid(pid, NULL, options));
}

/* ---- eBPF ---- */

/*
 * bpf(command, attribute, buffers, places): the address of each buffer is put where its pair of places says: into the
 * attribute (0) or the n-th buffer (n), and at which offset there.
 */
static napi_value js_bpf(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS], element;
  int command;
  bytes_t attribute, places, buffer;
  if (!get_args(env, info, args, 4) || !get_int(env, args[0], &command) || !get_bytes(env, args[1], &attribute) ||
      !get_bytes(env, args[3], &places))
    return NULL;
  for (size_t i = 0; i + 1 < places.length; i += 2) {
    bytes_t holder = attribute;
    uint32_t outer = places.data[i], offset = places.data[i + 1];
    if (outer > 0 && (napi_get_element(env, args[2], outer - 1, &element) != napi_ok || !get_bytes(env, element, &holder)))
      return NULL;
    if (napi_get_element(env, args[2], (uint32_t)(i / 2), &element) != napi_ok || !get_bytes(env, element, &buffer))
      return NULL;
    if (offset + sizeof(uint64_t) > holder.length) {
      type_error(env, "a place is behind the end of what it is in");
      return NULL;
    }
    uint64_t address = (uint64_t)(uintptr_t)buffer.data;
    for (size_t byte = 0; byte < sizeof address; byte++) holder.data[offset + byte] = (uint8_t)(address >> (8 * byte));
  }
  return outcome(env, syscall(SYS_bpf, command, attribute.data, attribute.length));
}

/* ---- the module ---- */

static const struct {
  const char *name;
  napi_callback function;
} functions[] = {
    {"socket", js_socket},         {"bind", js_bind},
    {"connect", js_connect},       {"listen", js_listen},
    {"getsockname", js_getsockname}, {"setsockopt", js_setsockopt},
    {"getsockopt", js_getsockopt}, {"send", js_send},
    {"attachFilter", js_attach_filter},
    {"recv", js_recv},             {"sendAsync", js_send_async},
    {"pollStart", js_poll_start},  {"pollStop", js_poll_stop},
    {"setns", js_setns},           {"unshare", js_unshare},
    {"mount", js_mount},           {"umount", js_umount},
    {"flock", js_flock},           {"close", js_close},
    {"waitpid", js_waitpid},       {"bpf", js_bpf},
};

NAPI_MODULE_INIT() {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, functions[i].name, function) != napi_ok)
      return NULL;
  }
  return exports;
}
