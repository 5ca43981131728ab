/* Text that a plugin made, of which nobody knows whether it is UTF-8, as every string that goes to the host must be. */
#ifndef CURRICLE_UTF8_H
#define CURRICLE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Puts `?` in place of whatever is no UTF-8, and gives the size of what is left, which is no larger. */
size_t curricle_utf8_mend(uint8_t *text, size_t size);

/* How many bytes at the end begin a character whose other bytes may follow. */
size_t curricle_utf8_begun(const uint8_t *text, size_t size);

#endif
