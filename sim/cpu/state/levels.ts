export type ExceptionLevel = 0 | 1 | 2;
