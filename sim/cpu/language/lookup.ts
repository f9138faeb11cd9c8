/** Reads values that must be there; where one is missing, the instruction table has a mistake. */

/** @throws Error for a value that is not there */
export const present = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the table of instructions has no value where its rows ask for one');
  return value;
};

/** The element by an encoding's field. @throws Error where there is none */
export const at = <T>(elements: readonly T[], index: number): T => present(elements[index]);
