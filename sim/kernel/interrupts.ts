/** Ctrl-C, caught while an action runs that must end in order. */

/** While `action` runs, Ctrl-C does not end the process: `action` is told. */
export const withInterrupts = async <T>(action: (interrupted: () => boolean) => Promise<T>): Promise<T> => {
  let pressed = false;
  const press = (): void => {
    pressed = true;
  };
  process.on('SIGINT', press);
  try {
    return await action(() => pressed);
  } finally {
    process.off('SIGINT', press);
  }
};
