// {{summary}}.
#include "curricle.h"

#include <algorithm>
#include <vector>

static uint64_t open_rows = 8;

curricle_ok plugin_configure(curricle_json config) {
    return !curricle_config_has(config, "open") || curricle_config_whole(config, "open", &open_rows);
}

curricle_ok plugin_pack(const uint32_t *lengths, size_t count, uint32_t capacity, uint32_t max_samples, uint32_t *bins) {
    struct Row {
        uint32_t tokens, samples;
    };
    std::vector<Row> rows;
    for (size_t i = 0; i < count; i++) {
        auto has_room = [&](Row row) { return lengths[i] <= capacity - row.tokens && row.samples < max_samples; };
        auto place = std::find_if(rows.end() - ptrdiff_t(std::min<uint64_t>(rows.size(), open_rows)), rows.end(), has_room);
        if (place == rows.end()) place = rows.insert(place, Row{});
        place->tokens += lengths[i];
        place->samples++;
        bins[i] = uint32_t(place - rows.begin());
    }
    return true;
}
