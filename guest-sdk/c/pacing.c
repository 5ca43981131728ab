/* The calls between host and pacing function. */
#include "glue.h"

__attribute__((weak)) curricle_ok plugin_configure(curricle_json config) {
    (void)config;
    return true;
}

void exports_curricle_plugin_pacing_describe(exports_curricle_plugin_pacing_description_t *description) {
    curricle_describe(description);
}

bool exports_curricle_plugin_pacing_configure(wit_string_t *config, wit_error *error) {
    bool ok = curricle_answer(plugin_configure(curricle_config(config)), error);
    wit_string_free(config);
    return ok;
}

double exports_curricle_plugin_pacing_difficulty(uint64_t step) {
    return plugin_difficulty(step);
}
