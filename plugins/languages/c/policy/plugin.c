/* Short samples first, in C: draws from the lowest part of a column, which grows from `from` to all of it in `steps` steps. */
#include "curricle.h"

#include <math.h>
#include <stdio.h>

static char column[128];
static double from;
static uint64_t steps;

curricle_ok plugin_configure(curricle_json config) {
    return curricle_config_text(config, "column", column, sizeof column)
        && curricle_config_number(config, "from", &from)
        && curricle_config_whole(config, "steps", &steps);
}

curricle_ok plugin_fill(curricle_step step) {
    uint64_t done = step.index < steps ? step.index : steps;
    double fraction = from + (1 - from) * (double)done / (double)steps;
    /* In sixteenths, rounded up, so that there are few streams. */
    int part = (int)fmin(ceil(fraction * 16), 16);
    char name[16];
    snprintf(name, sizeof name, "up to %d/16", part);
    curricle_condition low = curricle_quantiles(column, 0, part / 16.0);
    curricle_stream stream;
    return curricle_open(name, &low, 1, &stream)
        && curricle_annotate("fraction", fraction)
        && curricle_draw(stream, curricle_size());
}
