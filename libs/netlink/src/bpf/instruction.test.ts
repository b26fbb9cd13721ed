import { describe, expect, test } from 'vitest';
import {
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
  type Instruction,
} from './instruction.ts';

const hex = (...program: Instruction[]): string => Buffer.from(assemble(program)).toString('hex');

describe('assemble', () => {
  test.each([
    ['a constant is moved', move(0, 2), 'b700000002000000'],
    ['a register is copied', move(6, { register: 1 }), 'bf16000000000000'],
    ['a negative constant is added', add(2, -8), '07020000f8ffffff'],
    ['bits are kept', and(5, 0x0f), '570500000f000000'],
    ['bits are shifted', shiftLeft(5, 2), '6705000002000000'],
    ['a byte is loaded', load(1, 5, 6, 23), '7165170000000000'],
    ['half a word is loaded', load(2, 5, 6, 12), '69650c0000000000'],
    ['a word is loaded', load(4, 2, 1, 4), '6112040000000000'],
    ['two words are loaded', load(8, 1, 0, 0), '7901000000000000'],
    ['a register is stored', store(4, 10, -4, { register: 5 }), '635afcff00000000'],
    ['a constant is stored', store(4, 10, -8, 32), '620af8ff20000000'],
    ['a helper is called', call(MAP_LOOKUP), '8500000001000000'],
    ['the program ends', exit, '9500000000000000'],
    ['a map takes two instructions', loadMap(1, 7), '18110000070000000000000000000000'],
  ])('%s', (_, instruction, bytes) => {
    expect(hex(instruction)).toBe(bytes);
  });

  test('jumps count from the instruction behind them, over those of two places', () => {
    const program = [
      jumpIf(2, '>', { register: 3 }, 'end'),
      loadMap(1, 3),
      label('end'),
      jumpIf(5, '!=', 8, 'end'),
      jump('end'),
    ];
    const bytes = Buffer.from(assemble(program));
    expect(bytes.subarray(0, 8).toString('hex')).toBe('2d32020000000000');
    expect(bytes.subarray(24).toString('hex')).toBe('5505ffff08000000' + '0500feff00000000');
  });

  test('refuses a jump to nowhere, and one too far', () => {
    expect(() => assemble([jumpIf(0, '==', 0, 'nowhere')])).toThrow("no label 'nowhere'");
    const far = Array.from({ length: 0x8000 }, () => exit);
    expect(() => assemble([jumpIf(0, '==', 0, 'far'), ...far, label('far')])).toThrow('too far');
  });
});
