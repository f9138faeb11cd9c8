import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { GENERATIONS, generationOf, traitsOf } from '../../../../../sim/kernel/facts/generations.js';
import { parse, sources } from '../../../../support/imports.js';

const TABLE = 'sim/kernel/facts/generations.ts';

/** The releases that a source names, as texts of their own. */
const releasesIn = (path: string): readonly string[] => {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && GENERATIONS.some((generation) => generation === node.text))
      found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(parse(path));
  return found;
};

describe('the releases of Linux', () => {
  test('stand in one table, and nothing else asks which one it is', () => {
    const naming = sources().filter((path) => releasesIn(path).length > 0);
    expect(naming).toEqual([TABLE]);
  });

  test('each have what they do in their own way', () => {
    const distinct = new Set(GENERATIONS.map((generation) => traitsOf(generation)));
    expect(distinct.size).toBe(GENERATIONS.length);
  });

  test.each(GENERATIONS)('are told from /proc/version: %s', (generation) => {
    expect(generationOf(`Linux version ${generation}.17-cloud-arm64 (someone) #1`)).toBe(generation);
  });
});
