/* What is UTF-8, and what is done to the rest. */
#include "curricle_utf8.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of a character that begins with this one, 0 if none does, and the bounds of its second byte: they rule out what could be written
 * shorter, halves of pairs, and what lies beyond the last character. */
static size_t wanted(uint8_t first, uint8_t *low, uint8_t *high) {
    *low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Bytes at the beginning, at least one, that are a character or as much of one as there is. */
static size_t character(const uint8_t *text, size_t size, bool *whole) {
    uint8_t low, high;
    size_t needed = wanted(text[0], &low, &high), found = 1;
    while (found < needed && found < size && text[found] >= low && text[found] <= high) {
        found++;
        low = 0x80, high = 0xbf;
    }
    *whole = found == needed;
    return found;
}

size_t curricle_utf8_mend(uint8_t *text, size_t size) {
    size_t kept = 0;
    for (size_t at = 0; at < size;) {
        bool whole;
        size_t found = character(text + at, size - at, &whole);
        if (whole) {
            memmove(text + kept, text + at, found);
            kept += found;
        } else {
            text[kept++] = '?';
        }
        at += found;
    }
    return kept;
}

size_t curricle_utf8_begun(const uint8_t *text, size_t size) {
    /* A character has four bytes at most. */
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        const uint8_t *start = text + size - back;
        uint8_t low, high;
        bool whole;
        if (wanted(*start, &low, &high) > back && character(start, back, &whole) == back) return back;
    }
    return 0;
}
