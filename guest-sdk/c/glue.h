/* What the files of this library share. `wit.h` is generated from the contract. */
#ifndef CURRICLE_GLUE_H
#define CURRICLE_GLUE_H

#include "curricle.h"
#include "wit.h"

typedef curricle_plugin_types_error_t wit_error;

/* Keeps the refusal of a call to the host that gave false. */
curricle_ok curricle_keep(bool ok, wit_error *error);
/* Hands over why a function of the plugin gave false. */
bool curricle_answer(curricle_ok ok, wit_error *error);

/* Memory for so many things; there is no way to go on without it. */
void *curricle_memory(size_t count, size_t size);

/* A view, which nobody frees. */
wit_string_t curricle_view(const char *text);

/* What the plugin says of itself, made of `curricle.toml`. */
extern const char curricle_name[], curricle_version[], curricle_summary[], curricle_schema[];
void curricle_describe(curricle_plugin_types_description_t *description);

/* The configuration as the plugin sees it. */
curricle_json curricle_config(const wit_string_t *config);

#endif
