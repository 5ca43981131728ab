// {{summary}}.
#include "curricle.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <vector>

static curricle_stream all_samples;
static double share;
static uint64_t after;
// Of each of the last steps what was new and is to come again, the oldest first.
static std::deque<std::vector<uint64_t>> waiting;

curricle_ok plugin_configure(curricle_json config) {
    return curricle_config_number(config, "share", &share)
        && curricle_config_whole(config, "after", &after)
        && curricle_open("all", nullptr, 0, &all_samples);
}

curricle_ok plugin_fill(curricle_step) {
    uint32_t size = curricle_size(), most = uint32_t(size * share);
    std::vector<uint64_t> again;
    if (waiting.size() >= after) {
        again = waiting.front();
        waiting.pop_front();
        again.resize(std::min<size_t>(again.size(), most));
    }
    std::vector<uint64_t> fresh(size - again.size());
    curricle_take(all_samples, uint32_t(fresh.size()), fresh.data());
    bool ok = curricle_append(again.data(), again.size()) && curricle_append(fresh.data(), fresh.size());
    fresh.resize(std::min<size_t>(fresh.size(), most));
    waiting.push_back(fresh);
    return ok;
}

// Each batch that waits: how many ids, and these.
void plugin_save(curricle_bytes *state) {
    for (const auto &ids : waiting) {
        uint64_t count = ids.size();
        curricle_write(state, &count, sizeof count);
        curricle_write(state, ids.data(), ids.size() * sizeof(uint64_t));
    }
}

curricle_ok plugin_restore(const uint8_t *state, size_t size) {
    if (size % sizeof(uint64_t) != 0) return curricle_refuse_state("it is cut off");
    std::vector<uint64_t> numbers(size / sizeof(uint64_t));
    if (size) std::memcpy(numbers.data(), state, size);
    waiting.clear();
    for (auto at = numbers.begin(); at != numbers.end();) {
        uint64_t count = *at++;
        if (count > uint64_t(numbers.end() - at)) return curricle_refuse_state("it is cut off");
        waiting.emplace_back(at, at + ptrdiff_t(count));
        at += ptrdiff_t(count);
    }
    return true;
}
