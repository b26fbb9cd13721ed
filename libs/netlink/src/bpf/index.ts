export { BpfError } from './bpf-error.ts';
export { BpfMap, type BpfMapInfo, type BpfMapSpec } from './bpf-map.ts';
export { BpfProgram, type BpfProgramInfo, type BpfProgramSpec, type BpfTestRun } from './bpf-program.ts';
export {
  add,
  and,
  assemble,
  call,
  exit,
  jump,
  jumpIf,
  label,
  load,
  loadMap,
  MAP_LOOKUP,
  move,
  shiftLeft,
  store,
  type Condition,
  type Instruction,
  type Label,
  type Operand,
  type Register,
  type Width,
} from './instruction.ts';
export { xdpAction } from './numbers.ts';
