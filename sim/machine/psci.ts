/** The firmware's Power State Coordination Interface (DEN0022), as far as a machine with one processor needs it. */

/** Function identifiers, SMC32 (DEN0022, 5.1). */
const FUNCTION = {
  version: 0x8400_0000,
  systemOff: 0x8400_0008,
  systemReset: 0x8400_0009,
  features: 0x8400_000a,
} as const;

const IMPLEMENTED: readonly number[] = Object.values(FUNCTION);

/** Major version in bits 31 to 16, minor below: 1.1, the first with SYSTEM_RESET2 as an option. */
const VERSION = 0x1_0001n;

const SUCCESS = 0n;
const NOT_SUPPORTED = -1n;

export type FirmwareAnswer =
  | { readonly kind: 'power'; readonly what: 'off' | 'reset' }
  /** For X0. */
  | { readonly kind: 'result'; readonly value: bigint };

/**
 * A call to the firmware (DEN0028, SMC Calling Convention).
 * @param functionId X0, of which the lower half counts
 * @param argument X1
 */
export const callFirmware = (functionId: bigint, argument: bigint): FirmwareAnswer => {
  switch (Number(BigInt.asUintN(32, functionId))) {
    case FUNCTION.version:
      return result(VERSION);
    case FUNCTION.features:
      return result(IMPLEMENTED.includes(Number(BigInt.asUintN(32, argument))) ? SUCCESS : NOT_SUPPORTED);
    case FUNCTION.systemOff:
      return { kind: 'power', what: 'off' };
    case FUNCTION.systemReset:
      return { kind: 'power', what: 'reset' };
    default:
      return result(NOT_SUPPORTED);
  }
};

const result = (value: bigint): FirmwareAnswer => ({ kind: 'result', value: BigInt.asUintN(64, value) });
