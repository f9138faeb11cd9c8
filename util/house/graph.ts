/** The folders of the project as a graph: who imports whom, in levels from the bottom up. */

/** A folder and the folders that its files import. */
export interface Folder {
  readonly name: string;
  /** What it is, in one sentence. */
  readonly what: string;
  readonly imports: readonly string[];
}

/** A folder with its level in the picture. */
export interface LevelledFolder extends Folder {
  /** 0 is at the bottom; every import is of a lower level. */
  readonly level: number;
}

/**
 * Leaves out what follows: an import of a folder that another imported folder imports anyway.
 * @param folders such that each imports only such as stand before it
 */
export const withoutRepetition = (folders: readonly Folder[]): readonly Folder[] => {
  const reachable = new Map<string, ReadonlySet<string>>();
  return folders.map((folder) => {
    const below = folder.imports.map((name) => reachable.get(name) ?? new Set<string>());
    reachable.set(folder.name, new Set([...folder.imports, ...below.flatMap((names) => [...names])]));
    return { ...folder, imports: folder.imports.filter((name) => !below.some((names) => names.has(name))) };
  });
};

/**
 * Gives each folder a level: as low as its imports let it be, or, where nothing of its own part stands below it, just
 * under the lowest folder that imports it, so that arrows between parts are short where they are many.
 * @param folders such that each imports only such as stand before it
 */
export const levelled = (
  folders: readonly Folder[],
  isFloating: (name: string) => boolean,
): readonly LevelledFolder[] => {
  const levels = new Map<string, number>();
  for (const { name, imports } of folders) {
    levels.set(name, Math.max(-1, ...imports.map((below) => levels.get(below)!)) + 1);
  }
  for (const { name } of [...folders].reverse()) {
    const importers = folders.filter(({ imports }) => imports.includes(name));
    if (isFloating(name) && importers.length > 0) {
      levels.set(name, Math.min(...importers.map((importer) => levels.get(importer.name)!)) - 1);
    }
  }
  return folders.map((folder) => ({ ...folder, level: levels.get(folder.name)! }));
};
