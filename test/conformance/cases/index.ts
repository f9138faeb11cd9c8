/** All cases of the conformance run. */
import type { Case } from '../case.js';
import { crashKernels } from './crash-kernels.js';
import { deviceTrees } from './device-trees.js';
import { fileLoad } from './file-load.js';
import { formats } from './formats.js';
import { kernels } from './kernels.js';
import { machines } from './machines.js';
import { moreOptions } from './more-options.js';
import { options, sessions } from './options.js';

export const allCases: readonly Case[] = [
  ...options,
  ...sessions,
  ...moreOptions,
  ...machines,
  ...crashKernels,
  ...kernels,
  ...formats,
  ...fileLoad,
  ...deviceTrees,
];
