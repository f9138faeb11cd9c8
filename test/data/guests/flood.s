// Sends a line without end to the console.
 .include "image.inc"
 mov x1, #0x09000000
2: mov w0, #'A'
 str w0,[x1]
 b 2b
