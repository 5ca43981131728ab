/* {{summary}}. */
#include "curricle.h"

static double from, to;
static uint64_t steps;

curricle_ok plugin_configure(curricle_json config) {
    return curricle_config_number(config, "from", &from)
        && curricle_config_number(config, "to", &to)
        && curricle_config_whole(config, "steps", &steps);
}

double plugin_difficulty(uint64_t step) {
    double done = (double)(step < steps ? step : steps) / (double)steps;
    return from + (to - from) * done;
}
