/* The calls between host and packer. */
#include "glue.h"

#include <stdlib.h>

__attribute__((weak)) curricle_ok plugin_configure(curricle_json config) {
    (void)config;
    return true;
}

void exports_curricle_plugin_packer_describe(exports_curricle_plugin_packer_description_t *description) {
    curricle_describe(description);
}

bool exports_curricle_plugin_packer_configure(wit_string_t *config, wit_error *error) {
    bool ok = curricle_answer(plugin_configure(curricle_config(config)), error);
    wit_string_free(config);
    return ok;
}

bool exports_curricle_plugin_packer_pack(
    wit_list_u32_t *lengths, uint32_t capacity, uint32_t *max_samples, wit_list_u32_t *answer, wit_error *error
) {
    wit_list_u32_t bins = { curricle_memory(lengths->len, sizeof *bins.ptr), lengths->len };
    bool ok = plugin_pack(lengths->ptr, lengths->len, capacity, max_samples ? *max_samples : UINT32_MAX, bins.ptr);
    wit_list_u32_free(lengths);
    if (ok && bins.len) {
        *answer = bins;
    } else {
        free(bins.ptr);
        *answer = (wit_list_u32_t){ 0 };
    }
    return curricle_answer(ok, error);
}
