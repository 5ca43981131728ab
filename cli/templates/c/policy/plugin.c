/* {{summary}}. */
#include "curricle.h"

#include <math.h>

static curricle_stream all_samples, short_samples;
static uint64_t steps;

curricle_ok plugin_configure(curricle_json config) {
    double at_most;
    if (!curricle_config_number(config, "at-most", &at_most) || !curricle_config_whole(config, "steps", &steps)) return false;
    curricle_condition is_short = curricle_between("seqlen", -INFINITY, at_most);
    return curricle_open("short", &is_short, 1, &short_samples) && curricle_open("all", NULL, 0, &all_samples);
}

curricle_ok plugin_fill(curricle_step step) {
    return curricle_draw(step.index < steps ? short_samples : all_samples, curricle_size());
}
