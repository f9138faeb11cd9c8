/**
 * Exclusives, load-acquire and store-release. With one processor that does everything in order, acquire and release add
 * nothing but the demand for alignment. Register fields that an instruction has no use for should be ones in its
 * encoding; as on QEMU, they may be anything.
 */

import { alternatives, type InstructionRow } from '../../language/row.js';
import { aligned, bytesOf, row } from './addressing.js';

export const LOAD_STORE_EXCLUSIVE: readonly InstructionRow[] = [
  row({
    name: 'STXR, STXRB, STXRH, STLXR, STLXRB, STLXRH',
    section: 'C3.2.6',
    pattern: 'size:2 001000 0 0 0 Rs:5 release:1 Rt2:5 Rn:5 Rt:5',
    syntax: 'st<release?|l>xr<size?b|h||> <Ws>, <size?WWWXt>, [<Xn|SP>]',
    free: ['release'],
    semantics: (t, { size, Rs, Rn, Rt }) => t.setW(Rs, t.storeExclusive(bytesOf(size), t.xsp(Rn), t.x(Rt))),
  }),
  row({
    name: 'LDXR, LDXRB, LDXRH, LDAXR, LDAXRB, LDAXRH',
    section: 'C3.2.6',
    pattern: 'size:2 001000 0 1 0 Rs:5 acquire:1 Rt2:5 Rn:5 Rt:5',
    syntax: 'ld<acquire?|a>xr<size?b|h||> <size?WWWXt>, [<Xn|SP>]',
    free: ['acquire'],
    semantics: (t, { size, Rn, Rt }) => t.setX(Rt, t.loadExclusive(bytesOf(size), t.xsp(Rn))),
  }),
  row({
    name: 'STXP, STLXP',
    section: 'C3.2.6',
    pattern: '1 wide:1 001000 0 0 1 Rs:5 release:1 Rt2:5 Rn:5 Rt:5',
    syntax: 'st<release?|l>xp <Ws>, <wide?WXt>, <wide?WXt2>, [<Xn|SP>]',
    free: ['release'],
    semantics: (t, { wide, Rs, Rt2, Rn, Rt }) =>
      t.setW(Rs, t.storeExclusivePair(wide === 1 ? 8 : 4, t.xsp(Rn), t.x(Rt), t.x(Rt2))),
  }),
  row({
    name: 'LDXP, LDAXP',
    section: 'C3.2.6',
    pattern: '1 wide:1 001000 0 1 1 Rs:5 acquire:1 Rt2:5 Rn:5 Rt:5',
    syntax: 'ld<acquire?|a>xp <wide?WXt>, <wide?WXt2>, [<Xn|SP>]',
    free: ['acquire'],
    semantics: (t, { wide, Rt2, Rn, Rt }) => {
      const [low, high] = t.loadExclusivePair(wide === 1 ? 8 : 4, t.xsp(Rn));
      // Where both are one register, which is CONSTRAINED UNPREDICTABLE, QEMU keeps the second.
      t.setX(Rt, low);
      t.setX(Rt2, high);
    },
  }),
  row({
    name: 'STLR, STLRB, STLRH, STLLR, STLLRB, STLLRH',
    section: 'C3.2.7, C3.2.8',
    pattern: 'size:2 001000 1 0 0 Rs:5 ordered:1 Rt2:5 Rn:5 Rt:5',
    syntax: 'st<ordered?l|>lr<size?b|h||> <size?WWWXt>, [<Xn|SP>]',
    free: ['ordered'],
    semantics: (t, { size, Rn, Rt }) => t.store(bytesOf(size), t.xsp(Rn), t.x(Rt), aligned(bytesOf(size))),
  }),
  row({
    name: 'LDAR, LDARB, LDARH, LDLAR, LDLARB, LDLARH',
    section: 'C3.2.7, C3.2.8',
    pattern: 'size:2 001000 1 1 0 Rs:5 ordered:1 Rt2:5 Rn:5 Rt:5',
    syntax: alternatives(
      'ldlar<size?b|h||> <size?WWWXt>, [<Xn|SP>] if ordered=0',
      'ldar<size?b|h||> <size?WWWXt>, [<Xn|SP>] if Rs=31 and Rt2=31',
      // objdump does not look at the highest bit of Rs, but for halfwords.
      'ldar<size?b|h||> <size?WWWXt>, [<Xn|SP>] if Rs=15 and Rt2=31 and size!=1',
    ),
    free: ['ordered'],
    semantics: (t, { size, Rn, Rt }) => t.setX(Rt, t.load(bytesOf(size), t.xsp(Rn), aligned(bytesOf(size)))),
  }),
];
