/**
 * The seam between this library and the kernel: one system call per function, each returning what the call
 * returns or the negative errno. There are two back ends, the project's own addon and koffi; they promise the same.
 *
 * Buffers are the kernel's: socket addresses and option values are raw bytes in the kernel's layout.
 */
export interface NativeTable {
  readonly backend: 'addon' | 'koffi';
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** Writes the socket's own address into `address` and returns its length. */
  getsockname(fd: number, address: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  /** Writes the option into `value` and returns its length. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  /** Attaches a classic packet filter, `struct sock_filter` after `struct sock_filter`. */
  attachFilter(fd: number, program: Uint8Array): number;
  /** Retried when a signal interrupts it. */
  send(fd: number, data: Uint8Array, flags: number): number;
  /** Retried when a signal interrupts it. */
  recv(fd: number, buffer: Uint8Array, flags: number): number;
  /** `send` on a thread of libuv's pool. The caller leaves `data` alone and the socket open until it settles. */
  sendAsync(fd: number, data: Uint8Array, flags: number): Promise<number>;
  /**
   * Calls back on the event loop for as long as the socket is readable or has an error pending, and goes on after
   * errors. The callback has to receive until nothing is left or it is called again. Returns what ends it, which has
   * to run before the socket is closed. Keeps the event loop alive meanwhile.
   */
  watchReadable(fd: number, onReadable: () => void): () => void;
  /** Changes a namespace of the calling thread only. */
  setns(fd: number, namespaceType: number): number;
  unshare(flags: number): number;
  mount(source: string, target: string, type: string, flags: number): number;
  umount(target: string, flags: number): number;
  flock(fd: number, operation: number): number;
  /** Closes what `socket` opened: `fs.closeSync` warns in worker threads of files that `fs` did not open. */
  close(fd: number): number;
  /**
   * Takes the end of a child process, for children that Node.js knows nothing of: process 1 inherits them. The
   * status is dropped. Never for a child of `child_process`: libuv waits for those.
   */
  waitpid(pid: number, options: number): number;
  /**
   * bpf(2). The address of each buffer is written first where its two bytes of `places` say: into the attribute (0) or
   * the n-th buffer (n), and at which offset there. What the kernel answers is in the attribute and the buffers then.
   */
  bpf(command: number, attribute: Uint8Array, buffers: readonly Uint8Array[], places: Uint8Array): number;
}
