import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type * as Koffi from 'koffi';
import type { NativeTable } from './table.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
/** `struct sock_filter` */
const filterInstructionBytes = 8;
/** bpf(2)'s number on this machine. */
const SYS_BPF = process.arch === 'arm64' ? 280 : 321;

/** The part of koffi that works on libuv's readiness; its typings miss the callback's first argument. */
interface KoffiPoll {
  poll(
    fd: number,
    onEvent: (status: number) => void,
  ): { start(onEvent: (status: number) => void): void; close(): void };
}

type SystemCall = (...args: (number | string | Uint8Array | Uint32Array | null)[]) => number;
/** Send or receive. */
type Transfer = (fd: number, data: Uint8Array, flags: number) => number;

/**
 * The same table through koffi, for machines where the addon does not load. koffi is only loaded here, since it
 * costs 4 MB on disk and 5 ms at start.
 */
export function loadKoffi(): NativeTable {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi & { readonly node: KoffiPoll };
  const libc = koffi.load(null);

  /** A C function that gives back its result, or the negative errno. */
  function bind(prototype: string): SystemCall {
    const call = libc.func(prototype) as SystemCall;
    return (...args) => {
      const result = call(...args);
      return result < 0 ? -koffi.errno() : result;
    };
  }

  function retryInterrupted(call: Transfer): Transfer {
    return (fd, data, flags) => {
      let result;
      do result = call(fd, data, flags);
      while (result === -constants.errno.EINTR);
      return result;
    };
  }

  /** Calls `call`, which updates a length in place, on a buffer. */
  function withLength(buffer: Uint8Array, call: (length: Uint32Array) => number): number {
    const length = Uint32Array.of(buffer.length);
    const result = call(length);
    return result < 0 ? result : (length[0] ?? 0);
  }

  const bindAddress = bind('int bind(int fd, const void *address, uint32_t length)');
  const connect = bind('int connect(int fd, const void *address, uint32_t length)');
  const getsockname = bind('int getsockname(int fd, void *address, void *length)');
  const setsockopt = bind('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)');
  const getsockopt = bind('int getsockopt(int fd, int level, int name, void *value, void *length)');
  const filterProgram = koffi.struct({ len: 'uint16_t', filter: 'const void *' });
  const attachFilter = libc.func('setsockopt', 'int', [
    'int',
    'int',
    'int',
    koffi.pointer(filterProgram),
    'uint32_t',
  ]) as (fd: number, level: number, name: number, value: object, length: number) => number;
  const sendPrototype = 'long send(int fd, const void *data, size_t length, int flags)';
  const send = bind(sendPrototype);
  const sendOnPool = libc.func(sendPrototype);
  const recv = bind('long recv(int fd, void *buffer, size_t length, int flags)');
  const waitpid = bind('int waitpid(int pid, void *status, int options)');
  const mount = bind(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)',
  );

  const systemCall = bind('long syscall(long number, long command, void *attribute, long length)');
  // Copies nothing: only its result is of interest, the address of what it was given.
  const addressOf = libc.func('void *memcpy(void *to, const void *from, size_t length)') as (
    to: Uint8Array,
    from: Uint8Array,
    length: number,
  ) => unknown;

  return {
    backend: 'koffi',
    socket: bind('int socket(int domain, int type, int protocol)'),
    bind: (fd, address) => bindAddress(fd, address, address.length),
    connect: (fd, address) => connect(fd, address, address.length),
    listen: bind('int listen(int fd, int backlog)'),
    getsockname: (fd, address) => withLength(address, (length) => getsockname(fd, address, length)),
    setsockopt: (fd, level, name, value) => setsockopt(fd, level, name, value, value.length),
    getsockopt: (fd, level, name, value) => withLength(value, (length) => getsockopt(fd, level, name, value, length)),
    attachFilter: (fd, program) => {
      const value = { len: program.length / filterInstructionBytes, filter: program };
      const result = attachFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, value, koffi.sizeof(filterProgram));
      return result < 0 ? -koffi.errno() : result;
    },
    send: retryInterrupted((fd, data, flags) => send(fd, data, data.length, flags)),
    recv: retryInterrupted((fd, buffer, flags) => recv(fd, buffer, buffer.length, flags)),
    sendAsync: (fd, data, flags) =>
      new Promise((resolve, reject) => {
        sendOnPool.async(fd, data, data.length, flags, (error: Error | null, result: number) => {
          if (error !== null) reject(error);
          else resolve(result < 0 ? -koffi.errno() : result);
        });
      }),
    watchReadable(fd, onReadable) {
      const state = { isStopped: false };
      const resume = (): void => {
        if (!state.isStopped) handle.start(onEvent);
      };
      // koffi calls back outside of Node's callback scope (no promise jobs, no uncaught-exception handling), and libuv
      // stops polling when the socket has an error. So the work is done in the same turn's check phase, which comes
      // before the next poll, and polling is started again behind it.
      const onEvent = (status: number): void => {
        setImmediate(() => {
          if (state.isStopped) return;
          try {
            onReadable();
          } finally {
            if (status < 0) resume();
          }
        });
      };
      const handle = koffi.node.poll(fd, onEvent);
      return () => {
        if (!state.isStopped) handle.close();
        state.isStopped = true;
      };
    },
    setns: bind('int setns(int fd, int type)'),
    unshare: bind('int unshare(int flags)'),
    mount: (source, target, type, flags) => mount(source, target, type, flags, null),
    umount: bind('int umount2(const char *target, int flags)'),
    flock: bind('int flock(int fd, int operation)'),
    close: bind('int close(int fd)'),
    waitpid: (pid, options) => waitpid(pid, null, options),
    bpf: (command, attribute, buffers, places) => {
      buffers.forEach((buffer, index) => {
        const holder = [attribute, ...buffers][places[2 * index] ?? 0] ?? attribute;
        const view = new DataView(holder.buffer, holder.byteOffset, holder.byteLength);
        view.setBigUint64(places[2 * index + 1] ?? 0, koffi.address(addressOf(buffer, buffer, 0)), true);
      });
      return systemCall(SYS_BPF, command, attribute, attribute.length);
    },
  };
}
