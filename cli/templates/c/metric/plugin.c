/* {{summary}}. */
#include "curricle.h"

#include <stdlib.h>

/* A hash table of token ids. A place that holds the number of another sample is free, so there is nothing to clear between two. */
typedef struct place {
    uint32_t token, sample;
} place;

/* Whether the token was not in the table yet. `mask` is the number of places less 1. */
static inline bool insert(place *table, uint32_t mask, uint32_t token, uint32_t sample) {
    uint32_t at = token * 0x9e3779b1u;
    for (at = (at ^ at >> 15) & mask; table[at].sample == sample; at = (at + 1) & mask) {
        if (table[at].token == token) return false;
    }
    table[at] = (place){ token, sample };
    return true;
}

curricle_ok plugin_measure(const curricle_samples *samples, curricle_values *values) {
    float *share = curricle_float32(values);
    const uint32_t *offsets = samples->offsets;
    uint32_t longest = 0;
    for (uint32_t i = 0; i < samples->count; i++) {
        if (offsets[i + 1] - offsets[i] > longest) longest = offsets[i + 1] - offsets[i];
    }
    /* At most half full. */
    size_t places = 2;
    while (places < 2 * (size_t)longest) places *= 2;
    place *table = calloc(places, sizeof *table);
    if (!table) return curricle_refuse_data("a sample of %u tokens takes more memory than there is", (unsigned)longest);

    for (uint32_t i = 0; i < samples->count; i++) {
        uint32_t distinct = 0, length = offsets[i + 1] - offsets[i];
        for (size_t t = offsets[i]; t < offsets[i + 1]; t++) {
            distinct += insert(table, (uint32_t)(places - 1), curricle_token(samples, t), i + 1);
        }
        share[i] = length ? (float)((double)distinct / length) : 0;
    }
    free(table);
    return true;
}
