/** How a command tells where it is: its words, and the file descriptor that it writes them to. */
export const TELL_FD = 3;
export const BEGINS = 'b';
export const ENDS = 'e';
