// Two branches that lead to each other.
 .include "image.inc"
2: b 3f
3: b 2b
