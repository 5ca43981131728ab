/* {{summary}}. */
#include "curricle.h"

#include <stdlib.h>

/* What is in a row. */
typedef struct row {
    uint32_t tokens, samples;
} row;

static uint64_t open_rows = 8;

curricle_ok plugin_configure(curricle_json config) {
    return !curricle_config_has(config, "open") || curricle_config_whole(config, "open", &open_rows);
}

curricle_ok plugin_pack(const uint32_t *lengths, size_t count, uint32_t capacity, uint32_t max_samples, uint32_t *bins) {
    row *rows = calloc(count + 1, sizeof *rows);
    if (!rows) abort();
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t place = used > open_rows ? used - open_rows : 0;
        while (place < used && (lengths[i] > capacity - rows[place].tokens || rows[place].samples == max_samples)) place++;
        if (place == used) used++;
        rows[place].tokens += lengths[i];
        rows[place].samples++;
        bins[i] = (uint32_t)place;
    }
    free(rows);
    return true;
}
