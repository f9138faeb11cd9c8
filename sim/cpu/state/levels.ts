/** The exception levels that are modelled: EL3 is the firmware, which is not code here. */

export type ExceptionLevel = 0 | 1 | 2;
