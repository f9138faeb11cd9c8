import type { Case } from '../case.js';
import { kernels } from './kernels.js';
import { machines } from './machines.js';
import { options, sessions } from './options.js';

export const allCases: readonly Case[] = [...options, ...sessions, ...machines, ...kernels];
