/** What a device is to the board: registers on the bus, and at most one interrupt line. */
import type { Savable } from './savable.js';

/** Bytes of one access. */
export type AccessSize = 1 | 2 | 4 | 8;

/** When a device is restored, its line is set anew. */
export interface Device extends Savable {
  /** Bytes of the bus that it answers at. */
  readonly sizeBytes: number;
  /**
   * Reads what is at an offset from the device's first byte.
   * @returns `8 * sizeBytes` bits; undefined where the device does not answer an access of that size
   */
  read(offset: number, sizeBytes: AccessSize): bigint | undefined;
  /** @param value `8 * sizeBytes` bits @returns false where the device does not answer an access of that size */
  write(offset: number, sizeBytes: AccessSize, value: bigint): boolean;
  /** Connects its interrupt line, which it is to set whenever the level changes. Undefined for a device without one. */
  readonly connect?: (setLine: SetLine) => void;
  /**
   * The second since 1970, as the machine's clock counts, at which it is to be polled; undefined while none is to come.
   */
  readonly alarm?: bigint | undefined;
  /** Looks whether its time has come. Undefined for a device that does nothing by itself. */
  readonly poll?: () => void;
}

/** A device that a person or a file can type into. */
export interface CharacterInput {
  /** How the guest waits for bytes: it wants interrupts, or it asks again and again; undefined while it does not. */
  readonly listens: 'interrupts' | 'asks' | undefined;
  /** Whether it has room for another byte. */
  readonly canReceive: boolean;
  /** Gives it a byte, which is lost where it has no room. */
  receive(byte: number): void;
}

/** Sets the level of a device's interrupt line, which is low at the start. @param level true for high */
export type SetLine = (level: boolean) => void;

/** What the lines of the devices lead to. */
export interface InterruptController extends Savable {
  /** Sets the level of one of its inputs. @param line number of the input @param level true for high */
  raise(line: number, level: boolean): void;
  /** The same for a line of a processor's own. @param line INTID 16 to 31 */
  raisePrivate(processor: number, line: number, level: boolean): void;
  /** Its interface to the processors, by their index, where that is system registers. */
  readonly registers?: {
    read(processor: number, name: string): bigint;
    write(processor: number, name: string, value: bigint): void;
  };
}
