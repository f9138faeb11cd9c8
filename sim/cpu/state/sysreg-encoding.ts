/** How instructions name system registers and system operations. */

/** The fields of MRS, MSR, SYS and SYSL, by which the assembler calls a register `S<op0>_<op1>_C<crn>_C<crm>_<op2>`. */
export interface SysregEncoding {
  readonly op0: number;
  readonly op1: number;
  readonly crn: number;
  readonly crm: number;
  readonly op2: number;
}
