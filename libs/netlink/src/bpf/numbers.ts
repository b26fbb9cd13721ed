/** `enum bpf_cmd` (include/uapi/linux/bpf.h). */
export const bpfCommand = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  mapDelete: 3,
  mapNextKey: 4,
  programLoad: 5,
  programTestRun: 10,
  programById: 13,
  mapById: 14,
  infoByFd: 15,
  mapLookupBatch: 24,
  mapUpdateBatch: 26,
  mapDeleteBatch: 27,
} as const;

/** `enum bpf_map_type`. */
export const bpfMapType = { hash: 1, 'per-cpu-array': 6, 'lpm-trie': 11 } as const;

/** `enum bpf_prog_type`. */
export const bpfProgramType = { xdp: 6 } as const;

/** `enum xdp_action`. */
export const xdpAction = { aborted: 0, drop: 1, pass: 2 } as const;

/** BPF_OBJ_NAME_LEN, with the NUL at its end. */
export const BPF_NAME_BYTES = 16;
/** BPF_F_NO_PREALLOC: memory for entries is taken when they come. */
export const BPF_NO_PREALLOC = 1;
