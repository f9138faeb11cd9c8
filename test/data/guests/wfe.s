// Waits for an event.
 .include "image.inc"
1: wfe
 b 1b
