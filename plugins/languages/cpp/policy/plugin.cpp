// Short samples first, in C++: draws from the lowest part of a column, which grows from `from` to all of it in `steps` steps.
#include "curricle.h"

#include <algorithm>
#include <cmath>
#include <string>

static char column[128];
static double from;
static uint64_t steps;

curricle_ok plugin_configure(curricle_json config) {
    return curricle_config_text(config, "column", column, sizeof column)
        && curricle_config_number(config, "from", &from)
        && curricle_config_whole(config, "steps", &steps);
}

curricle_ok plugin_fill(curricle_step step) {
    double fraction = from + (1 - from) * double(std::min(step.index, steps)) / double(steps);
    // In sixteenths, rounded up, so that there are few streams.
    int part = int(std::min(std::ceil(fraction * 16), 16.0));
    std::string name = "up to " + std::to_string(part) + "/16";
    curricle_condition low = curricle_quantiles(column, 0, part / 16.0);
    curricle_stream stream;
    return curricle_open(name.c_str(), &low, 1, &stream)
        && curricle_annotate("fraction", fraction)
        && curricle_draw(stream, curricle_size());
}
