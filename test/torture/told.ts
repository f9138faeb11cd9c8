/** What a command that tells where it is says, and on which file descriptor. */
export const TELL_FD = 3;
export const BEGINS = 'b';
export const ENDS = 'e';
