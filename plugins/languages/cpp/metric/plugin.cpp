// How varied a sample is, in C++: the share of its tokens that are different ones.
#include "curricle.h"

#include <algorithm>
#include <bit>
#include <span>
#include <vector>

namespace {

// A set of the token ids of one sample after another. A place that holds the number of another sample is free, so there is nothing to clear.
class Seen {
    struct Place {
        uint32_t token, sample;
    };
    std::vector<Place> places;
    uint32_t mask;

public:
    // At most half full.
    explicit Seen(size_t longest) : places(std::bit_ceil(2 * longest + 2)), mask(uint32_t(places.size() - 1)) {}

    // Whether the token is new to the sample, whose number is not 0.
    bool insert(uint32_t token, uint32_t sample) {
        uint32_t at = token * 0x9e3779b1u;
        for (at = (at ^ at >> 15) & mask; places[at].sample == sample; at = (at + 1) & mask) {
            if (places[at].token == token) return false;
        }
        places[at] = {token, sample};
        return true;
    }
};

template <typename Token> void measure(const curricle_samples &samples, Seen &seen, float *share) {
    for (uint32_t i = 0; i < samples.count; i++) {
        uint32_t begin = samples.offsets[i], length = samples.offsets[i + 1] - begin;
        std::span tokens(static_cast<const Token *>(samples.tokens) + begin, length);
        auto distinct = std::count_if(tokens.begin(), tokens.end(), [&](Token token) { return seen.insert(token, i + 1); });
        share[i] = length ? float(double(distinct) / length) : 0;
    }
}

}

curricle_ok plugin_measure(const curricle_samples *samples, curricle_values *values) {
    uint32_t longest = 0;
    for (uint32_t i = 0; i < samples->count; i++) longest = std::max(longest, samples->offsets[i + 1] - samples->offsets[i]);
    Seen seen(longest);
    float *share = curricle_float32(values);
    switch (samples->width) {
        case 1: measure<uint8_t>(*samples, seen, share); break;
        case 2: measure<uint16_t>(*samples, seen, share); break;
        default: measure<uint32_t>(*samples, seen, share); break;
    }
    return true;
}
